/**
 * Seals secrets before they are stored, and opens them again: AES-256-GCM with a key from the configuration.
 *
 * **Details**
 *
 * A sealed text is `seal1.<key id>.<nonce, ciphertext and tag>`, safe in files, columns and URLs. The nonce is random, so
 * the same secret never looks the same. A text opens only under the purpose it was sealed for: what was copied from one
 * record to another does not open there. The key id is part of a hash of the key, by which texts that were sealed with a
 * previous key still open: give the old key as `previous`, and everything that is written anew uses the new one.
 *
 * `layerConfig` reads `LARK_SEAL_KEY`, 32 bytes in base64 as `openssl rand -base64 32` makes them, and
 * `LARK_SEAL_KEY_PREVIOUS`, the keys before it, with commas between them.
 *
 * **Gotchas**
 *
 * - Whoever loses the key loses what it sealed: users have to log in again.
 * - Sealing hides what is stored and shows whether it was changed, not whether it is the latest: somebody who may write to
 *   the store can put an older record back.
 *
 * **Example** (A purpose binds)
 *
 * ```ts
 * import { Effect, Redacted } from "effect"
 * import { Seal } from "effect-lark-meetings"
 *
 * const program = Effect.gen(function*() {
 *   const seal = yield* Seal.Seal
 *   const sealed = yield* seal.seal("session of alice", Redacted.make("ur-secret"))
 *   const opened = yield* seal.open("session of alice", sealed)
 *   const moved = yield* Effect.flip(seal.open("session of bob", sealed))
 *   return [sealed.includes("secret"), Redacted.value(opened), moved.reason]
 * })
 *
 * const key = Redacted.make("bm90IGEgcmVhbCBrZXksIG9ubHkgYW4gZXhhbXBsZSE=")
 * const [leaks, opened, reason] = await Effect.runPromise(Effect.provide(program, Seal.layer({ key })))
 * console.log(leaks, opened, reason) // => false ur-secret unreadable
 * ```
 *
 * @since 0.1.0
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Aead from "effect/crypto/Aead"
import * as Digest from "effect/crypto/Digest"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { InvalidLarkConfig } from "./LarkConfig.ts"
import { SessionStoreError } from "./LarkError.ts"

/**
 * The keys.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** 32 random bytes in base64: `openssl rand -base64 32`. */
  readonly key: Redacted.Redacted
  /** Keys that sealed before, which still open. */
  readonly previous?: ReadonlyArray<Redacted.Redacted> | undefined
}

/**
 * Seals and opens.
 *
 * **Details**
 *
 * - `seal`: the text to store. `purpose` says what it is and which record it belongs to.
 * - `open`: the secret again. Fails with `SessionStoreError` (`unreadable`) when the text was sealed with a key that is not
 *   configured, or for another purpose, or was changed; the error does not tell which.
 *
 * @since 0.1.0
 * @category services
 */
export class Seal extends Context.Service<Seal, {
  readonly seal: (purpose: string, secret: Redacted.Redacted) => Effect.Effect<string>
  readonly open: (purpose: string, sealed: string) => Effect.Effect<Redacted.Redacted, SessionStoreError>
}>()("effect-lark-meetings/Seal") {}

interface Key {
  readonly id: string
  readonly key: Aead.Key
}

const version = "seal1"
const keyLength = 32
const nonceLength = Aead.aes256Gcm.nonceLength

const encoder = new TextEncoder()
// A byte order mark is part of the text.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

const keyOf = Effect.fnUntraced(function*(setting: string, given: Redacted.Redacted | undefined) {
  const invalid = (reason: string) =>
    Effect.fail(
      new InvalidLarkConfig({
        setting,
        reason: setting === variables.previous
          ? `${reason}; it holds the keys of before, with commas between them.`
          : `${reason}; make a key with \`openssl rand -base64 ${keyLength}\`.`
      })
    )
  if (given === undefined) return yield* invalid("is missing or empty")
  if (!Redacted.isRedacted(given)) return yield* invalid("must be Redacted: Redacted.make(key)")
  // Files and shells leave a line feed at the end.
  const bytes = Base64.decode(Redacted.value(given).trim())
  if (Result.isFailure(bytes) || bytes.success.length !== keyLength) {
    return yield* invalid(`must be ${keyLength} bytes in base64`)
  }
  const digest = yield* Digest.Digest
  const hash = yield* Effect.orDie(digest.digest(Digest.sha256, bytes.success))
  const key = yield* Effect.orDie(Aead.key(Aead.aes256Gcm, bytes.success))
  return { id: Base64Url.encode(hash.subarray(0, 6)), key }
})

