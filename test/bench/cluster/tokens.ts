/**
 * How many tokens ten pods request.
 */
import { Effect } from "effect"
import { shares } from "../../cluster/messages.ts"
import { measure, on, perform, type Row, start } from "./pods.ts"

const kinds = [["each its own", "own"], ["PostgreSQL", "postgres"], ["Redis", "redis"]] as const

export const tokens = Effect.gen(function*() {
  const rows: Array<Row> = []
  for (const [name, tokens] of kinds) {
    yield* on(
      { latency: 20, meetings: 10, rateLimits: false },
      Effect.fnUntraced(function*(bed, using) {
        const pods = yield* start(bed, 10, { ...using, shares: { ...shares.nothing, tokens } })
        /** All pods at once, each on a meeting of its own. */
        const once = Effect.map(
          bed.counted(measure(bed, pods.map((pod, meeting) => perform(pod, meeting)))),
          ([, { mints }]) => mints
        )
        const goal = tokens === "own" ? {} : { atMost: 1 }
        rows.push({ what: `10 pods cold, ${name}: token requests`, measured: yield* once, ...goal })
        yield* bed.rejectTokens
        rows.push({ what: `10 pods after a revocation, ${name}: token requests`, measured: yield* once, ...goal })
      })
    )
  }
  return rows
})
