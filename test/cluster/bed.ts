/**
 * A simulator, and pods that act on its meetings, each in a process of its own. A ledger checks what every operation claims
 * against the simulator's log of writes.
 */
import { Clock, Effect, Fiber, Option, Result, Schema, type Scope, Semaphore } from "effect"
import { randomBytes } from "node:crypto"
import { type Account, makeLedger } from "../soak/Ledger.ts"
import { firstHost, meetingIdOf, people } from "../soak/stage.ts"
import * as child from "./child.ts"
import {
  canBeRequest,
  type KeptEvent,
  type Perform,
  Performed,
  type PodOptions,
  type SimulatorOptions,
  Slice,
  type Task,
  Vitals
} from "./messages.ts"
import { freePort } from "./stores.ts"

export interface Pod extends Pick<child.Child, "end" | "freeze" | "isAlive"> {
  readonly name: string
  /**
   * Calls an operation on a meeting. It ends with its report, or with the process. One in sixteen is a request instead, if the
   * bed has requests: it ends when it is stored.
   */
  readonly perform: (meeting: number, task: Task) => Effect.Effect<Record>
  readonly vitals: Effect.Effect<typeof Vitals.Type, child.ChildGone>
}

/** An operation that has ended. */
export interface Record {
  readonly pod: string
  readonly meeting: number
  /** `Result` is what became of a request that was called before. */
  readonly task: Task["_tag"] | "Result"
  /** In milliseconds since 1970. */
  readonly called: number
  readonly ended: number
  /** Undefined if its process died first. */
  readonly performed: typeof Performed.Type | undefined
  /** Its process was frozen meanwhile. */
  readonly wasFrozen: boolean
}

/** Counted from one moment to another. */
export interface Counts {
  readonly calls: number
  readonly throttled: number
  readonly mints: number
}

/** The rest is the same for all pods of a bed. */
export type OwnOptions = Omit<PodOptions, "baseUrl" | "keeper" | "name" | "port" | "sealKey">

export interface Bed {
  readonly pod: (options: OwnOptions) => Effect.Effect<Pod, never, Scope.Scope>
  /** How many requests the meeting endpoints have had. */
  readonly calls: Effect.Effect<number>
  /** The platform rejects all tokens that it has issued. */
  readonly rejectTokens: Effect.Effect<void>
  /** What the simulator counted while the effect ran. */
  readonly counted: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<readonly [A, Counts], E, R>
  /** Waits for the results of all requests. */
  readonly results: Effect.Effect<void>
  /** No operation may be running any more. What does not tally, one line each. */
  readonly close: Effect.Effect<ReadonlyArray<string>>
  readonly records: ReadonlyArray<Record>
  readonly kept: ReadonlyArray<KeptEvent>
  readonly totals: ReturnType<typeof makeLedger>["totals"]
}

/** How long a request of a process that has died may be under way, in milliseconds. */
const afterlife = 1_000

/** How long one pod is waited for that waits for the result of a request. */
const resultPatience = "20 seconds"

