import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Config, ConfigProvider, Effect, Layer, Redacted, Schema } from "effect"
import { type LarkConfig, Seal } from "effect-lark-meetings"
import { randomBytes } from "node:crypto"
import { shown } from "./fixtures/shown.ts"

const newKey = () => Redacted.make(randomBytes(32).toString("base64"))

const [key, oldKey, olderKey, strangeKey] = [newKey(), newKey(), newKey(), newKey()]

const fromVariables = (variables: Record<string, string>) =>
  Effect.provide(
    Seal.Seal,
    Layer.provide(Seal.layerConfig(), ConfigProvider.layer(ConfigProvider.fromEnvRecord(variables)))
  )

const built = (options: Seal.Options) => Effect.provide(Seal.Seal, Seal.layer(options))

const isUnreadable = (seal: Seal.Seal["Service"], purpose: string, sealed: string) =>
  Effect.map(Effect.flip(seal.open(purpose, sealed)), (error) => {
    assert.include<object>(error, { _tag: "SessionStoreError", reason: "unreadable" })
    return error
  })

describe("a sealed text", () => {
  it.effect.prop(
    "opens under its purpose only and does not contain the secret",
    [Schema.String, Schema.String],
    ([purpose, text]) =>
      Effect.gen(function*() {
        const seal = yield* built({ key })
        // Replaces lone surrogates: they have no UTF-8, and no token contains one.
        const secret = Buffer.from(text).toString()
        const sealed = yield* seal.seal(purpose, Redacted.make(secret))
        assert.match(sealed, /^seal1\.[\w-]{8}\.[\w-]+$/)
        assert.strictEqual(Redacted.value(yield* seal.open(purpose, sealed)), secret)
        if (secret.length > 5) assert.notInclude(sealed, secret)
        yield* isUnreadable(seal, `${purpose}.`, sealed)
      }),
    { arbitrary: { runs: 50 } }
  )

  it.effect("differs each time, nonce included", () =>
    Effect.gen(function*() {
      const seal = yield* built({ key })
      const sealed = yield* Effect.replicateEffect(seal.seal("a", Redacted.make("secret")), 100)
      assert.strictEqual(new Set(sealed).size, 100)
      assert.strictEqual(new Set(sealed.map((text) => text.split(".")[2]?.slice(0, 16))).size, 100)
    }))

  it.effect("is 28 bytes longer than its secret", () =>
    Effect.gen(function*() {
      const seal = yield* built({ key })
      const sealed = yield* seal.seal("a", Redacted.make("x".repeat(1_000)))
      assert.strictEqual(Buffer.from(sealed.split(".")[2] ?? "", "base64url").length, 12 + 1_000 + 16)
    }))

  it.effect.prop(
    "does not open after any change",
    { at: Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000 }))) },
    ({ at }) =>
      Effect.gen(function*() {
        const seal = yield* Effect.provide(Seal.Seal, Seal.layer({ key, previous: [oldKey] }))
        const sealed = yield* seal.seal("a", Redacted.make("a secret of thirty bytes, or so"))
        const index = at % sealed.length
        const changed = `${sealed.slice(0, index)}${sealed[index] === "A" ? "B" : "A"}${sealed.slice(index + 1)}`
        yield* isUnreadable(seal, "a", changed)
        yield* isUnreadable(seal, "a", sealed.slice(0, index))
        yield* isUnreadable(seal, "a", `${sealed}.`)
      }),
    { arbitrary: { runs: 50 } }
  )

  it.effect("does not open after a change of bits that the encoding does not use", () =>
    Effect.gen(function*() {
      const seal = yield* built({ key })
      const sealed = yield* seal.seal("a", Redacted.make("31 bytes leave two bits unused."))
      const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_="
      for (const digit of digits) {
        if (!sealed.endsWith(digit)) yield* isUnreadable(seal, "a", `${sealed.slice(0, -1)}${digit}`)
      }
    }))

  it.effect("does not open with the key id of another key; nor does a text that was never sealed", () =>
    Effect.gen(function*() {
      const seal = yield* Effect.provide(Seal.Seal, Seal.layer({ key, previous: [oldKey] }))
      const old = yield* Effect.provide(Seal.Seal, Seal.layer({ key: oldKey }))
      const [mine, other] = [
        yield* seal.seal("a", Redacted.make("secret")),
        yield* old.seal("a", Redacted.make("secret"))
      ]
      const [version, id] = other.split(".")
      yield* isUnreadable(seal, "a", [version, id, mine.split(".")[2]].join("."))
      for (
        const text of ["", ".", "..", "secret", `seal1.${id}`, `seal1.${id}.`, `seal1.${id}.AAAA`, `seal1.${id}.****`]
      ) {
        yield* isUnreadable(seal, "a", text)
      }
    }))

  it.effect("leaks neither key nor secret in an error", () =>
    Effect.gen(function*() {
      const seal = yield* built({ key })
      const sealed = yield* seal.seal("a", Redacted.make("Zq7Xw-secret"))
      const error = yield* isUnreadable(seal, "b", sealed)
      for (const secret of ["Zq7Xw", Redacted.value(key), sealed]) assert.notInclude(shown(error).join("\n"), secret)
      assert.include(error.message, "LARK_SEAL_KEY")
      assert.notInclude(shown(yield* seal.open("a", sealed)).join("\n"), "Zq7Xw")
      assert.notInclude(shown(seal).join("\n"), Redacted.value(key))
    }))
})

