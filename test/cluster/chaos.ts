/**
 * A run in which pods are killed and frozen, and their stores stopped and started, while all of them act on the same meetings.
 */
import { Clock, Effect, Exit, Fiber, FiberSet, Result, Scope } from "effect"
import { type Seeded, seeded } from "../bench/Seeded.ts"
import type { Bed, OwnOptions, Pod, Record } from "./bed.ts"
import type { Store } from "./stores.ts"

export interface Options {
  readonly seed: number
  readonly kills: number
  /** The fewest operations. */
  readonly operations: number
  /** The longest time that a pod is frozen or a store is gone, in seconds. */
  readonly longest: number
}

/** Any pod, or the one that keeps the host. */
type Victim = "any" | "keeper"

type Event =
  | { readonly _tag: "Kill"; readonly whom: Victim }
  | { readonly _tag: "Freeze"; readonly whom: Victim; readonly seconds: number }
  | { readonly _tag: "Outage"; readonly store: "postgres" | "redis"; readonly seconds: number }

/** Nothing happens while fewer pods than `fewest` take part. */
const shape = { pods: 5, fewest: 3, meetings: 10, targets: 500, inFlight: 6, planned: 0.15 }

/** Tokens that expire in the midst of it. */
export const bedOptions = {
  latency: 20,
  meetings: shape.meetings,
  targets: shape.targets,
  rateLimits: false,
  tokenLife: 30
}

/** Seconds from one event to the next: longer than the next caller may lose. */
const pace = [4, 7] as const

/** How far the clock of a pod is ahead or behind at most, in milliseconds. */
const mostAhead = 300_000

/** How long what is under way may take to end after the last event, in milliseconds. */
const patience = 120_000

/** For ten kills one pod is frozen; for 25, each store is gone once. */
const eventsOf = ({ kills, longest }: Options, random: Seeded): ReadonlyArray<Event> => {
  const seconds = () => random.uniform(Math.min(2, longest), longest)
  const some = (count: number, event: (victim: Victim) => Event) =>
    Array.from(
      { length: Math.max(1, Math.round(count)) },
      (_, index) => event(index % 2 === 0 ? "keeper" : "any")
    )
  return [
    ...some(kills, (whom) => ({ _tag: "Kill", whom })),
    ...some(kills / 10, (whom) => ({ _tag: "Freeze", whom, seconds: seconds() })),
    ...some(kills / 25, () => ({ _tag: "Outage", store: "postgres", seconds: seconds() })),
    ...some(kills / 25, () => ({ _tag: "Outage", store: "redis", seconds: seconds() }))
  ].map((event) => ({ event, order: random.next() })).sort((a, b) => a.order - b.order).map(({ event }) => event)
}

/** What can stop a keeper: its pod is killed or frozen, or the database is gone or has not had all pods yet. */
export interface Strike {
  readonly from: number
  /** Until the pod goes on, or the database is back. */
  until: number
  /** Undefined if all pods are struck. */
  readonly pod: string | undefined
}

export interface Aftermath {
  readonly records: ReadonlyArray<Record>
  readonly discrepancies: ReadonlyArray<string>
  readonly unended: number
  readonly kills: number
  readonly starts: number
  /** In milliseconds since 1970. */
  readonly began: number
  /** When a pod died or was frozen or went on, and when a store went and came back, in milliseconds since 1970. */
  readonly blows: ReadonlyArray<number>
  readonly strikes: ReadonlyArray<Strike>
  readonly kept: Bed["kept"]
  readonly ended: number
  readonly calls: number
  /** The round trip of a request, in milliseconds. */
  readonly latency: number
  readonly totals: Bed["totals"]
}

