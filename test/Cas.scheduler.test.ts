/**
 * The queue and the engine under schedulers that yield after every few steps, in shuffled order.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Schedule, Scheduler, type Tracer } from "effect"
import { Cas } from "effect-lark-meetings"

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
const random = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
}

/** Yields after one to `most` steps, and runs any of the tasks that wait next. */
const shuffling = (next: () => number, most: number): Scheduler.Scheduler => {
  const tasks: Array<() => void> = []
  let isScheduled = false
  const flush = () => {
    isScheduled = false
    while (tasks.length > 0) {
      const [task] = tasks.splice(Math.floor(next() * tasks.length), 1)
      task?.()
    }
  }
  return {
    executionMode: "async",
    shouldYield: (fiber) => fiber.currentOpCount >= 1 + next() * most,
    makeDispatcher: () => ({
      scheduleTask: (task) => {
        tasks.push(task)
        if (isScheduled) return
        isScheduled = true
        setImmediate(flush)
      },
      flush
    })
  }
}

type Value = number

/** The truth of one operation. */
interface Truth {
  sent: number
  applied: number
  abandoned: Array<"applied" | "unknown">
  isInterrupted: boolean
  sentAfterInterruption: number
  hasEnded: boolean
  hasSentAfterEnd: boolean
}

/**
 * A register on a network that loses requests and replies, sends swaps twice, and sometimes never answers. It notes which
 * operation wrote.
 */
const world = (next: () => number) => {
  const state = { value: 0, writes: 0 }
  const pause = Effect.suspend(() => Effect.yieldNow.pipe(Effect.repeat({ times: Math.floor(next() * 3) })))
  const registerFor = (truth: Truth): Cas.Register<Value> => {
    const execute = (expected: Value, desired: Value): Cas.Outcome<Value> => {
      if (state.value !== expected) return Cas.conflict(state.value)
      if (expected !== desired) {
        state.value = desired
        state.writes++
        truth.applied++
      }
      return Cas.applied
    }
    return {
      equals: (a, b) => a === b,
      read: Effect.andThen(pause, Effect.sync(() => Cas.observed(state.value))),
      swap: (expected, desired) =>
        Effect.suspend(() => {
          truth.sent++
          const fate = next()
          if (fate < 0.05) return Effect.succeed(Cas.unsent())
          if (fate < 0.1) return Effect.andThen(pause, Effect.succeed(Cas.unknown("the request is lost")))
          const answer = Effect.sync(() => {
            const first = execute(expected, desired)
            if (fate < 0.15) return Cas.unknown("the reply is lost")
            return fate < 0.2 ? execute(expected, desired) : first
          })
          return pause.pipe(
            Effect.andThen(answer),
            Effect.tap(fate > 0.995 ? Effect.never : pause)
          )
        })
    }
  }
  return { state, registerFor }
}

const policies = {
  abort: Cas.Policy.make({ attemptTimeout: 3, deadline: 500, minAttempt: 0, transient: Schedule.forever }),
  drain: Cas.Policy.make({
    attemptTimeout: 3,
    deadline: 500,
    minAttempt: 0,
    transient: Schedule.forever,
    interruption: "drain"
  }),
  short: Cas.Policy.make({ attemptTimeout: 3, deadline: 1, minAttempt: 0, transient: Schedule.forever })
}

