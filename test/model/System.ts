/**
 * A transition system that can be explored to its last state: clients that run the shipped reducer, one register without
 * versions, people who change it, and a network that loses and delays requests.
 */
import { Option } from "effect"
import { Cas } from "effect-lark-meetings"
import * as reducer from "../../src/Cas/reducer.ts"

export type Value = number

export interface Client {
  readonly intent: Cas.Intent<Value>
  readonly onUnknown: Cas.OnUnknown
  readonly canRead: boolean
  readonly hint?: Value
  /** A user who may swap only while in place, and gets a terminal error otherwise. */
  readonly operator?: Value
}

export interface Setup {
  readonly values: number
  readonly initial: Value
  readonly clients: ReadonlyArray<Client>
  readonly maxSwaps: number
  /** How often a person changes the value. */
  readonly humans: number
  /** To what; any value unless given. */
  readonly humanValues?: ReadonlyArray<Value>
  /** How many requests or replies are lost. */
  readonly losses: number
  /** How many lost requests may arrive late instead of never. */
  readonly late: number
  /** How many clients are interrupted, or crash. */
  readonly interruptions: number
  /** How many conflicts do not show the value. */
  readonly blind: number
  /** How many swaps a gateway sends twice after they took effect, and loses the first reply. */
  readonly replays?: number
  /** Whether others may write between the two. Otherwise the second follows at once. */
  readonly replaysLater?: boolean
}

/** The terminal error of the register. */
type Refusal = "no permission"

type State = reducer.State<Value, Refusal>
type Command = reducer.Command<Value, Refusal>

/** In the model no time passes. */
const step = (rules: reducer.Rules<Value>, state: State, event: reducer.Event<Value, Refusal>) =>
  reducer.step(rules, state, event, 0)

type Answer = Cas.Outcome<Value> | Cas.Observation<Value> | { readonly _tag: "Terminal" }

/** A request on its way, or its answer. */
type Wire =
  | { readonly at: "request" }
  | { readonly at: "reply"; readonly answer: Answer }

type Result =
  | { readonly outcome: "interrupted" }
  | {
    readonly outcome: Cas.Report<Value>["outcome"] | "failed"
    readonly effect: Cas.Report<Value>["effect"]
    readonly after: number
  }

export interface Running {
  readonly state: State
  readonly command: Command
  readonly wire: Wire | undefined
  readonly result: Result | undefined
  /** Truth, which the client does not see: how often its swaps took effect. */
  readonly applied: number
  /** The values held since the call, as bits. */
  readonly held: number
  /** The values that the answers showed, as bits. */
  readonly shown: number
  /** Changes by others since the call. */
  readonly foreign: number
  readonly unknowns: number
}

export interface World {
  readonly value: Value
  readonly clients: ReadonlyArray<Running>
  /** Requests that arrive after their client has given up on them. */
  readonly late: ReadonlyArray<{ readonly client: number; readonly expected: Value; readonly desired: Value }>
  readonly humans: number
  readonly losses: number
  readonly lates: number
  readonly interruptions: number
  readonly blind: number
  readonly replays: number
}

export interface Step {
  readonly label: string
  readonly world: World
}

const equals = (a: Value, b: Value) => a === b
const bit = (value: Value) => 1 << value

export const rulesOf = (setup: Setup, client: Client): reducer.Rules<Value> => ({
  intent: client.intent,
  equals,
  canRead: client.canRead,
  onUnknown: client.onUnknown,
  maxSwaps: setup.maxSwaps,
  deadline: Number.POSITIVE_INFINITY,
  minAttempt: 0
})

const send = (running: Running, [state, command]: readonly [State, Command]): Running => {
  const wire: Wire | undefined = command._tag === "SendSwap" || command._tag === "SendRead"
    ? { at: "request" }
    : undefined
  switch (command._tag) {
    case "Succeed":
      return {
        ...running,
        state,
        command,
        wire,
        result: { outcome: command.outcome, effect: command.effect, after: command.after }
      }
    case "Fail":
      return {
        ...running,
        state,
        command,
        wire,
        result: { outcome: "failed", effect: reducer.effectOf(state), after: -1 }
      }
    default:
      return { ...running, state, command, wire }
  }
}

export const start = (setup: Setup): World => ({
  value: setup.initial,
  clients: setup.clients.map((client) => {
    const known = client.hint === undefined ? undefined : { value: client.hint, isWitness: false, isAged: true }
    const transition = step(rulesOf(setup, client), reducer.initial, { _tag: "Started", known })
    const blank: Running = {
      state: transition[0],
      command: transition[1],
      wire: undefined,
      result: undefined,
      applied: 0,
      held: bit(setup.initial),
      shown: [...client.intent.values, ...(client.hint === undefined ? [] : [client.hint])].reduce(
        (bits, v) => bits | bit(v),
        0
      ),
      foreign: 0,
      unknowns: 0
    }
    return send(blank, transition)
  }),
  late: [],
  humans: setup.humans,
  losses: setup.losses,
  lates: setup.late,
  interruptions: setup.interruptions,
  blind: setup.blind,
  replays: setup.replays ?? 0
})

