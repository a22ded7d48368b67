/**
 * A long run under load and faults: a fixed number of operations in flight, each checked against the simulator's log, and
 * no leaks. `npm run soak -- --seconds 180 --seed 1 --in-flight 200`.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Data, Effect, Metric, Option, Random, References, Runtime } from "effect"
import { Lark, UndiciHttpClient } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { Command, Flag } from "effect/cli"
import { seeded } from "../bench/Seeded.ts"
import * as channel from "./channel.ts"
import { signed } from "./perform.ts"
import { type Options, soak } from "./soak.ts"
import { failuresOf, progressLine, summaryOf } from "./summary.ts"
import { makeFiberCount } from "./vitals.ts"

class SoakFailed extends Data.TaggedError("SoakFailed") {
  // The failures have been printed.
  override readonly [Runtime.errorReported] = false
}

const client = UndiciHttpClient.layer(Effect.map(NodeHttpClient.makeDispatcher, signed))

const run = Effect.fnUntraced(function*(options: Options) {
  yield* Console.log(`${options.inFlight} operations in flight for ${options.seconds} s, seed ${options.seed}`)
  const fibers = makeFiberCount()
  const simulator = yield* channel.start(options.seed)
  const { baseUrl } = yield* simulator.slice
  const result = yield* soak(options, simulator, fibers, (sample) => Console.log(progressLine(sample))).pipe(
    Effect.provide(Lark.layer({ ...Simulator.defaultApp, baseUrl })),
    Effect.provide(client),
    Effect.provideService(Metric.FiberRuntimeMetrics, fibers.service),
    // The backoff of the policies. The order in which fibers draw from it depends on timing.
    Effect.provideService(Random.Random, seeded(options.seed)),
    // Failed attempts are in the reports.
    Effect.provideService(References.MinimumLogLevel, "Error")
  )
  yield* Console.log(summaryOf(result, options))
  const failures = failuresOf(result, options)
  if (failures.length === 0) return yield* Console.log("\nsoak passed")
  yield* Console.error(`\n${failures.join("\n")}\n\nsoak FAILED, seed ${options.seed}`)
  return yield* new SoakFailed()
})

const command = Command.make("soak", {
  seconds: Flag.Finite("seconds").pipe(
    Flag.withDefault(180),
    Flag.withDescription("the duration of the load in seconds")
  ),
  seed: Flag.Int("seed").pipe(Flag.optional, Flag.withDescription("the seed of the operations and faults")),
  inFlight: Flag.Int("in-flight").pipe(
    Flag.withDefault(200),
    Flag.withDescription("the number of concurrent operations")
  )
}, ({ inFlight, seconds, seed }) =>
  Effect.gen(function*() {
    const drawn = yield* Random.nextIntBetween(1, 2 ** 31)
    yield* Effect.scoped(run({ inFlight, seconds, seed: Option.getOrElse(seed, () => drawn) }))
  })).pipe(
    Command.withDescription("Runs operations under load and faults, and checks each against the simulator's log.")
  )

command.pipe(
  Command.run({ version: "0.1.0" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
