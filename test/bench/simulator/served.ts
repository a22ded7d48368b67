/** The published command as a simulator in a process of its own, and the bytes of requests to it. */
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"

/** Enough for the server to be busy all the time. */
export const inFlight = 32

interface Options {
  /** Default: that of the build. */
  readonly launcher?: string | undefined
  /** Arguments of Node. */
  readonly node?: ReadonlyArray<string>
}

export const serve = async ({ launcher, node = [] }: Options = {}) => {
  const directory = mkdtempSync(path.join(tmpdir(), "bench-simulator-"))
  const config = path.join(directory, "world.json")
  // A meeting for each connection, so that every swap of it is applied.
  const meetings = Array.from({ length: inFlight }, (_, index) => ({
    id: `69111884119320${33000 + index}`,
    host: "ou_alice",
    participants: ["ou_bob", "ou_carol"]
  }))
  writeFileSync(config, JSON.stringify({ meetings }))
  const program = launcher ?? new URL("../../../dist/cli/launcher.cjs", import.meta.url).pathname
  const child = spawn(
    process.execPath,
    [...node, program, "simulator", "--json", "--port", "0", "--config", config],
    { stdio: ["ignore", "pipe", "inherit", "ipc"] }
  )
  const line = await new Promise<string>((resolve) => child.stdout?.once("data", (data) => resolve(`${data}`)))
  rmSync(directory, { recursive: true })
  const { appId, appSecret, url } = JSON.parse(line)

  const tokenPath = "auth/v3/tenant_access_token/internal"
  const credentials = { app_id: appId, app_secret: appSecret }
  const issued = await fetch(`${url}/open-apis/${tokenPath}`, { method: "POST", body: JSON.stringify(credentials) })
  const { tenant_access_token } = await issued.json()

  const request = (method: string, target: string, body?: object): string => {
    const text = body === undefined ? "" : JSON.stringify(body)
    return [
      `${method} /open-apis/${target} HTTP/1.1`,
      "host: open.feishu.cn",
      `authorization: Bearer ${tenant_access_token}`,
      ...(body === undefined
        ? []
        : ["content-type: application/json; charset=utf-8", `content-length: ${text.length}`]),
      "",
      text
    ].join("\r\n")
  }

  const swap = (id: string, from: string, to: string) =>
    request("PATCH", `vc/v1/meetings/${id}/set_host?user_id_type=open_id`, {
      host_user: { id: to, user_type: 1 },
      old_host_user: { id: from, user_type: 1 }
    })

  return {
    child,
    url: String(url),
    token: request("POST", tokenPath, credentials),
    /** Those to each meeting. An even number of swaps leaves the host where it was. */
    meetings: meetings.map(({ id }) => ({
      get: request("GET", `vc/v1/meetings/${id}?user_id_type=open_id`),
      there: swap(id, "ou_alice", "ou_bob"),
      back: swap(id, "ou_bob", "ou_alice")
    }))
  }
}