const withClient = (world: World, index: number, running: Running): World => ({
  ...world,
  clients: world.clients.map((other, at) => at === index ? running : other)
})

/** The value changes by the doing of a client, or of a person (-1). */
const change = (world: World, value: Value, by: number): World => ({
  ...world,
  value,
  clients: world.clients.map((running, at) => ({
    ...running,
    applied: at === by ? running.applied + 1 : running.applied,
    ...(running.result === undefined
      ? { held: running.held | bit(value), foreign: at === by ? running.foreign : running.foreign + 1 }
      : {})
  }))
})

const shownBy = (answer: Answer): number => {
  const value = answer._tag === "Conflict"
    ? answer.actual
    : answer._tag === "Observed"
    ? answer.value
    : Option.none<Value>()
  return Option.match(value, { onNone: () => 0, onSome: bit })
}

/** A client takes an answer, and goes on to its next request, wait or end. */
const take = (
  setup: Setup,
  world: World,
  index: number,
  answer: Answer
): World => {
  const running = world.clients[index]!
  const rules = rulesOf(setup, setup.clients[index]!)
  const shown = {
    ...running,
    shown: running.shown | shownBy(answer),
    unknowns: running.unknowns + (answer._tag === "Unknown" && running.command._tag === "SendSwap" ? 1 : 0)
  }
  const event: reducer.Event<Value, Refusal> = answer._tag === "Terminal"
    ? { _tag: "Failed", error: "no permission", meaning: undefined }
    : running.command._tag === "SendSwap"
    // The command is SendSwap, so the answer is one to a swap.
    ? { _tag: "Swapped", answer: answer as Cas.Outcome<Value>, took: 0 }
    // The command is SendRead, so the answer is one to a read.
    : { _tag: "Read", answer: answer as Cas.Observation<Value>, took: 0 }
  return withClient(world, index, send(shown, step(rules, running.state, event)))
}

const unknown = Cas.unknown()

const clientSteps = (setup: Setup, world: World, index: number): ReadonlyArray<Step> => {
  const running = world.clients[index]!
  if (running.result !== undefined) return []
  const steps: Array<Step> = []
  const { command, wire } = running
  const name = `client ${index + 1}`
  const rules = rulesOf(setup, setup.clients[index]!)

  if (world.interruptions > 0) {
    const gone = withClient({ ...world, interruptions: world.interruptions - 1 }, index, {
      ...running,
      wire: undefined,
      result: { outcome: "interrupted" }
    })
    steps.push({
      label: `${name} is interrupted`,
      world: command._tag === "SendSwap" && wire?.at === "request"
        ? { ...gone, late: [...gone.late, { client: index, expected: command.expected, desired: command.desired }] }
        : gone
    })
  }

  if (wire?.at === "reply") {
    steps.push({ label: `${name} gets its answer`, world: take(setup, world, index, wire.answer) })
    if (world.losses > 0) {
      steps.push({
        label: `the answer to ${name} is lost`,
        world: take(setup, { ...world, losses: world.losses - 1 }, index, unknown)
      })
    }
    return steps
  }

  switch (command._tag) {
    case "SendRead": {
      const answer = Cas.observed(world.value)
      steps.push({
        label: `${name} reads ${world.value}`,
        world: withClient(world, index, { ...running, wire: { at: "reply", answer } })
      })
      break
    }
    case "SendSwap": {
      const { desired, expected } = command
      const swap = `${name} swaps ${expected} for ${desired}`
      const { operator } = setup.clients[index]!
      if (operator !== undefined && world.value !== operator) {
        steps.push({
          label: `${swap}: refused, it is ${world.value}`,
          world: withClient(world, index, { ...running, wire: { at: "reply", answer: { _tag: "Terminal" } } })
        })
      } else if (world.value === expected) {
        const changed = desired === expected ? world : change(world, desired, index)
        if (world.replays > 0 && desired !== expected) {
          const repeated = { ...changed, replays: world.replays - 1 }
          const answered = (at: World, answer: Answer) =>
            // The first effect is one of unknown fate to the client.
            withClient(at, index, {
              ...at.clients[index]!,
              unknowns: at.clients[index]!.unknowns + 1,
              wire: { at: "reply", answer }
            })
          if (setup.replaysLater === true) {
            steps.push({ label: `${swap}: applied, and sent again by a gateway`, world: repeated })
          } else {
            steps.push({
              label: `${swap}: applied, sent again by a gateway: conflict, it is ${desired}`,
              world: answered(repeated, Cas.conflict(desired))
            })
            if (world.blind > 0) {
              steps.push({
                label: `${swap}: applied, sent again by a gateway: conflict, value not shown`,
                world: answered({ ...repeated, blind: world.blind - 1 }, Cas.conflictWithoutState)
              })
            }
          }
        }
        steps.push({
          label: `${swap}: applied`,
          world: withClient(changed, index, { ...changed.clients[index]!, wire: { at: "reply", answer: Cas.applied } })
        })
      } else {
        const answer = Cas.conflict(world.value)
        steps.push({
          label: `${swap}: conflict, it is ${world.value}`,
          world: withClient(world, index, { ...running, wire: { at: "reply", answer } })
        })
        if (world.blind > 0) {
          steps.push({
            label: `${swap}: conflict, value not shown`,
            world: withClient({ ...world, blind: world.blind - 1 }, index, {
              ...running,
              wire: { at: "reply", answer: Cas.conflictWithoutState }
            })
          })
        }
      }
      if (world.losses > 0) {
        const lossy = { ...world, losses: world.losses - 1 }
        steps.push({ label: `${swap}: the request is lost`, world: take(setup, lossy, index, unknown) })
        if (world.lates > 0) {
          steps.push({
            label: `${swap}: the request is delayed beyond the timeout`,
            world: take(
              setup,
              { ...lossy, lates: world.lates - 1, late: [...world.late, { client: index, expected, desired }] },
              index,
              unknown
            )
          })
        }
      }
      break
    }
    case "StepConflict":
    case "StepTransient": {
      const next = (event: reducer.Event<Value, Refusal>) =>
        withClient(world, index, send(running, step(rules, running.state, event)))
      steps.push({ label: `${name} goes on at once`, world: next({ _tag: "Delay", millis: 0 }) })
      steps.push({ label: `${name} waits`, world: next({ _tag: "Delay", millis: 1 }) })
      steps.push({
        label: `${name} gives up`,
        world: next({ _tag: "NoMoreDelays", limit: command._tag === "StepConflict" ? "conflicts" : "transients" })
      })
      break
    }
    case "Sleep":
      steps.push({
        label: `${name} wakes`,
        world: withClient(
          world,
          index,
          send(running, step(rules, running.state, { _tag: "Woke" }))
        )
      })
  }
  return steps
}

