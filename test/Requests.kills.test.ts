/**
 * Pods die at every step of a request.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { Cas, Meetings } from "effect-lark-meetings"
import * as Requests from "effect-lark-meetings/Requests"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import * as pods from "./fixtures/pods.ts"
import { alice, bob, carol, dave, elapse, id, meetings } from "./fixtures/World.ts"

const intents = {
  ensure: Cas.ensure(bob),
  handover: Cas.handover(alice, bob),
  ensureUnless: Cas.ensureUnless(bob, [dave]),
  rotate: Cas.rotate([alice, bob, carol]),
  prefer: Cas.prefer([bob, carol])
}

const Plan = Schema.Struct({
  intent: Schema.Literals(["ensure", "handover", "ensureUnless", "rotate", "prefer"]),
  onUnknown: Schema.UndefinedOr(Schema.Literals(["reassert", "stopIfMoved", "neverResend"])),
  /** One for each life but the last. */
  deaths: Schema.Array(Schema.Struct({
    step: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10 })),
    executed: Schema.Boolean
  })).check(Schema.isMaxLength(5)),
  faults: Schema.Array(Schema.Struct({
    endpoint: Schema.Literals(["set_host", "get"]),
    nth: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 })),
    fault: Schema.Literals(["DropAfter", "DropBefore", "Late", "Throttle"])
  })).check(Schema.isMaxLength(3)),
  rivals: Schema.Array(Schema.Struct({
    nth: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 })),
    host: Schema.Literals(["ou_alice", "ou_bob", "ou_carol", "ou_dave"])
  })).check(Schema.isMaxLength(2)),
  latency: Schema.Literals([0, 100])
})

const faultOf = (fault: (typeof Plan)["Type"]["faults"][number]["fault"]): Simulator.Fault => {
  switch (fault) {
    case "Late":
      return { _tag: "Late", millis: 3_000 }
    case "Throttle":
      return { _tag: "Throttle", reset: 1, status: 429 }
    default:
      return { _tag: fault }
  }
}

/** Lets pods die as planned; the result, and the swaps that took effect. */
const lived = (plan: (typeof Plan)["Type"]) =>
  Effect.gen(function*() {
    const world = yield* pods.make
    const client = yield* world.start({ concurrency: 0 })
    const ask = client.run(
      Meetings.request(id, intents[plan.intent], { key: "k", onUnknown: plan.onUnknown })
    )
    yield* Effect.all([ask, ask], { concurrency: "unbounded" })
    yield* Effect.forkScoped(Effect.gen(function*() {
      for (const death of plan.deaths) yield* (yield* world.start({ death })).dead
      yield* world.start()
    }))
    const result = yield* elapse(Effect.result(client.run(Requests.result("k"))))
    // What a dead pod sent may arrive later; the same key again is no new request.
    yield* TestClock.adjust("1 minute")
    yield* ask
    yield* TestClock.adjust("1 minute")
    const polled = yield* client.run(Requests.poll("k"))
    assert.deepStrictEqual(Option.map(polled, pods.summary), Option.some(pods.summary(result)))
    const writes = yield* (yield* Simulator.Simulator).writes
    const applied = writes.filter(({ after, before, by }) => by === "request" && before?.openId !== after.openId)
    return { ...pods.summary(result), applied: applied.length }
  }).pipe(
    Effect.scoped,
    Effect.provide(Simulator.layer({
      meetings,
      latency: plan.latency,
      faults: plan.faults.map(({ fault, ...rule }) => ({ ...rule, fault: faultOf(fault) })),
      rivals: plan.rivals.map((rival) => ({ _tag: "BeforeSwap", ...rival }))
    }))
  )

describe("a request whose pods die at any step", () => {
  it.effect.prop(
    "ends, claims nothing false, and with neverResend takes effect at most once",
    { plan: Plan },
    ({ plan }) =>
      Effect.gen(function*() {
        const { applied, effect, ended } = yield* lived(plan)
        if (effect === "none") assert.strictEqual(applied, 0, "the effect is none")
        if (effect === "applied") assert.isAbove(applied, 0, "the effect is applied")
        if (ended === "already") assert.strictEqual(applied, 0, "it was already so")
        if (plan.onUnknown === "neverResend") assert.isAtMost(applied, 1, "it never resends")
      }),
    { arbitrary: { runs: 300 }, timeout: 240_000 }
  )

  const one = { intent: "ensure", onUnknown: undefined, faults: [], rivals: [], latency: 100 } as const

  it.effect("says none if the pod died before it recorded a swap", () =>
    Effect.gen(function*() {
      // The record, the token, the meeting.
      for (const step of [0, 1, 2]) {
        const { effect, ended } = yield* lived({ ...one, deaths: [{ step, executed: true }] })
        assert.deepStrictEqual({ ended, effect }, { ended: "swapped", effect: "applied" })
      }
    }))

  it.effect("says unknown if the pod died after its swap, and sends it again only if it may", () =>
    Effect.gen(function*() {
      const deaths = [{ step: 4, executed: true }]
      for (const onUnknown of ["reassert", "stopIfMoved", "neverResend"] as const) {
        assert.deepStrictEqual(yield* lived({ ...one, deaths, onUnknown }), {
          ended: "converged",
          effect: "unknown",
          applied: 1
        })
      }
    }))

  it.effect("with neverResend sends nothing after a record, even if nothing was sent before it", () =>
    Effect.gen(function*() {
      const deaths = [{ step: 4, executed: false }]
      assert.deepStrictEqual(yield* lived({ ...one, deaths, onUnknown: "neverResend" }), {
        ended: "CasIndeterminate",
        effect: "unknown",
        applied: 0
      })
      assert.deepStrictEqual(yield* lived({ ...one, deaths }), { ended: "swapped", effect: "applied", applied: 1 })
    }))

  it.effect("does not rotate twice", () =>
    Effect.gen(function*() {
      const deaths = [{ step: 4, executed: true }]
      assert.deepStrictEqual(yield* lived({ ...one, intent: "rotate", deaths }), {
        ended: "converged",
        effect: "unknown",
        applied: 1
      })
    }))

  it.effect("keeps the result of a life that died after it had written it", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* lived({ ...one, deaths: [{ step: 5, executed: true }] }), {
        ended: "swapped",
        effect: "applied",
        applied: 1
      })
    }))
})