export const make = Effect.fnUntraced(function*(
  options: typeof SimulatorOptions.Type
): Effect.fn.Return<Bed, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const scope = yield* Effect.scope
  const sealKey = randomBytes(32).toString("base64")
  const now = () => clock.currentTimeMillisUnsafe()

  const simulator = yield* child.start("./simulator.ts", options)
  const ledger = makeLedger()
  const turn = yield* Semaphore.make(1)
  const records: Array<Record> = []
  const wrong: Array<string> = []
  const alive: Array<child.Child> = []
  const results: Array<Fiber.Fiber<void>> = []
  const kept: Array<KeptEvent> = []
  const lastHost = Array.from({ length: options.meetings }, (): string => firstHost)
  let operations = 0
  let podsStarted = 0
  let calls = 0

  const book = Effect.gen(function*() {
    const settle = ledger.ask()
    // The simulator outlives all that asks it.
    const slice = yield* Effect.orDie(simulator.ask(Slice, { _tag: "Slice" }))
    calls += slice.calls.length
    kept.push(...slice.kept)
    settle(slice)
    return slice
    // The writes in a slice that is not received would be lost.
  }).pipe(Effect.uninterruptible, turn.withPermits(1))

  const { baseUrl, userTokens } = yield* book
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep("500 millis"), book)))

  /** What became of a request, which any pod knows. */
  const resultOf = (number: number): Effect.Effect<typeof Performed.Type> =>
    Effect.gen(function*() {
      const pod = alive.find(({ isAlive, wasFrozen }) => isAlive() && !wasFrozen(now()))
      const answer = pod === undefined
        ? Option.none()
        : yield* Effect.timeoutOption(Effect.result(pod.ask(Performed, { _tag: "Result", number })), resultPatience)
      // The pod died, or its store did not answer.
      return Option.isSome(answer) && Result.isSuccess(answer.value) &&
          answer.value.success.label !== "SessionStoreError"
        ? answer.value.success
        : yield* Effect.andThen(Effect.sleep("500 millis"), Effect.suspend(() => resultOf(number)))
    })

  const awaitResult = Effect.fnUntraced(function*(number: number, accepted: Record) {
    const performed = yield* resultOf(number)
    const ended = now()
    const isStored = accepted.performed?.label === "accepted"
    if (performed.label === "RequestNotFound" && isStored) wrong.push(`request ${number} is lost`)
    ledger.end(number, ended, {
      ...performed,
      // An earlier life may have sent a swap. It is never sent again.
      uncertain: performed.effect === "unknown" && performed.applied.length === 0 ? 1 : 0,
      details: () => `request ${number}: ${performed.details}`
    })
    records.push({ ...accepted, task: "Result", called: accepted.ended, ended, performed })
  })

  const pod: Bed["pod"] = Effect.fnUntraced(function*(podOptions) {
    const name = `pod ${podsStarted++}`
    const process = yield* child.start("./pod.ts", {
      ...podOptions,
      name,
      keeper: options.keeper,
      sealKey,
      baseUrl,
      port: yield* freePort
    })
    const { ask, end, freeze, isAlive, wasFrozen } = process
    alive.unshift(process)

    const perform: Pod["perform"] = Effect.fnUntraced(function*(meeting, given) {
      const host = lastHost[meeting] ?? firstHost
      const number = operations++
      const task = options.requests && canBeRequest(number) ? { _tag: "Request" as const } : given
      const command: Perform = {
        _tag: "Perform",
        number,
        meeting: meetingIdOf(meeting),
        lastHost: host,
        userToken: userTokens[people.findIndex((name) => name === host)] ?? "",
        task
      }
      const called = now()
      ledger.begin(number, command.meeting, called)
      const answer = yield* Effect.result(ask(Performed, command))
      const performed = Result.isSuccess(answer) ? answer.success : undefined
      const ended = now()
      const frozen = wasFrozen(called)
      const record = { pod: name, meeting, task: task._tag, called, ended, performed, wasFrozen: frozen }
      records.push(record)
      if (task._tag === "Request") {
        results.push(yield* Effect.forkIn(awaitResult(number, record), scope))
        return record
      }
      const account: Account = performed === undefined
        ? {
          effect: "unknown",
          applied: [],
          // Only an operation of which a reply was lost may write again; the reply is late for one that was frozen.
          uncertain: frozen || task._tag === "Planned" ? 255 : 1,
          details: () => `${name} died`
        }
        : { ...performed, details: () => `${name}: ${performed.details}` }
      ledger.end(number, ended, account)
      if (account.applied.length > 1 && Array.isArray(account.uncertain) && account.uncertain.length === 0) {
        wrong.push(`two effects without a lost reply; operation ${number} of ${account.details()}`)
      }
      if (performed?.host !== undefined) lastHost[meeting] = performed.host
      return record
    })

    const vitals = ask(Vitals, { _tag: "Vitals" })
    return { name, perform, vitals, end, freeze, isAlive }
  })

  const counts = Effect.map(book, ({ mints, throttled }): Counts => ({ calls, mints, throttled }))

  return {
    pod,
    rejectTokens: Effect.orDie(simulator.ask(Schema.Null, { _tag: "RejectTokens" })),
    calls: Effect.map(counts, ({ calls }) => calls),
    counted: Effect.fnUntraced(function*(self) {
      const before = yield* counts
      const value = yield* self
      const after = yield* counts
      return [value, {
        calls: after.calls - before.calls,
        throttled: after.throttled - before.throttled,
        mints: after.mints - before.mints
      }] as const
    }),
    results: Effect.suspend(() => Effect.asVoid(Fiber.joinAll(results))),
    close: Effect.gen(function*() {
      yield* Effect.sleep(afterlife)
      yield* book
      yield* book
      ledger.close()
      const { totals } = ledger
      return [
        ...ledger.discrepancies,
        ...wrong,
        ...(totals.unmatched === 0 ? [] : [`${totals.unmatched} writes or claims without a match`]),
        ...(totals.applied === 0 ? ["no swap was applied, so the run proves nothing"] : [])
      ]
    }),
    records,
    kept,
    totals: ledger.totals
  }
})
