/**
 * The numbered properties of every operation on every network.
 */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Option, Random, Schedule, Schema } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as FaultyRegister from "./fixtures/FaultyRegister.ts"
import {
  between,
  endOf,
  everything,
  fork,
  type Goal,
  intentOf,
  millis,
  policyOf,
  reportOf,
  Rules,
  Scenario,
  shown,
  tagOf,
  Value
} from "./fixtures/Scenario.ts"

/** Runs it to the end, and on until every latecomer has landed. */
const play = Effect.fnUntraced(function*({ canRead, goal, hint, network, rules }: Scenario) {
  const register = yield* FaultyRegister.make(network)
  const asked = { conflicts: new Array<Cas.FreshConflict<Value>>(), transients: new Array<Cas.Transient>() }
  const fiber = yield* fork(Effect.gen(function*() {
    const inPlace = register.writes.at(-1)?.to ?? network.initial
    const invoked = register.moment()
    const exit = yield* Effect.exit(
      Cas.run(register.as("us", { canRead }), intentOf(goal), { hint, policy: policyOf(rules, asked) })
    )
    return { inPlace, invoked, exit, returned: register.moment(), requestsThen: register.requests.length }
  }))
  yield* TestClock.adjust(everything)
  const { exit, inPlace, invoked, requestsThen, returned } = yield* Fiber.join(fiber)
  return {
    asked,
    exit,
    report: reportOf(exit),
    error: tagOf(exit),
    requests: register.requests,
    requestsThen,
    theirs: register.writes.filter(({ by, moment }) => by !== "us" && moment < returned),
    // A swap of a value for itself changes nothing: it asks a register that cannot be read.
    ours: register.writes.filter(({ by, from, to }) => by === "us" && from !== to),
    /** What the register held between invocation and return. */
    held: [
      inPlace,
      ...register.writes.filter(({ moment }) => invoked < moment && moment < returned).map(({ to }) => to)
    ],
    target: goal.to
  }
})

const swapsOf = (report: Cas.Report<Value> | Cas.FailureReport<Value>) =>
  report.attempts.filter((attempt) => attempt._tag === "Swap")

const isTransient = ({ answer }: Cas.Attempt<Value>) => answer._tag === "Unsent" || answer._tag === "Unknown"

const often = { arbitrary: { runs: 100 } }

/** What the operation did before it met a terminal answer: that may be followed by one read, which is asked only once. */
const beforeTheEnd = ({ attempts }: Cas.Report<Value> | Cas.FailureReport<Value>) => {
  const terminal = attempts.findIndex(({ answer }) => answer._tag === "Terminal")
  return terminal === -1 ? attempts : attempts.slice(0, terminal)
}

/** A property of every operation on every network. */
const property = (
  title: string,
  holds: (played: Effect.Success<ReturnType<typeof play>>, scenario: Scenario) => void
) =>
  it.effect.prop(
    title,
    [Scenario],
    ([scenario]) => Effect.map(play(scenario), (played) => holds(played, scenario)),
    often
  )

