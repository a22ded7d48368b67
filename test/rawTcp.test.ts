/**
 * `setHost` and `swapHost` on a raw TCP server that cuts each of its replies at every position: no false claim, defect or hang.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Predicate, Redacted, References, Schema } from "effect"
import { Cas, Lark, Meetings } from "effect-lark-meetings"
import { createServer, type Socket } from "node:net"
import { listen } from "./fixtures/http/listen.ts"
import { transports } from "./fixtures/http/transports.ts"
import { alice, bob, id } from "./fixtures/World.ts"

const reply = (status: string, body: unknown) => {
  const text = JSON.stringify(body)
  return `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`
}

const hostUser = (host: string) => ({ host_user: { id: host, user_type: 1 } })

/** A meeting whose host anybody may move. `sendOf` says how much of the reply to a request leaves before the connection ends. */
const makeMeeting = () => {
  const state = {
    host: "ou_alice",
    applied: 0,
    swaps: 0,
    cut: (_: "token" | "get" | "set_host", whole: string) => whole.length
  }
  const answerOf = (method: string, body: string) => {
    if (method === "POST") {
      return ["token", reply("200 OK", { code: 0, tenant_access_token: "t-1", expire: 7200 })] as const
    }
    if (method === "GET") {
      return ["get", reply("200 OK", { code: 0, data: { meeting: { id, ...hostUser(state.host) } } })] as const
    }
    state.swaps++
    const old = /"old_host_user":\{[^}]*"id":"(\w+)"/.exec(body)?.[1]
    const next = /"host_user":\{[^}]*"id":"(\w+)"/.exec(body.replace(/"old_host_user":\{[^}]*\}/, ""))?.[1]
    if (old !== state.host || next === undefined) {
      return [
        "set_host",
        reply("409 Conflict", { code: 121006, msg: "data conflict", data: hostUser(state.host) })
      ] as const
    }
    state.applied++
    state.host = next
    return ["set_host", reply("200 OK", { code: 0, data: hostUser(next) })] as const
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
        if (most >= whole.length) socket.write(whole)
        else if (most === 0) return void socket.destroy()
        else return void socket.end(whole.slice(0, most))
      }
    })
  }
  return { state, serve }
}

const lengths = {
  token: reply("200 OK", { code: 0, tenant_access_token: "t-1", expire: 7200 }).length,
  get: reply("200 OK", { code: 0, data: { meeting: { id, ...hostUser("ou_alice") } } }).length,
  set_host: reply("200 OK", { code: 0, data: hostUser("ou_bob") }).length
}

// One swap, one read, and nothing is waited for: what a lost reply proves is all that is left.
const policy = { ...Cas.Policy.once, onUnknown: "neverResend" as const }

type Claim = "applied" | "none" | "unknown"

/** What an error says: its report, or, of swapHost, that the request was refused or not sent. */
const claimOf = (error: unknown): Claim =>
  Predicate.hasProperty(error, "report") && Predicate.hasProperty(error.report, "effect")
    ? Schema.decodeUnknownSync(Schema.Literals(["applied", "none", "unknown"]))(error.report.effect)
    : "none"

describe.each(transports)("%s", (_, transport) => {
  it.live("each reply cut after each byte: no false claim", () =>
    Effect.gen(function*() {
      const meeting = makeMeeting()
      const baseUrl = yield* listen(createServer(meeting.serve))
      const { state } = meeting
      let runs = 0
      for (const kind of ["set_host", "get", "token"] as const) {
        for (let at = 0; at < lengths[kind]; at++) {
          Object.assign(state, { host: "ou_alice", applied: 0, swaps: 0 })
          let cuts = 0
          state.cut = (requested, whole) => requested === kind && cuts++ === 0 ? at : whole.length
          const isSetHost = at % 2 === 0
          const program: Effect.Effect<Claim, unknown, Lark.Services> = isSetHost
            ? Effect.map(
              Meetings.setHost(id, bob, { policy, ...(kind === "set_host" ? { hint: alice } : {}) }),
              (report) => report.effect
            )
            : Effect.map(Meetings.swapHost(id, { expected: alice, desired: bob }), ({ _tag }) =>
              _tag === "Applied" ? "applied" as const : _tag === "Unknown" ? "unknown" as const : "none" as const)
          const exit = yield* Effect.exit(program.pipe(
            Effect.provide(Lark.layer({ appId: "cli_a", appSecret: Redacted.make("secret"), baseUrl })),
            Effect.provide(transport)
          ))
          const what = `${kind} cut at ${at}`
          const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
          if (Exit.isFailure(exit)) {
            assert.isDefined(error, `${what}: ${Cause.pretty(exit.cause)}`)
          }
          const claim = Exit.isSuccess(exit) ? exit.value : claimOf(error)
          if (claim === "none") {
            assert.strictEqual(state.applied, 0, what)
          }
          if (claim === "applied") {
            assert.isAbove(state.applied, 0, what)
          }
          if (claim === "unknown") {
            assert.isAbove(state.swaps, 0, what)
          }
          assert.isAtMost(state.swaps, 1, `${what}: nothing below the engine sends a swap again`)
          runs++
        }
      }
      assert.isAbove(runs, 250)
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None")), 60_000)
})
