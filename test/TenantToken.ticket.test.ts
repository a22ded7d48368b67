/**
 * A call of a store app whose ticket is on its way.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Redacted } from "effect"
import { AppTicket, Cas, Lark, Meetings, StoreApp } from "effect-lark-meetings"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"
import * as prompt from "./fixtures/http/prompt.ts"
import * as plainSeal from "./fixtures/plainSeal.ts"
import { alice, bob, id } from "./fixtures/World.ts"

const app = { appId: "cli_store", appSecret: Redacted.make("secret-of-the-app") }

/** A store app without a ticket; the platform accepts the request for one (`resend`), or fails it. */
const install = (resend: platform.Reaction) =>
  Effect.gen(function*() {
    const feishu = prompt.make(({ method, path }) => {
      if (path.endsWith("/app_ticket/resend")) return resend
      if (path.endsWith("/app_access_token")) {
        return { body: { code: 0, msg: "ok", app_access_token: "a-1", expire: 7200 } }
      }
      if (path.endsWith("/tenant_access_token")) return platform.minted("t-1")
      assert.strictEqual(method, "PATCH")
      return { body: { code: 0, msg: "ok", data: { host_user: { id: bob.id, user_type: 1 } } } }
    })
    const storage = Layer.merge(KeyValueStore.layerMemory, plainSeal.layer)
    const context = yield* Layer.build(StoreApp.layer(app).pipe(Layer.provide([feishu.layer, storage])))
    const setHost = (policy: Cas.Policy<unknown> = Cas.Policy.standard) =>
      Meetings.setHost(id, bob, { hint: alice, policy }).pipe(Lark.asTenant("tenant_a"), Effect.provide(context))
    const push = Effect.provide(AppTicket.AppTicket.use((tickets) => tickets.put(Redacted.make("g-1"))), context)
    return { setHost, push, calls: feishu.calls }
  })

const accepted = { body: { code: 0, msg: "ok" } }

const settle = Effect.fnUntraced(function*<A, E>(fiber: Fiber.Fiber<A, E>, seconds: number) {
  for (let n = 0; n < seconds && fiber.pollUnsafe() === undefined; n++) {
    yield* prompt.settled
    yield* TestClock.adjust("1 second")
  }
})

describe("setHost of a store app without a ticket", () => {
  it.effect("waits for the ticket that was requested, and succeeds after its push", () =>
    Effect.gen(function*() {
      const { calls, push, setHost } = yield* install(accepted)
      const fiber = yield* Effect.forkChild(setHost())
      yield* settle(fiber, 15)
      assert.isUndefined(fiber.pollUnsafe())
      yield* push
      yield* settle(fiber, 6)
      assert.strictEqual((yield* Fiber.join(fiber)).effect, "applied")
      assert.strictEqual(calls.filter(({ method }) => method === "PATCH").length, 1)
      assert.strictEqual(calls.filter(({ path }) => path.endsWith("/resend")).length, 1)
    }))

  it.effect("ends at its deadline when none arrives, with nothing changed", () =>
    Effect.gen(function*() {
      const { calls, setHost } = yield* install(accepted)
      const fiber = yield* Effect.forkChild(Effect.flip(setHost(Cas.Policy.make({ deadline: "9 seconds" }))))
      yield* settle(fiber, 9)
      const error = fiber.pollUnsafe() === undefined
        ? assert.fail("it is beyond its deadline")
        : yield* Fiber.join(fiber)
      assert.include<object>(error, { _tag: "CasExhausted" })
      assert.strictEqual("report" in error && error.report.effect, "none")
      assert.isTrue(calls.every(({ path }) => path.endsWith("/resend")))
    }))

  it.effect("fails at once when the request for one failed", () =>
    Effect.gen(function*() {
      const { setHost } = yield* install(platform.failed(400, 10015))
      const fiber = yield* Effect.forkChild(Effect.flip(setHost()))
      yield* prompt.settled
      const exit = fiber.pollUnsafe() ?? assert.fail("it waits")
      assert.strictEqual(exit._tag, "Success")
      assert.include<object>(yield* Fiber.join(fiber), { _tag: "AppTicketMissing", resend: "failed", retry: "never" })
    }))
})
