import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"

/** A clock that runs with real time, plus what it was advanced by. */
export interface VirtualClock extends Clock.Clock {
  /** By how much it is ahead of real time, in milliseconds. */
  readonly ahead: () => number
  /**
   * Advances it. Those who sleep wake in the order of their times, each at its own, and may sleep again meanwhile. An
   * interruption leaves the clock where it is.
   */
  readonly advance: (millis: number) => Effect.Effect<void>
  /** Back to real time. Whoever sleeps on must be woken in another way. */
  readonly reset: () => void
  /** Provides the clock, and what it needs to see when a fiber that it woke suspends again. */
  readonly provide: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** The clock that it is ahead of. */
  readonly base: Clock.Clock
  /** Something that takes real time: while it runs, the clock does not advance. */
  readonly hold: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

/** The tasks of a fiber that was woken, and of all that it started. */
interface Woken {
  pending: number
  onIdle: () => void
}

const virtualClocks = new WeakSet<Clock.Clock>()

/** Whether a clock is virtual. */
export const is = (clock: Clock.Clock): clock is VirtualClock => virtualClocks.has(clock)

/** Something that takes real time, whatever the clock. */
export const hold = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Clock.clockWith((clock) => is(clock) ? clock.hold(effect) : effect)

// How long one advance waits at most, for webhooks that do not answer and the like.
const maxHeldMillis = 5_000

const nanosPerMilli = 1_000_000

/** A scheduler that tells when all tasks that began with a call have ended. */
const makeTracker = (parent: Scheduler.Scheduler) => {
  let current: Woken | undefined
  const within = (woken: Woken, f: () => void): void => {
    const outer = current
    current = woken
    try {
      f()
    } finally {
      current = outer
    }
  }
  const scheduler: Scheduler.Scheduler = {
    executionMode: parent.executionMode,
    shouldYield: (fiber) => parent.shouldYield(fiber),
    makeDispatcher: () => {
      const dispatcher = parent.makeDispatcher()
      return {
        scheduleTask: (task, priority) => {
          const woken = current
          if (woken === undefined) return dispatcher.scheduleTask(task, priority)
          woken.pending++
          dispatcher.scheduleTask(() => {
            try {
              within(woken, task)
            } finally {
              if (--woken.pending === 0) woken.onIdle()
            }
          }, priority)
        },
        flush: () => dispatcher.flush()
      }
    }
  }
  /** Calls a function, and waits for the tasks that it began. */
  const untilIdle = (f: () => void): Effect.Effect<void> =>
    Effect.callback<void>((resume) => {
      const woken: Woken = { pending: 0, onIdle: () => resume(Effect.void) }
      within(woken, f)
      if (woken.pending === 0) resume(Effect.void)
    })
  return { scheduler, untilIdle }
}

/** A clock on top of the current one. */
export const make: Effect.Effect<VirtualClock, never, Scope.Scope> = Effect.gen(function*() {
  const base = yield* Clock.clockWith(Effect.succeed)
  const { scheduler, untilIdle } = makeTracker(yield* Scheduler.Scheduler)
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const oneAtATime = yield* Semaphore.make(1)

  /** Sorted, the next one last. */
  const sleepers: Array<Sleeper> = []
  /** How far it was advanced, in milliseconds, and since the last reset. */
  let advanced = 0
  let ahead = 0
  /** Set while it advances: the time that everybody sees. */
  let frozen: { readonly wall: number; readonly monotonic: bigint } | undefined
  let resets = 0
  let held = 0
  let onRelease: (() => void) | undefined
  let timer: Fiber.Fiber<void> | undefined

  const now = (): number => frozen?.wall ?? base.currentTimeMillisUnsafe() + ahead
  const nanos = (millis: number): bigint => BigInt(Math.round(millis * nanosPerMilli))
  const monotonic = (): bigint => frozen?.monotonic ?? base.monotonicTimeNanosUnsafe() + nanos(advanced)

  /** Sets the timer for the next sleeper. While the clock advances there is none. */
  const arm = (): void => {
    timer?.interruptUnsafe()
    timer = undefined
    const next = sleepers.at(-1)
    if (next === undefined || frozen !== undefined) return
    // A timer can be a little early.
    const rest = Duration.millis(Math.max(1, next.at - now()))
    timer = run(Effect.andThen(base.sleep(rest), Effect.sync(wakeDue)))
  }

  const wakeDue = (): void => {
    timer = undefined
    for (let next = sleepers.at(-1); next !== undefined && next.at <= now(); next = sleepers.at(-1)) {
      sleepers.pop()
      next.wake()
    }
    arm()
  }

  yield* Effect.addFinalizer(() => Effect.sync(() => timer?.interruptUnsafe()))

  const fallAsleep = (sleeper: Sleeper): void => {
    // Before those of the same time, so that these wake first.
    let [low, high] = [0, sleepers.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sleepers[middle]?.at ?? 0) > sleeper.at) low = middle + 1
      else high = middle
    }
    sleepers.splice(low, 0, sleeper)
    if (low === sleepers.length - 1) arm()
  }

