import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, Fiber, Option, Result, Schema, type Scope } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"

/** A kind of store, whose values stand for names. */
export interface Backend<A, E> {
  /** A new store that holds a name. Each `connect` is another client of it. */
  readonly make: (name: string) => Effect.Effect<Store<A, E>, never, Scope.Scope>
  /** The value that is wanted for a name. */
  readonly value: (name: string) => A
  readonly name: (value: A) => string
  /** Whether a value that went away and came back is a different one. */
  readonly isVersioned: boolean
}

export interface Store<A, E> {
  readonly connect: Effect.Effect<Cas.Register<A, E>, never, Scope.Scope>
}

/** What becomes of a request for a swap, or of its reply. */
const Fate = Schema.Literals(["delivered", "replyLost", "requestLost", "refused"])
type Fate = typeof Fate.Type

const Name = Schema.Literals(["a", "b", "c"])

const Goal = Schema.TaggedUnion({
  Ensure: { to: Name },
  Handover: { from: Name, to: Name },
  EnsureUnless: { to: Name, isProtected: Name },
  Rotate: {},
  Update: {}
})
type Goal = typeof Goal.Type

const next = (name: string): string => name === "a" ? "b" : name === "b" ? "c" : "a"

/** What a goal means: the name it moves the store to, nothing if it is content, or `"refused"`. */
const meaning = (goal: Goal, name: string): string | undefined => {
  switch (goal._tag) {
    case "Ensure":
      return name === goal.to ? undefined : goal.to
    case "Handover":
      return name === goal.to ? undefined : name === goal.from ? goal.to : "refused"
    case "EnsureUnless":
      return name === goal.to ? undefined : name === goal.isProtected ? "refused" : goal.to
    case "Rotate":
      return next(name)
    case "Update":
      return name === "a" ? "refused" : name === "b" ? undefined : "a"
  }
}