describe("safety", () => {
  property("1. every expected value was given by the caller or shown by the server", ({ requests }, scenario) => {
    const known = new Set<Value | undefined>([scenario.goal._tag === "Handover" ? scenario.goal.from : scenario.hint])
    for (const request of requests) {
      if (request.swap !== undefined) assert.include(known, request.swap.expected)
      for (const value of request.shown) known.add(value)
    }
  })

  property("2. a request is sent when the one before it has ended, by an answer or by its timeout", ({ report }) => {
    report.attempts.forEach((attempt, i) => {
      const previous = report.attempts[i - 1]
      if (previous !== undefined) assert.isAtLeast(millis(attempt.at), endOf(previous))
    })
  })

  property("3. swapped: a swap of this operation took effect, from what the report says to the target", (played) => {
    const { ours, report, target } = played
    if (report.outcome !== "swapped") return
    const last = ours.find(({ from, to }) => to === target && Option.contains(report.before, from))
    assert.isDefined(last)
    assert.strictEqual(report.attempts.at(-1)?.answer._tag, "Applied")
  })

  property(
    "4. converged, already: the target was in place between invocation and return",
    ({ held, report, target }) => {
      if (report.outcome !== "converged" && report.outcome !== "already") return
      assert.include(held, target)
      assert.strictEqual(report.after, target)
    }
  )

  property("5. handover sends no expected value but the caller's", ({ requests }, { goal }) => {
    if (goal._tag !== "Handover") return
    for (const request of requests) assert.strictEqual(request.swap?.expected ?? goal.from, goal.from)
  })

  property("6. a protected value is never the expected one", ({ requests, target }, { goal }) => {
    if (goal._tag !== "EnsureUnless") return
    for (const { swap } of requests) {
      if (swap !== undefined && swap.expected !== target) assert.notInclude(goal.guarded, swap.expected)
    }
  })

  property("7. effect none: nothing was changed, nor will be", ({ ours, report }) => {
    if (report.effect === "none") assert.deepStrictEqual(ours, [])
  })

  property("8. effect applied: it was", ({ ours, report }) => {
    if (report.effect === "applied") assert.isNotEmpty(ours)
  })

  property("9. neverResend takes effect at most once, late requests included", ({ ours }, { rules }) => {
    if (rules.onUnknown === "neverResend") assert.isAtMost(ours.length, 1)
  })

  property(
    "10. a terminal answer is the last; an effect is unknown after a lost answer, or a conflict and then the target or nothing",
    ({ report, target }, scenario) => {
      const wasLost = swapsOf(report).some(({ answer }) => answer._tag === "Unknown")
      const terminal = report.attempts.findIndex(({ answer }) => answer._tag === "Terminal")
      const [after, ...others] = terminal === -1 ? [] : report.attempts.slice(terminal + 1)
      if (after !== undefined) {
        assert.isTrue(wasLost && scenario.canRead && report.attempts[terminal]?._tag === "Swap")
        assert.strictEqual(after._tag, "Read", "only a read tells whose doing the refusal is")
      }
      assert.deepStrictEqual(others, [])
      // Of each swap that met a conflict: what was shown by it and after it.
      const isDoubted = report.attempts.some((attempt, index) => {
        if (attempt._tag !== "Swap" || attempt.answer._tag !== "Conflict" || attempt.expected === attempt.desired) {
          return false
        }
        const since = report.attempts.slice(index)
        return since.some((attempt) => Option.contains(shown(attempt), target))
          || since.every((attempt) => attempt.answer._tag !== "Observed" && Option.isNone(shown(attempt)))
      })
      assert.strictEqual(
        report.effect,
        report.outcome === "swapped" ? "applied" : wasLost || isDoubted ? "unknown" : "none"
      )
    }
  )

  const Trouble = Schema.TaggedUnion({
    Interrupt: { at: between(0, 1_500) },
    Die: { nth: between(0, 3) },
    ScheduleFails: { after: between(0, 2) }
  })

  it.effect.prop("11. no success without an acknowledgement or the target seen, whatever goes wrong", {
    scenario: Scenario,
    trouble: Trouble,
    drain: Schema.Boolean
  }, ({ drain, scenario, trouble }) =>
    Effect.gen(function*() {
      const { canRead, goal, hint, network, rules } = scenario
      const faulty = yield* FaultyRegister.make(network)
      const healthy = faulty.as("us", { canRead })
      const register: Cas.Register<Value, FaultyRegister.Gone> = {
        ...healthy,
        swap: (expected, desired) =>
          trouble._tag === "Die" && faulty.requests.length === trouble.nth
            ? Effect.die("trouble")
            : healthy.swap(expected, desired)
      }
      const fails = trouble._tag === "ScheduleFails"
        ? Schedule.modifyDelay(
          Schedule.forever,
          ({ attempt }) => attempt > trouble.after ? Effect.fail("trouble" as const) : Effect.succeed(50)
        )
        : undefined
      const policy = {
        ...policyOf(rules),
        ...Cas.Policy.make({ ...policyOf(rules), conflict: fails, transient: fails }),
        interruption: drain ? "drain" as const : "abort" as const
      }
      const fiber = yield* fork(Cas.run(register, intentOf(goal), { hint, policy }))
      if (trouble._tag === "Interrupt") {
        yield* TestClock.adjust(trouble.at)
        yield* Effect.forkChild(Fiber.interrupt(fiber))
      }
      yield* TestClock.adjust(everything)
      const exit = yield* Fiber.await(fiber)
      if (Exit.isFailure(exit)) return
      const last = exit.value.attempts.at(-1)
      assert.isDefined(last)
      assert.isTrue(last.answer._tag === "Applied" || Option.contains(shown(last), goal.to))
    }), often)

  property("12. the report lists every request that the server counted, in order", ({ report, requests }) => {
    const start = requests[0]?.at ?? 0
    assert.deepStrictEqual(
      report.attempts.map((attempt) => [
        millis(attempt.at),
        attempt._tag === "Swap" ? { expected: attempt.expected, desired: attempt.desired } : undefined,
        Option.toArray(shown(attempt))
      ]),
      requests.map(({ at, swap, shown }) => [at - start, swap, shown])
    )
    assert.deepStrictEqual(
      [report.swaps, report.reads],
      [
        requests.filter(({ swap }) => swap !== undefined).length,
        requests.filter(({ swap }) => swap === undefined).length
      ]
    )
  })
})

