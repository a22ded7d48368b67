/**
 * The shipped reducer and the shipped policies as clients of the simulated network: what `src/Cas/Operation.ts` is to the
 * real one.
 */
import type { Cas } from "effect-lark-meetings"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import {
  type Command,
  type Event,
  initial,
  type Known,
  type Rules,
  type State,
  step,
  type Transition
} from "../../../src/Cas/reducer.ts"
import { type Process, sleep } from "../Timeline.ts"
import type { Network } from "./Network.ts"

/** A value, and when the request that showed it was sent. */
export interface Sighting {
  readonly value: number
  readonly sentAt: number
}

export interface Ended {
  readonly succeeded: boolean
  readonly last: Sighting | undefined
  readonly swaps: number
}

export interface Options {
  readonly policy: Cas.Policy<number>
  readonly intent: Cas.Intent<number>
  /** When the operation was called, if it has waited in a queue since. */
  readonly invokedAt?: number | undefined
  /** Its age is unknown. */
  readonly hint?: number | undefined
  /** What the operation before this one in the queue saw. */
  readonly baton?: Sighting | undefined
  /** Before every request. */
  readonly admit?: (() => Process<void>) | undefined
}

type Delay = { readonly millis: number } | undefined

export function* operation(network: Network, options: Options): Process<Ended> {
  const { intent, policy } = options
  const { random, timeline } = network
  const invokedAt = options.invokedAt ?? timeline.now()
  const elapsed = () => timeline.now() - invokedAt
  const millis = (input: Duration.Input) => Duration.toMillis(Duration.fromInputUnsafe(input))
  const runSync = Effect.runSyncWith(Context.make(Random.Random, random))
  const pulled = (pull: Pull.Pull<[unknown, Duration.Duration], never, unknown>): Delay =>
    runSync(Pull.matchEffect(pull, {
      onSuccess: ([, delay]) => Effect.succeed<Delay>({ millis: Duration.toMillis(delay) }),
      onFailure: Effect.failCause,
      onDone: () => Effect.succeed<Delay>(undefined)
    }))

  const rules: Rules<number> = {
    intent,
    equals: (a, b) => a === b,
    canRead: true,
    onUnknown: policy.onUnknown ?? intent.onUnknown,
    maxSwaps: policy.maxSwaps,
    deadline: millis(policy.deadline),
    minAttempt: millis(policy.minAttempt)
  }
  const conflictStep = runSync(Schedule.toStep(policy.conflict))
  let transientStep = runSync(Schedule.toStep(policy.transient))
  let state: State<number> = initial
  let last = options.baton

  function* perform(
    command: Exclude<Command<number, never>, { _tag: "Succeed" | "Fail" }>
  ): Process<Event<number, never>> {
    switch (command._tag) {
      case "SendRead": {
        if (options.admit !== undefined) yield* options.admit()
        const sentAt = timeline.now()
        const answer = yield* network.read()
        if (answer._tag === "Observed") last = { value: Option.getOrThrow(answer.value), sentAt }
        return { _tag: "Read", answer, took: timeline.now() - sentAt }
      }
      case "SendSwap": {
        if (options.admit !== undefined) yield* options.admit()
        const sentAt = timeline.now()
        const answer = yield* network.swap(command.expected, command.desired)
        if (answer._tag === "Conflict") last = { value: Option.getOrThrow(answer.actual), sentAt }
        if (answer._tag === "Applied") last = { value: command.desired, sentAt }
        return { _tag: "Swapped", answer, took: timeline.now() - sentAt }
      }
      case "StepConflict": {
        const input: Cas.FreshConflict<number> = {
          expected: command.expected,
          desired: command.desired,
          actual: command.actual,
          swaps: state.swaps,
          roundTrip: Duration.millis(state.roundTrip ?? 0)
        }
        const delay = pulled(conflictStep(timeline.now(), input))
        return delay === undefined
          ? { _tag: "NoMoreDelays", limit: "conflicts" }
          : { _tag: "Delay", millis: delay.millis }
      }
      case "StepTransient": {
        if (command.restart) transientStep = runSync(Schedule.toStep(policy.transient))
        const delay = pulled(transientStep(timeline.now(), command.answer))
        return delay === undefined
          ? { _tag: "NoMoreDelays", limit: "transients" }
          : { _tag: "Delay", millis: delay.millis }
      }
      case "Sleep": {
        yield* sleep(timeline, command.millis)
        return { _tag: "Woke" }
      }
    }
  }

  const known: Known<number> | undefined = last !== undefined
    ? { value: last.value, isWitness: last.sentAt > invokedAt, isAged: false }
    : options.hint !== undefined
    ? { value: options.hint, isWitness: false, isAged: true }
    : undefined
  let event: Event<number, never> = { _tag: "Started", known }
  while (true) {
    const [next, command]: Transition<number, never> = step(rules, state, event, elapsed())
    state = next
    if (command._tag === "Succeed" || command._tag === "Fail") {
      return { succeeded: command._tag === "Succeed", last, swaps: state.swaps }
    }
    event = yield* perform(command)
  }
}
