/** Calls that only read are sent; those that would change something are kept, and succeed. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { LarkConfig } from "../LarkConfig.ts"
import { type Input, LarkHttp } from "../LarkHttp.ts"
import * as Meetings from "../Meetings.ts"
import type { Result } from "./output.ts"

/** A request that was not sent. */
interface Kept {
  readonly method: string
  readonly url: string
  readonly body: Readonly<Record<string, unknown>> | undefined
}

/** The services of the meetings, with a record of what they would send. */
const layer = (
  kept: Array<Kept>
): Layer.Layer<LarkHttp | Meetings.Meetings, never, LarkHttp | LarkConfig> =>
  // Layers are shared, and this one is to have another `LarkHttp`.
  Layer.fresh(Meetings.layer).pipe(Layer.provideMerge(Layer.effect(
    LarkHttp,
    Effect.gen(function*() {
      const lark = yield* LarkHttp
      const { baseUrl } = yield* LarkConfig
      return LarkHttp.of({
        call: (endpoint, ...input) => {
          const { address, decode, method } = endpoint
          // A path may have any parameters.
          const [{ body, params = {}, query } = {}]: Input<`/${string}`> = input
          const below = address(params, query)
          // What cannot be sent is refused before it is sent.
          if (method === "GET" || typeof below !== "string") return lark.call(endpoint, ...input)
          return Effect.suspend(() => {
            kept.push({ method, url: baseUrl + below, body })
            return Effect.orDie(decode({ code: 0 }))
          })
        }
      })
    })
  )))

/** Runs an effect without its changes, and says what they would be. */
export const rehearse = <E, R>(
  change: Effect.Effect<unknown, E, R>,
  fields: object
): Effect.Effect<Result, E, Exclude<R, LarkHttp | Meetings.Meetings> | LarkHttp | LarkConfig> =>
  Effect.suspend(() => {
    const kept: Array<Kept> = []
    return Effect.provide(change, layer(kept)).pipe(
      Effect.map(() => ({
        text: kept.length === 0
          ? ["Nothing would be sent: it is as it should be already."]
          : [
            "Nothing was changed. Without --dry-run this would be sent:",
            ...kept.flatMap(({ body, method, url }) => [
              `  ${method} ${url}`,
              ...(body === undefined ? [] : [`  ${JSON.stringify(body)}`])
            ])
          ],
        json: {
          ...fields,
          effect: "none",
          dryRun: true,
          requests: kept.map(({ body, method, url }) => ({ method, url, body: body ?? null }))
        }
      }))
    )
  })
