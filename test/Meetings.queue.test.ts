import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Random, Result } from "effect"
import { Cas, Lark, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { id } from "./fixtures/World.ts"

const user = (name: string) => MeetingUser.openId(`ou_${name}`)

const feishu =
  (options?: Simulator.Options) => <A, E>(test: Effect.Effect<A, E, Lark.Services | Simulator.Simulator>) =>
    test.pipe(
      Effect.provide(Lark.layer(Simulator.defaultApp)),
      Effect.provide(Simulator.layer({
        meetings: [{ id, host: "ou_alice", participants: ["ou_bob", "ou_carol", "ou_dave"] }],
        latency: "20 millis",
        ...options
      }))
    )

const calls = Effect.map(
  Simulator.Simulator.use((simulator) => simulator.requests),
  (requests) => requests.map(({ endpoint }) => endpoint).filter((endpoint) => endpoint !== "tenant_access_token")
)

const inTime = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* TestClock.adjust("1 minute")
    return yield* Fiber.join(fiber)
  })

describe("setHost, called many times on one meeting", () => {
  it.effect("sends one set_host each and one read, and takes effect in call order", () =>
    Effect.gen(function*() {
      const goals = Array.from({ length: 20 }, (_, n) => user(["bob", "carol", "dave"][n % 3]!))
      const reports = yield* inTime(
        Effect.forEach(goals, (goal) => Meetings.setHost(id, goal), { concurrency: "unbounded" })
      )
      assert.deepStrictEqual(reports.map(({ after }) => after), goals)
      assert.deepStrictEqual(yield* calls, ["get", ...goals.map(() => "set_host" as const)])
    }).pipe(feishu()))

  it.effect("for one target sends one swap", () =>
    Effect.gen(function*() {
      const operations = Array.from({ length: 50 }, () => Meetings.setHost(id, user("bob")))
      const reports = yield* inTime(Effect.all(operations, { concurrency: "unbounded" }))
      assert.deepStrictEqual(yield* calls, ["get", "set_host"])
      assert.strictEqual(reports.filter(({ outcome }) => outcome === "swapped").length, 1)
    }).pipe(feishu()))

  it.effect("with latest ends those that are queued, without an effect", () =>
    Effect.gen(function*() {
      const operations = ["bob", "carol", "dave"].map((name) =>
        Effect.result(Meetings.setHost(id, user(name), { latest: true }))
      )
      const results = yield* inTime(Effect.all(operations, { concurrency: "unbounded" }))
      assert.deepStrictEqual(
        results.map((result) => Result.isSuccess(result) ? result.success.outcome : result.failure._tag),
        ["swapped", "CasSuperseded", "swapped"]
      )
      assert.strictEqual((yield* Simulator.Simulator.use(({ host }) => host(id)))?.openId, "ou_dave")
    }).pipe(feishu()))
})

/** What may hide that a swap took effect: the answer of a gateway, and a code that is not documented. */
const inBetween = [
  ["a page", "MalformedResponse", "<html>"],
  ["an undocumented code", "UnknownApiError", `{"code":121099,"msg":"internal timeout"}`]
] as const