/** Runs operations in waves, and compares what each claims with what it did. Returns how many there were, by outcome. */
const play = (seed: number, waves: number) =>
  Effect.gen(function*() {
    const next = random(seed)
    const scheduler = shuffling(next, 1 + next() * 12)
    const { registerFor, state } = world(next)
    const queue = Cas.makeQueue<string, Value>()
    const outcomes = new Map<string, number>()
    const order: Array<number> = []
    const spans = new Map<Truth, Tracer.Span>()
    let called = 0

    const one = Effect.gen(function*() {
      const truth: Truth = {
        sent: 0,
        applied: 0,
        abandoned: [],
        isInterrupted: false,
        sentAfterInterruption: 0,
        hasEnded: false,
        hasSentAfterEnd: false
      }
      const register = registerFor(truth)
      const number = called++
      const policy = next() < 0.1 ? policies.short : next() < 0.5 ? policies.drain : policies.abort
      const target = Math.floor(next() * 5)
      const intent = [Cas.ensure(target), Cas.handover(state.value, target), Cas.rotate([0, 1, 2])][
        Math.floor(next() * 3)
      ]!
      const operation = queue.run(
        "meeting",
        {
          ...register,
          swap: (expected, desired) => {
            if (order.at(-1) !== number) order.push(number)
            if (truth.isInterrupted) truth.sentAfterInterruption++
            if (truth.hasEnded) truth.hasSentAfterEnd = true
            return register.swap(expected, desired)
          }
        },
        intent,
        {
          policy,
          latest: next() < 0.1,
          onAbandoned: (_, effect) => {
            truth.abandoned.push(effect)
            return Effect.void
          }
        }
      )
      const fiber = yield* Effect.forkChild(
        Effect.withSpan(
          Effect.andThen(
            Effect.tap(Effect.currentSpan, (span) => Effect.sync(() => spans.set(truth, span))),
            operation
          ),
          "operation"
        ),
        { startImmediately: true }
      )
      if (next() < 0.1) {
        yield* Effect.forkChild(Effect.andThen(
          Effect.repeat(Effect.yieldNow, { times: Math.floor(next() * 20) }),
          Effect.sync(() => {
            fiber.interruptUnsafe()
            truth.isInterrupted = true
          })
        ))
      }
      const exit = yield* Fiber.await(fiber)
      truth.hasEnded = true
      const end = Exit.isSuccess(exit)
        ? { tag: exit.value.outcome, effect: exit.value.effect }
        : Cause.hasInterruptsOnly(exit.cause)
        ? { tag: "interrupted", effect: spans.get(truth)?.attributes.get("cas.effect") ?? "none" }
        : Option.match(Cause.findErrorOption(exit.cause), {
          onSome: (error) => ({
            tag: error._tag,
            effect: error._tag === "NoSuchElementError" ? "defect" : error.report.effect
          }),
          onNone: () => ({ tag: "defect", effect: "defect" })
        })
      outcomes.set(end.tag, (outcomes.get(end.tag) ?? 0) + 1)
      return { truth, end }
    })

    const many = Effect.gen(function*() {
      for (let wave = 0; wave < waves; wave++) {
        const ended = yield* Effect.forEach(Array.from({ length: 20 }), () => one, { concurrency: "unbounded" })
        for (const { end, truth } of ended) {
          const shown = JSON.stringify({ seed, wave, end, truth })
          if (end.effect === "none") assert.strictEqual(truth.applied, 0, shown)
          if (end.effect === "applied") assert.isAbove(truth.applied, 0, shown)
          if (end.tag === "swapped") assert.strictEqual(end.effect, "applied", shown)
          assert.notStrictEqual(end.tag, "defect", shown)
          // The one whose turn to be sent had come.
          assert.isAtMost(truth.sentAfterInterruption, 1, shown)
          assert.isFalse(truth.hasSentAfterEnd, shown)
          if (end.tag === "CasSuperseded" && end.effect === "none") assert.strictEqual(truth.sent, 0, shown)
          // An interruption may also come after the operation has ended, before its caller has the report.
          const wasCut = spans.get(truth)?.attributes.get("cas.outcome") === "interrupted"
          assert.deepStrictEqual(truth.abandoned, wasCut && end.effect !== "none" ? [end.effect] : [], shown)
        }
        assert.strictEqual(yield* queue.size, 0)
      }
    })
    yield* Effect.provideService(many, Scheduler.Scheduler, scheduler)
    // An operation that has lost the turn does not send again.
    assert.strictEqual(new Set(order).size, order.length, `seed ${seed}: one operation at a time`)
    return outcomes
  })

describe("under schedulers that yield after every few steps, in shuffled order", () => {
  const seed = Number(process.env["SEED"] ?? 1)

  it.live("100,000 operations end, claim nothing false, run one at a time and leave nothing behind", () =>
    Effect.gen(function*() {
      // Side by side, since a wave waits for its timeouts in real time.
      const runs = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, run) => seed + run),
        (seed) => play(seed, 100),
        {
          concurrency: 10
        }
      )
      const outcomes = new Map<string, number>()
      for (const [tag, n] of runs.flatMap((run) => [...run])) outcomes.set(tag, (outcomes.get(tag) ?? 0) + n)
      assert.strictEqual([...outcomes.values()].reduce((sum, n) => sum + n, 0), 100_000)
      for (const tag of ["swapped", "already", "converged", "interrupted", "CasSuperseded", "CasExhausted"]) {
        assert.isAbove(outcomes.get(tag) ?? 0, 10, tag)
      }
    }))
})
