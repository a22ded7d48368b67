/**
 * Pods of one tenant under chaos: `npm run test:cluster` kills some, `npm run test:cluster -- --kills 100 --operations 10000
 * --longest 60` is the long form. With `--shares turns` they share turns only, with `postgres` or `redis` tokens and requests
 * that outlive their process, too.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Data, Effect, Option, Random, Runtime, Struct } from "effect"
import { Command, Flag } from "effect/cli"
import * as bed from "./bed.ts"
import { bedOptions, chaos } from "./chaos.ts"
import { failuresOf, summaryOf } from "./findings.ts"
import { shares } from "./messages.ts"
import * as stores from "./stores.ts"

class ChaosFailed extends Data.TaggedError("ChaosFailed") {
  // The failures have been printed.
  override readonly [Runtime.errorReported] = false
}

const names = Struct.keys(shares)

const command = Command.make("cluster", {
  kills: Flag.Int("kills").pipe(Flag.withDefault(5), Flag.withDescription("how many pods are killed")),
  operations: Flag.Int("operations").pipe(Flag.withDefault(1_000), Flag.withDescription("the fewest operations")),
  longest: Flag.Finite("longest").pipe(
    Flag.withDefault(8),
    Flag.withDescription("how long a pod is frozen or a store is gone at most, in seconds")
  ),
  shares: Flag.Literals("shares", names).pipe(
    Flag.withDefault("postgres"),
    Flag.withDescription("what the pods share")
  ),
  seed: Flag.Int("seed").pipe(Flag.optional, Flag.withDescription("the seed of the operations and of what happens"))
}, (flags) =>
  Effect.gen(function*() {
    const drawn = yield* Random.nextIntBetween(1, 2 ** 31)
    const seed = Option.getOrElse(flags.seed, () => drawn)
    yield* Console.log(`seed ${seed}`)
    const postgres = yield* stores.postgres
    const redis = yield* stores.redis
    const podOptions = {
      shares: shares[flags.shares],
      postgres: postgres.port,
      redis: redis.port,
      sharding: "tuned"
    } as const
    const aftermath = yield* chaos(
      { ...flags, seed },
      yield* bed.make({
        ...bedOptions,
        requests: podOptions.shares.requests !== "nowhere",
        keeper: podOptions.shares.turns
      }),
      podOptions,
      { postgres, redis },
      Console.log
    )
    yield* Console.log(summaryOf(aftermath))
    const failures = failuresOf(aftermath)
    if (failures.length === 0) return yield* Console.log("\npassed")
    yield* Console.error(`\n${failures.join("\n")}\n\nFAILED, seed ${seed}`)
    return yield* new ChaosFailed()
  }).pipe(Effect.scoped)).pipe(
    Command.withDescription("Kills and freezes pods, stops their stores, and checks every operation.")
  )

command.pipe(
  Command.run({ version: "0.1.0" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