export const chaos = Effect.fnUntraced(function*(
  options: Options,
  bed: Bed,
  podOptions: Omit<OwnOptions, "pods" | "clockAhead">,
  stores: Readonly<globalThis.Record<"postgres" | "redis", Store>>,
  say: (text: string) => Effect.Effect<void>
): Effect.fn.Return<Aftermath, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const random = seeded(options.seed)
  const scope = yield* Effect.scope
  const pods: Array<Pod> = []
  const workers = yield* FiberSet.make<void, never>()
  const began = clock.currentTimeMillisUnsafe()
  const blows: Array<number> = []
  const strikes: Array<Strike> = []
  let isOver = false
  let kills = 0
  let starts = 0

  const tell = (text: string) =>
    Effect.suspend(() =>
      say(`${((clock.currentTimeMillisUnsafe() - began) / 1_000).toFixed(1).padStart(6)} s  ${text}`)
    )

  const blow = (text: string) =>
    Effect.suspend(() => {
      blows.push(clock.currentTimeMillisUnsafe())
      return tell(text)
    })

  /** Returns what to call at its end, if it has one. */
  const strike = (pod: string | undefined) =>
    Effect.sync(() => {
      const from = clock.currentTimeMillisUnsafe()
      const made: Strike = { from, until: from, pod }
      strikes.push(made)
      return () => {
        made.until = clock.currentTimeMillisUnsafe()
      }
    })

  const work = (pod: Pod) =>
    Effect.whileLoop({
      while: () => !isOver && pod.isAlive(),
      body: () =>
        pod.perform(
          random.below(shape.meetings),
          random.chance(shape.planned)
            ? { _tag: "Planned", seed: options.seed }
            : { _tag: "Ensure", target: `p${random.below(shape.targets)}` }
        ),
      step: () => {}
    })

  /** A pod that cannot start, for want of its store, is started again, but not for ever. */
  const launch = Effect.fnUntraced(function*(since = clock.currentTimeMillisUnsafe()): Effect.fn.Return<void> {
    const clockAhead = Math.round(random.uniform(-mostAhead, mostAhead))
    const pod = yield* Scope.provide(bed.pod({ ...podOptions, pods: shape.pods, clockAhead }), scope)
    starts++
    const ready = yield* Effect.result(pod.vitals)
    if (Result.isFailure(ready)) {
      if (clock.currentTimeMillisUnsafe() - since > patience) return yield* Effect.die(ready.failure)
      yield* Effect.sleep("1 second")
      return yield* launch(since)
    }
    pods.push(pod)
    for (let worker = 0; worker < shape.inFlight; worker++) yield* FiberSet.run(workers, work(pod))
  })

  const victim = (whom: Victim) => {
    const keeper = bed.kept.findLast(({ pod }) => pod !== undefined)?.pod
    const index = whom === "keeper" ? pods.findIndex(({ name }) => name === keeper) : -1
    const [pod] = pods.splice(index === -1 ? random.below(pods.length) : index, 1)
    return pod
  }

  const happen = Effect.fnUntraced(function*(event: Event) {
    switch (event._tag) {
      case "Kill": {
        const pod = victim(event.whom)
        if (pod === undefined) return
        kills++
        yield* blow(`${pod.name} is killed`)
        yield* strike(pod.name)
        yield* pod.end("SIGKILL")
        return yield* launch()
      }
      case "Freeze": {
        const pod = victim(event.whom)
        if (pod === undefined) return
        yield* blow(`${pod.name} is frozen for ${event.seconds.toFixed(0)} s`)
        const end = yield* strike(pod.name)
        yield* pod.freeze(`${event.seconds} seconds`)
        yield* Effect.sleep(`${event.seconds} seconds`)
        end()
        yield* blow(`${pod.name} goes on`)
        pods.push(pod)
        return
      }
      case "Outage": {
        yield* blow(`${event.store} is gone for ${event.seconds.toFixed(0)} s`)
        const end = event.store === "postgres" ? yield* strike(undefined) : () => {}
        yield* stores[event.store].stop
        yield* Effect.sleep(`${event.seconds} seconds`)
        yield* stores[event.store].start
        end()
        yield* blow(`${event.store} is back`)
      }
    }
  })

  const story = Effect.gen(function*() {
    const end = yield* strike(undefined)
    yield* Effect.forEach(Array.from({ length: shape.pods }), () => launch(), { concurrency: "unbounded" })
    end()
    yield* tell(`${shape.pods} pods have started`)
    const happening: Array<Fiber.Fiber<void>> = []
    for (const event of eventsOf(options, random)) {
      yield* Effect.sleep(`${random.uniform(...pace)} seconds`)
      while (pods.length < shape.fewest) yield* Effect.sleep("100 millis")
      happening.push(yield* Effect.forkChild(happen(event)))
    }
    yield* Fiber.joinAll(happening)
    while (bed.totals.operations < options.operations) yield* Effect.sleep("200 millis")
    // Long enough for the pods that came last to take part, and for one of them to keep.
    yield* Effect.sleep("8 seconds")
    isOver = true
    yield* tell("no more operations are called")
  })
  // A defect of a worker ends the run.
  yield* Effect.raceFirst(story, FiberSet.join(workers))

  const ended = yield* Effect.exit(
    Effect.timeout(Effect.andThen(FiberSet.awaitEmpty(workers), bed.results), patience)
  )
  return {
    records: bed.records,
    unended: Exit.isSuccess(ended) ? 0 : bed.totals.running,
    discrepancies: yield* bed.close,
    kills,
    starts,
    began,
    blows,
    strikes,
    kept: bed.kept,
    ended: clock.currentTimeMillisUnsafe(),
    calls: yield* bed.calls,
    latency: bedOptions.latency,
    totals: bed.totals
  }
})
