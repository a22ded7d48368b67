/** What the engine makes of answers. */
import { type Mutant, testOf } from "./Mutant.ts"

const reducer = "src/Cas/reducer.ts"
const operation = "src/Cas/Operation.ts"
const failure = "src/Cas/failure.ts"
const queue = "src/Cas/Queue.ts"
const intent = "src/Cas/Intent.ts"
const recorder = "src/Cas/Recorder.ts"
const diagram = "src/Cas/diagram.ts"

const answers = testOf("answers")
const diagrams = testOf("diagram")
const errors = testOf("errors")
const intents = testOf("intents")
const interruption = testOf("interruption")
const queued = testOf("queue")
const schedules = testOf("schedules")
const timeout = testOf("timeout")

export const mutants: ReadonlyArray<Mutant> = [
  // Named by the specification.
  {
    name: "forget unknown on replay",
    file: reducer,
    find: "return [{ ...state, sent, swaps: state.swaps + 1 }, { _tag: \"SendSwap\", ...sent }]",
    replace:
      "return [{ ...state, uncertain: Option.none(), sent, swaps: state.swaps + 1 }, { _tag: \"SendSwap\", ...sent }]",
    killer: answers("that no retry can change does not settle an attempt that was lost before")
  },
  {
    name: "goal check after the sleep",
    file: reducer,
    find: "return sent.fresh && decisionOn(rules, afterConflict, value)._tag === \"Swap\"",
    replace: "return sent.fresh",
    killer: answers("of conflict that shows the target ends the operation at once: converged, and perhaps ours")
  },
  {
    name: "expected from an old observation",
    file: reducer,
    find: "{ ...seen(rules, next, value), contradictions }",
    replace: "{ ...seen(rules, next, sent.expected), contradictions }",
    killer: answers("of conflict gives the next expected value, without a read")
  },
  {
    name: "stale conflict charged",
    file: reducer,
    find: "return sent.fresh && decisionOn",
    replace: "return decisionOn",
    killer: schedules("a conflict after a sleep neither sleeps nor steps the schedule")
  },
  {
    name: "hint ignored",
    file: operation,
    find: "hint === undefined ? undefined : { value: hint, isWitness: false, isAged: true }",
    replace: "undefined",
    killer: intents("that is right makes it one call, one that is wrong makes it two")
  },
  {
    name: "conflict treated as transient",
    file: reducer,
    find: "return onConflict(rules, state, sent, answer.actual)",
    replace:
      "return stepTransient(rules, state, { _tag: \"Unsent\", after: Option.none(), cause: answer }, \"decide\")",
    killer: schedules("is not what a conflict steps, nor does a transient answer step the other one")
  },
  {
    name: "retry of a terminal answer",
    file: reducer,
    find: "if (sent === undefined) return fail(state, {",
    replace:
      "if (meaning === undefined) return decide(rules, state)\n      if (sent === undefined) return fail(state, {",
    killer: answers("that no retry can change ends the operation, under its own tag")
  },
  {
    name: "a refusal that a lost swap brought about itself is taken for the whole truth",
    file: reducer,
    find: "Option.isSome(state.uncertain) && rules.canRead && fits(rules, state)",
    replace: "false",
    killer: errors("after a lost reply ends well where the read shows the goal")
  },
  {
    name: "a refusal is forgotten once anything has been read",
    file: reducer,
    find: "return isGoal ? reached(next, value) : fail(next, terminal)",
    replace: "return reached(next, value)",
    killer: errors("after a lost reply is checked by one read, whose own failure does not replace it")
  },
  {
    name: "success on interrupt",
    file: operation,
    find: "this.inTime(begun, departure, () => register.swap(expected, desired), record)",
    replace: `this.inTime(begun, departure, () =>
        Effect.catchCause(register.swap(expected, desired), (cause) =>
          cause.reasons.some(({ _tag }) => _tag === "Interrupt")
            ? Effect.succeed({ _tag: "Applied", current: Option.none() })
            : Effect.failCause(cause)), record)`,
    killer: interruption("inside the register is not success either")
  },
  {
    name: "attempt cut in silence",
    file: operation,
    find: "departure.isOverdue = true",
    replace: "departure.isOverdue = false",
    killer: {
      file: "test/CircuitBreaker.test.ts",
      title: "opens when attempts are cut at their timeout or at the deadline, and again by the next probe"
    }
  },
  {
    name: "baton kept after unknown",
    file: queue,
    find: `            isUncertain = true
            line.baton = undefined
`,
    replace: "",
    killer: queued("the baton is dropped after an attempt of unknown effect")
  },
  {
    name: "join of a flight already sent",
    file: queue,
    find: "isWitness: baton.leftAt > entry.invokedAt",
    replace: "isWitness: true",
    killer: queued("25: the answer to a request that left before the call is no proof")
  },
  {
    name: "join of a flight already sent: the time of its answer taken for that of its request",
    file: recorder,
    find: "this.link.observed?.(shown.value, leftAt)",
    replace: "this.link.observed?.(shown.value, endedAt)",
    killer: queued("25: the answer to a request that left before the call is no proof")
  },
  {
    name: "deadline from first failure",
    file: recorder,
    find: "return millisOf(time - this.link.invokedAt)",
    replace: `if (this.attempts.some(({ answer }) => answer._tag === "Conflict")) this.failedAt ??= time
    return this.failedAt === undefined ? 0 : millisOf(time - this.failedAt)`,
    killer: timeout("is measured from the call, not from the first failure")
  },
  {
    name: "schedule state shared between operations",
    file: operation,
    find: "private conflictStep: Stepper<FreshConflict<A>, PE, PR> | undefined = undefined",
    replace: `private get conflictStep() {
    return this.plan.policy.step
  }
  private set conflictStep(step) {
    this.plan.policy.step = step
  }`,
    killer: schedules("belong to one operation: another one with the same policy starts anew")
  },

  {
    name: "terminal error after a lost reply claims effect none",
    file: recorder,
    find: "reducer.effectOf(state)",
    replace: "failure._tag === \"Terminal\" ? \"none\" : reducer.effectOf(state)",
    killer: errors("after any earlier swap that may have been applied leaves the effect unknown (reassert)")
  },
  {
    name: "messages without the register's words",
    file: failure,
    find: "detailOf(failure, rules, words, cause)",
    replace: "detailOf(failure, rules, { ...words, value: undefined }, cause)",
    killer: errors("of every error speak of the value in the register's words")
  },

  // Lost replies.
  {
    name: "reassert stops at a third value",
    file: reducer,
    find: "if (rules.onUnknown === \"reassert\") return undefined\n",
    replace: "",
    killer: answers("reassert goes on from any value")
  },
  {
    name: "stopIfMoved goes on from a third value",
    file: reducer,
    find: "if (rules.onUnknown === \"reassert\") return undefined",
    replace: "if (rules.onUnknown !== \"neverResend\") return undefined",
    killer: answers("stopIfMoved repeats the pair, and ends when it meets a third value")
  },
  {
    name: "neverResend sends again",
    file: reducer,
    find: "if (rules.onUnknown !== \"neverResend\") return stepTransient",
    replace: "return stepTransient",
    killer: answers("neverResend only reads: the target seen is success")
  },
  {
    name: "neverResend sends again after a read that shows the expected value",
    file: reducer,
    find: "return settleUnknown(rules, next, answer.value.value) ?? decide(rules, next)",
    replace: "return decide(rules, next)",
    killer: answers("neverResend only reads, and fails with CasIndeterminate unless it sees the target")
  },
  {
    name: "effect none after unknown",
    file: reducer,
    find: "Option.isSome(state.uncertain) || doubtOf(state) !== undefined ? \"unknown\"",
    replace: "doubtOf(state) !== undefined ? \"unknown\"",
    killer: answers("that no retry can change does not settle an attempt that was lost before")
  },
  {
    name: "conflict that shows the target claims effect none",
    file: reducer,
    find: "Option.isSome(state.uncertain) || doubtOf(state) !== undefined ?",
    replace: "Option.isSome(state.uncertain) ?",
    killer: answers("of conflict that shows the target ends the operation at once: converged, and perhaps ours")
  },
  {
    name: "conflict that hides the value claims effect none",
    file: reducer,
    find: "doubted ?? (known === undefined ? refused : undefined)",
    replace: "doubted",
    killer: answers(
      "of conflict without the value, where nothing can be read, is CasConflictWithoutState, of unknown effect"
    )
  },
  {
    name: "a value that the lost swap may have put there is moved on",
    file: reducer,
    find: "  if (rules.equals(state.uncertain.value, value)) return reached(state, value)\n",
    replace: "",
    killer: queued("after a lost reply, a value that equals the unknown target is not moved on")
  },
  {
    name: "doubtful terminal error ignored",
    file: reducer,
    find: "onTerminal(rules, meaning === \"uncertain\" ?",
    replace: "onTerminal(rules, meaning === undefined ?",
    killer: errors("that may hide an executed swap leaves the effect unknown")
  },
  {
    name: "timeout as Unsent",
    file: operation,
    find: "return Effect.succeed(unknown(",
    replace: "return Effect.succeed(((cause) => unsent({ cause }))(",
    killer: timeout("makes an unanswered swap one of unknown effect")
  },

  // Conflicts.
  {
    name: "paradox unbounded",
    file: reducer,
    find: "contradictions >= 3",
    replace: "false",
    killer: answers("of conflict that names the very value expected, a third time, is CasInconsistentRegister")
  },
  {
    name: "paradox steps no schedule",
    file: reducer,
    find: "return sent.fresh && decisionOn",
    replace: "return sent.fresh && contradictions === 0 && decisionOn",
    killer: answers(
      "of conflict that names the very value expected is tried again, twice, and steps the schedule if fresh"
    )
  },
  {
    name: "hint taken for a witness",
    file: operation,
    find: "{ value: hint, isWitness: false, isAged: true }",
    replace: "{ value: hint, isWitness: true, isAged: true }",
    killer: intents("is no proof: that the target is in place is confirmed by a read, and no swap")
  },
  {
    name: "hint taken for fresh",
    file: operation,
    find: "{ value: hint, isWitness: false, isAged: true }",
    replace: "{ value: hint, isWitness: false, isAged: false }",
    killer: schedules("a conflict on a hint is a refresh: a schedule that allows no conflict is not stepped")
  },
  {
    name: "value does not age in a sleep",
    file: reducer,
    find: "return resume(rules, aged(state))",
    replace: "return resume(rules, state)",
    killer: schedules("a conflict after a sleep neither sleeps nor steps the schedule")
  },
  {
    name: "protected value sent as probe",
    file: reducer,
    find: "  return decision._tag === \"Keep\"\n    ? sendSwap(rules, state, known, known.value)",
    replace: "  return known.isAged\n    ? sendSwap(rules, state, known, known.value)",
    killer: answers("that is refused on a hint alone, where nothing can be read, is not claimed to be in place")
  },
  {
    name: "handover sends the hint",
    file: reducer,
    find: "event.known?.isWitness === true ? Option.none() : rules.intent.expects",
    replace: "event.known !== undefined ? Option.none() : rules.intent.expects",
    killer: intents("sends the value it was given, whatever the hint says")
  },
  {
    name: "rotate not skipping",
    file: intent,
    find: "values: candidates,\n  skipsUnavailable: true",
    replace: "values: candidates,\n  skipsUnavailable: false",
    killer: queued("rotate moves to the next candidate, around, and skips who is unavailable")
  },
  {
    name: "rotate not going around",
    file: intent,
    find: "...candidates.slice(0, Math.max(current, 0))",
    replace: "",
    killer: queued("rotate moves to the next candidate, around, and skips who is unavailable")
  },
  {
    name: "rotate beginning with the first candidate",
    file: intent,
    find: "[...candidates.slice(current + 1), ...candidates.slice(0, Math.max(current, 0))]",
    replace: "candidates.filter((_, at) => at !== current)",
    killer: queued("rotate takes the candidates in the order given, from the one in place on")
  },
  // What a diagram makes of them.
  {
    name: "a diagram says that others set the target of an earlier swap",
    file: diagram,
    find: " || own.has(value)",
    replace: "",
    killer: diagrams("is not the target of an earlier swap, which may have been sent twice")
  },
  {
    name: "a diagram says that others set the value in place of a wrong hint",
    file: diagram,
    find: "before === undefined || ",
    replace: "",
    killer: diagrams("is not the value in place of a wrong hint: it may always have been there")
  },
  {
    name: "a diagram leaves the semicolons of values",
    file: diagram,
    find: "@_-]/gu",
    replace: "@_;-]/gu",
    killer: diagrams("is valid and shows the values, whatever they are")
  }
]
