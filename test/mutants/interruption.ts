/** Interruptions, defects and reports. */
import { type Mutant, testOf } from "./Mutant.ts"

const operation = "src/Cas/Operation.ts"
const recorder = "src/Cas/Recorder.ts"
const failure = "src/Cas/failure.ts"

const errors = testOf("errors")
const interruption = testOf("interruption")
const journal = testOf("journal")
const queued = testOf("queue")
const report = testOf("report")
const telemetry = testOf("telemetry")

export const mutants: ReadonlyArray<Mutant> = [
  // Interruption.
  {
    name: "drain cut",
    file: operation,
    find: "policy.interruption === \"drain\" ?",
    replace: "policy.interruption === undefined ?",
    killer: interruption("that drains lets the swap in flight end, and no other begin")
  },
  {
    name: "drained swap says none",
    file: recorder,
    find: "const isApplied = command?._tag === \"Succeed\" && command.effect === \"applied\"",
    replace: "const isApplied = false",
    killer: interruption("that drains lets the swap in flight end without an attempt timeout too")
  },
  {
    name: "onAbandoned run twice",
    file: operation,
    find: "Effect.forkDetach(hook,",
    replace: "Effect.forkDetach(Effect.andThen(hook, hook),",
    killer: interruption("of a swap in flight calls onAbandoned with it once, and is not success")
  },
  {
    name: "onAbandoned not run after a lost reply",
    file: recorder,
    find: "if (answer._tag === \"Unknown\") this.becomeUncertain(attempt)",
    replace: "",
    killer: interruption("of a sleep after a lost reply calls onAbandoned with the unknown swap")
  },
  {
    name: "onAbandoned run after a swap that was answered",
    file: recorder,
    find: "    this.inFlight = undefined\n",
    replace: "",
    killer: interruption("of a sleep takes effect at once, without another call, and abandons nothing")
  },

  {
    name: "drain sends again",
    file: operation,
    find: "    departure.latest = closed\n    if (fiber === undefined)",
    replace: "    if (fiber === undefined)",
    killer: interruption("that drains sends nothing more: not the swap in flight again, with a token that takes 0 ms")
  },
  {
    name: "onAbandoned called in the end of the operation",
    file: operation,
    find: "Effect.suspend(() => onAbandoned(abandoned.swap, abandoned.effect))",
    replace: "onAbandoned(abandoned.swap, abandoned.effect)",
    killer: queued("an onAbandoned that throws holds up nobody's turn")
  },
  {
    name: "onAbandoned waited for",
    file: operation,
    find: "Effect.forkDetach(hook, { startImmediately: true })",
    replace: "hook",
    killer: queued("an onAbandoned that takes long holds up neither the interruption nor anybody's turn")
  },
  {
    name: "onAbandoned run after the end",
    file: operation,
    find: "exit._tag === \"Success\" || this.hasEnded ? undefined",
    replace: "false ? undefined",
    killer: interruption(
      "after the operation has ended, well or not, abandons nothing, though its caller gets no report"
    )
  },
  {
    name: "drained swap not on the span",
    file: recorder,
    find: "const evidence = { effect, before, attempts,",
    replace: "const evidence = { effect, before, attempts: outcome === \"interrupted\" ? [] : attempts,",
    killer: telemetry("after a drain has on its span what became of the swap in flight")
  },

  // The report.
  {
    name: "report order reversed",
    file: recorder,
    find: "this.attempts.push({ ...attempt, fresh, sent, waited, at, took: duration(took) })",
    replace: "this.attempts.unshift({ ...attempt, fresh, sent, waited, at, took: duration(took) })",
    killer: report("lists every attempt, in order: what was sent and answered, how fresh, when, how long")
  },

  {
    name: "report on the caller's error",
    file: failure,
    find: "const copy = Object.defineProperties(emptyLike(error), {",
    replace: "const copy = Object.defineProperties(error, {",
    killer: errors("is reported on a copy, which otherwise equals the caller's object")
  },

  // Journal.
  {
    name: "a swap is sent before it is recorded",
    file: operation,
    find: "register.swap(expected, desired), record)",
    replace: "register.swap(expected, desired))",
    killer: journal("is recorded before it is sent, and again before each further one")
  },
  {
    name: "the time of the record is part of the answer's",
    file: operation,
    find:
      "const record = journal && Effect.map(journal.record({ expected, desired }), () => {\n      departure.leftAt = now(this.clock)\n    })",
    replace: "const record = journal?.record({ expected, desired })",
    killer: journal("whose record takes longer than a round trip expects a value of that age: its conflict is stale")
  },
  {
    name: "a run after another knows that nothing was changed",
    file: operation,
    find: "this.state = { ...reducer.initial, uncertain: Option.some(last.desired) }",
    replace: "this.state = reducer.initial",
    killer: journal("that gets no turn in the queue does not know what became of its swap")
  },
  {
    name: "a run after another begins with a hint",
    file: operation,
    find: "{ ...intent, expects: Option.some(last.expected) }",
    replace: "intent",
    killer: journal("that reasserts sends the last swap again")
  },
  {
    name: "a run after another says already",
    file: "src/Cas/reducer.ts",
    find: "state.swaps === 0 && Option.isNone(state.uncertain)",
    replace: "state.swaps === 0",
    killer: journal("never says that nothing was changed, nor that the target was in place before")
  },
  {
    name: "a run after another resends, whatever the policy",
    file: "src/Cas/reducer.ts",
    find: "if (Option.isNone(state.uncertain) || rules.onUnknown !== \"neverResend\") return decide(rules, next)",
    replace: "if (rules.canRead) return decide(rules, next)",
    killer: journal("that never resends only reads, and without a read sends nothing")
  },
  {
    name: "an abandoned run forgets the swap of the run before",
    file: operation,
    find: "this.recorder.becomeUncertain(last)",
    replace: "void last",
    killer: journal("that is interrupted abandons the swap of the run before")
  }
]
