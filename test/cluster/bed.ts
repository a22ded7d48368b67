/**
 * A simulator, and pods that act on its meetings, each in a process of its own. A ledger checks what every operation claims
 * against the simulator's log of writes.
 */
import { Clock, Effect, Result, type Scope, Semaphore } from "effect"
import { type Account, makeLedger } from "../soak/Ledger.ts"
import { firstHost, meetingIdOf, people } from "../soak/stage.ts"
import * as child from "./child.ts"
import {
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
  /** Calls an operation on a meeting. It ends with its report, or with the process. */
  readonly perform: (meeting: number, task: Task) => Effect.Effect<Record>
  readonly vitals: Effect.Effect<typeof Vitals.Type, child.ChildGone>
}

/** An operation that has ended. */
export interface Record {
  readonly pod: string
  readonly meeting: number
  readonly task: Task["_tag"]
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

export interface Bed {
  readonly pod: (options: Omit<PodOptions, "baseUrl" | "port">) => Effect.Effect<Pod, never, Scope.Scope>
  /** How many requests the meeting endpoints have had. */
  readonly calls: Effect.Effect<number>
  /** What the simulator counted while the effect ran. */
  readonly counted: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<readonly [A, Counts], E, R>
  /** No operation may be running any more. What does not tally, one line each. */
  readonly close: Effect.Effect<ReadonlyArray<string>>
  readonly records: ReadonlyArray<Record>
  readonly totals: ReturnType<typeof makeLedger>["totals"]
}

/** How long a request of a process that has died may be under way, in milliseconds. */
const afterlife = 1_000

export const make = Effect.fnUntraced(function*(
  options: typeof SimulatorOptions.Type
): Effect.fn.Return<Bed, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const now = () => clock.currentTimeMillisUnsafe()

  const simulator = yield* child.start("./simulator.ts", options)
  const ledger = makeLedger()
  const turn = yield* Semaphore.make(1)
  const records: Array<Record> = []
  const doubles: Array<string> = []
  const lastHost = Array.from({ length: options.meetings }, (): string => firstHost)
  let operations = 0
  let podsStarted = 0
  let calls = 0

  const book = Effect.gen(function*() {
    const settle = ledger.ask()
    // The simulator outlives all that asks it.
    const slice = yield* Effect.orDie(simulator.ask(Slice, { _tag: "Slice" }))
    calls += slice.calls.length
    settle(slice)
    return slice
    // The writes in a slice that is not received would be lost.
  }).pipe(Effect.uninterruptible, turn.withPermits(1))

  const { baseUrl, userTokens } = yield* book
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep("500 millis"), book)))

  const pod: Bed["pod"] = Effect.fnUntraced(function*(options) {
    const name = `pod ${podsStarted++}`
    const { ask, end, freeze, isAlive, wasFrozen } = yield* child.start("./pod.ts", {
      ...options,
      baseUrl,
      port: yield* freePort
    })

    const perform: Pod["perform"] = Effect.fnUntraced(function*(meeting, task) {
      const host = lastHost[meeting] ?? firstHost
      const command: Perform = {
        _tag: "Perform",
        number: operations++,
        meeting: meetingIdOf(meeting),
        lastHost: host,
        userToken: userTokens[people.findIndex((name) => name === host)] ?? "",
        task
      }
      const called = now()
      ledger.begin(command.number, command.meeting, called)
      const answer = yield* Effect.result(ask(Performed, command))
      const performed = Result.isSuccess(answer) ? answer.success : undefined
      const ended = now()
      const frozen = wasFrozen(called)
      const account: Account = performed === undefined
        ? {
          effect: "unknown",
          applied: [],
          // Only an operation of which a reply was lost may write again; the reply is late for one that was frozen.
          uncertain: frozen || task._tag === "Planned" ? 255 : 1,
          details: () => `${name} died`
        }
        : { ...performed, details: () => `${name}: ${performed.details}` }
      ledger.end(command.number, ended, account)
      if (account.applied.length > 1 && Array.isArray(account.uncertain) && account.uncertain.length === 0) {
        doubles.push(`two effects without a lost reply; operation ${command.number} of ${account.details()}`)
      }
      if (performed?.host !== undefined) lastHost[meeting] = performed.host
      const record = { pod: name, meeting, task: task._tag, called, ended, performed, wasFrozen: frozen }
      records.push(record)
      return record
    })

    const vitals = ask(Vitals, { _tag: "Vitals" })
    return { name, perform, vitals, end, freeze, isAlive }
  })

  const counts = Effect.map(book, ({ mints, throttled }): Counts => ({ calls, mints, throttled }))

  return {
    pod,
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
    close: Effect.gen(function*() {
      yield* Effect.sleep(afterlife)
      yield* book
      yield* book
      ledger.close()
      const { totals } = ledger
      return [
        ...ledger.discrepancies,
        ...doubles,
        ...(totals.unmatched === 0 ? [] : [`${totals.unmatched} writes or claims without a match`]),
        ...(totals.applied === 0 ? ["no swap was applied, so the run proves nothing"] : [])
      ]
    }),
    records,
    totals: ledger.totals
  }
})