const unreadable = Effect.fail(
  new SessionStoreError({
    endpoint: "Seal.open",
    reason: "unreadable",
    detail: "a record was sealed with another key or for another purpose, or was changed"
  })
)

const build = Effect.fnUntraced(function*(keys: readonly [current: Key, ...previous: ReadonlyArray<Key>]) {
  const aead = yield* Aead.Aead
  const random = yield* SecureRandom.SecureRandom
  const [current] = keys

  return Seal.of({
    seal: Effect.fnUntraced(function*(purpose, secret) {
      const nonce = yield* random.randomBytes(nonceLength)
      const plaintext = encoder.encode(Redacted.value(secret))
      const ciphertext = yield* Effect.orDie(
        aead.encrypt(current.key, plaintext, { nonce, aad: encoder.encode(purpose) })
      )
      const body = new Uint8Array(nonceLength + ciphertext.length)
      body.set(nonce)
      body.set(ciphertext, nonceLength)
      return `${version}.${current.id}.${Base64Url.encode(body)}`
    }),
    open: Effect.fnUntraced(function*(purpose, sealed) {
      const [given, id, text, ...rest] = sealed.split(".")
      const key = keys.find((key) => key.id === id)
      if (given !== version || key === undefined || text === undefined || rest.length > 0) return yield* unreadable
      const body = Base64Url.decode(text)
      if (Result.isFailure(body) || body.success.length < nonceLength) return yield* unreadable
      const plaintext = yield* aead.decrypt(key.key, body.success.subarray(nonceLength), {
        nonce: body.success.subarray(0, nonceLength),
        aad: encoder.encode(purpose)
      }).pipe(Effect.catch(() => unreadable))
      return Redacted.make(decoder.decode(plaintext))
    })
  })
})

const crypto = Layer.mergeAll(Aead.layerWebCrypto, Digest.layerWebCrypto).pipe(
  Layer.provideMerge(SecureRandom.layerWebCrypto)
)

const fromKeys = (
  names: { readonly key: string; readonly previous: string },
  key: Redacted.Redacted | undefined,
  previous: ReadonlyArray<Redacted.Redacted>
): Effect.Effect<Seal["Service"], InvalidLarkConfig> =>
  Effect.gen(function*() {
    const current = yield* keyOf(names.key, key)
    return yield* build([current, ...yield* Effect.forEach(previous, (old) => keyOf(names.previous, old))])
  }).pipe(Effect.provide(crypto))

/**
 * Fails with `InvalidLarkConfig` when a key is not 32 bytes in base64.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Seal["Service"], InvalidLarkConfig> =>
  fromKeys({ key: "key", previous: "previous" }, options.key, options.previous ?? [])

/**
 * Seals with a key of your own providing.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Seal, InvalidLarkConfig> => Layer.effect(Seal, make(options))

const variables = { key: "LARK_SEAL_KEY", previous: "LARK_SEAL_KEY_PREVIOUS" }

const optional = (name: string) => Effect.map(Config.option(Config.Redacted(name)), Option.getOrUndefined)

const fromVariables = Effect.gen(function*() {
  const key = yield* optional(variables.key)
  const previous = yield* optional(variables.previous)
  const isEmpty = (variable: Redacted.Redacted | undefined) =>
    variable === undefined || Redacted.value(variable).trim() === ""
  return yield* fromKeys(
    variables,
    isEmpty(key) ? undefined : key,
    previous === undefined || isEmpty(previous)
      ? []
      : Redacted.value(previous).split(",").map((old) => Redacted.make(old))
  )
})

/**
 * Seals with the key in `LARK_SEAL_KEY`, or with configs of your own. Fails with `InvalidLarkConfig`, which names the
 * variable.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (config?: Config.Wrap<Options>): Layer.Layer<Seal, InvalidLarkConfig> =>
  Layer.effect(
    Seal,
    Effect.catchTag(
      config === undefined ? fromVariables : Effect.flatMap(Config.unwrap(config), make),
      "ConfigError",
      (error) =>
        Effect.fail(
          new InvalidLarkConfig({ setting: "configuration", reason: `cannot be read: ${error.message}` })
        )
    )
  )
