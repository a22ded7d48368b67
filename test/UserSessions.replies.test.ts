/**
 * A reply of the token endpoint that leaves out what it may leave out loses no session.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Option, Redacted } from "effect"
import { LarkConfig, OAuth, SessionStore, UserSessions } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"
import * as plainSeal from "./fixtures/plainSeal.ts"
import { alice } from "./fixtures/World.ts"

const minute = 60_000

/** Refreshes once for each of the replies, which lack something of a complete one. The time between them is in minutes. */
const refreshWith = Effect.fnUntraced(function*(
  replies: ReadonlyArray<Readonly<Record<string, unknown>>>,
  minutes: number
) {
  const sent: Array<unknown> = []
  const feishu = platform.make((call) => {
    sent.push(Object(JSON.parse(String(call.body)))["refresh_token"])
    const n = sent.length
    const complete = { code: 0, access_token: `eyJ-${n}`, expires_in: 7200, refresh_token: `r-${n}` }
    return { body: { ...complete, ...replies[n - 1] } }
  })
  const layer = UserSessions.layer().pipe(
    Layer.provide(OAuth.layer),
    Layer.provide([SessionStore.layerMemory, plainSeal.layer]),
    Layer.provide(LarkConfig.layer(platform.app)),
    Layer.provide(feishu.layer)
  )
  const { get, save } = yield* Effect.flatMap(
    Layer.build(layer),
    (context) => Effect.provide(UserSessions.UserSessions, context)
  )
  const grant: OAuth.Grant = {
    accessToken: Redacted.make("eyJ-0"),
    expiresAt: DateTime.add(yield* DateTime.now, { minutes: 1 }),
    refreshToken: Option.some(Redacted.make("r-0")),
    refreshExpiresAt: Option.none(),
    scopes: []
  }
  yield* save(alice, grant)
  const tokens: Array<string> = []
  for (const _ of replies) {
    yield* TestClock.adjust(minutes * minute)
    tokens.push(Redacted.value(yield* get(alice).get))
  }
  return { tokens, sent }
})

describe("a session survives a refresh whose reply has", () => {
  it.effect.each([undefined, null, 0, -7200, 1e300, "soon", true])(
    "an expires_in of %s: the pair is stored, and the token renewed after five minutes",
    (expires_in) =>
      Effect.gen(function*() {
        const short = { expires_in }
        assert.deepStrictEqual(yield* refreshWith([short, short, {}], 5), {
          tokens: ["eyJ-1", "eyJ-2", "eyJ-3"],
          sent: ["r-0", "r-1", "r-2"]
        })
      })
  )

  it.effect("no expires_in: the token is not refreshed with each call", () =>
    Effect.gen(function*() {
      const { sent, tokens } = yield* refreshWith([{ expires_in: undefined }, {}, {}], 1)
      assert.deepStrictEqual([tokens, sent], [["eyJ-1", "eyJ-1", "eyJ-1"], ["r-0"]])
    }))

  it.effect.each([undefined, null, "", 7])(
    "a refresh_token of %s: the old one stays in use",
    (refresh_token) =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* refreshWith([{ refresh_token }, {}, {}], 120), {
          tokens: ["eyJ-1", "eyJ-2", "eyJ-3"],
          sent: ["r-0", "r-0", "r-2"]
        })
      })
  )

  it.effect.each([undefined, null, 0, -1, 1e300, "soon"])(
    "a refresh_token_expires_in of %s: it is used until the platform refuses it",
    (refresh_token_expires_in) =>
      Effect.gen(function*() {
        const unstated = { refresh_token_expires_in }
        const { sent } = yield* refreshWith([unstated, unstated], 60 * 24 * 400)
        assert.deepStrictEqual(sent, ["r-0", "r-1"])
      })
  )

  it.effect("its times as text: they count", () =>
    Effect.gen(function*() {
      const { sent } = yield* refreshWith([{ expires_in: "7200" }, {}], 100)
      assert.deepStrictEqual(sent, ["r-0"])
    }))
})
