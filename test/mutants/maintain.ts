/** When a loop that keeps a value looks, what it leaves alone, and when it yields. */
import { type Mutant, testIn, testOf } from "./Mutant.ts"

const maintain = "src/Cas/maintain.ts"
const rounds = "src/Cas/rounds.ts"
const presence = "src/Meetings/presence.ts"

const maintains = testOf("maintain")
const looks = testOf("rounds")
const keeps = testIn("Meetings.keepHost")
const watches = testIn("Meetings.watch")

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "maintain: fights for ever",
    file: maintain,
    find: "moves >= maxMoves && ",
    replace: "false && ",
    killer: maintains("with a rival that always answers stays within the bound")
  },
  {
    name: "maintain: a move that stood counts",
    file: maintain,
    find: "        moves = 0\n",
    replace: "",
    killer: maintains("is none if each move stood for settled")
  },
  {
    name: "maintain: a move from its own value counts",
    file: maintain,
    find: "if (!isAnswer) moves",
    replace: "moves",
    killer: maintains("is none if the intent itself moves on")
  },
  {
    name: "maintain: what wakes a round under way is forgotten",
    file: rounds,
    find:
      "      yield* wait\n      // What woke it before this round is seen by this round.\n      yield* Queue.clear(woken)\n",
    replace: "      yield* Queue.clear(woken)\n      yield* wait\n",
    killer: looks("begin early when woken, once for all that woke them")
  },
  {
    name: "maintain: retry goes on where it was before a success",
    file: rounds,
    find: "      stepRetry = undefined\n",
    replace: "",
    killer: looks("go on after a failure, when retry says; retry starts anew after a success")
  },
  {
    name: "maintain: yields to its own value",
    file: maintain,
    find: " && !isOurs(observed)",
    replace: "",
    killer: maintains("is none if the intent itself moves on")
  },
  {
    name: "maintain: a row is forgotten before settled has passed",
    file: maintain,
    find: " && millisOf(now(clock) - movedAt) >= settled",
    replace: "",
    killer: maintains("with a rival that always answers stays within the bound")
  },
  {
    name: "maintain: a move whose reply was lost does not count",
    file: maintain,
    find: "report !== undefined && report.effect !== \"none\"",
    replace: "report?.effect === \"applied\"",
    killer: maintains("counts a swap whose reply was lost, if the value is then seen in place")
  },
  {
    name: "maintain: a round without a report begins no row anew",
    file: maintain,
    find: "(report === undefined || report.outcome === \"already\")",
    replace: "report?.outcome === \"already\"",
    killer: maintains("is none if each move stood for settled, where the rounds of maintainWith found nothing to do")
  },
  {
    name: "maintain: emits rounds that had nothing to do",
    file: maintain,
    find: " && round.success.outcome !== \"already\"",
    replace: "",
    killer: maintains("leaves alone what the intent accepts or refuses, and costs one read a round")
  },
  {
    name: "maintain: ends without a word when it yields",
    file: maintain,
    find: "yielded === undefined ? Stream.empty : Stream.fail(yielded)",
    replace: "Stream.empty",
    killer: maintains("ends after maxMoves moves that a rival undid, and the value is left as it is")
  },
  {
    name: "maintain: what a register classifies hides that it contradicts itself",
    file: maintain,
    find: "verdict === undefined ? register.classifyError?.(error as E) === undefined : verdict === \"ends\"",
    replace: "register.classifyError?.(error as E) === undefined && verdict !== \"passes\"",
    killer: maintains("fails with a register that contradicts itself, whatever the register classifies")
  },
  {
    name: "maintain: jumps the queue",
    file: maintain,
    find: "queue === undefined\n        ? run",
    replace: "queue !== undefined || queue === undefined\n        ? run",
    killer: maintains("runs its operations in a queue, in turn with others")
  },
  {
    name: "maintain: a flood of events is one of rounds",
    file: rounds,
    find: "Math.max(0, betweenWoken - millisOf(now(clock) - wokenAt))",
    replace: "0",
    killer: looks("are woken no more often than once a second, however many elements come")
  },
  {
    name: "maintain: nothing wakes a round",
    file: rounds,
    find: "Effect.raceFirst(Effect.sleep(delay), awake)",
    replace: "Effect.sleep(delay)",
    killer: looks("begin early when woken, once for all that woke them")
  },
  {
    name: "maintain: what wakes a round cuts the wait after a failure",
    file: rounds,
    find: "wait = Effect.sleep(Duration.isDuration(asked) ? Duration.max(delay, asked) : delay)",
    replace:
      "wait = Effect.raceFirst(Effect.sleep(Duration.isDuration(asked) ? Duration.max(delay, asked) : delay), awake)",
    killer: looks("are not woken after a failure before retry says so, and see then what woke them")
  },
  {
    name: "maintain: comes back before the error allows it",
    file: rounds,
    find: "Duration.isDuration(asked) ? Duration.max(delay, asked) : delay",
    replace: "delay",
    killer: looks("wait as long as the error asks, and at least as long as retry says (1000 ms)")
  },
  {
    name: "maintain: what an error asks for shortens retry",
    file: rounds,
    find: "Duration.max(delay, asked)",
    replace: "asked",
    killer: looks("wait as long as the error asks, and at least as long as retry says (4000 ms)")
  },
  {
    name: "maintain: the last error is lost when retry ends",
    file: rounds,
    find: "stepRetry(timeOfDay(), error), () => Effect.fail(error))",
    replace: "stepRetry(timeOfDay(), error), () => Cause.done())",
    killer: looks("fail with the last error when retry ends, without emitting it")
  },
  {
    name: "maintain: goes on when a round is done",
    file: rounds,
    find: "Cause.isDone(error) ? Cause.done() : afterFailure(error)",
    replace: "afterFailure(error)",
    killer: looks("end when a round is done")
  },
  {
    name: "maintain: poll goes by a wall clock that is set back",
    file: rounds,
    find: "stepPoll(timeOfDay(), value)",
    replace: "stepPoll(clock.currentTimeMillisUnsafe(), value)",
    killer: looks("keep to a schedule that reads the time when the wall clock is set back")
  },
  {
    name: "maintain: retry goes by a wall clock that is set back",
    file: rounds,
    find: "stepRetry(timeOfDay(), error)",
    replace: "stepRetry(clock.currentTimeMillisUnsafe(), error)",
    killer: looks("keep to a retry that reads the time when the wall clock is set back")
  },
  {
    name: "maintain: a host who came after the snapshot is absent",
    file: presence,
    find: "isNew ? absent.filter((user) => !equals(user, host)) : absent",
    replace: "isNew ? absent : absent",
    killer: keeps("does not move the chair if she became host after the snapshot in which she was absent")
  },
  {
    name: "maintain: a meeting without a list has nobody in it",
    file: presence,
    find: "participants.length === 0\n    ? []",
    replace: "participants.length < 0\n    ? []",
    killer: keeps("tries whom it wants if the platform lists nobody")
  },
  {
    name: "maintain: who has left is present",
    file: presence,
    find: "participants.filter(({ status }) => status === Meeting.ParticipantStatus.InMeeting)",
    replace: "participants",
    killer: keeps("makes the chair host while she is there, else the deputy, and nobody if neither is")
  },
  {
    name: "maintain: moves hosts in a meeting that has not begun",
    file: presence,
    find: "  if (meeting.status === Meeting.Status.Calling) return undefined\n",
    replace: "",
    killer: keeps("moves nobody whom the intent protects, and nobody in a meeting that has not begun")
  },
  {
    name: "maintain: makes the host host",
    file: presence,
    find: " || MeetingUser.equals(decision.to, hostUser.value)",
    replace: "",
    killer: keeps("leaves a host alone to whom the intent would move the role")
  },
  {
    name: "maintain: sends for somebody who is absent",
    file: presence,
    find: "\n    || absentOf(meeting, [decision.to]).length > 0",
    replace: "",
    killer: keeps("takes a user for an intent, and waits for her")
  },
  {
    name: "maintain: a meeting without a host needs none",
    file: presence,
    find: "if (Option.isNone(hostUser)) return forThem",
    replace: "if (Option.isNone(hostUser)) return undefined",
    killer: keeps("reports that a meeting has no host in each round, and goes on")
  },
  {
    name: "maintain: another order of the participants is a change",
    file: presence,
    find: "Equal.equals(inOrder(a), inOrder(b))",
    replace: "Equal.equals(a, b)",
    killer: watches("takes another order of the participants for no change")
  }
]