describe("keys", () => {
  it.effect("still open texts as previous keys, and no longer seal", () =>
    Effect.gen(function*() {
      const seal = (options: Seal.Options) => Effect.provide(Seal.Seal, Seal.layer(options))
      const [older, old] = [yield* seal({ key: olderKey }), yield* seal({ key: oldKey, previous: [olderKey] })]
      const now = yield* seal({ key, previous: [oldKey, olderKey] })
      for (const before of [older, old]) {
        const sealed = yield* before.seal("a", Redacted.make("secret"))
        assert.strictEqual(Redacted.value(yield* now.open("a", sealed)), "secret")
        yield* isUnreadable(yield* seal({ key }), "a", sealed)
        yield* isUnreadable(yield* seal({ key: strangeKey, previous: [key] }), "a", sealed)
      }
      const sealed = yield* now.seal("a", Redacted.make("secret"))
      yield* isUnreadable(old, "a", sealed)
      assert.strictEqual(Redacted.value(yield* (yield* seal({ key })).open("a", sealed)), "secret")
    }))

  it.effect("are read from LARK_SEAL_KEY and LARK_SEAL_KEY_PREVIOUS", () =>
    Effect.gen(function*() {
      const old = yield* Effect.provide(Seal.Seal, Seal.layer({ key: oldKey }))
      const older = yield* Effect.provide(Seal.Seal, Seal.layer({ key: olderKey }))
      const now = yield* fromVariables({
        LARK_SEAL_KEY: `${Redacted.value(key)}\n`,
        LARK_SEAL_KEY_PREVIOUS: `${Redacted.value(oldKey)}, ${Redacted.value(olderKey)}`
      })
      for (const before of [old, older]) {
        const sealed = yield* before.seal("a", Redacted.make("secret"))
        assert.strictEqual(Redacted.value(yield* now.open("a", sealed)), "secret")
      }
      const alone = yield* fromVariables({ LARK_SEAL_KEY: Redacted.value(key), LARK_SEAL_KEY_PREVIOUS: "" })
      const sealed = yield* now.seal("a", Redacted.make("secret"))
      assert.strictEqual(Redacted.value(yield* alone.open("a", sealed)), "secret")
    }))

  it.effect("are read from custom configs", () =>
    Effect.gen(function*() {
      const config = Seal.layerConfig({ key: Config.Redacted("MY_KEY") })
      const variables = ConfigProvider.layer(ConfigProvider.fromEnvRecord({ MY_KEY: Redacted.value(key) }))
      const seal = yield* Effect.provide(Seal.Seal, Layer.provide(config, variables))
      const sealed = yield* seal.seal("a", Redacted.make("secret"))
      const same = yield* built({ key })
      assert.strictEqual(Redacted.value(yield* same.open("a", sealed)), "secret")
      const missing = Effect.provide(
        Seal.Seal,
        Layer.provide(config, ConfigProvider.layer(ConfigProvider.fromEnvRecord({})))
      )
      assert.strictEqual((yield* Effect.flip(missing)).setting, "configuration")
    }))

  const secret = "Zq7Xw"
  const wrong: ReadonlyArray<readonly [what: string, text: string]> = [
    ["words", `${secret} is not a key`],
    ["16 bytes", randomBytes(16).toString("base64")],
    ["31 bytes", randomBytes(31).toString("base64")],
    ["33 bytes", randomBytes(33).toString("base64")],
    ["hexadecimal", randomBytes(32).toString("hex")],
    ["one character too short", Redacted.value(key).slice(0, -1)],
    ["in quotes", `"${Redacted.value(key)}"`]
  ]

  const refused = (error: LarkConfig.InvalidLarkConfig, setting: string, text: string) => {
    assert.strictEqual(error._tag, "InvalidLarkConfig")
    assert.strictEqual(error.setting, setting)
    assert.match(
      error.message,
      /^\S+ (is missing or empty|must be 32 bytes in base64); .*(`openssl rand -base64 32`|list the previous keys, separated by commas)\.$/
    )
    if (text !== "") assert.notInclude(shown(error).join("\n"), text)
  }

  it.effect.each(wrong)(
    "that are %s fail with an error that names the setting and hides the value",
    ([, text]) =>
      Effect.gen(function*() {
        const good = Redacted.value(key)
        refused(yield* Effect.flip(fromVariables({ LARK_SEAL_KEY: text })), "LARK_SEAL_KEY", text)
        refused(
          yield* Effect.flip(fromVariables({ LARK_SEAL_KEY: good, LARK_SEAL_KEY_PREVIOUS: `${good},${text}` })),
          "LARK_SEAL_KEY_PREVIOUS",
          text
        )
        refused(yield* Effect.flip(built({ key: Redacted.make(text) })), "key", text)
        refused(yield* Effect.flip(built({ key, previous: [Redacted.make(text)] })), "previous", text)
      })
  )

  it.effect("that are missing, empty or whitespace are invalid", () =>
    Effect.gen(function*() {
      refused(yield* Effect.flip(fromVariables({})), "LARK_SEAL_KEY", "")
      refused(yield* Effect.flip(fromVariables({ LARK_SEAL_KEY: "" })), "LARK_SEAL_KEY", "")
      refused(yield* Effect.flip(fromVariables({ LARK_SEAL_KEY: " \n" })), "LARK_SEAL_KEY", "")
    }))

  it.effect("that are not redacted are invalid", () =>
    Effect.gen(function*() {
      // A caller without types may pass a string.
      const options = { key: Redacted.value(key) } as unknown as Seal.Options
      const error = yield* Effect.flip(built(options))
      assert.match(error.message, /^key must be Redacted/)
      assert.notInclude(shown(error).join("\n"), Redacted.value(key))
    }))
})
