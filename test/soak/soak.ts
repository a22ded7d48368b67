/**
 * The run: operations in flight, the log in slices, and what is left when they have ended.
 */
import { Clock, Effect, Fiber, Metric } from "effect"
import type { Meetings } from "effect-lark-meetings"
import type * as channel from "./channel.ts"
import { makeLedger } from "./Ledger.ts"
import { type Ended, perform } from "./perform.ts"
import { operationOf } from "./plan.ts"
import { firstHost, meetingIdOf, meetings, people, rooms } from "./stage.ts"
import * as vitals from "./vitals.ts"

export interface Options {
  readonly seconds: number
  readonly seed: number
  readonly inFlight: number
}

/** What is held at a moment, in this process and in the simulator's. */
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

/** Operations by what came of them and by the effect they claim. */
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

/** Between two slices of the log, in milliseconds. */
const pace = 500

/** For an operation to end after the load has, and for everything to be let go of: generous, for a loaded machine. */
const patience = { end: 120_000, rest: 30_000, settle: 3_000 }

/** Of all operations in flight, before anything is measured. */
const rounds = 5

/** Bounded caches take some hundreds of objects; an operation leaves none of its own. */
const mostObjects = (operations: number) => 3_000 + Math.round(operations / 2)

/** Operations in the queues of the library, by its own gauge. */
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
  const roomOf = Array.from({ length: rooms }, (_, index) => index)
  const lastHost = Array.from({ length: meetings }, (): string => firstHost)
  let held = rooms
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
    // Without another meeting to go on with, none is ended.
    const action = operation.action._tag === "End" && held === meetings ? { _tag: "Get" as const } : operation.action
    const index = roomOf[operation.room] ?? 0
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
    if (isOver && roomOf[operation.room] === index) roomOf[operation.room] = held++
  })

  /** Requests that nobody waits for are carried out, and unused connections close. */
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

  /** The fewest objects in so many milliseconds: what closed connections leave is let go of a little later. */
  const objectsAtRest = Effect.fnUntraced(function*(millis: number, isFew: (objects: number) => boolean) {
    const until = now() + millis
    let fewest = vitals.objects()
    while (!isFew(fewest) && now() < until) {
      yield* Effect.sleep(pace)
      fewest = Math.min(fewest, vitals.objects())
    }
    return fewest
  })

  const atATime = (worker: typeof one) =>
    Effect.forEach(Array.from({ length: inFlight }), () => worker, { concurrency: "unbounded", discard: true })

  // What is made once, and then kept for good, is made here; the first round alone does not come everywhere.
  const idle = yield* hold
  yield* Effect.timeoutOption(Effect.replicateEffect(atATime(one), rounds, { discard: true }), patience.end)
  yield* rest(idle)
  const objectsBefore = yield* objectsAtRest(patience.settle, () => false)

  const start = now()
  const until = start + seconds * 1_000
  const interval = Math.max(seconds * 1_000 / 40, 2 * pace)
  let due = start + interval

  const workers = yield* Effect.forkChild(
    atATime(Effect.whileLoop({ while: () => now() < until, body: () => one, step: () => {} }))
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
    meetingsEnded: held - rooms
  }
})
