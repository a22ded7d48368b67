/**
 * A server's text in errors and spans: no spelling of a secret, no control character, no body.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Tracer } from "effect"
import { Lark, Meetings } from "effect-lark-meetings"
import { inspect } from "node:util"
import * as platform from "./fixtures/http/platform.ts"
import { id } from "./fixtures/World.ts"

const appSecret = `app/secret+1="\\`
const app = { appId: "cli_test", appSecret: Redacted.make(appSecret) }

const failed = (msg: string) => {
  const feishu = platform.make(() => platform.ok({}), () => platform.failed(400, 10014, msg))
  return Effect.flip(Meetings.get(id)).pipe(Effect.provide(Lark.layer(app)), Effect.provide(feishu.layer))
}

const json = JSON.stringify(appSecret).slice(1, -1)

describe("a message", () => {
  it.effect.each([
    ["as it is", appSecret],
    ["in JSON", json],
    ["in JSON with escaped slashes", json.replaceAll("/", "\\/")],
    ["in JSON with code points", appSecret.replaceAll(/[^a-z]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)],
    ["percent-encoded", encodeURIComponent(appSecret)],
    ["percent-encoded in lower case", encodeURIComponent(appSecret).replaceAll(/%../g, (c) => c.toLowerCase())],
    ["percent-encoded twice", encodeURIComponent(encodeURIComponent(appSecret))],
    ["percent-encoded in JSON", encodeURIComponent(json)]
  ])("has no secret that is spelled %s", ([, spelling]) =>
    Effect.gen(function*() {
      const error = yield* failed(`no: ${spelling}!`)
      assert.include(error.message, "no: <redacted>!")
    }))

  it.effect("has the control characters of a server escaped", () =>
    Effect.gen(function*() {
      const error = yield* failed("no\r\n[12:00] INFO: all is well\u001b[8m\u2028\u202e")
      assert.include(error.message, "no\\u000d\\u000a[12:00] INFO: all is well\\u001b[8m\\u2028\\u202e")
    }))
})

describe("a span", () => {
  it.effect("ends without the body, which may have a token", () => {
    const spans: Array<Tracer.Span> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    const feishu = platform.make(() => platform.ok({ meeting: { id } }), () => platform.minted("t-SECRET"))
    return Effect.gen(function*() {
      yield* Meetings.get(id)
      assert.isAbove(spans.length, 1)
      assert.notInclude(inspect(spans, { depth: 10 }), "t-SECRET")
    }).pipe(
      Effect.provide(Lark.layer(app)),
      Effect.provide(feishu.layer),
      Effect.provideService(Tracer.Tracer, tracer)
    )
  })
})