describe("work", () => {
  /** Nobody else is there, nothing is lost, and there is time enough. */
  const Quiet = Schema.Struct({ initial: Value, target: Value, travel: between(0, 24), rules: Rules })

  const alone = (
    { initial, rules, target, travel }: typeof Quiet.Type,
    options: { readonly canRead: boolean; readonly hint?: Value }
  ) =>
    play({
      network: {
        initial,
        steps: [{ before: "nothing", travel }, { before: "nothing", travel }],
        faults: [],
        rivals: []
      },
      goal: { _tag: "Ensure", to: target },
      rules: { ...rules, maxSwaps: 8, deadline: 6_000 },
      ...options
    })

  it.effect.prop("13. already there, and seen to be: no swap", [Quiet], ([quiet]) =>
    Effect.gen(function*() {
      for (const hint of [{}, { hint: quiet.initial }]) {
        const { report } = yield* alone({ ...quiet, target: quiet.initial }, { canRead: true, ...hint })
        assert.deepStrictEqual([report.outcome, report.effect, report.swaps], ["already", "none", 0])
      }
    }))

  property("13. already means no swap, converged at least one", ({ report }) => {
    if (report.outcome === "already") assert.strictEqual(report.swaps, 0)
    if (report.outcome === "converged") assert.isAbove(report.swaps, 0)
  })

  it.effect.prop("14. alone with a right hint: one call; with a wrong one: two", {
    quiet: Quiet,
    canRead: Schema.Boolean,
    wrong: Value
  }, ({ canRead, quiet, wrong }) =>
    Effect.gen(function*() {
      if (quiet.initial === quiet.target) return
      const right = yield* alone(quiet, { canRead, hint: quiet.initial })
      assert.strictEqual(right.requests.length, 1)
      if (wrong === quiet.initial) return
      const other = yield* alone(quiet, { canRead, hint: wrong })
      assert.strictEqual(other.requests.length, 2)
      assert.strictEqual(other.report.outcome, "swapped")
    }))

  property("15. conflicts that show the value are used: no read after the first swap", ({ report }, { rules }) => {
    const isBlind = swapsOf(report).some(({ answer }) => answer._tag === "Conflict" && Option.isNone(answer.actual))
    if (isBlind || rules.onUnknown === "neverResend") return
    const kinds = beforeTheEnd(report).map((attempt) => attempt._tag)
    assert.isBelow(kinds.lastIndexOf("Read"), kinds.includes("Swap") ? kinds.indexOf("Swap") : kinds.length)
  })

  property(
    "16. swaps: one, and one more for a wrong hint, a foreign change, a transient answer",
    (played, scenario) => {
      const { report, theirs } = played
      const wrongHint = scenario.hint === undefined || scenario.hint === scenario.network.initial ? 0 : 1
      const changes = theirs.filter(({ from, to }) => from !== to).length
      assert.isAtMost(report.swaps, 1 + wrongHint + changes + swapsOf(report).filter(isTransient).length)
    }
  )

  property("17. a fresh conflict steps its schedule once, a stale one never", ({ asked, error, report }) => {
    let isAged = true
    for (const attempt of report.attempts) {
      if (!Duration.isZero(attempt.waited)) isAged = true
      if (attempt._tag === "Swap") assert.strictEqual(attempt.fresh, !isAged)
      if (Option.isSome(shown(attempt))) isAged = false
      if (attempt.answer._tag === "Unsent" || attempt.answer._tag === "Unknown") isAged = true
    }
    const conflicts = swapsOf(report).filter(({ answer }) => answer._tag === "Conflict")
    const fresh = conflicts.filter((attempt) => attempt.fresh)
    assert.deepStrictEqual(report.conflicts, { fresh: fresh.length, stale: conflicts.length - fresh.length })
    // The last one need not be asked about, if it ended the operation.
    const hasEnded = error === undefined || ["CasRefused", "CasSuperseded", "CasConflictWithoutState"].includes(error)
    const charged = hasEnded ? fresh.filter((attempt) => attempt !== report.attempts.at(-1)) : fresh
    assert.deepStrictEqual(
      asked.conflicts.map(({ actual, desired, expected }) => ({ actual, desired, expected })),
      charged.map(({ answer, desired, expected }) => ({
        actual: answer._tag === "Conflict" ? answer.actual : assert.fail(),
        desired,
        expected
      }))
    )
  })

  property(
    "18. a transient answer steps the transient schedule once, and nothing else does",
    ({ asked, error, report }, scenario) => {
      const { deadline, minAttempt } = scenario.rules
      const answers = beforeTheEnd(report).flatMap((attempt) =>
        // After which no attempt could be made, the schedule is not asked.
        isTransient(attempt) && endOf(attempt) < deadline && endOf(attempt) + minAttempt <= deadline
          ? [attempt.answer]
          : []
      )
      // What may not be sent again and cannot be read needs no delay.
      const unasked = error === "CasIndeterminate" && !scenario.canRead ? 1 : 0
      assert.deepStrictEqual(asked.transients, answers.slice(0, answers.length - unasked))
    }
  )

  property("19. no call after the end", ({ requests, requestsThen }) => {
    assert.strictEqual(requests.length, requestsThen)
  })

  property("20. the target seen ends the operation on the spot", ({ report, target }) => {
    const seen = report.attempts.findIndex((attempt) => Option.contains(shown(attempt), target))
    if (seen === -1) return
    assert.strictEqual(seen, report.attempts.length - 1)
    assert.notStrictEqual(report.outcome, "failed")
    assert.strictEqual(millis(report.elapsed), endOf(report.attempts[seen]!))
  })
})

