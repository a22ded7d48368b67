/**
 * A login whose write is applied but whose reply is lost does not overwrite a refresh of another process.
 */
import { assert, it } from "@effect/vitest"
import { Context, DateTime, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { Cas, LarkConfig, OAuth, SessionStore, UserSessions } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as plainSeal from "./fixtures/plainSeal.ts"
import { alice } from "./fixtures/World.ts"

const secret = (text: string) => Redacted.make(text)

const grant = (n: number): OAuth.Grant => ({
  accessToken: secret(`u-${n}`),
  expiresAt: DateTime.makeUnsafe(7_200_000),
  refreshToken: Option.some(secret(`ur-${n}`)),
  refreshExpiresAt: Option.none(),
  scopes: []
})

it.effect("save with a lost reply does not overwrite a later refresh", () =>
  Effect.gen(function*() {
    const shared = Context.get(yield* Layer.build(SessionStore.layerMemory), SessionStore.SessionStore)
    const sent: Array<string> = []
    const oauth = Layer.mock(OAuth.OAuth, {
      refresh: (token) =>
        Effect.sync(() => {
          sent.push(Redacted.value(token))
          return grant(sent.length)
        })
    })
    const process = (store: SessionStore.SessionStore["Service"]) =>
      Effect.map(
        Layer.build(
          UserSessions.layer().pipe(Layer.provide([
            oauth,
            Layer.succeed(SessionStore.SessionStore, store),
            plainSeal.layer,
            LarkConfig.layer({ appId: "cli_a", appSecret: secret("secret") })
          ]))
        ),
        Context.get(UserSessions.UserSessions)
      )
    let lost = 1
    const lossy = SessionStore.SessionStore.of({
      ...shared,
      swap: (key, version, value) =>
        Effect.flatMap(shared.swap(key, version, value), (outcome) =>
          lost-- > 0 ? Effect.as(Effect.sleep("1 second"), Cas.unknown()) : Effect.succeed(outcome))
    })
    const [a, b] = [yield* process(lossy), yield* process(shared)]

    const saving = yield* Effect.forkChild(a.save(alice, grant(0)))
    yield* TestClock.adjust("500 millis")
    const session = b.get(alice)
    yield* session.reject(yield* session.get)
    assert.strictEqual(Redacted.value(yield* session.get), "u-1")
    yield* TestClock.adjust("1 minute")
    yield* Fiber.join(saving)

    yield* session.reject(yield* session.get)
    assert.strictEqual(Redacted.value(yield* session.get), "u-2")
    assert.deepStrictEqual(sent, ["ur-0", "ur-1"])
  }))
