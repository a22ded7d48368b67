import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Option } from "effect"
import { Cas, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { fault, hostless } from "./fixtures/faults.ts"
import { observe } from "./fixtures/observe.ts"
import { alice, bob, called, carol, dave, hostNow, id, meetings, on, onClock, stranger } from "./fixtures/World.ts"

const expectedHosts = Simulator.Simulator.use((simulator) =>
  Effect.map(
    simulator.requests,
    (requests) =>
      requests.filter((request) => request.endpoint === "set_host").map(({ body }) =>
        JSON.stringify(body).replace(/.*"old_host_user":\{"id":"(\w+)".*/, "$1")
      )
  )
)

describe("setHost takes the expected host", () => {
  it.effect("from the hint: one request when it is right", () =>
    on(
      {},
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, bob, { hint: alice })
        assert.deepInclude<object>(report, { outcome: "swapped", effect: "applied", swaps: 1, reads: 0, after: bob })
        assert.deepStrictEqual(report.before, Option.some(alice))
        assert.deepStrictEqual(yield* called, ["set_host"])
      })
    ))

  it.effect("from the conflict that answers a wrong hint, at once and without a read", () =>
    on(
      {},
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, bob, { hint: carol })
        assert.deepStrictEqual(yield* expectedHosts, ["ou_carol", "ou_alice"])
        assert.deepStrictEqual(yield* called, ["set_host", "set_host"])
        assert.deepInclude<object>(report, {
          outcome: "swapped",
          waited: Duration.zero,
          conflicts: { fresh: 0, stale: 1 }
        })
      })
    ))

  it.effect("from get when nothing is known", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        assert.deepStrictEqual(yield* called, ["get", "set_host"])
      })
    ))

  it.effect("from what it saw last, so that the next call needs no get", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        yield* Meetings.setHost(id, carol)
        assert.deepStrictEqual(yield* called, ["get", "set_host", "set_host"])
        assert.deepStrictEqual(yield* expectedHosts, ["ou_alice", "ou_bob"])
      })
    ))

  it.effect("from the hint rather than from what it saw last", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        yield* Effect.flatMap(Simulator.Simulator, (simulator) => simulator.moveHost(id, "ou_dave"))
        yield* Meetings.setHost(id, carol, { hint: dave })
        assert.deepStrictEqual(yield* expectedHosts, ["ou_alice", "ou_dave"])
      })
    ))

  it.effect("for each kind of id separately", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        const report = yield* Meetings.setHost(id, MeetingUser.unionId("on_carol"))
        assert.deepStrictEqual<object>(report.after, MeetingUser.unionId("on_carol"))
        assert.deepStrictEqual(yield* called, ["get", "set_host", "get", "set_host"])
      })
    ))

  it.effect("for each meeting separately", () =>
    on(
      { meetings: [...meetings, { id: "7000000000000000001", host: "ou_dave", participants: ["ou_carol"] }] },
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        yield* Meetings.setHost(MeetingId.make("7000000000000000001"), carol)
        assert.deepStrictEqual(yield* expectedHosts, ["ou_alice", "ou_dave"])
      })
    ))
})

describe("setHost, if the user is host already,", () => {
  it.effect("reads once and swaps nothing", () =>
    on(
      {},
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, alice)
        assert.deepInclude<object>(report, { outcome: "already", effect: "none", swaps: 0, reads: 1 })
        assert.deepStrictEqual(yield* called, ["get"])
      })
    ))

  it.effect("reads once, even if the hint says so", () =>
    on(
      {},
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, bob, { hint: bob })
        assert.deepStrictEqual(yield* called, ["get", "set_host"])
        assert.strictEqual(report.outcome, "swapped")
      })
    ))

  it.effect("succeeds when a conflict shows the user as host", () =>
    on(
      { rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_bob" }] },
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, bob, { hint: alice })
        assert.deepInclude<object>(report, { outcome: "converged", effect: "unknown", swaps: 1, reads: 0 })
      })
    ))
})

