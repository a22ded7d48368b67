/** Mistakes that engines like this one are known to have, each with the test that must fail. */

export interface Mutant {
  readonly name: string
  readonly file: string
  /** Occurs in the file exactly once. */
  readonly find: string
  readonly replace: string
  readonly killer: Test
}

export interface Test {
  readonly file: string
  /** Of one test in the file, without the titles of its suites. */
  readonly title: string
}

const reducer = "src/Cas/reducer.ts"
const run = "src/Cas/run.ts"
const operation = "src/Cas/Operation.ts"
const queue = "src/Cas/Queue.ts"
const intent = "src/Cas/Intent.ts"

const recorder = "src/Cas/Recorder.ts"
const hold = "src/Cas/hold.ts"
const failure = "src/Cas/failure.ts"

const testOf = (subject: string) => (title: string): Test => ({ file: `test/Cas.${subject}.test.ts`, title })
const answers = testOf("answers")
const budgets = testOf("budget")
const errors = testOf("errors")
const held = testOf("hold")
const intents = testOf("intents")
const interruption = testOf("interruption")
const queued = testOf("queue")
const report = testOf("report")
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
    file: run,
    find: "hint === undefined ? undefined : { value: hint, isWitness: false, isAged: true }",
    replace: "undefined",
    killer: intents("that is right makes it one call, one that is wrong makes it two")
  },
  {
    name: "conflict treated as transient",
    file: reducer,
    find: "return onConflict(rules, state, sent, answer.actual, elapsed)",
    replace:
      "return stepTransient(rules, state, { _tag: \"Unsent\", after: Option.none(), cause: answer }, \"decide\", elapsed)",
    killer: schedules("is not what a conflict steps, nor does a transient answer step the other one")
  },
  {
    name: "retry of a terminal answer",
    file: reducer,
    find: "if (state.sent === undefined) {",
    replace:
      "if (event.meaning === undefined) return decide(rules, state, event.elapsed)\n      if (state.sent === undefined) {",
    killer: answers("that no retry can change ends the operation, under its own tag")
  },
  {
    name: "a refusal that a lost swap brought about itself is taken for the whole truth",
    file: reducer,
    find: "Option.isSome(state.uncertain) && rules.canRead && fits(rules, elapsed, 0)",
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
    find: "return register.swap(expected, desired)",
    replace: `return Effect.catchCause(register.swap(expected, desired), (cause) =>
        cause.reasons.some(({ _tag }) => _tag === "Interrupt")
          ? Effect.succeed({ _tag: "Applied", current: Option.none() })
          : Effect.failCause(cause))`,
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
    find: `              isUncertain = true
              lane.baton = undefined
`,
    replace: "",
    killer: queued("the baton is dropped after an attempt of unknown effect")
  },
  {
    name: "join of a flight already sent",
    file: queue,
    find: "isWitness: baton.leftAt > invokedAt",
    replace: "isWitness: true",
    killer: queued("25: what was asked for before an operation was called is no proof for it")
  },
  {
    name: "join of a flight already sent: the time of its answer taken for that of its request",
    file: recorder,
    find: "this.link.observed(shown.value, leftAt)",
    replace: "this.link.observed(shown.value, leftAt + Number(Duration.toNanosUnsafe(attempt.took)))",
    killer: queued("25: what was asked for before an operation was called is no proof for it")
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
    find: "return settleUnknown(rules, next, answer.value.value) ?? decide(rules, next, elapsed)",
    replace: "return decide(rules, next, elapsed)",
    killer: answers("neverResend only reads: any other value is CasIndeterminate, the expected one too")
  },
  {
    name: "effect none after unknown",
    file: reducer,
    find: "Option.isSome(state.uncertain) || state.doubted !== undefined ? \"unknown\"",
    replace: "state.doubted !== undefined ? \"unknown\"",
    killer: answers("that no retry can change does not settle an attempt that was lost before")
  },
  {
    name: "conflict that shows the target claims effect none",
    file: reducer,
    find: "Option.isSome(state.uncertain) || state.doubted !== undefined ?",
    replace: "Option.isSome(state.uncertain) ?",
    killer: answers("of conflict that shows the target ends the operation at once: converged, and perhaps ours")
  },
  {
    name: "a value that the lost swap may have put there is moved on",
    file: reducer,
    find: "  if (rules.equals(state.uncertain.value, value)) return reached(state, value)\n",
    replace: "",
    killer: queued("after a lost reply, a value that equals the doubtful target is not moved on")
  },
  {
    name: "doubtful terminal error ignored",
    file: reducer,
    find: "event.meaning === \"uncertain\"",
    replace: "false",
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
    find: "contradictions > maxContradictions",
    replace: "false",
    killer: answers("of conflict that names the very value expected, a third time, is CasInconsistentRegister")
  },
  {
    name: "paradox steps no schedule",
    file: reducer,
    find: "return sent.fresh && decisionOn",
    replace: "return sent.fresh && contradictions === 0 && decisionOn",
    killer: answers(
      "of conflict that names the very value expected is asked again, twice, and steps the schedule if fresh"
    )
  },
  {
    name: "hint taken for a witness",
    file: run,
    find: "{ value: hint, isWitness: false, isAged: true }",
    replace: "{ value: hint, isWitness: true, isAged: true }",
    killer: intents("is no proof: that the target is in place is confirmed by a read, and no swap")
  },
  {
    name: "hint taken for fresh",
    file: run,
    find: "{ value: hint, isWitness: false, isAged: true }",
    replace: "{ value: hint, isWitness: false, isAged: false }",
    killer: schedules("a conflict on a hint is a refresh: a schedule that allows no conflict is not asked")
  },
  {
    name: "value does not age in a sleep",
    file: reducer,
    find: "return resume(rules, aged({ ...state, waited: state.waited + event.slept }), event.elapsed)",
    replace: "return resume(rules, { ...state, waited: state.waited + event.slept }, event.elapsed)",
    killer: schedules("a conflict after a sleep neither sleeps nor steps the schedule")
  },
  {
    name: "protected value sent as probe",
    file: reducer,
    find: "  return decision._tag === \"Keep\"\n    ? sendSwap(rules, state, known, known.value, elapsed)",
    replace: "  return known.isAged\n    ? sendSwap(rules, state, known, known.value, elapsed)",
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
    find: "skipsUnavailable: true",
    replace: "skipsUnavailable: false",
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

  // Waits and bounds.
  {
    name: "server wait ignored",
    file: reducer,
    find: "Math.max(event.millis, 0) + Math.max(state.serverWait, 0)",
    replace: "Math.max(event.millis, 0)",
    killer: schedules("comes on top of the wait that the server asked for")
  },
  {
    name: "transient schedule not restarted",
    file: reducer,
    find: "      restartTransient: true,\n      roundTrip",
    replace: "      roundTrip",
    killer: schedules("starts anew after an answer that is not transient")
  },
  {
    name: "minAttempt ignored",
    file: reducer,
    find: "elapsed + wait + rules.minAttempt <= rules.deadline",
    replace: "elapsed + wait <= rules.deadline",
    killer: timeout("lets no swap start that has less than the least time left")
  },
  {
    name: "deadline on the wall clock",
    file: recorder,
    find: "return millisOf(time - this.link.invokedAt)",
    replace: `this.startedAt ??= this.clock.currentTimeMillisUnsafe()
    return this.clock.currentTimeMillisUnsafe() - this.startedAt`,
    killer: timeout("is measured on the monotonic clock: setting the wall clock back does not move it")
  },
  {
    name: "attempt in flight not cut at the deadline",
    file: operation,
    find: "const toDeadline = deadline - this.recorder.since(at)",
    replace: "const toDeadline = Number.POSITIVE_INFINITY + deadline",
    killer: timeout("cuts an attempt in flight, whose effect is unknown then")
  },
  {
    name: "schedule stepped when no attempt could follow",
    file: reducer,
    find: "  fits(rules, elapsed, 0)\n    ? [\n",
    replace: "  rules.maxSwaps > 0\n    ? [\n",
    killer: timeout("ends the operation before the transient schedule does")
  },

  // What comes before a request leaves.
  {
    name: "hold ignored",
    file: hold,
    find: "if (departure === undefined) return self",
    replace: "if (departure !== null) return self",
    killer: held("may wait longer than its timeout, which begins when the request leaves")
  },
  {
    name: "timeout from the beginning of the attempt",
    file: hold,
    find: "      departure.leftAt = at\n",
    replace: "",
    killer: held("may wait longer than its timeout, which begins when the request leaves")
  },
  {
    name: "held request sent after the last moment",
    file: hold,
    find: "if (exit._tag === \"Success\" && at > departure.latest) return Effect.interrupt",
    replace: "",
    killer: held("does not leave after the deadline, even if nothing of the swap can be interrupted")
  },
  {
    name: "hold begun after the last moment",
    file: hold,
    find: "if (now(clock) > departure.latest) return Effect.interrupt",
    replace: "",
    killer: held("is unsent when the second wait, of 60000 ms, begins too late")
  },
  {
    name: "held attempt cut as unknown",
    file: operation,
    find: "return left > 0 ? waitFor(Math.min(left, attemptTimeout)) : Effect.succeed(this.heldTooLong())",
    replace: "return left > 0 ? waitFor(Math.min(left, attemptTimeout)) : Effect.succeed(unknown())",
    killer: held("for ever is unsent at the deadline, less the least time of an attempt")
  },
  {
    name: "interruption while held taken for one in flight",
    file: recorder,
    find: "inFlight === undefined || inFlight.departure.holds > 0",
    replace: "inFlight === undefined",
    killer: held("is cut by an interruption, and nothing is abandoned (abort)")
  },
  {
    name: "interruption while held clears an earlier doubt",
    file: recorder,
    find: `      ? uncertain
      : inFlight.swap`,
    replace: `      ? (inFlight === undefined ? uncertain : undefined)
      : inFlight.swap`,
    killer: held("does not clear the doubt about an earlier swap")
  },
  {
    name: "drain waits for a held attempt",
    file: operation,
    find: "departure.holds > 0 ? Fiber.interrupt(fiber) : Effect.asVoid(Fiber.await(fiber))",
    replace: "Effect.asVoid(Fiber.await(fiber))",
    killer: held("is cut by an interruption, and nothing is abandoned (drain)")
  },
  {
    name: "conflict on a held value fresh",
    file: operation,
    find: "const isAged = millisOf(leftAt - begunAt) > (this.state.roundTrip ?? took)",
    replace: "const isAged = false",
    killer: held("for longer than a round trip is stale: the schedule is not stepped")
  },
  {
    name: "conflict on a held value stale",
    file: operation,
    find: "const isAged = millisOf(leftAt - begunAt) > (this.state.roundTrip ?? took)",
    replace: "const isAged = leftAt > begunAt",
    killer: held("is fresh in a first attempt too, when the wait was shorter than the request took")
  },
  {
    name: "what a hold starts belongs to the attempt",
    file: hold,
    find: "Effect.provideService(self, CurrentDeparture, undefined)",
    replace: "self",
    killer: held("is not part of the attempt: what it starts may be held on its own")
  },
  {
    name: "sleep that no swap could follow",
    file: reducer,
    find: "if (wait === 0 || isLast)",
    replace: "if (wait === 0)",
    killer: schedules("ends the operation before a sleep that no swap could follow")
  },
  {
    name: "budget charged for conflicts",
    file: operation,
    find: "return this.stepConflict(command)",
    replace: `return Effect.flatMap(this.plan.options.budget?.withdraw ?? Effect.succeed(true), (paid) =>
          paid ? this.stepConflict(command) : Effect.sync(() => this.step({ _tag: "NoMoreDelays", limit: "budget" })))`,
    killer: schedules("is not charged for conflicts")
  },
  {
    name: "budget ignored",
    file: operation,
    find: "return budget === undefined\n      ? stepped",
    replace: "return true\n      ? stepped",
    killer: schedules("ends an operation whose transient retry it cannot pay, with what it knows of the effect")
  },
  {
    name: "RetryBudget on the wall clock: only its retries",
    file: "src/Cas/RetryBudget.ts",
    find: "const at = millisOf(now(clock))\n        expire(at)\n        // In operations",
    replace: "const at = clock.currentTimeMillisUnsafe()\n        expire(at)\n        // In operations",
    killer: budgets("forgets an operation with the tenth of the window it was in")
  },

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
    killer: interruption("of a swap in flight tells once which one, and is not success")
  },
  {
    name: "onAbandoned not run after a lost reply",
    file: recorder,
    find: "if (answer._tag === \"Unknown\") this.becomeUncertain({ expected, desired })",
    replace: "",
    killer: interruption("of a sleep after a lost reply tells the swap that is in doubt")
  },
  {
    name: "onAbandoned run after a swap that was answered",
    file: recorder,
    find: "    this.inFlight = undefined\n",
    replace: "",
    killer: interruption("of a sleep takes effect at once, without another call, and abandons nothing")
  },

  // The report.
  {
    name: "report order reversed",
    file: recorder,
    find: "attempts.push(attempt)",
    replace: "attempts.unshift(attempt)",
    killer: report("lists every attempt, in order: what was sent and answered, how fresh, when, how long")
  },

  {
    name: "report on the caller's error",
    file: failure,
    find: "const copy = Object.defineProperties(emptyLike(error), {",
    replace: "const copy = Object.defineProperties(error, {",
    killer: errors("is reported on a copy, which is like the caller's own object in all else")
  },

  // The queue.
  {
    name: "FIFO broken: the last to wait is the first to run",
    file: queue,
    find: "const [next] = lane.waiting",
    replace: "const next = [...lane.waiting].at(-1)",
    killer: queued("24: operations on one key run in the order of their calls")
  },
  {
    name: "FIFO broken: no operation waits for its turn",
    file: queue,
    find: `      lane.waiting.add(entry)
`,
    replace: `      entry.state = "running"
`,
    killer: queued("27: N operations on one key cost N swaps and one read")
  },
  {
    name: "lane never freed",
    file: queue,
    find: `if (next === undefined) lanes.delete(key)
    else stopWaiting`,
    replace: "if (next !== undefined) stopWaiting",
    killer: queued("24: an interrupted head makes way, an interrupted waiter leaves, and an idle key takes no memory")
  },
  {
    name: "baton kept for the next after an interruption",
    file: recorder,
    find: "if (effect === \"unknown\") this.link.uncertain()",
    replace: "",
    killer: queued("22: an interrupted swap hands on nothing: the next operation reads")
  },
  {
    name: "baton dropped",
    file: queue,
    find: "if (!isUncertain) lane.baton = { value, leftAt }",
    replace: "",
    killer: queued("27: N operations on one key cost N swaps and one read")
  },
  {
    name: "queue wait not bounded by the deadline",
    file: queue,
    find: "Effect.raceFirst(woken, late)",
    replace: "woken",
    killer: queued("waiting counts towards the deadline")
  },
  {
    name: "the deadline in the queue ignored by the first in line",
    file: queue,
    find: "Effect.suspend(() => Effect.sleep(",
    replace: "Effect.suspend(() => entry === [...lane.waiting][0] ? Effect.never : Effect.sleep(",
    killer: queued("waiting counts towards the deadline")
  },
  {
    name: "queue wait not counted to the deadline",
    file: queue,
    find: `            invokedAt,
            known: baton`,
    replace: `            invokedAt: now(clock),
            known: baton`,
    killer: queued("the time spent waiting is gone when the turn has come")
  },
  {
    name: "latest not ending waiters",
    file: queue,
    find: "options.latest === true",
    replace: "false",
    killer: queued("26: latest ends those who wait, without an effect, and the last target is the final value")
  },
  {
    name: "a superseded entry keeps its turn",
    file: queue,
    find: "if (entry.state === \"running\") return inTurn",
    replace: "if (entry.state === \"running\" || entry.state === \"superseded\") return inTurn",
    killer: queued("26: latest ends those who wait, without an effect, and the last target is the final value")
  },
  {
    name: "latest taking the turn from the running one",
    file: queue,
    find: `  if (entry.state !== "waiting") return
  entry.state = state
  lane.waiting.delete(entry)
`,
    replace: `  if (entry.state !== "waiting" && entry.state !== "running") return
  entry.state = state
  if (state !== "running") lane.waiting.delete(entry)
`,
    killer: queued("26: latest does not end an operation whose turn has come")
  },
  {
    name: "superseded claims an effect",
    file: "src/Cas/nothingDone.ts",
    find: "effect: \"none\"",
    replace: "effect: \"unknown\"",
    killer: queued("26: latest ends those who wait, without an effect, and the last target is the final value")
  }
]
