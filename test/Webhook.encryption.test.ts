import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema } from "effect"
import { TestClock } from "effect/testing"
import * as delivery from "./fixtures/delivery.ts"
import {
  accepted,
  accepts,
  appTicket,
  challenge,
  encryptedBody,
  encryptKey,
  ended,
  mount,
  refused
} from "./fixtures/webhook.ts"

const text = (given: delivery.Delivery) => new TextDecoder().decode(given.body)

describe("a webhook with an encrypt key", () => {
  const now = 1_000_000
  const good = delivery.sealed(encryptKey, appTicket(), now)
  const unsigned = (given: delivery.Delivery) =>
    ["timestamp", "nonce", "signature"].reduce(
      (bare, part) => delivery.withHeader(bare, `x-lark-${part === "signature" ? "" : "request-"}${part}`, undefined),
      given
    )
  const signed = (given: delivery.Delivery) => delivery.sign(encryptKey, given, now)
  const encryptedText = (given: delivery.Delivery): string => JSON.parse(text(given)).encrypt
  const withEncrypted = (change: (bytes: Buffer) => Uint8Array) =>
    signed(
      delivery.plain({ encrypt: Buffer.from(change(Buffer.from(encryptedText(good), "base64"))).toString("base64") })
    )

  const forged: Readonly<Record<string, delivery.Delivery>> = {
    "signed with another key": delivery.sign("another-key", good, now),
    "signed with an empty key": delivery.sign("", good, now),
    "with the signature of another body": {
      ...good,
      body: encryptedBody(JSON.stringify(appTicket("Zq7Xw-forged"))).body
    },
    "with the signature in capitals": delivery.withHeader(
      good,
      "x-lark-signature",
      good.headers["x-lark-signature"]?.toUpperCase()
    ),
    "with half a signature": delivery.withHeader(
      good,
      "x-lark-signature",
      good.headers["x-lark-signature"]?.slice(0, 32)
    ),
    "with an empty signature": delivery.withHeader(good, "x-lark-signature", ""),
    "with another nonce": delivery.withHeader(good, "x-lark-request-nonce", "nonce-2"),
    "with another time": delivery.withHeader(good, "x-lark-request-timestamp", String(now + 1)),
    "without its signature": delivery.withHeader(good, "x-lark-signature", undefined),
    "without its nonce": delivery.withHeader(good, "x-lark-request-nonce", undefined),
    "without its time": delivery.withHeader(good, "x-lark-request-timestamp", undefined),
    "truncated": { ...good, body: good.body.subarray(0, -1) },
    "with an additional byte": { ...good, body: Buffer.concat([good.body, Buffer.from(" ")]) },
    "signed five minutes and a second ago": delivery.sign(encryptKey, good, now - 301),
    "signed five minutes and a second ahead": delivery.sign(encryptKey, good, now + 301),
    "signed at a time in words": delivery.sign(encryptKey, good, "soon"),
    "signed at a negative time": delivery.sign(encryptKey, good, -now),
    "signed at a time in milliseconds": delivery.sign(encryptKey, good, now * 1000),
    "signed at a time in hexadecimal": delivery.sign(encryptKey, good, "0xf4240"),
    "signed at a time with an exponent": delivery.sign(encryptKey, good, "1e6"),
    "unsigned": unsigned(good),
    "unsigned, with the challenge and another token": encryptedBody(JSON.stringify(challenge("Zq7Xw-other"))),
    "unsigned, with a plain challenge": delivery.plain(challenge()),
    "unsigned, with a plain event": delivery.plain(ended()),
    "unsigned and not JSON": delivery.plain("<html>"),
    "unsigned, with bad padding": unsigned(withEncrypted((bytes) => bytes.subarray(0, -16))),
    "unsigned, with something else encrypted": encryptedBody("<html>")
  }

  const undecryptable: Readonly<Record<string, delivery.Delivery>> = {
    "signed, but not encrypted": signed(delivery.plain(appTicket())),
    "signed, with a plain challenge": signed(delivery.plain(challenge())),
    "encrypted with another key": signed(delivery.plain(delivery.encrypt("another-key", JSON.stringify(appTicket())))),
    "with bad padding": withEncrypted((bytes) => bytes.subarray(0, -16)),
    "with a part of a block": withEncrypted((bytes) => bytes.subarray(0, -1)),
    "with an IV only": withEncrypted((bytes) => bytes.subarray(0, 16)),
    "with a part of an IV": withEncrypted((bytes) => bytes.subarray(0, 15)),
    "with nothing encrypted": withEncrypted(() => new Uint8Array()),
    "with invalid base64": signed(delivery.plain({ encrypt: "***" })),
    "with a number in place of the ciphertext": signed(delivery.plain({ encrypt: 5 })),
    "with an empty object": signed(delivery.plain({})),
    "with an empty body": signed(delivery.plain("")),
    "with a list": signed(delivery.plain([good])),
    "with an encrypted page": signed(encryptedBody("<html>")),
    "with an encrypted list": signed(encryptedBody("[]")),
    "with an encrypted empty text": signed(encryptedBody("")),
    "with an encrypted null": signed(encryptedBody("null")),
    "with encrypted bytes that are not UTF-8": signed(encryptedBody(new Uint8Array([123, 34, 255, 34, 58, 49, 125]))),
    "with an encrypted body encrypted again": signed(encryptedBody(text(good)))
  }

  const provision = Effect.tap(mount({ encryptKey }), TestClock.adjust(now * 1000))

  it.effect.each(Object.entries(forged))("refuses with 401 a request %s", ([, given]) =>
    Effect.gen(function*() {
      const webhook = yield* provision
      assert.deepStrictEqual(yield* webhook.receive(given), refused(401))
      assert.strictEqual(accepts(webhook), 0)
      assert.deepStrictEqual(yield* webhook.receive(good), accepted)
      assert.strictEqual(accepts(webhook), 1)
    }))

  it.effect.each(Object.entries(undecryptable))("refuses with 400 a request %s", ([, given]) =>
    Effect.gen(function*() {
      const webhook = yield* provision
      assert.deepStrictEqual(yield* webhook.receive(given), refused(400))
      assert.strictEqual(accepts(webhook), 0)
    }))

  it.effect("answers a replayed request without handling it, and refuses it after the replay window", () =>
    Effect.gen(function*() {
      const webhook = yield* provision
      for (let i = 0; i < 3; i++) assert.deepStrictEqual(yield* webhook.receive(good), accepted)
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual(yield* webhook.receive(good), accepted)
      assert.strictEqual(accepts(webhook), 1)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* webhook.receive(good), refused(401))
    }))

  it.effect("respects a custom replay window", () =>
    Effect.gen(function*() {
      const webhook = yield* mount({ encryptKey, replayWindow: "60 minutes" })
      yield* TestClock.adjust((now + 3600) * 1000)
      assert.deepStrictEqual(yield* webhook.receive(good), accepted)
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* webhook.receive(good), refused(401))
    }))

  it.effect.prop(
    "refuses a request with any one byte of its body or its signature headers changed",
    {
      where: Arbitrary.schema(Schema.Natural),
      xor: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 255 })))
    },
    ({ where, xor }) =>
      Effect.gen(function*() {
        const webhook = yield* provision
        const names = Object.keys(good.headers).filter((name) => name.startsWith("x-lark"))
        const texts = names.map((name) => good.headers[name] ?? "")
        const all = Buffer.concat([good.body, ...texts.map((text) => Buffer.from(text))])
        const at = where % all.length
        all[at] = (all[at] ?? 0) ^ xor
        let rest = all.subarray(good.body.length)
        const headers = { ...good.headers }
        names.forEach((name, i) => {
          headers[name] = rest.subarray(0, texts[i]?.length).toString("latin1")
          rest = rest.subarray(texts[i]?.length)
        })
        // Not every byte is valid in a header: HTTP itself refuses such a request.
        if (Result.isFailure(Result.try(() => new Headers(headers)))) return
        const answer = yield* webhook.receive({ ...good, headers, body: all.subarray(0, good.body.length) })
        assert.deepStrictEqual(answer, refused(401))
        assert.strictEqual(accepts(webhook), 0)
      }),
    { arbitrary: { runs: 300 } }
  )
})
