/**
 * Examples that run against the real platform, with a server in its place.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createServer } from "node:http"
import { text } from "node:stream/consumers"
import { listen } from "./fixtures/http/listen.ts"

describe("examples/12-long-connection.ts", () => {
  it.live("needs no meeting, and says how the connection is before the first event", () =>
    Effect.gen(function*() {
      const { LARK_MEETING_ID: _, ...inherited } = process.env
      const refusing = createServer((_, response) => response.end(JSON.stringify({ code: 514, msg: "no" })))
      const env = {
        ...inherited,
        LARK_APP_ID: "cli_a",
        LARK_APP_SECRET: "secret",
        LARK_BASE_URL: yield* listen(refusing),
        NO_COLOR: "1"
      }
      const printed = yield* Effect.promise(async (signal) => {
        const child = spawn(process.execPath, ["--import", "tsx", "examples/12-long-connection.ts"], {
          cwd: new URL("..", import.meta.url),
          env,
          stdio: ["ignore", "pipe", "pipe"],
          signal
        })
        const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")])
        return stdout + stderr
      })
      assert.match(printed, /^long connection: Idle\nlong connection: Connecting\n/)
      assert.include(printed, "EventsRefused")
    }), 30_000)
})
