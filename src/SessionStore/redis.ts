/**
 * Records in Redis: a hash for each, and a script that compares and writes in one step.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Redis from "effect/persistence/Redis"
import * as Cas from "../Cas.ts"
import type { SessionStoreError } from "../LarkError.ts"
import { conflict, unavailable, unreadable } from "./outcomes.ts"
import type { SessionStore, Stored } from "./service.ts"

const store = "Redis"

/** Answers with nothing when it has written, and else with what is there, as `HMGET` does. */
const swap = Redis.script(
  (key: string, expected: number, value: string) => [key, expected, value],
  {
    numberOfKeys: 1,
    lua: `
local version = redis.call("HGET", KEYS[1], "version")
if tonumber(version or "0") ~= tonumber(ARGV[1]) then
  return redis.call("HMGET", KEYS[1], "version", "value")
end
redis.call("HSET", KEYS[1], "version", tonumber(ARGV[1]) + 1, "value", ARGV[2])
return {}
`
  }
).withReturnType<unknown>()

const failed = (command: string) => unavailable(store, `${command} failed`)

const parse = (reply: unknown): Effect.Effect<Option.Option<Stored>, SessionStoreError> => {
  const [version, value]: ReadonlyArray<unknown> = Array.isArray(reply) ? reply : []
  return version === null && value === null
    ? Effect.succeedNone
    : /^[1-9]\d*$/.test(String(version)) && typeof value === "string"
    ? Effect.succeedSome({ version: Number(version), value })
    : Effect.fail(unreadable(store))
}

export const make = (prefix: string): Effect.Effect<SessionStore["Service"], never, Redis.Redis> =>
  Effect.gen(function*() {
    const redis = yield* Redis.Redis
    const run = redis.eval(swap)
    return {
      get: (key) =>
        redis.send("HMGET", `${prefix}${key}`, "version", "value").pipe(
          Effect.mapError(() => failed("HMGET")),
          Effect.flatMap(parse)
        ),
      swap: (key, expected, value) =>
        Effect.matchEffect(run(`${prefix}${key}`, expected, value), {
          // No reply does not mean that it was not carried out.
          onFailure: (): Effect.Effect<Cas.Outcome<Stored>, SessionStoreError> =>
            Effect.succeed(Cas.unknown(failed("EVALSHA"))),
          onSuccess: (reply) =>
            Array.isArray(reply) && reply.length === 0
              ? Effect.succeed<Cas.Outcome<Stored>>(Cas.appliedWith({ version: expected + 1, value }))
              : Effect.map(parse(reply), conflict)
        })
    }
  })
