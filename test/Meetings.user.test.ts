import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Cas, Lark, Meetings, MeetingUser, UserToken } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { fault } from "./fixtures/faults.ts"
import * as platform from "./fixtures/http/platform.ts"
import { alice, asUser, bob, called, carol, id, on, onClock } from "./fixtures/World.ts"

describe("setHost as a user", () => {
  it.effect("who is known, expects that user as host: one request", () =>
    on(
      {},
      Effect.gen(function*() {
        const report = yield* asUser("ou_alice")(Meetings.setHost(id, bob))
        assert.deepInclude<object>(report, { outcome: "swapped", swaps: 1, reads: 0 })
        const requests = yield* Simulator.Simulator.use((simulator) => simulator.requests)
        assert.deepStrictEqual(requests.map((request) => [request.endpoint, request.token]), [["set_host", "user"]])
      })
    ))

  it.effect("who is known, stops at a conflict that shows another host", () =>
    Effect.gen(function*() {
      // A platform that compares before it checks who asks.
      const conflict = platform.failed(409, 121006, "data conflict", {
        data: { host_user: { id: "ou_carol", user_type: 1 } }
      })
      const feishu = platform.make(() => conflict)
      const session = UserToken.fromAccessToken(Redacted.make("u-alice"), { user: alice })
      const error = yield* Meetings.setHost(id, bob).pipe(
        Lark.asUser(session),
        Effect.provide(Lark.layer(platform.app)),
        Effect.provide(feishu.layer),
        Effect.flip
      )
      assert.deepInclude<object>(error, { _tag: "CasRefused", reason: "OperatorNotHost", actual: carol })
      assert.match(error.message, /^Only the host can move the host role; nothing was changed/)
      assert.strictEqual(feishu.calls.length, 1)
    }))

  it.effect("who is known, stops at a read that shows another host", () =>
    on(
      {},
      Effect.gen(function*() {
        const error = yield* Effect.flip(asUser("ou_bob")(Meetings.setHost(id, Cas.handover(alice, carol))))
        assert.deepInclude<object>(error, { _tag: "CasRefused", reason: "OperatorNotHost", actual: alice })
        assert.deepStrictEqual(yield* called, ["get"])
      })
    ))

  it.effect("who is known, succeeds at a conflict that shows the target", () =>
    Effect.gen(function*() {
      const conflict = platform.failed(409, 121006, "data conflict", {
        data: { host_user: { id: "ou_bob", user_type: 1 } }
      })
      const session = UserToken.fromAccessToken(Redacted.make("u-alice"), { user: alice })
      const report = yield* Meetings.setHost(id, bob).pipe(
        Lark.asUser(session),
        Effect.provide(Lark.layer(platform.app)),
        Effect.provide(platform.make(() => conflict).layer)
      )
      assert.deepInclude<object>(report, { outcome: "converged", effect: "unknown", swaps: 1 })
    }))

  it.effect("whose own lost request worked, succeeds", () =>
    onClock(
      { faults: [fault({ _tag: "DropAfter" })] },
      Effect.gen(function*() {
        const report = yield* asUser("ou_alice")(Meetings.setHost(id, bob))
        assert.deepInclude<object>(report, { outcome: "converged", effect: "unknown", swaps: 2, reads: 1 })
        assert.deepStrictEqual(report.attempts.map(({ answer }) => answer._tag), ["Unknown", "Terminal", "Observed"])
      })
    ))

  it.effect("who lost the role to another after a lost reply, fails with unknown effect", () =>
    onClock(
      {
        faults: [fault({ _tag: "DropAfter" })],
        rivals: [{ _tag: "AfterSwap", nth: 0, host: "ou_carol" }]
      },
      Effect.gen(function*() {
        const error = yield* Effect.flip(asUser("ou_alice")(Meetings.setHost(id, bob)))
        assert.include<object>(error, { _tag: "NoPermission" })
        assert.deepInclude<object>("report" in error ? error.report : {}, { effect: "unknown", swaps: 2, reads: 1 })
      })
    ))

  it.effect("who is not known, is refused by the platform if not host", () =>
    on(
      {},
      Effect.gen(function*() {
        const error = yield* Effect.flip(asUser("ou_bob", { known: false })(Meetings.setHost(id, carol)))
        assert.include<object>(error, { _tag: "NoPermission", code: 121005 })
        assert.deepStrictEqual(yield* called, ["get", "set_host"])
      })
    ))

  it.effect("who is known by another kind of id, uses the kind of the call", () =>
    on(
      {},
      Effect.gen(function*() {
        const report = yield* asUser("ou_alice")(Meetings.setHost(id, MeetingUser.unionId("on_bob")))
        assert.strictEqual(report.outcome, "swapped")
      })
    ))
})
