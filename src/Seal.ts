/**
 * Encrypts secrets before they are stored: AES-256-GCM with a key from the configuration.
 *
 * **Details**
 *
 * A sealed text is `seal1.<key id>.<nonce, ciphertext and tag>`, safe in files, columns and URLs. The nonce is random (12
 * bytes). The purpose is authenticated: a sealed text that was copied to another record does not open there. To rotate keys,
 * configure the old key as `previous`: old texts still open, new texts use the new key.
 *
 * `layerConfig` reads `LARK_SEAL_KEY`, 32 bytes in base64 as `openssl rand -base64 32` prints them, and
 * `LARK_SEAL_KEY_PREVIOUS`, the previous keys, separated by commas.
 *
 * **Gotchas**
 *
 * - If the key is lost, nothing that it sealed can be opened, and all users have to log in again.
 * - Sealing hides the content and detects changes. It does not detect a rollback: an attacker who can write to the store
 *   can put an older record back.
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
 */
import * as Bytes from "effect/Bytes"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Aead from "effect/crypto/Aead"
import * as Digest from "effect/crypto/Digest"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { invalid, type InvalidLarkConfig, orInvalid, requiredSecret, secretVariable } from "./internal/settings.ts"
import { decode, encode } from "./internal/text.ts"
import { SessionStoreError } from "./LarkError.ts"

/**
 * The keys of a seal.
 *
 * @stability stable
 * @category models
 */
export interface Options {
  /** 32 random bytes in base64: `openssl rand -base64 32`. */
  readonly key: Redacted.Redacted
  /** Keys that open texts but no longer seal any. */
  readonly previous?: ReadonlyArray<Redacted.Redacted> | undefined
}

/**
 * Seals secrets and opens them.
 *
 * **Details**
 *
 * - `seal`: returns the text to store. `purpose` names the record and the use of the secret.
 * - `open`: returns the secret. Fails with `SessionStoreError` (`unreadable`) if the text was sealed with a key that is not
 *   configured, for another purpose, or was changed; the error does not say which.
 *
 * @stability stable
 * @category services
 */
export class Seal extends Context.Service<Seal, {
  readonly seal: (purpose: string, secret: Redacted.Redacted) => Effect.Effect<string>
  readonly open: (purpose: string, sealed: string) => Effect.Effect<Redacted.Redacted, SessionStoreError>
}>()("effect-lark-meetings/Seal") {}

const version = "seal1"
const nonceLength = Aead.aes256Gcm.nonceLength

const keyOf = Effect.fnUntraced(function*(setting: string, secret: Redacted.Redacted | undefined, advice: string) {
  // Files and shells leave a line feed at the end.
  const bytes = Base64.decode(Redacted.value(yield* requiredSecret(setting, secret, advice)).trim())
  if (Result.isFailure(bytes) || bytes.success.length !== 32) {
    return yield* invalid(setting, `must be 32 bytes in base64; ${advice}`)
  }
  const digest = yield* Digest.Digest
  const hash = yield* Effect.orDie(digest.digest(Digest.sha256, bytes.success))
  const key = yield* Effect.orDie(Aead.key(Aead.aes256Gcm, bytes.success))
  return { id: Base64Url.encode(hash.subarray(0, 6)), key }
})

const detail = "a record was sealed with another key or for another purpose, or was changed"
const unreadable = Effect.fail(new SessionStoreError({ endpoint: "Seal.open", reason: "unreadable", detail }))

const crypto = Layer.mergeAll(Aead.layerWebCrypto, Digest.layerWebCrypto).pipe(
  Layer.provideMerge(SecureRandom.layerWebCrypto)
)

const fromKeys = Effect.fnUntraced(function*(
  names: { readonly key: string; readonly previous: string },
  key: Redacted.Redacted | undefined,
  previous: ReadonlyArray<Redacted.Redacted>
) {
  const aead = yield* Aead.Aead
  const random = yield* SecureRandom.SecureRandom
  const current = yield* keyOf(names.key, key, "create a key with `openssl rand -base64 32`.")
  const advice = "list the previous keys, separated by commas."
  const keys = [current, ...yield* Effect.forEach(previous, (key) => keyOf(names.previous, key, advice))]

  return Seal.of({
    seal: Effect.fnUntraced(function*(purpose, secret) {
      const nonce = yield* random.randomBytes(nonceLength)
      const plaintext = encode(Redacted.value(secret))
      const encrypted = aead.encrypt(current.key, plaintext, { nonce, aad: encode(purpose) })
      const ciphertext = yield* Effect.orDie(encrypted)
      return `${version}.${current.id}.${Base64Url.encode(Bytes.concat([nonce, ciphertext]))}`
    }),
    open: Effect.fnUntraced(function*(purpose, sealed) {
      const [given, id, text, ...rest] = sealed.split(".")
      const key = keys.find((key) => key.id === id)
      if (given !== version || key === undefined || text === undefined || rest.length > 0) return yield* unreadable
      const body = Base64Url.decode(text)
      if (Result.isFailure(body) || body.success.length < nonceLength) return yield* unreadable
      // The last digit may have bits that decoding ignores.
      if (Base64Url.encode(body.success) !== text) return yield* unreadable
      const plaintext = yield* aead.decrypt(key.key, body.success.subarray(nonceLength), {
        nonce: body.success.subarray(0, nonceLength),
        aad: encode(purpose)
      }).pipe(Effect.catch(() => unreadable))
      return Redacted.make(decode(plaintext))
    })
  })
}, Effect.provide(crypto))

const make = ({ key, previous = [] }: Options) => fromKeys({ key: "key", previous: "previous" }, key, previous)

/**
 * Seals with the keys in the options. Fails with `InvalidLarkConfig` if a key is not 32 bytes in base64.
 *
 * @stability stable
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<Seal, InvalidLarkConfig> => Layer.effect(Seal, make(options))

const variables = { key: "LARK_SEAL_KEY", previous: "LARK_SEAL_KEY_PREVIOUS" }

const fromVariables = Effect.gen(function*() {
  const key = yield* secretVariable(variables.key)
  const previous = yield* secretVariable(variables.previous)
  const keys = previous === undefined ? [] : Redacted.value(previous).split(",").map((key) => Redacted.make(key))
  return yield* fromKeys(variables, key, keys)
})

/**
 * Seals with the key in `LARK_SEAL_KEY`, or with configs of your own. Fails with `InvalidLarkConfig`, which names the
 * variable, if a key is missing or is not 32 bytes in base64.
 *
 * @stability stable
 * @category layers
 */
export const layerConfig = (config?: Config.Wrap<Options>): Layer.Layer<Seal, InvalidLarkConfig> =>
  Layer.effect(Seal, config === undefined ? fromVariables : orInvalid(Effect.flatMap(Config.unwrap(config), make)))
