/** Tokens of the app that processes share: a sealed record with a claim for each, in a session store. */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Digest from "effect/crypto/Digest"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Cas from "../Cas.ts"
import * as claims from "../internal/claims.ts"
import { monotonicMillis } from "../internal/monotonicClock.ts"
import type * as renewing from "../internal/renewing.ts"
import * as sealedRecord from "../internal/sealedRecord.ts"
import { type Shareable, SharedTokens, type Subject } from "../internal/sharedTokens.ts"
import { encode } from "../internal/text.ts"
import type { LarkConfig } from "../LarkConfig.ts"
import { type GenericError, SessionStoreError } from "../LarkError.ts"
import { Seal } from "../Seal.ts"
import { SessionStore } from "../SessionStore.ts"

/** Times are in milliseconds, `mintedAt` on the wall clock of the process that minted it. */
const Published = Schema.Struct({
  value: Schema.RedactedFromValue(Schema.String),
  mintedAt: Schema.Finite,
  life: Schema.Finite
})
type Published = typeof Published.Type

const Content = Schema.TaggedStruct("Token", {
  /** How many tokens were published. The platform may issue the same token twice. */
  generation: Schema.Int,
  /** Missing before the first one was published, and after it was rejected. */
  token: Schema.optionalKey(Published),
  /** An id for each claim. */
  claim: Schema.optionalKey(Schema.String)
})
type Content = typeof Content.Type
type Versioned = sealedRecord.Versioned<Content>

/** There are no more generations than versions. */
const contentOf = ({ content, version = 0 }: Versioned): Content =>
  sealedRecord.isReadable(content) ? content : { _tag: "Token", generation: version }

/** A process that dies delays the others for so long. */
const claimTime = 2_000
const patience = 10_000
const storeTime = 2_000
/** How far two wall clocks may be apart. */
const minute = 60_000
const skew = 10 * minute
const fresh = 30_000

const unavailable = (detail: string) =>
  new SessionStoreError({ endpoint: "Cluster.layerTokens", reason: "unavailable", detail })

/** Waiting for a store that never answers would stop every call. */
const bounded = <A>(self: Effect.Effect<A, SessionStoreError>) =>
  Effect.timeoutOrElse(self, {
    duration: storeTime,
    orElse: () => Effect.fail(unavailable(`no answer within ${storeTime} ms`))
  })

/** To its end, even if the scope closes. In a fiber of its own, so that its timeouts work. */
const toEnd = <A, E>(self: Effect.Effect<A, E>) =>
  Effect.uninterruptible(Effect.flatMap(Effect.forkChild(Effect.interruptible(self)), Fiber.join))

const unanswered = ({ _tag, cause }: Cas.Unsent | Cas.Unknown) =>
  Effect.fail(cause instanceof SessionStoreError ? cause : unavailable(`the answer of the store is ${_tag}`))

const counter = (kind: string, outcome: string) =>
  Metric.counter("lark_shared_tokens_total", {
    description: "Shared tokens by how a process got them.",
    attributes: { kind, outcome },
    incremental: true
  })