/** Runs an operation while the test clock goes on, whatever else it waits for: a file, a rival. */
export const elapse = <A, E, R>(operation: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(operation, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

/** A register 10 ms away, so that its clients contend. No terminal error is expected: one is a defect. */
const distant = <A, E>({ equals, read = Effect.die("cannot read"), swap }: Cas.Register<A, E>): Cas.Register<A> => {
  const travel = <X>(request: Effect.Effect<X, E>) =>
    Effect.sleep("10 millis").pipe(Effect.andThen(request), Effect.tap(Effect.sleep("10 millis")), Effect.orDie)
  return { equals, read: travel(read), swap: (expected, desired) => travel(swap(expected, desired)) }
}

/** A register behind a network that loses requests and replies, in the order given, and a count of what took effect. */
const lossy = <A>(register: Cas.Register<A>, fates: ReadonlyArray<Fate>) => {
  let sent = 0
  let writes = 0
  const swap: typeof register.swap = (expected, desired) =>
    Effect.suspend(() => {
      const fate = fates[sent++] ?? "delivered"
      if (fate === "requestLost") return Effect.succeed(Cas.unknown("request lost"))
      if (fate === "refused") return Effect.succeed(Cas.unsent({ cause: "refused" }))
      return Effect.map(register.swap(expected, desired), (outcome) => {
        if (outcome._tag === "Applied") writes = writes + 1
        return fate === "replyLost" ? Cas.unknown("reply lost") : outcome
      })
    })
  return { register: { ...register, swap }, sent: () => sent, writes: () => writes }
}

/** Files take real time, of which the test clock knows nothing: no bound may depend on it. */
const unhurried = (options?: Partial<Pick<Cas.Policy<unknown>, "interruption" | "onUnknown">>) =>
  Cas.Policy.make({ maxSwaps: 1_000, deadline: Duration.infinity, attemptTimeout: Duration.infinity, ...options })

const resultOf = <A>(operation: Effect.Effect<Cas.Report<A>, Cas.CasError<A>>) =>
  Effect.map(Effect.result(elapse(operation)), (result) => {
    if (Result.isSuccess(result)) return { report: result.success, error: undefined }
    if (result.failure._tag === "CasInvalidPolicy") throw result.failure
    return { report: result.failure.report, error: result.failure }
  })

/** What every register must do, whatever it stands on, and what the engine makes of it. */
export const suite = <A, E>(title: string, backend: Backend<A, E>) => {
  const { isVersioned, name, value } = backend

  const connect = (store: Store<A, E>) => Effect.map(store.connect, distant)

  const observe = (register: Cas.Register<A>) =>
    Effect.gen(function*() {
      const answer = yield* elapse(register.read ?? Effect.die("cannot read"))
      if (answer._tag !== "Observed") return yield* Effect.die(answer)
      return yield* Effect.fromOption(answer.value)
    }).pipe(Effect.orDie)

  const nameIn = (register: Cas.Register<A>) => Effect.map(observe(register), name)

  /** Somebody else writes, without the engine. */
  const move = Effect.fnUntraced(function*(register: Cas.Register<A>, to: string) {
    const outcome = yield* elapse(register.swap(yield* observe(register), value(to)))
    assert.strictEqual(outcome._tag, "Applied")
  })

  const run = (register: Cas.Register<A>, intent: Cas.Intent<A>, hint?: A) =>
    elapse(Cas.run(register, intent, { hint, policy: unhurried() }))

  const intentOf = (goal: Goal): Cas.Intent<A> => {
    switch (goal._tag) {
      case "Ensure":
        return Cas.ensure(value(goal.to))
      case "Handover":
        return Cas.handover(value(goal.from), value(goal.to))
      case "EnsureUnless":
        return Cas.ensureUnless(value(goal.to), [value(goal.isProtected)])
      case "Rotate":
        return Cas.rotate([value("a"), value("b"), value("c")])
      case "Update":
        return Cas.update((observed) => {
          const to = meaning(goal, name(observed))
          return to === undefined
            ? { _tag: "Keep" }
            : to === "refused"
            ? { _tag: "Refuse", reason: "is a" }
            : { _tag: "Swap", to: value(to) }
        })
    }
  }

  const increment = Cas.update((observed: A) => ({ _tag: "Swap", to: value(`${Number(name(observed)) + 1}`) }))

  const concurrently = <X, E1, R>(n: number, operation: (index: number) => Effect.Effect<X, E1, R>) =>
    elapse(Effect.forEach(Array.from({ length: n }), (_, index) => operation(index), { concurrency: "unbounded" }))

  describe(title, () => {
    it.effect("a swap of the value in place is applied, any other is a conflict that shows the value", () =>
      Effect.gen(function*() {
        const register = yield* Effect.flatMap(backend.make("a"), connect)
        const first = yield* observe(register)
        const applied = yield* elapse(register.swap(first, value("b")))
        const second = yield* observe(register)
        assert.deepStrictEqual([name(first), applied._tag, name(second)], ["a", "Applied", "b"])
        if (applied._tag === "Applied") assert.deepStrictEqual(Option.getOrElse(applied.current, () => second), second)

        assert.deepStrictEqual(yield* elapse(register.swap(first, value("c"))), Cas.conflict(second))
        assert.deepStrictEqual(yield* observe(register), second)
      }))

    it.effect("values are compared as names when one of them is only wanted", () =>
      Effect.gen(function*() {
        const register = yield* Effect.flatMap(backend.make("a"), connect)
        const seen = yield* observe(register)
        assert.isTrue(register.equals(seen, value("a")))
        assert.isTrue(register.equals(value("a"), seen))
        assert.isFalse(register.equals(seen, value("b")))
        const expectedByName = yield* elapse(register.swap(value("b"), value("c")))
        assert.strictEqual(expectedByName._tag, "Conflict")
        assert.strictEqual(yield* nameIn(register), "a")
      }))

    it.effect("a value that went away and came back is noticed by those with a version, and only by those", () =>
      Effect.gen(function*() {
        const store = yield* backend.make("a")
        const [register, rival] = [yield* connect(store), yield* connect(store)]
        const hint = yield* observe(register)
        yield* move(rival, "b")
        yield* move(rival, "a")
        const report = yield* run(register, Cas.ensure(value("c")), hint)
        assert.deepStrictEqual(report.conflicts, { fresh: 0, stale: isVersioned ? 1 : 0 })
        assert.deepStrictEqual([report.outcome, report.reads], ["swapped", 0])
      }))

    it.effect("a rival that always puts the value back is contention, not a contradiction", () =>
      Effect.gen(function*() {
        const store = yield* backend.make("a")
        const [register, rival] = [yield* connect(store), yield* connect(store)]
        let visits = 4
        const disturbed: Cas.Register<A> = {
          ...register,
          swap: (expected, desired) =>
            Effect.gen(function*() {
              if (visits-- > 0) {
                yield* move(rival, "b")
                yield* move(rival, "a")
              }
              return yield* register.swap(expected, desired)
            })
        }
        const report = yield* run(disturbed, Cas.ensure(value("c")))
        assert.deepStrictEqual([report.outcome, report.swaps], ["swapped", isVersioned ? 5 : 1])
        assert.strictEqual(report.conflicts.fresh + report.conflicts.stale, report.swaps - 1)
      }))

    it.effect("without a hint one read and one swap; a right hint saves the read, a wrong one costs a conflict", () =>
      Effect.gen(function*() {
        const store = yield* backend.make("a")
        const [register, rival] = [yield* connect(store), yield* connect(store)]
        const calls = (report: Cas.Report<A>) => [report.outcome, report.effect, report.reads, report.swaps]

        assert.deepStrictEqual(calls(yield* run(register, Cas.ensure(value("b")))), ["swapped", "applied", 1, 1])
        assert.deepStrictEqual(calls(yield* run(register, Cas.ensure(value("b")))), ["already", "none", 1, 0])

        const hint = yield* observe(register)
        assert.deepStrictEqual(calls(yield* run(register, Cas.ensure(value("c")), hint)), ["swapped", "applied", 0, 1])

        yield* move(rival, "a")
        const wrong = yield* run(register, Cas.ensure(value("c")), hint)
        assert.deepStrictEqual(calls(wrong), ["swapped", "applied", 0, 2])
        assert.deepStrictEqual(Option.map(wrong.before, name), Option.some("a"))

        const late = yield* run(register, Cas.ensure(value("c")), hint)
        assert.deepStrictEqual(calls(late), ["converged", "unknown", 0, 1])
      }))

    it.effect("clients of one store see each other's writes", () =>
      Effect.gen(function*() {
        const store = yield* backend.make("a")
        const [one, other] = [yield* connect(store), yield* connect(store)]
        yield* run(one, Cas.ensure(value("b")))
        assert.strictEqual((yield* run(other, Cas.ensure(value("b")))).outcome, "already")
        yield* run(other, Cas.handover(yield* observe(one), value("c")))
        assert.strictEqual(yield* nameIn(one), "c")
      }))

    it.effect.prop(
      "every intent does what it means, from any state and with any hint",
      [Schema.Array(Schema.Struct({ goal: Goal, hint: Schema.optionalKey(Name) })).check(Schema.isMaxLength(6))],
      ([operations]) =>
        Effect.gen(function*() {
          const register = yield* Effect.flatMap(backend.make("a"), connect)
          let model = "a"
          for (const { goal, hint } of operations) {
            const options = { hint: hint === undefined ? undefined : value(hint), policy: unhurried() }
            const { error, report } = yield* resultOf(Cas.run(register, intentOf(goal), options))
            const to = meaning(goal, model)
            if (to === "refused") {
              assert.strictEqual(error?._tag, "CasRefused")
              if (error?._tag === "CasRefused") assert.strictEqual(name(error.actual), model)
            } else {
              assert.strictEqual(error, undefined)
              assert.strictEqual(report.outcome === "swapped", to !== undefined)
              model = to ?? model
            }
            // A conflict that shows the target does not show who put it there. The update keeps "b", which is no target.
            const isDoubted = report.effect === "unknown" && report.conflicts.fresh + report.conflicts.stale > 0
            if (report.outcome === "converged") assert.isTrue(isDoubted || goal._tag === "Update")
            assert.strictEqual(
              report.effect,
              isDoubted ? "unknown" : to === undefined || to === "refused" ? "none" : "applied"
            )
            assert.strictEqual(yield* nameIn(register), model)
          }
        }),
      { arbitrary: { runs: 10 } }
    )

    it.effect("five that contend all get their turn, and every write replaces the one before", () =>
      Effect.gen(function*() {
        const store = yield* backend.make("0")
        const reports = yield* concurrently(5, (index) =>
          Effect.gen(function*() {
            const register = yield* connect(store)
            return yield* Cas.run(register, Cas.ensure(value(`${index + 1}`)), { policy: unhurried() })
          }))

        assert.deepStrictEqual(reports.map((report) => report.outcome), Array.from(reports, () => "swapped"))
        const successor = new Map(reports.map((report) => [
          Option.match(report.before, { onNone: () => "nobody", onSome: name }),
          name(report.after)
        ]))
        let last = "0"
        for (let n = 0; n < 5; n++) last = successor.get(last) ?? "a gap"
        assert.strictEqual(yield* Effect.flatMap(connect(store), nameIn), last)

        assert.isAbove(reports.reduce((sum, report) => sum + report.conflicts.fresh, 0), 0)
        assert.isTrue(reports.every((report) => report.reads === 1))
      }))

    it.effect("five in a queue do not contend", () =>
      Effect.gen(function*() {
        const register = yield* Effect.flatMap(backend.make("0"), connect)
        const queue = Cas.makeQueue<string, A>()
        const reports = yield* concurrently(5, () => queue.run("key", register, increment, { policy: unhurried() }))
        assert.deepStrictEqual(reports.map((report) => name(report.after)), ["1", "2", "3", "4", "5"])
        assert.deepStrictEqual(reports.map(({ reads }) => reads), [1, 0, 0, 0, 0])
        assert.deepStrictEqual(reports.map(({ swaps }) => swaps), [1, 1, 1, 1, 1])
        assert.strictEqual(yield* nameIn(register), "5")
      }))

    it.effect("no increment is lost among twenty", () =>
      Effect.gen(function*() {
        const store = yield* backend.make("0")
        const reports = yield* concurrently(20, () =>
          Effect.flatMap(connect(store), (register) => Cas.run(register, increment, { policy: unhurried() })))
        assert.strictEqual(yield* Effect.flatMap(connect(store), nameIn), "20")
        const counts = new Set(reports.map((report) =>
          name(report.after)
        ))
        assert.strictEqual(counts.size, 20)
      }))

    it.effect("a lost reply is settled by one more request, and the effect is not claimed", () =>
      Effect.gen(function*() {
        for (const onUnknown of ["reassert", "stopIfMoved", "neverResend"] as const) {
          const connected = yield* Effect.flatMap(backend.make("a"), connect)
          const { register, writes } = lossy(connected, ["replyLost"])
          const report = yield* elapse(
            Cas.run(register, Cas.ensure(value("b")), { policy: unhurried({ onUnknown }) })
          )
          assert.deepStrictEqual([report.outcome, report.effect, name(report.after)], ["converged", "unknown", "b"])
          assert.strictEqual(report.reads + report.swaps, 3)
          assert.strictEqual(writes(), 1)
        }
      }))

    it.effect.prop(
      "whatever is lost, the report is true",
      [
        Goal,
        Schema.Array(Fate).check(Schema.isMaxLength(6)),
        Schema.Literals(["reassert", "stopIfMoved", "neverResend"])
      ],
      ([goal, fates, onUnknown]) =>
        Effect.gen(function*() {
          const connected = yield* Effect.flatMap(backend.make("a"), connect)
          const { register, sent, writes } = lossy(connected, fates)
          const policy = unhurried({ onUnknown })
          const { error, report } = yield* resultOf(Cas.run(register, intentOf(goal), { policy }))

          assert.strictEqual(report.swaps, sent())
          assert.isAtMost(writes(), 1)
          if (report.effect === "none") assert.strictEqual(writes(), 0)
          if (report.effect === "applied") assert.strictEqual(writes(), 1)
          if (report.effect === "unknown" && report.outcome !== "converged") {
            assert.isTrue(fates.slice(0, sent()).some((fate) => fate.endsWith("Lost")))
          }
          const to = meaning(goal, "a")
          const isDone = (yield* nameIn(register)) === (to ?? "a")
          if (error === undefined) assert.isTrue(to !== "refused" && isDone)
          assert.strictEqual(isDone && to !== undefined, writes() === 1)
        }),
      { arbitrary: { runs: 15 } }
    )

    it.effect.prop(
      "increments that contend over a lossy network: between those applied and those that may be",
      [Schema.Array(Fate).check(Schema.isMaxLength(12))],
      ([fates]) =>
        Effect.gen(function*() {
          const connected = yield* Effect.flatMap(backend.make("0"), connect)
          const { register, writes } = lossy(connected, fates)
          const results = yield* concurrently(5, () =>
            Effect.result(Cas.run(register, increment, { policy: unhurried() })))
          const effects = results.map((result) =>
            Result.isSuccess(result)
              ? result.success.effect
              : result.failure._tag === "CasInvalidPolicy"
              ? "none"
              : result.failure.report.effect
          )
          const certain = effects.filter((effect) =>
            effect === "applied"
          )
          const possible = effects.filter((effect) => effect !== "none")
          const count = Number(yield* nameIn(register))
          assert.strictEqual(count, writes())
          assert.isAtLeast(count, certain.length)
          assert.isAtMost(count, possible.length)
        }),
      { arbitrary: { runs: 6 } }
    )

    it.effect("an interruption in flight is reported as abandoned, and the next one finds what it left", () =>
      Effect.gen(function*() {
        const register = yield* Effect.flatMap(backend.make("a"), connect)
        const written = yield* Deferred.make<void>()
        const stuck: Cas.Register<A> = {
          ...register,
          swap: (expected, desired) =>
            register.swap(expected, desired).pipe(
              Effect.andThen(Deferred.succeed(written, undefined)),
              Effect.andThen(Effect.never)
            )
        }
        const abandoned: Array<readonly [string, string]> = []
        const queue = Cas.makeQueue<string, A>()
        const fiber = yield* Effect.forkChild(queue.run("key", stuck, Cas.ensure(value("b")), {
          policy: unhurried(),
          onAbandoned: ({ desired, expected }) =>
            Effect.sync(() => void abandoned.push([name(expected), name(desired)]))
        }))
        yield* elapse(Deferred.await(written))
        const next = queue.run("key", register, Cas.ensure(value("b")), { policy: unhurried() })
        const waiting = yield* Effect.forkChild(next, { startImmediately: true })
        yield* elapse(Fiber.interrupt(fiber))
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
        assert.deepStrictEqual(abandoned, [["a", "b"]])

        const report = yield* elapse(Fiber.join(waiting))
        assert.deepStrictEqual([report.outcome, report.effect, report.reads, report.swaps], ["already", "none", 1, 0])
      }))

    it.effect("an interruption cuts the swap in flight, or waits for its answer when the policy drains", () =>
      Effect.gen(function*() {
        for (const [interruption, effect] of [["abort", "unknown"], ["drain", "applied"]] as const) {
          const register = yield* Effect.flatMap(backend.make("a"), connect)
          const [written, proceed] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
          const slow: Cas.Register<A> = {
            ...register,
            swap: (expected, desired) =>
              register.swap(expected, desired).pipe(
                Effect.tap(Deferred.succeed(written, undefined)),
                Effect.tap(Deferred.await(proceed))
              )
          }
          const effects: Array<string> = []
          const fiber = yield* Effect.forkChild(Cas.run(slow, Cas.ensure(value("b")), {
            policy: unhurried({ interruption }),
            onAbandoned: (_, effect) => Effect.sync(() => void effects.push(effect))
          }))
          yield* elapse(Deferred.await(written))
          yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
          yield* Deferred.succeed(proceed, undefined)
          assert.isTrue(Exit.hasInterrupts(yield* elapse(Fiber.await(fiber))))
          assert.deepStrictEqual(effects, [effect])
        }
      }))
  })
}