describe("time", () => {
  property(
    "21. sleeps and attempts keep to the deadline, the schedules and the server's wait",
    (played, { rules }) => {
      const { report } = played
      assert.isAtMost(millis(report.waited), rules.deadline)
      const delays: ReadonlyArray<number> = [0, ...rules.conflicts, ...rules.transients]
      let waited = 0
      report.attempts.forEach((attempt, i) => {
        assert.isAtMost(millis(attempt.at) + rules.minAttempt, rules.deadline)
        assert.isAtMost(endOf(attempt), rules.deadline)
        const previous = report.attempts[i - 1]
        const pause = previous === undefined ? 0 : millis(attempt.at) - endOf(previous)
        assert.strictEqual(millis(attempt.waited), pause)
        waited += pause
        const asked = previous?.answer._tag === "Unsent"
          ? Option.match(previous.answer.after, { onNone: () => 0, onSome: millis })
          : 0
        assert.include(delays, pause - asked)
      })
      // A sleep may be the last thing that happens only if the clock ran past its end.
      assert.strictEqual(millis(report.waited), waited)
    }
  )

  it.effect.prop("22. an interruption takes effect at once, and abandons the swap in flight or unknown exactly once", {
    scenario: Scenario,
    at: between(0, 1_500)
  }, ({ at, scenario }) =>
    Effect.gen(function*() {
      const { canRead, goal, hint, network, rules } = scenario
      const register = yield* FaultyRegister.make(network)
      const abandoned: Array<unknown> = []
      const fiber = yield* fork(Cas.run(register.as("us", { canRead }), intentOf(goal), {
        hint,
        policy: policyOf(rules),
        onAbandoned: (attempt) => Effect.sync(() => abandoned.push(attempt))
      }))
      // Between two milliseconds nothing else happens.
      const now = at + 0.5
      yield* TestClock.adjust(now)
      if (fiber.pollUnsafe() !== undefined) return assert.deepStrictEqual(abandoned, [])
      const last = register.requests.at(-1)
      const isInFlight = last !== undefined && now < last.at + rules.attemptTimeout
        && now < last.at + (last.fault?._tag === "Silent" ? Infinity : last.takes)
      const sent = register.requests.length
      yield* Fiber.interrupt(fiber)
      yield* TestClock.adjust(everything)
      const mayDoubt = register.requests.some((request) =>
        request.swap !== undefined && (request.fault !== undefined || request.takes >= rules.attemptTimeout)
      )
      if (isInFlight && last.swap !== undefined) assert.deepStrictEqual(abandoned, [last.swap])
      else assert.isAtMost(abandoned.length, mayDoubt ? 1 : 0)
      assert.strictEqual(register.requests.length, sent)
    }), often)

  it.effect.prop("23. the same seed and the same network: the same trace", {
    scenario: Scenario,
    seed: Schema.Int,
    preset: Schema.Literals(["standard", "thrifty", "eager", "once"])
  }, ({ preset, scenario: { canRead, goal, hint, network }, seed }) =>
    Effect.gen(function*() {
      const once = Effect.gen(function*() {
        const register = yield* FaultyRegister.make(network)
        const fiber = yield* fork(
          Effect.exit(Cas.run(register.as("us", { canRead }), intentOf(goal), { hint, policy: Cas.Policy[preset] }))
        )
        yield* TestClock.adjust(everything)
        return Cas.timeline(reportOf(yield* Fiber.join(fiber)))
      }).pipe(Random.withSeed(seed))
      assert.deepStrictEqual(yield* once, yield* once)
    }))
})

