/** Records in Redis: one hash each, and a script that compares and writes atomically. */
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Redis from "effect/persistence/Redis"
import * as Cas from "../Cas.ts"
import type { SessionStoreError } from "../LarkError.ts"
import { type Backend, conflict, isVersion, type Stored, unavailable, unreadable } from "./backend.ts"

const store = "Redis"

/** Returns an empty list after writing, else the stored record in the form of `HMGET`. */
const swap = Redis.script((key: string, expected: number, value: string) => [key, expected, value], {
  numberOfKeys: 1,
  lua: `
local version = redis.call("HGET", KEYS[1], "version")
if tonumber(version or "0") ~= tonumber(ARGV[1]) then
  return redis.call("HMGET", KEYS[1], "version", "value")
end
redis.call("HSET", KEYS[1], "version", tonumber(ARGV[1]) + 1, "value", ARGV[2])
return {}
`
}).withReturnType<unknown>()

const remove = Redis.script((key: string, version: number) => [key, version], {
  numberOfKeys: 1,
  lua: `
if tonumber(redis.call("HGET", KEYS[1], "version") or "0") == tonumber(ARGV[1]) then
  redis.call("DEL", KEYS[1])
end
return 1
`
}).withReturnType<unknown>()

const failed = (command: string) => unavailable(store, `${command} failed`)

const parse = (reply: unknown): Effect.Effect<Option.Option<Stored>, SessionStoreError> => {
  const [version, value]: ReadonlyArray<unknown> = Array.isArray(reply) ? reply : []
  return version === null && value === null
    ? Effect.succeedNone
    : /^[1-9]\d*$/.test(String(version)) && isVersion(Number(version)) && typeof value === "string"
    ? Effect.succeedSome({ version: Number(version), value })
    : Effect.fail(unreadable(store))
}

export const make = (prefix: string): Effect.Effect<Backend, never, Redis.Redis> =>
  Effect.gen(function*() {
    const redis = yield* Redis.Redis
    const run = redis.eval(swap)
    const runRemove = redis.eval(remove)
    return {
      get: (key) =>
        redis.send("HMGET", `${prefix}${key}`, "version", "value").pipe(
          Effect.mapError(() => failed("HMGET")),
          Effect.flatMap(parse)
        ),
      swap: (key, expected, value) =>
        Effect.matchEffect(run(`${prefix}${key}`, expected, value), {
          // The script may have run although its reply is missing.
          onFailure: (): Effect.Effect<Cas.Outcome<Stored>, SessionStoreError> =>
            Effect.succeed(Cas.unknown(failed("EVALSHA"))),
          onSuccess: (reply) =>
            Array.isArray(reply) && reply.length === 0
              ? Effect.succeed<Cas.Outcome<Stored>>(Cas.appliedWith({ version: expected + 1, value }))
              : Effect.map(parse(reply), conflict)
        }),
      remove: (key, version) =>
        runRemove(`${prefix}${key}`, version).pipe(Effect.mapError(() => failed("EVALSHA")), Effect.asVoid)
    }
  })
