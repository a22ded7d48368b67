import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Logger, Redacted, References, Tracer } from "effect"
import * as platform from "./fixtures/http/platform.ts"
import { type Answers, bodyOf, callbackOf, granted, mark, redirectUri, start } from "./fixtures/oauth.ts"
import { makeTracer } from "./fixtures/observe.ts"
import { shown } from "./fixtures/shown.ts"

describe("a secret of a login is not shown", () => {
  /** Runs a program and collects its result, its log and its spans as texts. */
  const watched = <A, E>(program: Effect.Effect<A, E>) =>
    Effect.gen(function*() {
      const texts: Array<string> = []
      const { spans, tracer } = makeTracer()
      const logger = Logger.make<unknown, void>((options) => {
        texts.push(...shown(options.message), Cause.pretty(options.cause), Logger.formatJson.log(options))
      })
      const exit = yield* Effect.exit(program).pipe(
        Effect.tap((exit) => Exit.isFailure(exit) ? Effect.logError("failed", exit.cause) : Effect.log(exit)),
        Effect.provide(Logger.layer([logger])),
        Effect.provideService(References.MinimumLogLevel, "All"),
        Effect.provideService(References.MinimumTraceLevel, "All"),
        Effect.provideService(Tracer.Tracer, tracer)
      )
      texts.push(...shown(exit), ...(Exit.isSuccess(exit) ? shown(exit.value) : []))
      if (Exit.isFailure(exit)) {
        texts.push(Cause.pretty(exit.cause))
        for (const reason of exit.cause.reasons) if (Cause.isFailReason(reason)) texts.push(...shown(reason.error))
      }
      for (const { attributes, name, status } of spans) {
        texts.push(name, ...shown([...attributes]))
        if (status._tag === "Ended" && Exit.isFailure(status.exit)) texts.push(Cause.pretty(status.exit.cause))
      }
      return { exit, spans, texts }
    })

  const code = `${mark}-code"\\`
  const refreshToken = Redacted.make(`${mark}-refresh"\\`)
  const accessToken = Redacted.make(`${mark}-access"\\`)

  const operations = Effect.fnUntraced(function*(answer: Answers, oauthV3: boolean) {
    const { authorize, calls, exchange, refresh, userInfo } = yield* start(answer, { oauthV3 })
    const login = yield* authorize({ redirectUri })
    const callback = callbackOf(login, encodeURIComponent(code))
    return { calls, login, all: [exchange(login, callback), refresh(refreshToken), userInfo(accessToken)] }
  })

  const echoes: Readonly<Record<string, (secret: string) => platform.Answer | platform.Lost>> = {
    "in tokens": (secret) => granted({ access_token: secret, refresh_token: secret }),
    "in half a grant": (secret) => granted({ access_token: secret, refresh_token: secret, expires_in: undefined }),
    "in an expiry": (secret) => granted({ expires_in: secret }),
    "in a code": (secret) => granted({ code: secret }),
    "in error_description": (secret) => ({ status: 400, body: { code: 20026, error_description: `for ${secret}` } }),
    "in error": (secret) => ({ status: 400, body: { code: 20002, error: secret } }),
    "in msg": (secret) => platform.failed(400, 20050, `${secret} ${secret}`),
    "in an unknown code's msg": (secret) => platform.failed(400, 424242, secret),
    "in data": (secret) => platform.failed(400, 20001, "", { data: { request: secret } }),
    "in data of a success": (secret) => ({ body: { code: 0, data: { token: secret } } }),
    "in an HTML page": (secret) => ({ status: 502, body: `<html>${secret}</html>` }),
    "in the log id": (secret) => ({ ...platform.failed(400, 20004), headers: { "x-tt-logid": secret } })
  }

  it.effect.each(Object.entries(echoes))(
    "when the platform repeats it %s",
    ([how, echo]) =>
      Effect.gen(function*() {
        for (const oauthV3 of [false, true]) {
          const secretsIn = (call: platform.Arrived): ReadonlyArray<string> =>
            call.body === undefined
              ? [call.headers["authorization"] ?? ""]
              : Object.values(Object(bodyOf(call))).map(String)
          const { all, login } = yield* operations((call) => echo(secretsIn(call).join(" ")), oauthV3)
          for (const operation of all) {
            const { texts } = yield* watched<unknown, unknown>(operation)
            for (const secret of [mark, Redacted.value(login.verifier), Redacted.value(login.state)]) {
              const leak = texts.find((text) => text.includes(secret))
              assert.isUndefined(leak?.slice(Math.max(0, leak.indexOf(secret) - 200)), how)
            }
          }
        }
      })
  )

  it.effect("in the URL or the span of a request", () =>
    Effect.gen(function*() {
      const { all, calls, login } = yield* operations(() => granted({ data: { open_id: "ou_alice" } }), false)
      const { exit, spans, texts } = yield* watched<unknown, unknown>(Effect.all(all))
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(spans.map((span) => span.name), [
        "OAuth.exchange",
        "POST /open-apis/authen/v2/oauth/token",
        "OAuth.refresh",
        "POST /open-apis/authen/v2/oauth/token",
        "OAuth.userInfo",
        "GET /open-apis/authen/v1/user_info"
      ])
      for (const secret of [mark, Redacted.value(login.verifier)]) {
        assert.isUndefined(texts.find((text) => text.includes(secret)))
        assert.isUndefined(calls.find((call) => call.url.includes(secret)))
      }
      assert.notInclude(login.url, mark)
    }))
})