const humanSteps = (setup: Setup, world: World): ReadonlyArray<Step> =>
  world.humans === 0 || world.clients.every((running) => running.result !== undefined)
    ? []
    : (setup.humanValues ?? Array.from({ length: setup.values }, (_, value) => value)).filter((value) =>
      value !== world.value
    ).map((value) => ({
      label: `somebody sets ${value}`,
      world: { ...change(world, value, -1), humans: world.humans - 1 }
    }))

const lateSteps = (world: World): ReadonlyArray<Step> =>
  world.late.map(({ client, desired, expected }, index) => {
    const rest = { ...world, late: world.late.filter((_, at) => at !== index) }
    return {
      label: `the delayed request of client ${client + 1} arrives`,
      world: world.value === expected && desired !== expected ? change(rest, desired, client) : rest
    }
  })

/** Everything that can happen next. */
export const steps = (setup: Setup, world: World): ReadonlyArray<Step> => [
  ...world.clients.flatMap((_, index) => clientSteps(setup, world, index)),
  ...humanSteps(setup, world),
  ...lateSteps(world)
]

const keyOfAnswer = (answer: Answer): string => `${answer._tag[0]}${shownBy(answer)}`

const keyOfClient = ({ applied, command, foreign, held, result, state, shown, unknowns, wire }: Running): string => {
  if (result !== undefined) {
    return result.outcome === "interrupted"
      ? `!${applied}`
      : `!${result.outcome}${result.effect}${result.after},${applied}`
  }
  const known = state.known === undefined
    ? "-"
    : `${state.known.value}${state.known.isWitness ? "w" : ""}${state.known.isAged ? "a" : ""}`
  const sent = state.sent === undefined
    ? "-"
    : `${state.sent.expected}>${state.sent.desired}${state.sent.fresh ? "f" : ""}`
  const what = command._tag === "SendSwap" ? `${command.expected}>${command.desired}` : command._tag
  return [
    what,
    wire === undefined ? "" : wire.at === "request" ? "q" : keyOfAnswer(wire.answer),
    known,
    sent,
    state.after[0],
    Option.getOrElse(state.uncertain, () => "-"),
    state.refused === undefined ? "-" : state.refused.desired,
    state.doubted === undefined ? "" : "d",
    state.terminal === undefined ? "" : "t",
    state.contradictions,
    state.swaps,
    state.restartTransient ? 1 : 0,
    state.serverWait,
    applied,
    held,
    shown,
    foreign,
    unknowns
  ].join(",")
}

/** Worlds with the same key are the same for every check, and so are all worlds that can follow them. */
export const keyOf = (world: World): string =>
  `${world.value};${world.humans};${world.losses};${world.lates};${world.interruptions};${world.blind};${world.replays};${
    world.late.map((late) => `${late.client}${late.expected}${late.desired}`).toSorted().join(".")
  };${world.clients.map(keyOfClient).join("|")}`
