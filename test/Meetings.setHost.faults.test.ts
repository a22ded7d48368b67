import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { Cas, Lark, MeetingId, Meetings } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { fault, lossy } from "./fixtures/faults.ts"
import * as platform from "./fixtures/http/platform.ts"
import { alice, bob, called, hostNow, id, on, onClock, stranger } from "./fixtures/World.ts"

describe("setHost, when requests fail,", () => {
  it.effect.each(lossy)(
    "makes the user host, after %o",
    ([what]) =>
      onClock(
        { faults: [fault(what)] },
        Effect.gen(function*() {
          const report = yield* Meetings.setHost(id, bob, { hint: alice })
          assert.strictEqual(yield* hostNow, "ou_bob")
          assert.strictEqual(report.outcome === "swapped" ? report.effect : "unknown", report.effect)
          assert.isAbove(report.attempts.length, 1)
          assert.strictEqual(report.attempts[0]?.answer._tag, "Unknown")
        })
      )
  )

  it.effect("tells an applied set_host whose reply was lost from one that was not applied", () =>
    Effect.gen(function*() {
      const after = (what: Simulator.Fault) =>
        onClock({ faults: [fault(what)] }, Meetings.setHost(id, bob, { hint: alice }))
      assert.deepInclude<object>(yield* after({ _tag: "DropAfter" }), { outcome: "converged", effect: "unknown" })
      assert.deepInclude<object>(yield* after({ _tag: "DropBefore" }), { outcome: "swapped", effect: "applied" })
    }))

  it.effect("never takes a 5xx or a lost reply for a request that was not sent", () =>
    Effect.gen(function*() {
      for (const [what] of lossy) {
        const error = yield* onClock(
          { faults: [fault(what)] },
          Effect.flip(Meetings.setHost(id, bob, { hint: alice, policy: Cas.Policy.once }))
        )
        assert.strictEqual(error._tag, "CasExhausted")
        assert.strictEqual("report" in error && error.report.effect, "unknown", JSON.stringify(what))
      }
    }))

  it.effect("waits at least as long as a throttle asks for", () =>
    Effect.gen(function*() {
      for (const status of [429, 400] as const) {
        const fiber = yield* Effect.forkChild(on(
          { faults: [fault({ _tag: "Throttle", reset: 7, status })] },
          Effect.zip(Meetings.setHost(id, bob, { hint: alice }), called)
        ))
        yield* TestClock.adjust("6999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 second")
        const [report, calls] = yield* Fiber.join(fiber)
        assert.isAtLeast(Duration.toMillis(report.waited), 7_000)
        assert.isBelow(Duration.toMillis(report.waited), 7_250)
        assert.deepStrictEqual(calls, ["set_host", "set_host"])
        assert.strictEqual(report.effect, "applied")
      }
    }))

  it.effect("waits as long as a gateway's 429 without an envelope asks for", () =>
    Effect.gen(function*() {
      for (const body of ["slow down", platform.envelope(424242, "slow down")]) {
        const throttled = { status: 429, body, headers: { "retry-after": "7" } }
        const feishu = platform.make((_, nth) => nth === 0 ? throttled : platform.ok({}))
        const fiber = yield* Effect.forkChild(
          Meetings.setHost(id, bob, { hint: alice }).pipe(
            Effect.provide(Lark.layer(platform.app)),
            Effect.provide(feishu.layer)
          )
        )
        yield* TestClock.adjust("6999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 second")
        assert.deepInclude<object>(yield* Fiber.join(fiber), { outcome: "swapped", effect: "applied", swaps: 2 })
      }
    }))

  it.effect("fails at once on a throttle longer than its deadline", () =>
    on(
      { faults: [fault({ _tag: "Throttle", reset: 3_600, status: 429 })] },
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.setHost(id, bob, { hint: alice }))
        assert.include<object>(error, { _tag: "CasExhausted", limit: "deadline" })
        assert.strictEqual("report" in error && error.report.effect, "none")
      })
    ))

  it.effect("succeeds when its token is rejected on the way", () =>
    Effect.gen(function*() {
      for (const status of [400, 200] as const) {
        yield* on(
          { faults: [fault({ _tag: "RejectToken", status })] },
          Effect.gen(function*() {
            const report = yield* Meetings.setHost(id, bob, { hint: alice })
            assert.deepInclude<object>(report, { outcome: "swapped", effect: "applied", swaps: 1 })
            assert.deepStrictEqual(yield* called, ["set_host", "set_host"])
            assert.strictEqual((yield* Simulator.Simulator.use((simulator) => simulator.tokensMinted)).length, 2)
          })
        )
      }
    }))

  it.effect("reads again when a read fails", () =>
    onClock(
      { faults: [fault({ _tag: "DropAfter" }, 0, "get")] },
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, bob)
        assert.deepInclude<object>(report, { outcome: "swapped", reads: 2, swaps: 1 })
      })
    ))

  it.effect("fails with each documented error, with the report", () =>
    on(
      {},
      Effect.gen(function*() {
        const absent = yield* Effect.flip(Meetings.setHost(id, stranger, { hint: alice }))
        assert.include<object>(absent, { _tag: "TargetNotInMeeting", code: 122004 })
        assert.deepInclude<object>("report" in absent ? absent.report : {}, {
          outcome: "failed",
          effect: "none",
          swaps: 1
        })
        const nowhere = yield* Effect.flip(Meetings.setHost(MeetingId.make("1111111111"), bob))
        assert.include<object>(nowhere, { _tag: "DataNotExist", code: 121004 })
        assert.deepInclude<object>("report" in nowhere ? nowhere.report : {}, { effect: "none", reads: 1, swaps: 0 })
      })
    ))

  it.effect("refuses an invalid policy before anything is sent", () =>
    on(
      {},
      Effect.gen(function*() {
        const invalid: ReadonlyArray<Partial<Cas.Policy<unknown>>> = [
          { maxSwaps: -1 },
          { maxSwaps: 0 },
          { maxSwaps: 1.5 },
          { maxSwaps: Number.NaN },
          { maxSwaps: Number.POSITIVE_INFINITY },
          { deadline: -1 },
          { deadline: 0 },
          { attemptTimeout: -1 },
          { attemptTimeout: Number.NaN },
          { minAttempt: -1 },
          { minAttempt: Number.POSITIVE_INFINITY }
        ]
        for (const options of invalid) {
          const error = yield* Effect.flip(Meetings.setHost(id, bob, { policy: Cas.Policy.make(options) }))
          assert.strictEqual(error._tag, "CasInvalidPolicy", JSON.stringify(options))
          assert.include(error.message, Object.keys(options)[0] ?? "")
        }
        assert.deepStrictEqual(yield* Simulator.Simulator.use((simulator) => simulator.requests), [])
      })
    ))
})