describe("algebra", () => {
  const update =
    (decide: Cas.Intent<Value>["decide"], expects: Option.Option<Value> = Option.none()) =>
    (target: Value): Cas.Intent<Value> => ({
      name: "update",
      values: [target],
      expects,
      onUnknown: "reassert",
      skipsUnavailable: false,
      decide
    })

  const same = (one: (goal: Extract<Goal, { _tag: "Handover" }>) => Cas.Intent<Value>, other: typeof one) =>
    Effect.fnUntraced(function*(scenario: Scenario, from: Value) {
      const goal = { _tag: "Handover" as const, from, to: scenario.goal.to }
      const policy = policyOf({ ...scenario.rules, onUnknown: scenario.rules.onUnknown ?? "reassert" })
      const trace = Effect.fnUntraced(function*(intent: Cas.Intent<Value>) {
        const register = yield* FaultyRegister.make(scenario.network)
        const fiber = yield* fork(
          Effect.exit(Cas.run(register.as("us", scenario), intent, { hint: scenario.hint, policy }))
        )
        yield* TestClock.adjust(everything)
        const exit = yield* Fiber.join(fiber)
        return {
          error: tagOf(exit),
          trace: Cas.timeline(reportOf(exit)),
          writes: register.writes.map(({ by, to }) => [by, to])
        }
      })
      assert.deepStrictEqual(yield* trace(one(goal)), yield* trace(other(goal)))
    })

  const laws = {
    "update(const Swap X) = ensure(X)": same(
      ({ to }) => update(() => ({ _tag: "Swap", to }))(to),
      ({ to }) => Cas.ensure(to)
    ),
    "ensureUnless(X, {}) = ensure(X)": same(
      ({ to }) => Cas.ensureUnless(to, []),
      ({ to }) => Cas.ensure(to)
    ),
    "handover(A, X) = update(a => a = A ? Swap X : a = X ? Keep : Refuse)": same(
      ({ from, to }) => Cas.handover(from, to),
      ({ from, to }) =>
        update(
          (value) =>
            value === to ? { _tag: "Keep" } : value === from ? { _tag: "Swap", to } : { _tag: "Refuse", reason: "no" },
          Option.some(from)
        )(to)
    )
  }

  for (const [law, holds] of Object.entries(laws)) {
    it.effect.prop(`28. ${law}`, [Scenario, Value], ([scenario, from]) => holds(scenario, from))
  }
})
