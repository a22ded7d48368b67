/** When a loop that keeps a value looks, what it leaves alone, and when it yields. */
import { type Mutant, testIn, testOf } from "./Mutant.ts"

const maintain = "src/Cas/maintain.ts"
const rounds = "src/Cas/rounds.ts"
const presence = "src/Meetings/presence.ts"

const maintains = testOf("maintain")
const looks = testOf("rounds")
const keeps = testIn("Meetings.keepHost")

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
    find: "if (!Option.exists(report.before, isOurs)) moves",
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
  }
]