describe("setHost", () => {
  it.effect("rotates to the next candidate who is in the meeting", () =>
    Effect.gen(function*() {
      const candidates = Cas.rotate([user("alice"), user("stranger"), user("carol")])
      const first = yield* inTime(Meetings.setHost(id, candidates))
      assert.deepStrictEqual([first.outcome, first.after, first.swaps], ["swapped", user("carol"), 2])
      const second = yield* inTime(Meetings.setHost(id, candidates))
      assert.deepStrictEqual(second.after, user("alice"))
    }).pipe(feishu()))

  it.effect("takes an intent that names no user, given a hint", () =>
    Effect.gen(function*() {
      const next = Cas.update((host: MeetingUser.MeetingUser<"open_id">) =>
        host.id === "ou_alice" ? { _tag: "Swap", to: user("dave") } : { _tag: "Keep" }
      )
      const report = yield* inTime(Meetings.setHost(id, next, { hint: user("alice") }))
      assert.deepStrictEqual([report.outcome, report.after], ["swapped", user("dave")])
      const refused = yield* inTime(Effect.flip(Meetings.setHost(id, next)))
      assert.strictEqual(refused._tag === "InvalidParameter" ? refused.parameter : refused._tag, "hint")
      assert.include(refused.message, "hint is missing, and the intent names no user")
      assert.deepStrictEqual(refused.report, Cas.neverBegan)
    }).pipe(feishu()))

  for (const [what, tag, body] of inBetween) {
    it.effect(`that is answered with ${what} asks whether it took effect`, () =>
      Effect.gen(function*() {
        const report = yield* inTime(Meetings.setHost(id, user("bob"), { hint: user("alice") }))
        assert.deepInclude<object>(report, { outcome: "converged", effect: "unknown", swaps: 1, reads: 1 })
      }).pipe(feishu({
        faults: [{ endpoint: "set_host", nth: 0, fault: { _tag: "GarbageBody", body, status: 400, applied: true } }]
      })))

    it.effect(`that is answered with ${what}, and had no effect that can be seen, leaves it unknown`, () =>
      Effect.gen(function*() {
        const error = yield* inTime(Effect.flip(Meetings.setHost(id, user("bob"), { hint: user("alice") })))
        assert.deepInclude<object>(error, { _tag: tag })
        assert.deepInclude<object>("report" in error ? error.report : {}, { effect: "unknown", swaps: 1, reads: 1 })
      }).pipe(feishu({
        faults: [{ endpoint: "set_host", nth: 0, fault: { _tag: "GarbageBody", body, status: 400, applied: false } }]
      })))
  }

  it.effect("refuses users of different kinds of id, even past the compiler", () =>
    Effect.gen(function*() {
      const anyKind: ReadonlyArray<MeetingUser.MeetingUser> = [user("alice"), MeetingUser.unionId("on_bob")]
      const [ofAlice, ofBob] = anyKind
      assert(ofAlice !== undefined && ofBob !== undefined)
      const swap = { endpoint: "vc.v1.meeting.set_host", parameter: "intent" }
      for (
        const [intent, hint] of [[Cas.handover(ofAlice, ofBob)], [Cas.rotate([ofAlice, ofBob])], [
          ofAlice,
          ofBob
        ]] as const
      ) {
        const error = yield* Effect.flip(Meetings.setHost(id, intent, { hint }))
        assert.include<object>(error, { _tag: "InvalidParameter", kind: "caller", retry: "never", ...swap })
        assert.match(error.message, /intent has (union|open)_id, but this call names users by (open|union)_id/)
        assert.deepStrictEqual(error.report, Cas.neverBegan)
      }
      assert.deepStrictEqual(yield* calls, [])
    }).pipe(feishu()))

  it.effect("without a token in time was not executed, and says so", () =>
    Effect.gen(function*() {
      const error = yield* inTime(Effect.flip(
        Meetings.setHost(id, user("bob"), { hint: user("alice"), policy: Cas.Policy.once })
      ))
      assert.strictEqual(error._tag, "CasExhausted")
      assert.strictEqual(error.report.effect, "none")
    }).pipe(
      feishu({ faults: [{ endpoint: "tenant_access_token", nth: 0, fault: { _tag: "Delay", millis: 60_000 } }] })
    ))

  const timeouts = ["1 second", "2 seconds", "5 seconds", "10 seconds"] as const
  it.effect.each(timeouts)(
    "without a second token within %s was not executed, either",
    (attemptTimeout) =>
      Effect.gen(function*() {
        const policy = Cas.Policy.make({ ...Cas.Policy.once, attemptTimeout })
        const error = yield* inTime(Effect.flip(
          Meetings.setHost(id, user("bob"), { hint: user("alice"), policy })
        ))
        assert.strictEqual(error._tag, "CasExhausted")
        assert.deepInclude<object>(error.report, { effect: "none", swaps: 1 })
      }).pipe(
        feishu({
          latency: "240 millis",
          faults: [
            { endpoint: "set_host", nth: 0, fault: { _tag: "RejectToken", status: 400 } },
            { endpoint: "tenant_access_token", nth: 1, fault: { _tag: "Delay", millis: 60_000 } }
          ]
        })
      )
  )

  it.effect("has no retry budget where budget is undefined", () =>
    Effect.gen(function*() {
      const operations = meetings.map(({ id }) =>
        Effect.flip(Meetings.setHost(id, user("bob"), { hint: user("alice"), budget: undefined }))
      )
      yield* inTime(Effect.all(operations, { concurrency: "unbounded" }))
      assert.strictEqual((yield* calls).length, 60 * 5)
    }).pipe(feishu({
      meetings,
      latency: 0,
      faults: outage
    })))

  it.effect("shares a retry budget within its app", () =>
    Effect.gen(function*() {
      const operations = meetings.map(({ id }) =>
        Effect.flip(Meetings.setHost(id, user("bob"), { hint: user("alice") }))
      )
      // With this seed the jitter lets an operation ask in the last moment of the window.
      const errors = yield* Random.withSeed(inTime(Effect.all(operations, { concurrency: "unbounded" })), "budget")
      const limits = errors.map((error) => error._tag === "CasExhausted" ? error.limit : error._tag)
      assert.include(limits, "budget")
      // One attempt each; on top of that a fifth of them, and ten a second over the ten seconds of the window.
      assert.strictEqual((yield* calls).length, 60 + 12 + 100)
    }).pipe(feishu({
      meetings,
      latency: 0,
      faults: outage
    })))
})

const meetings = Array.from({ length: 60 }, (_, n) => ({
  id: MeetingId.make(String(6911188411932033100n + BigInt(n))),
  host: "ou_alice",
  participants: ["ou_bob"]
}))

const outage = Array.from({ length: 400 }, (_, nth): Simulator.FaultRule => ({
  endpoint: "set_host",
  nth,
  fault: { _tag: "ServerError", status: 503, applied: false, body: "html" }
}))
