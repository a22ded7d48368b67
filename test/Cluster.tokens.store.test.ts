/**
 * Processes of one store app that share its app token, the tokens of its tenants and the request for its ticket.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Lark } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { elapse, make, type Pod } from "./fixtures/tokenPods.ts"
import { id } from "./fixtures/World.ts"

const tenants = ["tenant_a", "tenant_b", "tenant_c"]

const app = { appId: "cli_store", appSecret: Redacted.make("secret-of-the-app") }

const install = Effect.gen(function*() {
  const world = yield* make({
    isStoreApp: true,
    simulator: {
      app: { ...app, type: "store", tenants, ticket: "g-1" },
      meetings: [{ id, tenant: "tenant_a" }]
    }
  })
  return { world, pods: yield* world.startAll(10, { app }) }
})

const tokensOf = (pods: ReadonlyArray<Pod>) =>
  elapse(pods.flatMap(({ token }) => tenants.map((tenant) => Lark.asTenant(tenant)(token))))

describe("ten processes of a store app", () => {
  it.effect("request one app token, and one token for each tenant", () =>
    Effect.gen(function*() {
      const { pods, world } = yield* install
      yield* pods[3]?.push("g-1") ?? assert.fail()
      const tokens = yield* tokensOf(pods)
      assert.strictEqual(new Set(tokens).size, tenants.length)
      assert.strictEqual(yield* world.requestsOf("app_access_token"), 1)
      assert.strictEqual(yield* world.requestsOf("tenant_access_token"), tenants.length)
    }))

  it.effect("replace the token of one tenant once after its revocation", () =>
    Effect.gen(function*() {
      const { pods, world } = yield* install
      yield* pods[0]?.push("g-1") ?? assert.fail()
      yield* tokensOf(pods)
      yield* world.simulator.rejectTokensOf("tenant_a")
      yield* elapse(pods.map(({ call }) => Lark.asTenant("tenant_a")(call)))
      assert.strictEqual(yield* world.requestsOf("tenant_access_token"), tenants.length + 1)
      assert.strictEqual(yield* world.requestsOf("app_access_token"), 1)
    }))

  it.effect("request one ticket when there is none, and wait for it", () =>
    Effect.gen(function*() {
      const { pods, world } = yield* install
      const call = elapse(pods.map(({ token }) => Effect.exit(Lark.asTenant("tenant_a")(token))))
      const fiber = yield* Effect.forkChild(call)
      // Later than the process waits that has requested it.
      yield* TestClock.adjust("3 seconds")
      yield* pods[7]?.push("g-1") ?? assert.fail()
      while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("100 millis")
      assert.strictEqual(yield* world.requestsOf("app_ticket_resend"), 1)
      yield* tokensOf(pods)
      assert.strictEqual(yield* world.requestsOf("app_ticket_resend"), 1)
      assert.strictEqual(yield* world.requestsOf("app_access_token"), 1)
      assert.strictEqual(yield* world.requestsOf("tenant_access_token"), tenants.length)
    }))
})
