/**
 * What a simulator has logged of writes and of meetings that were ended.
 */
import { Effect } from "effect"
import type * as Simulator from "effect-lark-meetings/Simulator"
import type { Ending, Write } from "./channel.ts"
import { nameOf, operationParameter } from "./stage.ts"

const operationOf = ({ query }: Simulator.RequestRecord) => Number(query[operationParameter])

/** How many records the simulator has to keep: the reader counts from the first. */
export const logLength = 10_000_000

/** An effect that reads what is new since it ran before. `requestOf` gives the operation that alone makes a person host. */
export const makeReader = (
  simulator: Simulator.Simulator["Service"],
  requestOf: (host: string) => number | undefined = () => undefined
) => {
  const seen = { writes: 0, requests: 0 }
  let undecided: ReadonlyArray<number> = []

  return Effect.gen(function*() {
    const [writes, requests] = yield* Effect.all([simulator.writes, simulator.requests])
    const newWrites = writes.slice(seen.writes).map(({ after, at, before, meetingId, request }): Write => {
      const record = request === undefined ? undefined : requests[request]
      return {
        meeting: meetingId,
        before: before === undefined ? "nobody" : nameOf(before.openId),
        after: nameOf(after.openId),
        at,
        ...(record === undefined ? {} : { operation: requestOf(nameOf(after.openId)) ?? operationOf(record) })
      }
    })
    const newRequests = requests.slice(seen.requests)
    seen.writes = writes.length
    seen.requests = requests.length

    // The new requests to end a meeting, and earlier ones that were not executed yet.
    const endings: Array<Ending> = []
    undecided = [...undecided, ...newRequests.map(({ index }) => index)].filter((index) => {
      const record = requests[index]
      if (record?.endpoint !== "end") return false
      if (record.executed?.code === 0) {
        endings.push({ meeting: record.params["meeting_id"] ?? "", operation: operationOf(record) })
      }
      return record.executed === undefined
    })
    return { requests, newRequests, writes: newWrites, endings }
  })
}
