/** Interruptions, defects and reports. */
import { type Mutant, testOf } from "./Mutant.ts"

const operation = "src/Cas/Operation.ts"
const recorder = "src/Cas/Recorder.ts"
const failure = "src/Cas/failure.ts"

const errors = testOf("errors")
const interruption = testOf("interruption")
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
  }
]
