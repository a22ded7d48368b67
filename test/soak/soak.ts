/**
 * The run: keeps operations in flight, reads the log in slices, and measures what remains at the end.
 */
import { Clock, Effect, Fiber, Metric } from "effect"
import type { Meetings } from "effect-lark-meetings"
import type * as channel from "./channel.ts"
import { makeLedger } from "./Ledger.ts"
import { type Ended, perform } from "./perform.ts"
import { operationOf } from "./plan.ts"
import { firstHost, meetingIdOf, meetings, people, slots } from "./stage.ts"
import * as vitals from "./vitals.ts"

export interface Options {
  readonly seconds: number
  readonly seed: number
  readonly inFlight: number
}

/** The resources that this process and the simulator hold. */
export interface Held {
  readonly fibers: number
  readonly sockets: number
  readonly timers: number
  readonly queued: number
  readonly serverFibers: number
  readonly connections: number
}

export interface Sample extends Held {
  readonly second: number
  readonly heap: number
  readonly rss: number
  readonly operations: number
}

/** The number of operations by their outcome and by the effect that they claim. */
export type Outcomes = ReadonlyMap<string, Readonly<Record<Ended["effect"], number>>>

export interface Result {
  readonly outcomes: Outcomes
  readonly totals: ReturnType<typeof makeLedger>["totals"]
  readonly discrepancies: ReadonlyArray<string>
  readonly simulator: channel.Slice
  readonly samples: ReadonlyArray<Sample>
  readonly idle: Held
  readonly left: Held
  /** Objects alive after the first operations, and at the end. */
  readonly objects: { readonly before: number; readonly left: number; readonly most: number }
  readonly meetingsEnded: number
}

/** The time between two slices of the log, in milliseconds. */
const pace = 500

/** How long operations may take to end after the load, and resources to be released, in milliseconds. Generous, for a busy machine. */
const patience = { end: 120_000, rest: 30_000, settle: 3_000 }

/** Rounds of operations before the measurement. */
const rounds = 5

/** Bounded caches hold some hundreds of objects. An operation leaves none. */
const mostObjects = (operations: number) => 3_000 + Math.round(operations / 2)

/** The library's gauge of queued operations. */
const queueLength = Effect.map(Metric.snapshot, (metrics) =>
  metrics.reduce(
    (sum, metric) =>
      metric.id === "cas_queue_length" && metric.type === "Gauge" ? sum + Number(metric.state.value) : sum,
    0
  ))

export const isAtRest = (held: Held, idle: Held): boolean =>
  held.fibers <= idle.fibers && held.sockets <= idle.sockets && held.timers <= idle.timers && held.queued === 0
  && held.serverFibers <= idle.serverFibers && held.connections <= idle.connections

export const soak = Effect.fnUntraced(function*(
  { inFlight, seconds, seed }: Options,
  simulator: channel.Channel,
  fibers: ReturnType<typeof vitals.makeFiberCount>,
  progress: (sample: Sample) => Effect.Effect<void>
): Effect.fn.Return<Result, channel.SimulatorGone, Meetings.Meetings> {
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()

  const ledger = makeLedger()
  const outcomes = new Map<string, Record<Ended["effect"], number>>()
  const samples: Array<Sample> = []
  const meetingIn = Array.from({ length: slots }, (_, index) => index)
  const lastHost = Array.from({ length: meetings }, (): string => firstHost)
  let held = slots
  let calls = 0
  let slice = yield* simulator.slice

  const hold = Effect.map(queueLength, (queued): Held => ({
    fibers: fibers.live(),
    sockets: vitals.sockets(),
    timers: vitals.timers(),
    queued,
    serverFibers: slice.fibers,
    connections: slice.connections
  }))

  const book = Effect.gen(function*() {
    const settle = ledger.ask()
    slice = yield* simulator.slice
    settle(slice)
  })

  const count = ({ effect, label }: Ended) => {
    const counts = outcomes.get(label) ?? { none: 0, applied: 0, unknown: 0 }
    outcomes.set(label, counts)
    counts[effect] = counts[effect] + 1
  }

  const one = Effect.gen(function*() {
    const number = calls++
    const operation = operationOf(seed, number)
    // The last meetings are not ended.
    const action = operation.action._tag === "End" && held === meetings ? { _tag: "Get" as const } : operation.action
    const index = meetingIn[operation.slot] ?? 0
    const meeting = meetingIdOf(index)
    const host = lastHost[index] ?? firstHost
    ledger.begin(number, meeting, now())
    const ended = yield* perform(number, { ...operation, action }, {
      meeting,
      lastHost: host,
      userToken: slice.userTokens[people.findIndex((name) => name === host)] ?? ""
    })
    ledger.end(number, now(), ended)
    count(ended)
    if (ended.host !== undefined) lastHost[index] = ended.host
    const isOver = ended.label === "ended" || ended.label === "MeetingStatusUnexpected"
    if (isOver && meetingIn[operation.slot] === index) meetingIn[operation.slot] = held++
  })

  /** Waits until abandoned requests have been executed and unused connections have closed. */
  const rest = Effect.fnUntraced(function*(idle: Held) {
    const until = now() + patience.rest
    let held = yield* hold
    while (!isAtRest(held, idle) && now() < until) {
      yield* Effect.sleep(pace)
      yield* book
      held = yield* hold
    }
    yield* book
    return held
  })

  /** The fewest live objects within so many milliseconds, because closed connections are released a little later. */
  const objectsAtRest = Effect.fnUntraced(function*(millis: number, isFew: (objects: number) => boolean) {
    const until = now() + millis
    let fewest = vitals.objects()
    while (!isFew(fewest) && now() < until) {
      yield* Effect.sleep(pace)
      fewest = Math.min(fewest, vitals.objects())
    }
    return fewest
  })

  const concurrently = (worker: typeof one) =>
    Effect.forEach(Array.from({ length: inFlight }), () => worker, { concurrency: "unbounded", discard: true })

  // Warms up what is created once. One round does not reach every code path.
  const idle = yield* hold
  yield* Effect.timeoutOption(Effect.replicateEffect(concurrently(one), rounds, { discard: true }), patience.end)
  yield* rest(idle)
  const objectsBefore = yield* objectsAtRest(patience.settle, () => false)

  const start = now()
  const until = start + seconds * 1_000
  const interval = Math.max(seconds * 1_000 / 40, 2 * pace)
  let due = start + interval

  const workers = yield* Effect.forkChild(
    concurrently(Effect.whileLoop({ while: () => now() < until, body: () => one, step: () => {} }))
  )
  while (workers.pollUnsafe() === undefined && now() < until + patience.end) {
    yield* Effect.sleep(pace)
    yield* book
    if (now() < due || now() > until) continue
    due = due + interval
    const second = (now() - start) / 1_000
    const sample = { second, operations: ledger.totals.operations, ...(yield* hold), ...vitals.memory() }
    samples.push(sample)
    if (samples.length % 5 === 0) yield* progress(sample)
  }
  if (workers.pollUnsafe() !== undefined) yield* Fiber.join(workers)

  const left = yield* rest(idle)
  const most = objectsBefore + mostObjects(ledger.totals.operations)
  const objectsLeft = yield* objectsAtRest(patience.rest, (objects) => objects <= most)
  ledger.close()

  return {
    outcomes,
    totals: ledger.totals,
    discrepancies: ledger.discrepancies,
    simulator: slice,
    samples,
    idle,
    left,
    objects: { before: objectsBefore, left: objectsLeft, most },
    meetingsEnded: held - slots
  }
})
