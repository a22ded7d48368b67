/**
 * A server's text in errors and spans: no spelling of a secret, no control character, no body.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Tracer } from "effect"
import { Lark, Meetings } from "effect-lark-meetings"
import { inspect } from "node:util"
import * as platform from "./fixtures/http/platform.ts"
import { makeTracer } from "./fixtures/observe.ts"
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
    ["percent-encoded in JSON", encodeURIComponent(json)],
    ["in JSON in JSON", JSON.stringify(json).slice(1, -1)],
    ["in JSON, percent-encoded twice", encodeURIComponent(encodeURIComponent(json))],
    ["percent-encoded whole", appSecret.replaceAll(/./g, (c) => `%${c.charCodeAt(0).toString(16)}`)],
    ["in upper case", appSecret.toUpperCase()],
    ["in upper case, percent-encoded", encodeURIComponent(appSecret.toUpperCase())]
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

  it.effect.each([
    "\u0000", // null
    "\u0085", // next line
    "\u009b", // control sequence
    "\u00ad", // soft hyphen
    "\u061c", // Arabic letter mark
    "\u200b", // zero width space
    "\u200f", // right-to-left mark
    "\u202e", // right-to-left override
    "\u2029", // paragraph separator
    "\u2067", // right-to-left isolate
    "\ufeff", // byte order mark
    "\ud800", // half of a pair
    "\u{e0041}" // tag
  ])("has %j escaped", (character) =>
    Effect.gen(function*() {
      const escaped = character.split("").map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(
        ""
      )
      assert.include((yield* failed(`a${character}b`)).message, `a${escaped}b`)
    }))

  it.effect("has a thousand characters of a server at most, without half a secret at their end", () =>
    Effect.gen(function*() {
      for (const text of ["x".repeat(9_000_000), "\\".repeat(9_000_000), "%25".repeat(3_000_000)]) {
        const { message } = yield* failed(text)
        assert.isBelow(message.length, 1_200)
      }
      const { message } = yield* failed(`${"x".repeat(990)}${appSecret}`)
      assert.notInclude(message, appSecret.slice(0, 5))
    }))

  it.effect("has no secret that is as long as a JSON Web Token", () => {
    const token = `eyJ${"aB3-_.".repeat(1_000)}`
    const feishu = platform.make(
      () => platform.failed(400, 121005, `\\ % ${token} ${encodeURIComponent(JSON.stringify(token))}`),
      () => platform.minted(token)
    )
    return Effect.gen(function*() {
      const error = yield* Effect.flip(Meetings.get(id))
      assert.include(error.message, "<redacted>")
      assert.notInclude(inspect(error), token.slice(0, 20))
    }).pipe(Effect.provide(Lark.layer(app)), Effect.provide(feishu.layer))
  })

  it.effect("has no rest of a token that begins with another one", () => {
    const tokens = ["t-SECRET-rest", "t-SECRET"]
    const feishu = platform.make(
      (_, nth) => nth === 0 ? platform.failed(400, 99991663, "no") : platform.failed(400, 121005, `no: ${tokens[0]}!`),
      (nth) => platform.minted(tokens[nth] ?? "")
    )
    return Effect.gen(function*() {
      const error = yield* Effect.flip(Meetings.get(id))
      assert.include(error.message, "no: <redacted>!")
    }).pipe(Effect.provide(Lark.layer(app)), Effect.provide(feishu.layer))
  })
})

describe("a log id, a content type and a link", () => {
  it.effect("are bounded and escaped, and without a secret", () => {
    const long = `no\u009b${encodeURIComponent(appSecret)}${"x".repeat(9_000)}`
    const answers: ReadonlyArray<platform.Answer> = [
      {
        status: 502,
        body: "<html>",
        headers: { "content-type": `text/html; ${encodeURIComponent(appSecret)}${"x".repeat(9_000)}` }
      },
      {
        ...platform.failed(400, 10014, "no"),
        headers: { "x-tt-logid": `no${encodeURIComponent(appSecret)}${"x".repeat(9_000)}` }
      },
      platform.failed(400, 10014, "no", { error: { log_id: long, troubleshooter: long } }),
      platform.failed(400, 99991672, "no", { error: { permission_violations: [{ subject: long }] } }),
      platform.failed(400, 99992402, "no", { error: { field_violations: [{ field: long }] } })
    ]
    return Effect.forEach(answers, (answer) =>
      Effect.gen(function*() {
        const feishu = platform.make(() => platform.ok({}), () => answer)
        const error = yield* Meetings.get(id).pipe(
          Effect.flip,
          Effect.provide(Lark.layer(app)),
          Effect.provide(feishu.layer)
        )
        const shown = JSON.stringify(error) + error.message
        assert.isBelow(shown.length, 5_000)
        assert.notInclude(shown, encodeURIComponent(appSecret))
        assert.notInclude(shown, "\u009b")
        assert.include(shown, "<redacted>")
      }))
  })
})

describe("a span", () => {
  it.effect("ends without the body, which may have a token", () => {
    const { spans, tracer } = makeTracer()
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
