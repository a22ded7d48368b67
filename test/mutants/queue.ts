/** The queue. */
import { type Mutant, testOf } from "./Mutant.ts"

const queue = "src/Cas/Queue.ts"
const recorder = "src/Cas/Recorder.ts"

const queued = testOf("queue")

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "FIFO broken: the last to wait is the first to run",
    file: queue,
    find: "const [next] = line.entries",
    replace: "const next = [...line.entries].at(-1)",
    killer: queued("24: operations on one key run in the order of their calls")
  },
  {
    name: "FIFO broken: no operation waits for its turn",
    file: queue,
    find: "hasTurn(line, entry) ? Effect.void : Effect.raceFirst(woken, late)",
    replace: "Effect.void",
    killer: queued("27: N operations on one key cost N swaps and one read")
  },
  {
    name: "lane never freed",
    file: queue,
    find: "if (next === undefined && lines.get(key) === line) lines.delete(key)",
    replace: "",
    killer: queued("24: an interrupted head makes way, an interrupted waiter leaves, and an idle key takes no memory")
  },
  {
    name: "baton kept for the next after an interruption",
    file: recorder,
    find: "answer: isHeld ? unsent() : unknown()",
    replace: "answer: unsent()",
    killer: queued("22: an interrupted swap passes on nothing: the next operation reads")
  },
  {
    name: "baton dropped",
    file: queue,
    find: "if (!isUncertain) line.baton = { value, leftAt, isAged: false }",
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
    replace: "Effect.suspend(() => entry === [...line.entries][1] ? Effect.never : Effect.sleep(",
    killer: queued("waiting counts towards the deadline")
  },
  {
    name: "queue wait not counted to the deadline",
    file: queue,
    find: `          invokedAt,
          turn`,
    replace: `          get invokedAt() {
            return hasTurn(line, entry) ? (this.turnAt ??= now(clock)) : invokedAt
          },
          turn`,
    killer: queued("the time spent waiting is gone when the turn has come")
  },
  {
    name: "latest not ending waiters",
    file: queue,
    find: "if (options.latest)",
    replace: "if (false)",
    killer: queued(
      "26: latest ends the operations that wait, without an effect, and the last target is the final value"
    )
  },
  {
    name: "a superseded entry keeps its turn",
    file: queue,
    find: "return entry.end\n",
    replace: "return entry.end?._tag === \"Superseded\" ? undefined : entry.end\n",
    killer: queued(
      "26: latest ends the operations that wait, without an effect, and the last target is the final value"
    )
  },
  {
    name: "latest taking the turn from the running one",
    file: "src/Cas/Line.ts",
    find: "if (hasTurn(line, entry) || !line.entries.delete(entry)) return",
    replace: "if (!line.entries.delete(entry)) return",
    killer: queued("26: latest does not end an operation whose turn has come")
  },
  {
    name: "superseded claims an effect",
    file: recorder,
    find: "reducer.effectOf(state)",
    replace: "failure._tag === \"Superseded\" ? \"unknown\" : reducer.effectOf(state)",
    killer: queued(
      "26: latest ends the operations that wait, without an effect, and the last target is the final value"
    )
  }
]
