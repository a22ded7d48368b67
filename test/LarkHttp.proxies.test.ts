/**
 * What a proxy says proves nothing about the call, even where it resembles a reply of the platform.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted } from "effect"
import { Cas, Lark, Meetings, UserToken } from "effect-lark-meetings"
import * as platform from "./fixtures/http/platform.ts"
import { alice, bob, id } from "./fixtures/World.ts"

const end = Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-alice")))(Meetings.end(id))
const swapHost = Meetings.swapHost(id, { expected: alice, desired: bob })
const setHost = Meetings.setHost(id, bob, {
  hint: alice,
  policy: { ...Cas.Policy.once, onUnknown: "neverResend" }
})

const html = { "content-type": "text/html" }

/** Each may be the reply to a call that was executed. */
const replies: ReadonlyArray<readonly [what: string, answer: platform.Answer]> = [
  ["a WAF's code, HTTP 403", platform.failed(403, 403, "blocked")],
  ["a WAF's code, HTTP 200", platform.failed(200, 403, "blocked")],
  ["a proxy's login", platform.failed(407, 407, "proxy authentication required")],
  ["a limit of bodies", platform.failed(413, 413, "too large")],
  ["a limit of headers", platform.failed(431, 431, "too large")],
  ["a limit of rates", { ...platform.failed(429, 429, "too many"), headers: { "retry-after": "1" } }],
  ["a limit of rates, HTTP 200", platform.failed(200, 429, "too many")],
  ["an upstream that is down", platform.failed(503, 503, "no upstream")],
  ["a busy system", platform.failed(200, -1, "system busy")],
  ["a success with HTTP 502", platform.failed(502, 0, "success", { data: {} })],
  ["a success with HTTP 407", platform.failed(407, 0, "success")],
  ["a success with HTTP 304", platform.failed(304, 0, "success")],
  ["a code that is no number", { body: { code: "0x0", msg: "success" } }],
  ["a code with a fraction", { body: { code: "0.0", msg: "success" } }],
  ["a code of false", { body: { code: false, msg: "success" } }],
  ["a page, HTTP 413", { status: 413, body: "<html>too large</html>", headers: html }],
  ["a page, HTTP 429", { status: 429, body: "<html>too many</html>", headers: { ...html, "retry-after": "1" } }],
  ["a redirect", { status: 307, body: "", headers: { location: "https://login.example/" } }]
]

describe.each(platform.clients)("through %s,", (client) => {
  const answered = <A, E>(
    program: Effect.Effect<A, E, Lark.Services>,
    answer: platform.Answer,
    token?: platform.Answer
  ) => {
    const feishu = platform.make(() => answer, token && (() => token))
    return program.pipe(Effect.provide(Lark.layer(platform.app)), Effect.provide(feishu.through(client)))
  }

  it.effect.each(replies)("%s leaves it open whether the call was executed", ([, answer]) =>
    Effect.gen(function*() {
      assert.include<object>(yield* Effect.flip(answered(end, answer)), { retry: "unknown" })

      const swapped = yield* Effect.exit(answered(swapHost, answer))
      if (Exit.isSuccess(swapped)) assert.strictEqual(swapped.value._tag, "Unknown")
      else assert.include<object>(yield* Effect.flip(swapped), { retry: "unknown" })

      const failed = yield* Effect.flip(answered(setHost, answer))
      assert.include<object>(failed, { retry: "unknown" })
      assert.strictEqual("report" in failed && failed.report.effect, "unknown")
      assert.notMatch(failed.message, /not executed|nothing was changed/i)
    }))

  const tokens: ReadonlyArray<readonly [what: string, answer: platform.Answer]> = [
    ["a failure of the platform", platform.failed(500, 5000, "internal error")],
    ["a failure of the authorization server", platform.failed(503, 20072, "unavailable")],
    ["a code of nobody", platform.failed(503, 424242, "no upstream")],
    ["a page", { status: 502, body: "<html>", headers: html }],
    ["a code of nobody, HTTP 403", platform.failed(403, 403, "blocked")]
  ]

  it.effect.each(tokens)(
    "%s in place of the token says that the call was not executed",
    ([, token]) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(answered(Meetings.get(id), platform.ok({}), token))
        assert.include<object>(error, { executed: "no", retry: "wait" })
        assert.include(error.message, "The call was not executed")

        const failed = yield* Effect.flip(answered(setHost, platform.ok({}), token))
        assert.strictEqual("report" in failed && failed.report.effect, "none")
        assert.notStrictEqual(failed.retry, "unknown")
      })
  )
})
