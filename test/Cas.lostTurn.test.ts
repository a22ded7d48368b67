import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Schema } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as Server from "./turns/Server.ts"

it.effect("a value that was seen before a lost ask for a turn is old: its conflict is stale", () =>
  Effect.gen(function*() {
    let asks = 0
    const turns = Cas.makeTurns(() => {
      const isFirst = asks++ === 0
      return {
        answer: isFirst
          ? Effect.succeed({ _tag: "Granted", turn: 1, baton: undefined })
          : Effect.delay(Effect.succeed({ _tag: "Lost" }), "2 seconds"),
        end: () => {}
      }
    })
    // Longer than a slice, so that the second operation asks for a turn of its own.
    const server = Server.make("nobody", { roundTrip: "200 millis" })
    const queue = Cas.makeQueue(turns.guard(Schema.String))
    const ensure = (target: string) => Effect.forkChild(queue.run("key", server.register, Cas.ensure(target)))
    yield* ensure("alice")
    const second = yield* ensure("bob")
    yield* TestClock.adjust("1 second")
    yield* server.write("carol")
    yield* TestClock.adjust("3 seconds")
    const { conflicts, reads } = yield* Fiber.join(second)
    assert.deepStrictEqual([asks, reads, conflicts], [2, 0, { fresh: 0, stale: 1 }])
  }))