describe("setHost and rivals", () => {
  it.effect("uses the host of every conflict at once", () =>
    on(
      {
        rivals: [
          { _tag: "BeforeSwap", nth: 0, host: "ou_carol" },
          { _tag: "BeforeSwap", nth: 1, host: "ou_dave" },
          { _tag: "BeforeSwap", nth: 2, host: "ou_alice" }
        ]
      },
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, bob)
        assert.deepStrictEqual(yield* expectedHosts, ["ou_alice", "ou_carol", "ou_dave", "ou_alice"])
        assert.deepStrictEqual(yield* called, ["get", "set_host", "set_host", "set_host", "set_host"])
        assert.deepInclude<object>(report, { outcome: "swapped", conflicts: { fresh: 3, stale: 0 } })
        assert.strictEqual(yield* hostNow, "ou_bob")
      })
    ))

  it.effect.each(hostless)(
    "calls get once when a conflict names no host ($shape)",
    (shape) =>
      onClock(
        { faults: [fault(shape)] },
        Effect.gen(function*() {
          const report = yield* Meetings.setHost(id, bob, { hint: carol })
          assert.deepStrictEqual(yield* called, ["set_host", "get", "set_host"])
          assert.deepInclude<object>(report, { outcome: "swapped", reads: 1, swaps: 2 })
        })
      )
  )

  it.effect("knows a conflict by its code, even with status 200", () =>
    on(
      { faults: [fault({ _tag: "ConflictAsOk" })] },
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob, { hint: carol })
        assert.deepStrictEqual(yield* called, ["set_host", "set_host"])
      })
    ))

  it.effect("hands over from the given host only", () =>
    on(
      {},
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.setHost(id, Cas.handover(carol, bob)))
        assert.deepInclude<object>(error, { _tag: "CasRefused", reason: "Changed", actual: alice })
        assert.strictEqual(yield* hostNow, "ou_alice")
      })
    ))

  it.effect("leaves a protected host alone", () =>
    on(
      {},
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.setHost(id, Cas.ensureUnless(bob, [alice])))
        assert.deepInclude<object>(error, { _tag: "CasRefused", reason: "Protected" })
        assert.deepStrictEqual(yield* called, ["get"])
      })
    ))

  it.effect("fails with CasConflictWithoutState in a meeting without a host", () =>
    on(
      { meetings: [{ id, participants: ["ou_bob"] }] },
      Effect.gen(function*() {
        assert.strictEqual((yield* Effect.flip(Meetings.setHost(id, bob)))._tag, "CasConflictWithoutState")
      })
    ))
})

describe("the spans of setHost", () => {
  it.effect("are its own and those of its requests, without those of get and swapHost", () =>
    Effect.gen(function*() {
      const { spans } = yield* observe(on({}, Meetings.setHost(id, bob)))
      const names = spans.map(({ name }) => name)
      assert.include(names, "Meetings.setHost")
      assert.deepStrictEqual(names.filter((name) => name === "Meetings.get" || name === "Meetings.swapHost"), [])
    }))
})

describe("the errors of setHost speak of the meeting", () => {
  it.effect("when no candidate is in the meeting", () =>
    on(
      {},
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.setHost(id, Cas.rotate([stranger]), { hint: alice }))
        assert.match(error.message, /^Nobody on the list is in the meeting; nothing was changed/)
      })
    ))

  it.effect("when the host is protected", () =>
    on(
      {},
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.setHost(id, Cas.ensureUnless(bob, () => true)))
        assert.match(error.message, /^The host in place is protected; nothing was changed/)
      })
    ))

  it.effect("when the meeting has no host", () =>
    on(
      { meetings: [{ id, participants: ["ou_bob"] }] },
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.setHost(id, bob))
        assert.match(error.message, /^The meeting has no host, or the app may not see who it is; nothing was changed/)
      })
    ))

  it.effect("when time ran out, with the error of the last request as the cause", () =>
    onClock(
      { faults: Array.from({ length: 9 }, (_, nth) => fault({ _tag: "DropBefore" }, nth)) },
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.setHost(id, bob, { hint: alice, budget: undefined }))
        if (error._tag !== "CasExhausted" || error.cause?._tag !== "TransportError") return assert.fail(error.message)
        assert.strictEqual(error.cause.executed, "unknown")
      })
    ))
})

describe("what setHost saw last", () => {
  it.effect("is forgotten when the effect is unknown", () =>
    onClock(
      { faults: [fault({ _tag: "DropAfter" })] },
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, bob, { hint: alice })
        assert.strictEqual(report.effect, "unknown")
        yield* Meetings.setHost(id, carol)
        assert.deepStrictEqual(yield* called, ["set_host", "set_host", "get", "set_host"])
      })
    ))

  it.effect("is forgotten when the call fails", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        yield* Effect.flip(Meetings.setHost(id, stranger))
        yield* Meetings.setHost(id, carol)
        assert.deepStrictEqual(yield* called, ["get", "set_host", "set_host", "get", "set_host"])
      })
    ))

  it.effect("is forgotten when the call is interrupted", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        const simulator = yield* Simulator.Simulator
        yield* simulator.addFaults([fault({ _tag: "Delay", millis: 5_000 })])
        const fiber = yield* Effect.forkChild(Meetings.setHost(id, carol))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(fiber)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
        yield* TestClock.adjust("10 seconds")
        yield* Meetings.setHost(id, dave)
        assert.deepStrictEqual(yield* called, ["get", "set_host", "set_host", "get", "set_host"])
      })
    ))

  it.effect("costs one conflict when somebody moved the host meanwhile", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        yield* Effect.flatMap(Simulator.Simulator, (simulator) => simulator.moveHost(id, "ou_dave"))
        yield* Meetings.setHost(id, carol)
        assert.deepStrictEqual(yield* called, ["get", "set_host", "set_host", "set_host"])
      })
    ))
})