const make = Effect.fnUntraced(function*({ accountsUrl, appId, appSecret, baseUrl }: LarkConfig["Service"]) {
  const clock = yield* Clock.Clock
  const store = yield* SessionStore
  const seal = yield* Seal
  const random = yield* SecureRandom.SecureRandom
  const digest = yield* Digest.Digest
  /** An app secret that was replaced has records of its own. */
  const secret = yield* digest.digestHex(Digest.sha256, encode(`${appId} ${Redacted.value(appSecret)}`))
  const keyOf = ({ endpoint, tenant = "" }: Subject) =>
    JSON.stringify(["token", endpoint, baseUrl, accountsUrl, appId, tenant, secret])

  const recordOf = (key: string) => {
    const record = sealedRecord.make({ store, seal, key, purpose: key, schema: Content })
    return {
      read: bounded(record.read).pipe(Effect.flatMap((answer) =>
        answer._tag === "Observed"
          ? Effect.fromOption(answer.value, () => unavailable("the store returned no record"))
          : unanswered(answer)
      )),
      /** The written record; nothing after a conflict. */
      swap: (expected: Versioned, content: Content): Effect.Effect<Option.Option<Versioned>, SessionStoreError> =>
        Effect.flatMap(bounded(record.swap(expected, { content })), (outcome) =>
          outcome._tag === "Applied"
            ? Effect.succeed(outcome.current)
            : outcome._tag === "Conflict"
            ? Effect.succeedNone
            : unanswered(outcome))
    }
  }

  const logFailure = (cause: Cause.Cause<SessionStoreError>) => {
    const error = Option.getOrUndefined(Cause.findErrorOption(cause))
    return Effect.logWarning(`The store of shared tokens failed: ${error?.detail ?? "a defect"}`)
  }

  const claim = (subject: Subject): Effect.Effect<boolean> => {
    const { read, swap } = recordOf(keyOf(subject))
    const claimAge = claims.makeAge<string>(clock)
    return Effect.gen(function*() {
      const found = yield* read
      const { claim, generation } = contentOf(found)
      if (claim !== undefined && claimAge(claim) < claimTime) return false
      const swapped = yield* swap(found, { _tag: "Token", generation, claim: yield* random.uuidV4() })
      return Option.isSome(swapped)
    }).pipe(Effect.catchCause((cause) => Effect.as(logFailure(cause), true)))
  }

  const fetch = (shareable: Shareable) => {
    const { endpoint, kind, lifetimeOf, mint } = shareable
    const { read, swap } = recordOf(keyOf(shareable))
    const claimAge = claims.makeAge<string>(clock)
    const count = (outcome: "shared" | "minted" | "alone") => Metric.update(counter(kind, outcome), 1)

    /** The token that this process had last. One that is not published is later than the last generation that was seen. */
    let known: {
      readonly token: Published
      readonly generation: number
      readonly isPublished: boolean
      readonly lifetime: renewing.Lifetime
    } | undefined
    /** The last generation that this process has seen, and the last that is as old as a rejected token. */
    let [seen, rejected] = [0, 0]
    /** The rejected token that `rejected` takes account of. */
    let judged: typeof known

    /** On the monotonic clock, from when this process first saw the token. Before that only wall clocks tell its age. */
    const lifetimeIn = ({ life, mintedAt, value }: Published, generation: number): renewing.Lifetime => {
      if (known?.isPublished && known.generation === generation && Equal.equals(known.token.value, value)) {
        return known.lifetime
      }
      const now = monotonicMillis(clock)
      // A token from the future is the error of a clock.
      const age = Math.max(clock.currentTimeMillisUnsafe() - mintedAt, 0)
      const { renewFrom, usableUntil } = lifetimeOf({ requestedAt: now - age, life })
      // It may be older than it seems.
      const safeUntil = usableUntil - Math.min(skew, life / 3)
      return {
        renewFrom: Math.min(renewFrom, safeUntil - Math.min(minute, life / 10)),
        usableUntil: safeUntil,
        // It may be younger: not each process may replace it.
        freshUntil: age < skew + fresh ? now + fresh : now
      }
    }

    /** Publishes a token, unless another one was published. The claim may be another process's by now. Returns the generation. */
    const publish = Effect.fnUntraced(function*(from: Versioned, token: Published) {
      const generation = contentOf(from).generation + 1
      const next: Content = { _tag: "Token", generation, token }
      let expected = from
      while (contentOf(expected).generation < generation) {
        if (Option.isSome(yield* swap(expected, next))) return seen = generation
        expected = yield* read
      }
      return undefined
    })

    return ({ hold, isRejected }: renewing.Renewing<Redacted.Redacted, GenericError>) => {
      /**
       * Whether a token is as old as a rejected one. The rejected token itself is not, if it is found in a later generation than at
       * first: it was issued again. What is not published is compared by wall clocks, too, since no generation may have been seen.
       */
      const isDead = (generation: number, token: Published | undefined) => {
        if (known === undefined) return token !== undefined && isRejected(token.value)
        if (known !== judged && isRejected(known.token.value)) {
          judged = known
          const isOld = token !== undefined
            && (isRejected(token.value) || (!known.isPublished && token.mintedAt < known.token.mintedAt))
          rejected = Math.max(rejected, isOld ? generation : known.generation)
        }
        return generation <= rejected
      }

      let last: Versioned | undefined
      /** How long until the claim that was found lapses. */
      let toLapse = Infinity

      /** Returns a token of the record, or the record that this process may mint for; nothing if it has to look again. */
      const look = Effect.gen(function*() {
        const found = last = yield* read
        const { claim, generation, token: published } = contentOf(found)
        seen = Math.max(seen, generation)
        const token = isDead(generation, published) ? undefined : published
        if (token !== undefined) {
          const now = monotonicMillis(clock)
          const lifetime = lifetimeIn(token, generation)
          const isBetter = known === undefined || isRejected(known.token.value)
            || lifetime.usableUntil > known.lifetime.usableUntil
          if (now < lifetime.usableUntil && (isBetter || now < lifetime.renewFrom)) {
            known = { token, generation, isPublished: true, lifetime }
            hold(token.value, lifetime)
            if (now < lifetime.renewFrom) return { token: token.value }
          }
        }
        toLapse = claim === undefined ? Infinity : claimTime - claimAge(claim)
        const isClaimed = claim !== undefined && toLapse > 0
        if (isClaimed && token === published) return undefined
        const holder = isClaimed ? claim : yield* random.uuidV4()
        const next: Content = { _tag: "Token", generation, claim: holder, ...(token === undefined ? {} : { token }) }
        const swapped = yield* swap(found, next)
        if (!isClaimed && Option.isSome(swapped)) claimAge(holder)
        return isClaimed || Option.isNone(swapped) ? undefined : { from: swapped.value }
      })

      /** Then the next process waits until the claim lapses. */
      const isWait = (cause: Cause.Cause<GenericError>) =>
        Option.exists(Cause.findErrorOption(cause), (error) => error.retry === "wait" && error.endpoint === endpoint)

      const release = (from: Versioned) => {
        const { claim: _, ...content } = contentOf(from)
        return Effect.ignore(swap(from, content))
      }

      return Effect.gen(function*() {
        const looked = yield* Effect.repeat(look, {
          until: (found) => found !== undefined,
          schedule: Schedule.modifyDelay(
            claims.polling,
            ({ duration }) =>
              Effect.sync(() => Duration.min(duration, Duration.millis(toLapse > 0 ? toLapse : Infinity)))
          )
        }).pipe(
          Effect.timeoutOption(patience),
          Effect.catchCause((cause) => Effect.as(logFailure(cause), Option.none()))
        )
        const got = Option.getOrUndefined(looked)
        if (got?.token !== undefined) {
          yield* count("shared")
          return got.token
        }
        let claimed = got?.from
        /** Until another process has the claim, or the store fails. */
        const renewal = Effect.gen(function*() {
          while (claimed !== undefined) {
            yield* Effect.sleep(claimTime / 3)
            const swapped = yield* swap(claimed, { ...contentOf(claimed), claim: yield* random.uuidV4() })
            // A process that knows the token to be rejected removes it, and leaves the claim.
            const found = Option.isSome(swapped) ? swapped.value : yield* read
            if (Option.isNone(swapped) && contentOf(found).claim !== contentOf(claimed).claim) return
            claimed = found
          }
        })
        const { life, requestedAt, token: value } = yield* Effect.onExit(
          Effect.raceFirst(mint, Effect.andThen(Effect.ignore(renewal), Effect.never)),
          (exit) =>
            claimed === undefined || Exit.isSuccess(exit) || isWait(exit.cause) ? Effect.void : toEnd(release(claimed))
        )
        const lifetime = lifetimeOf({ life, requestedAt })
        const mintedAt = clock.currentTimeMillisUnsafe() - (monotonicMillis(clock) - requestedAt)
        const token = { value, mintedAt, life }
        const from = claimed ?? last
        yield* Effect.uninterruptible(Effect.gen(function*() {
          known = { token, generation: seen, isPublished: false, lifetime }
          // Callers do not wait until it is published, so the scope may close before.
          hold(value, lifetime)
          yield* count(claimed === undefined ? "alone" : "minted")
          if (from === undefined) return
          const generation = yield* toEnd(bounded(publish(from, token))).pipe(
            Effect.catchCause((cause) => Effect.as(logFailure(cause), undefined))
          )
          if (generation !== undefined) known = { token, generation, isPublished: true, lifetime }
        }))
        return value
      })
    }
  }

  return { fetch, claim, claimTime }
})

