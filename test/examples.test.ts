/**
 * Examples that run against the real platform, with a server in its place; and the one that starts processes.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
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

/** The example in a process of its own, once it has printed this, and the processes that it started. */
const severalProcesses = async (awaited = /round 1/) => {
  const { DATABASE_URL: _, LARK_APP_ID: __, ...env } = process.env
  const parent = spawn(process.execPath, ["--import", "tsx", "examples/15-several-processes.ts"], {
    cwd: new URL("..", import.meta.url),
    env: { ...env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"]
  })
  const closed = once(parent, "close")
  const printed = Promise.all([text(parent.stdout), text(parent.stderr)])
  let output = ""
  await new Promise<void>((resolve) =>
    parent.stdout.on("data", (data) => awaited.test(output += `${data}`) && resolve())
  )
  const children = execFileSync("ps", ["-o", "pid=,args=", "--ppid", String(parent.pid)], { encoding: "utf8" })
    .split("\n").filter((line) => line.includes("15-several-processes")).map((line) => Number.parseInt(line, 10))
  return { parent, children, ended: async () => [await closed, (await printed).join("")] as const }
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const until = async (holds: () => boolean, tries = 100) => {
  for (let n = 0; n < tries && !holds(); n++) await new Promise((done) => setTimeout(done, 100))
}

const gone = async (pids: ReadonlyArray<number>) => {
  await until(() => !pids.some(isAlive))
  return pids.filter(isAlive)
}

/** Waits until the processes have used no processor time since the last look, twice in a row. */
const idle = (pids: ReadonlyArray<number>) => {
  const ticks = () => pids.map((pid) => readFileSync(`/proc/${pid}/stat`, "utf8").split(" ").slice(13, 15)).join()
  let [seen, still] = [ticks(), 0]
  return until(() => {
    const now = ticks()
    still = now === seen ? still + 1 : 0
    seen = now
    return still === 2
  })
}

describe("examples/15-several-processes.ts", () => {
  it.live(
    "costs a call an operation with shared turns, and ends by itself with all its processes",
    () =>
      Effect.promise(async () => {
        const { children, ended } = await severalProcesses()
        assert.strictEqual(children.length, 4)
        const [exit, printed] = await ended()
        assert.deepStrictEqual(exit, [0, null], printed)
        const [alone, shared] = printed.split("With shared turns").map((part) =>
          Array.from(part.matchAll(/round \d: ([\d.]+) calls/g), ([, calls]) => Number(calls))
        )
        assert.strictEqual(alone?.length, 3)
        assert.isAbove(alone?.at(-1) ?? 0, 1.3)
        assert.isBelow(shared?.at(-1) ?? 9, 1.1)
        assert.deepStrictEqual(await gone(children), [])
      }),
    120_000
  )

  it.live.each(["SIGINT", "SIGKILL"] as const)(
    "leaves no process on %s",
    (signal) =>
      Effect.promise(async () => {
        const { children, ended, parent } = await severalProcesses(/turns\s+round 1/)
        assert.strictEqual(children.length, 4)
        // The others wait for the first one, so that nothing but the end of their parent ends them.
        const [first = 0] = children
        process.kill(first, "SIGSTOP")
        await idle(children)
        parent.kill(signal)
        process.kill(first, "SIGCONT")
        await ended()
        assert.deepStrictEqual(await gone(children), [])
      }),
    120_000
  )

  it.live("fails if one of its processes dies, and leaves none", () =>
    Effect.promise(async () => {
      const { children, ended } = await severalProcesses()
      process.kill(children[1] ?? 0, "SIGKILL")
      const [[code], printed] = await ended()
      assert.strictEqual(code, 1)
      assert.include(printed, "A process has ended")
      assert.deepStrictEqual(await gone(children), [])
    }), 120_000)
})
