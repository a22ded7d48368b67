/**
 * How many requests a second the served simulator answers, next to a bare `node:http` server that sends fixed bytes. Each
 * server and the client have a process of their own, and take turns: only the ratios carry over to other machines. The
 * simulator is the command as it is published.
 */
import { fork, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import type { Answered, Load } from "./simulator/client.ts"
import { short, table } from "./table.ts"

const rounds = Number(process.argv[2] ?? 9)
const millis = 1_000
const warmUpMillis = 3_000
/** Enough for the server to be busy all the time. */
const inFlight = 32

const directory = mkdtempSync(path.join(tmpdir(), "bench-simulator-"))
const config = path.join(directory, "world.json")
// A meeting for each connection, so that every swap of it is applied.
const meetings = Array.from({ length: inFlight }, (_, index) => ({
  id: `69111884119320${33000 + index}`,
  host: "ou_alice",
  participants: ["ou_bob", "ou_carol"]
}))
writeFileSync(config, JSON.stringify({ meetings }))

const started = [
  fork(new URL("simulator/stub.ts", import.meta.url)),
  fork(new URL("simulator/client.ts", import.meta.url))
] as const
const [stub, client] = started
const launcher = new URL("../../dist/cli/launcher.cjs", import.meta.url).pathname
const simulator = spawn(process.execPath, [launcher, "simulator", "--json", "--port", "0", "--config", config], {
  stdio: ["ignore", "pipe", "inherit"]
})
const [{ url: stubUrl }] = await once(stub, "message")
const [line] = await once(simulator.stdout, "data")
const { appId, appSecret, url } = JSON.parse(line)

const issued = await fetch(`${url}/open-apis/auth/v3/tenant_access_token/internal`, {
  method: "POST",
  body: JSON.stringify({ app_id: appId, app_secret: appSecret })
})
const { tenant_access_token } = await issued.json()

const request = (method: string, target: string, body?: object): string => {
  const text = body === undefined ? "" : JSON.stringify(body)
  return [
    `${method} /open-apis/vc/v1/meetings/${target} HTTP/1.1`,
    "host: open.feishu.cn",
    `authorization: Bearer ${tenant_access_token}`,
    ...(body === undefined ? [] : ["content-type: application/json; charset=utf-8", `content-length: ${text.length}`]),
    "",
    text
  ].join("\r\n")
}

const swap = (id: string, from: string, to: string) =>
  request("PATCH", `${id}/set_host?user_id_type=open_id`, {
    host_user: { id: to, user_type: 1 },
    old_host_user: { id: from, user_type: 1 }
  })

const requests = {
  get: meetings.map(({ id }) => [request("GET", `${id}?user_id_type=open_id`)]),
  // There and back: an even number of swaps leaves the host where the next round expects it, an odd one costs a conflict.
  set_host: meetings.map(({ id }) => [swap(id, "ou_alice", "ou_bob"), swap(id, "ou_bob", "ou_alice")])
}

const measure = async (load: Load): Promise<Answered> => {
  client.send(load)
  return (await once(client, "message"))[0]
}

const median = (figures: ReadonlyArray<number>) => figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? Number.NaN

const rows: Array<ReadonlyArray<string>> = []
let isMet = true
for (const [name, connections] of Object.entries(requests)) {
  const servers = { stub: stubUrl, simulator: url }
  const figures: Record<keyof typeof servers, Array<number>> = { stub: [], simulator: [] }
  for (const url of Object.values(servers)) await measure({ url, connections, millis: warmUpMillis })
  for (let round = 0; round < rounds; round++) {
    for (const server of ["stub", "simulator"] as const) {
      const { perSecond, refused } = await measure({ url: servers[server], connections, millis })
      if (refused > inFlight) throw new Error(`${refused} requests for ${name} were refused by the ${server}`)
      figures[server].push(perSecond)
    }
  }
  const ratio = median(figures.simulator.map((perSecond, round) => perSecond / (figures.stub[round] ?? Number.NaN)))
  const perSecond = median(figures.simulator)
  if (ratio < 0.25 || perSecond < 5_000) isMet = false
  rows.push([name, perSecond.toFixed(0), median(figures.stub).toFixed(0), short(ratio)])
}

console.log(table(["endpoint", "simulator, requests/s", "node:http, requests/s", "ratio"], rows))
console.log(`\nThe goal, 5000 requests a second and a ratio of 0.25, is ${isMet ? "met" : "MISSED"}.`)

for (const child of started) child.disconnect()
simulator.kill()
rmSync(directory, { recursive: true })
process.exitCode = isMet ? 0 : 1