/**
 * Shares the tenant and app tokens of all processes with one `SessionStore` and one key of `Seal`. Provide it to `Lark.layer`
 * or `StoreApp.layer`.
 *
 * **Details**
 *
 * - A process that needs a token reads the record in the store. If there is none to use, it claims the record, requests a token
 *   and stores it, sealed; the others wait. While the token in memory is fresh, the store is not read.
 * - A rejected token is removed from the record before another one is requested, once in all processes.
 * - Closing the scope waits until a token is stored, 2 seconds at most.
 * - A claim is renewed while the token is requested, and lapses when another process has seen it unchanged for 2 seconds. After
 *   10 seconds a process requests a token for itself.
 * - If the store fails, or an operation of it takes more than 2 seconds, the process requests a token for itself: no call fails
 *   because of the store. It is logged as a warning.
 * - Wall clocks up to 10 minutes apart are allowed for.
 *
 * **Gotchas**
 *
 * - The tokens of different apps, app secrets, base URLs and tenants have different records. A record that the seal cannot open
 *   is replaced.
 * - A process notices that another one rejected a token when its own call is rejected, which costs one request.
 * - A revocation in the middle of a renewal ends two tokens. A call that meets both fails with `TokenRejected`; a later one
 *   gets a new token.
 *
 * **Example** (Two processes, one token request)
 *
 * ```ts
 * import { Effect, Layer, Redacted } from "effect"
 * import { Lark, MeetingId, Meetings, Seal, SessionStore } from "effect-lark-meetings"
 * import * as Cluster from "effect-lark-meetings/Cluster"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const id = MeetingId.make("6911188411932033028")
 * const storage = Layer.merge(
 *   SessionStore.layerMemory, // `layerSql` or `layerRedis`, for processes
 *   Seal.layer({ key: Redacted.make("bm90IGEgcmVhbCBrZXksIG9ubHkgYW4gZXhhbXBsZSE=") })
 * )
 * const process = () => Layer.fresh(Lark.layer(Simulator.defaultApp)).pipe(Layer.provide(Cluster.layerTokens))
 *
 * const program = Effect.gen(function*() {
 *   for (const layer of [process(), process()]) yield* Effect.provide(Meetings.get(id), layer)
 *   const requests = yield* Simulator.Simulator.use((simulator) => simulator.requests)
 *   return requests.map(({ endpoint }) => endpoint)
 * }).pipe(
 *   Effect.provide(storage),
 *   Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice" }] }))
 * )
 * console.log((await Effect.runPromise(program)).join(" ")) // => tenant_access_token get get
 * ```
 *
 * @stability unstable
 * @category layers
 */
export const layerTokens: Layer.Layer<never, never, SessionStore | Seal> = Layer.effect(
  SharedTokens,
  Effect.map(
    Effect.context<Effect.Services<ReturnType<typeof make>>>(),
    (context) => (app) => Effect.provideContext(make(app), context)
  )
).pipe(
  Layer.provide([SecureRandom.layerWebCrypto, Digest.layerWebCrypto])
)