  const sleep = (duration: Duration.Duration): Effect.Effect<void> => {
    const millis = Duration.toMillis(duration)
    if (millis <= 0) return Effect.yieldNow
    if (!Number.isFinite(millis)) return Effect.never
    return Effect.callback((resume) => {
      const sleeper: Sleeper = { at: now() + millis, wake: () => resume(Effect.void) }
      fallAsleep(sleeper)
      return Effect.sync(() => {
        const index = sleepers.indexOf(sleeper)
        if (index === -1) return
        sleepers.splice(index, 1)
        if (index === sleepers.length) arm()
      })
    })
  }

  const isHeld = (): boolean => held > 0

  const released = Effect.callback<void>((resume) => {
    onRelease = () => resume(Effect.void)
  })

  const advance = Effect.fnUntraced(function*(millis: number) {
    const reset = resets
    const [start, startMonotonic] = [now(), monotonic()]
    const end = start + millis
    let patience = maxHeldMillis

    const freeze = (wall: number): void => {
      frozen = { wall, monotonic: startMonotonic + nanos(wall - start) }
    }
    const unfreeze = Effect.sync(() => {
      if (frozen === undefined || reset !== resets) return
      advanced += frozen.wall - start
      ahead += frozen.wall - start
      frozen = undefined
      arm()
    })
    /** Lets others run, and waits for what takes real time. */
    const settle = Effect.gen(function*() {
      yield* Effect.yieldNow
      while (isHeld() && patience > 0) {
        const since = base.monotonicTimeNanosUnsafe()
        yield* Effect.timeoutOption(released, Duration.millis(patience))
        patience -= Number(base.monotonicTimeNanosUnsafe() - since) / nanosPerMilli
        // What was held goes on, and may have to be waited for again.
        for (let turn = 0; turn < 3; turn++) yield* Effect.yieldNow
      }
    }).pipe(Effect.provideService(Clock.Clock, base))

    const wakeAll = Effect.gen(function*() {
      for (;;) {
        yield* settle
        if (reset !== resets) return
        const next = sleepers.at(-1)
        if (next === undefined || next.at > end) return freeze(end)
        sleepers.pop()
        freeze(Math.max(next.at, now()))
        yield* untilIdle(next.wake)
      }
    })
    freeze(start)
    arm()
    yield* Effect.ensuring(wakeAll, unfreeze)
  }, oneAtATime.withPermits(1))

  const clock: VirtualClock = {
    base,
    currentTimeMillisUnsafe: now,
    currentTimeMillis: Effect.sync(now),
    currentTimeNanosUnsafe: () => frozen === undefined ? base.currentTimeNanosUnsafe() + nanos(ahead) : nanos(now()),
    currentTimeNanos: Effect.sync(() => clock.currentTimeNanosUnsafe()),
    monotonicTimeNanosUnsafe: monotonic,
    monotonicTimeNanos: Effect.sync(monotonic),
    sleep,
    ahead: () => frozen === undefined ? ahead : now() - base.currentTimeMillisUnsafe(),
    advance,
    reset: () => {
      resets++
      // Monotonic time never goes back.
      advanced = Number(monotonic() - base.monotonicTimeNanosUnsafe()) / nanosPerMilli
      frozen = undefined
      ahead = 0
      arm()
    },
    provide: (effect) =>
      effect.pipe(
        Effect.provideService(Clock.Clock, clock),
        Effect.provideService(Scheduler.Scheduler, scheduler)
      ),
    hold: (effect) =>
      Effect.acquireUseRelease(
        Effect.sync(() => void held++),
        () => effect,
        () =>
          Effect.sync(() => {
            held--
            onRelease?.()
          })
      )
  }
  virtualClocks.add(clock)
  return clock
})
