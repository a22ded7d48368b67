/**
 * `setHost` and `swapHost` on a raw TCP server that cuts each of its replies at every position: no false claim, defect or hang.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Predicate, Redacted, References } from "effect"
import { Cas, Lark, Meetings } from "effect-lark-meetings"
import { createServer, type Socket } from "node:net"
import { listen } from "./fixtures/http/listen.ts"
import { transports } from "./fixtures/http/transports.ts"
import { alice, bob, id } from "./fixtures/World.ts"

type Framing = "length" | "chunks" | "close"

/** How a client knows where a reply ends. */
const framed: Readonly<Record<Framing, (text: string) => readonly [header: string, body: string]>> = {
  length: (text) => [`content-length: ${text.length}`, text],
  chunks: (text) => ["transfer-encoding: chunked", `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`],
  close: (text) => ["connection: close", text]
}

const reply = (status: string, body: unknown, framing: Framing) => {
  const [header, text] = framed[framing](JSON.stringify(body))
  return `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n${header}\r\n\r\n${text}`
}

const hostUser = (host: string) => ({ host_user: { id: host, user_type: 1 } })

type Kind = "token" | "get" | "set_host"

/** A meeting whose host anybody may move. `cut` says how much of a reply leaves before the connection ends. */
const makeMeeting = () => {
  const state = {
    host: "ou_alice",
    framing: "length" as Framing,
    applied: 0,
    swaps: 0,
    cut: (_: Kind, whole: string) => whole.length
  }
  const answerOf = (method: string, body: string): readonly [kind: Kind, whole: string] => {
    const { framing } = state
    if (method === "POST") {
      return ["token", reply("200 OK", { code: 0, tenant_access_token: "t-1", expire: 7200 }, framing)]
    }
    if (method === "GET") {
      return ["get", reply("200 OK", { code: 0, data: { meeting: { id, ...hostUser(state.host) } } }, framing)]
    }
    state.swaps++
    const old = /"old_host_user":\{[^}]*"id":"(\w+)"/.exec(body)?.[1]
    const next = /"host_user":\{[^}]*"id":"(\w+)"/.exec(body.replace(/"old_host_user":\{[^}]*\}/, ""))?.[1]
    if (old !== state.host || next === undefined) {
      const conflict = { code: 121006, msg: "data conflict", data: hostUser(state.host) }
      return ["set_host", reply("409 Conflict", conflict, framing)]
    }
    state.applied++
    state.host = next
    return ["set_host", reply("200 OK", { code: 0, data: hostUser(next) }, framing)]
  }
  const serve = (socket: Socket) => {
    let received = ""
    socket.on("error", () => {})
    socket.on("data", (data) => {
      received += data.toString("latin1")
      for (;;) {
        const end = received.indexOf("\r\n\r\n")
        const length = Number(/content-length: *(\d+)/i.exec(received.slice(0, end + 2))?.[1] ?? 0)
        if (end < 0 || received.length < end + 4 + length) return
        const body = received.slice(end + 4, end + 4 + length)
        const [kind, whole] = answerOf(received.slice(0, received.indexOf(" ")), body)
        received = received.slice(end + 4 + length)
        const most = state.cut(kind, whole)
        if (most === 0) return void socket.destroy()
        if (most < whole.length || state.framing === "close") return void socket.end(whole.slice(0, most))
        socket.write(whole)
      }
    })
  }
  return { state, serve }
}

// One swap, one read, and nothing is waited for: what a lost reply proves is all that is left.
const policy = { ...Cas.Policy.once, onUnknown: "neverResend" as const }

type Claim = "applied" | "none" | "unknown"

/** What an error says by its `retry`, with which its report and its message agree. */
const claimOf = (error: unknown, what: string): Claim => {
  if (!Predicate.hasProperty(error, "retry") || !(error instanceof Error)) return assert.fail(what)
  const claim = error.retry === "unknown" ? "unknown" : "none"
  if (Predicate.hasProperty(error, "report") && Predicate.hasProperty(error.report, "effect")) {
    assert.strictEqual(error.report.effect, claim, what)
  }
  assert.notMatch(error.message, claim === "none" ? /may have/ : /not executed|nothing was changed/, what)
  return claim
}

type Operation = Effect.Effect<Claim, unknown, Lark.Services>

const setHost = (hint?: typeof alice): Operation =>
  Effect.map(Meetings.setHost(id, bob, { policy, ...(hint === undefined ? {} : { hint }) }), ({ effect }) => effect)

const swapHost: Operation = Effect.map(
  Meetings.swapHost(id, { expected: alice, desired: bob }),
  ({ _tag }) => _tag === "Applied" ? "applied" : _tag === "Unknown" ? "unknown" : "none"
)

const get: Operation = Effect.as(Meetings.get(id), "none")

interface Case {
  readonly kind: Kind
  readonly framing: Framing
  readonly host: string
  readonly operations: ReadonlyArray<Operation>
}

const cases: ReadonlyArray<Case> = [
  { kind: "set_host", framing: "length", host: "ou_alice", operations: [setHost(alice), swapHost] },
  { kind: "set_host", framing: "chunks", host: "ou_alice", operations: [setHost(alice)] },
  { kind: "set_host", framing: "close", host: "ou_alice", operations: [setHost(alice)] },
  // A conflict.
  { kind: "set_host", framing: "length", host: "ou_carol", operations: [setHost(alice)] },
  { kind: "set_host", framing: "close", host: "ou_carol", operations: [swapHost] },
  { kind: "get", framing: "length", host: "ou_alice", operations: [setHost()] },
  { kind: "token", framing: "length", host: "ou_alice", operations: [setHost(alice)] },
  { kind: "token", framing: "close", host: "ou_alice", operations: [swapHost, get] }
]

describe.each(transports)("%s", (_, transport) => {
  it.live("each reply cut after each byte: no false claim", () =>
    Effect.gen(function*() {
      const { serve, state } = makeMeeting()
      const baseUrl = yield* listen(createServer(serve))
      let runs = 0
      for (const { framing, host, kind, operations } of cases) {
        for (const [i, operation] of operations.entries()) {
          // Until a reply is shorter than the position.
          for (let at = 0, whole = 1; at < whole; at++) {
            let cuts = 0
            const cut = (requested: Kind, reply: string) => {
              if (requested !== kind || cuts++ > 0) return reply.length
              whole = reply.length
              return at
            }
            Object.assign(state, { host, framing, applied: 0, swaps: 0, cut })
            const exit = yield* Effect.exit(operation.pipe(
              Effect.provide(Lark.layer({ appId: "cli_a", appSecret: Redacted.make("secret"), baseUrl }))
            ))
            const what = `${kind} of ${host}, ${framing}, operation ${i}, cut at ${at}`
            const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
            if (Exit.isFailure(exit)) assert.isDefined(error, `${what}: ${Cause.pretty(exit.cause)}`)
            const claim = Exit.isSuccess(exit) ? exit.value : claimOf(error, what)
            if (claim === "none") assert.strictEqual(state.applied, 0, what)
            if (claim === "applied") assert.isAbove(state.applied, 0, what)
            if (claim === "unknown") assert.isAbove(state.swaps, 0, what)
            assert.isAtMost(state.swaps, 1, `${what}: nothing below the engine sends a swap again`)
            runs++
          }
        }
      }
      assert.isAbove(runs, 1_000)
    }).pipe(Effect.provide(transport), Effect.provideService(References.MinimumLogLevel, "None")), 60_000)
})
