/** Waits, bounds, budgets, and what comes before a request leaves. */
import { type Mutant, testOf } from "./Mutant.ts"

const reducer = "src/Cas/reducer.ts"
const operation = "src/Cas/Operation.ts"
const recorder = "src/Cas/Recorder.ts"
const hold = "src/Cas/hold.ts"
const retryBudget = "src/Cas/RetryBudget.ts"

const budgets = testOf("budget")
const held = testOf("hold")
const schedules = testOf("schedules")
const timeout = testOf("timeout")

export const mutants: ReadonlyArray<Mutant> = [
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
    find: " && left >= rules.minAttempt",
    replace: "",
    killer: timeout("lets no swap start that has less than the least time left")
  },
  {
    name: "attempts start at the deadline",
    file: reducer,
    find: "left > 0 && ",
    replace: "",
    killer: timeout("starts no attempt when it has passed, even if the least time of an attempt is 0")
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
    find: "  fits(rules, state)\n    ? [\n",
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
    find: "if (isSuccess && at > departure.latest) return Effect.interrupt",
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
    find: "const isHeld = holds > 0 ||",
    replace: "const isHeld =",
    killer: held("is cut by an interruption, and nothing is abandoned (abort)")
  },
  {
    name: "interruption while held clears an earlier doubt",
    file: recorder,
    find: "answer: isHeld ? unsent() : unknown() }, departure)",
    replace: "answer: isHeld ? unsent() : unknown() }, departure)\n      if (isHeld) this.uncertain = undefined",
    killer: held("leaves an earlier swap unknown")
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
    file: recorder,
    find: "const isAged = millisOf(leftAt - begunAt) > (roundTrip ?? took)",
    replace: "const isAged = false",
    killer: held("for longer than a round trip is stale: the schedule is not stepped")
  },
  {
    name: "conflict on a held value stale",
    file: recorder,
    find: "const isAged = millisOf(leftAt - begunAt) > (roundTrip ?? took)",
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
    name: "retry budget on the wall clock",
    file: retryBudget,
    find: "const at = millisOf(now(clock))",
    replace: "const at = clock.currentTimeMillisUnsafe()",
    killer: budgets("remembers and forgets as before when the wall clock is set forward")
  },
  {
    name: "retry budget waited for past the deadline: a deposit",
    file: operation,
    find: "this.inDeadline(budget.deposit, undefined)",
    replace: "budget.deposit",
    killer: budgets("to a deposit lets the operation end at its deadline")
  },
  {
    name: "retry budget waited for past the deadline: a withdrawal",
    file: operation,
    find: "this.inDeadline(budget.withdraw, true)",
    replace: "budget.withdraw",
    killer: budgets("to a withdrawal lets the operation end at its deadline")
  },
  {
    name: "schedule waited for past the deadline",
    file: operation,
    find: "this.inDeadline(delayed, 0)",
    replace: "delayed",
    killer: schedules("when it is made lets the operation end at its deadline after a conflict")
  },
  {
    name: "schedules on the wall clock",
    file: "src/Cas/monotonic.ts",
    find: "calledAt + millisOf(now(clock) - begunAt)",
    replace: "clock.currentTimeMillisUnsafe() + 0 * (calledAt + begunAt)",
    killer: schedules("is not disturbed by a wall clock that is set forward")
  },
  {
    name: "held swap counted",
    file: recorder,
    find: "if (sent) this.swaps++",
    replace: "this.swaps++",
    killer: held("is no swap of the report, but one for the bound on swaps")
  },
  {
    name: "held swap not bounded",
    file: reducer,
    find: "return stepTransient(rules, state, answer, \"decide\")",
    replace: "return stepTransient(rules, { ...state, swaps: state.swaps - 1 }, answer, \"decide\")",
    killer: held("is no swap of the report, but one for the bound on swaps")
  },
  {
    name: "answered swap not counted, since its hold failed",
    file: recorder,
    find: "const sent = hasLeft !== false || (answer._tag !== \"Unsent\" && answer._tag !== \"Terminal\")",
    replace: "const sent = hasLeft !== false",
    killer: held("is counted apart from one that left although its hold had failed")
  },
  {
    name: "swap counted that is still in another hold",
    file: hold,
    find: "departure.hasLeft ||= departure.holds === 0",
    replace: "departure.hasLeft = true",
    killer: held("has not left after the first of two waits")
  },
  {
    name: "defect of a hold taken for one of a request",
    file: hold,
    find: "departure.defect = Cause.squash(exit.cause)",
    replace: "departure.defect = undefined",
    killer: held("since its hold died is not abandoned")
  },
  {
    name: "defect of a request taken for one of its hold",
    file: recorder,
    find: "(defect !== undefined && defect === Cause.squash(cause))",
    replace: "defect !== undefined",
    killer: held("is not one that left and died, or left although its hold had died")
  }
]
