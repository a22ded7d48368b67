/** What clients that share turns do on one key, and what must hold of it. */
import { assert } from "@effect/vitest"
import { Clock, Effect, Exit, Fiber, Option, Schema } from "effect"
import { Cas } from "effect-lark-meetings"
import type * as Server from "./Server.ts"

export const between = (least: number, most: number) =>
  Schema.Int.check(Schema.isBetween({ minimum: least, maximum: most }))

const Value = Schema.Literals(["a", "b", "c"])

/** Something that happens so many milliseconds after the one before it. */
const Step = Schema.TaggedUnion({
  Run: { after: between(0, 40), client: between(0, 2), target: Value, latest: Schema.Boolean },
  Interrupted: { after: between(0, 40), client: between(0, 2), target: Value, within: between(0, 120) },
  Rival: { after: between(0, 40), target: Value }
})

/** Steps of three clients. */
export const Steps = Schema.NonEmptyArray(Step).check(Schema.isMaxLength(16))

/**
 * Takes the steps. Asserts that each success was so during its call, that operations fail only by `latest`, and that the
 * queues are empty afterwards. Returns how long each operation took that was not interrupted.
 */
export const take = Effect.fnUntraced(function*(
  steps: typeof Steps.Type,
  server: Server.Server<string>,
  queues: ReadonlyArray<Cas.Queue<string, string>>
) {
  const operate = (step: Extract<typeof Step.Type, { readonly client: number }>) =>
    Effect.gen(function*() {
      const queue = queues[step.client]
      assert(queue !== undefined)
      const from = yield* Clock.currentTimeMillis
      const options = { latest: step._tag === "Run" && step.latest }
      const exit = yield* Effect.exit(queue.run("key", server.register, Cas.ensure<string>(step.target), options))
      return { exit, from, to: yield* Clock.currentTimeMillis, target: step.target }
    })
  const fibers: Array<Fiber.Fiber<Effect.Success<ReturnType<typeof operate>> | undefined>> = []
  for (const step of steps) {
    yield* Effect.sleep(step.after)
    if (step._tag === "Rival") yield* server.write(step.target)
    else {
      const operation = step._tag === "Run"
        ? operate(step)
        : Effect.map(Effect.timeoutOption(operate(step), step.within), Option.getOrUndefined)
      fibers.push(yield* Effect.forkChild(operation, { startImmediately: true }))
    }
  }
  const took: Array<number> = []
  for (const ended of yield* Fiber.joinAll(fibers)) {
    if (ended === undefined) continue
    const { exit, from, target, to } = ended
    if (Exit.isSuccess(exit)) assert.isTrue(server.held(target, from, to), JSON.stringify(exit.value))
    else {
      const error = Option.getOrUndefined(Exit.findErrorOption(exit))
      assert.strictEqual(error?._tag, "CasSuperseded")
      assert.strictEqual(error?.report.effect, "none")
    }
    took.push(to - from)
  }
  assert.deepStrictEqual(yield* Effect.forEach(queues, ({ size }) => size), queues.map(() => 0))
  return took
})
