/**
 * The platform's HTTP API: an endpoint as data, a typed success or a tagged error.
 *
 * **Details**
 *
 * Path parameters are always encoded. A call that is answered with a rejected token renews the token and is repeated
 * exactly once: such an answer proves that nothing was executed. Nothing else is retried here.
 *
 * **Example** (An endpoint that this library does not wrap)
 *
 * ```ts
 * import { Effect, Redacted, Schema } from "effect"
 * import { Lark, LarkError, LarkHttp } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const getTopic = LarkHttp.endpoint({
 *   name: "vc.v1.meeting.get",
 *   method: "GET",
 *   path: "/vc/v1/meetings/:meeting_id",
 *   errors: [LarkError.DataNotExist, LarkError.NoPermission],
 *   data: Schema.Struct({ meeting: Schema.Struct({ topic: Schema.String }) })
 * })
 * const program = LarkHttp.LarkHttp.use((lark) =>
 *   lark.call(getTopic, { params: { meeting_id: "6911188411932033028" } })
 * )
 * const layer = Lark.layer({ appId: Simulator.defaultApp.appId, appSecret: Simulator.defaultApp.appSecret })
 * const data = await Effect.runPromise(program.pipe(
 *   Effect.provide(layer),
 *   Effect.provide(Simulator.layer({ meetings: [{ id: "6911188411932033028", host: "ou_alice", topic: "Weekly" }] }))
 * ))
 * console.log(data.meeting.topic) // => Weekly
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Cas from "./Cas.ts"
import { bearer } from "./internal/bearer.ts"
import { CircuitBreaker } from "./internal/circuitBreaker.ts"
import type { Envelope } from "./internal/envelope.ts"
import { exchange } from "./internal/exchange.ts"
import { failure } from "./internal/failure.ts"
import { type Admission, type Limit, RateLimits, tier4 } from "./internal/rateLimits.ts"
import { omitIfSecret } from "./internal/secrets.ts"
import { LarkConfig } from "./LarkConfig.ts"
import * as LarkError from "./LarkError.ts"
import { type Address, compile } from "./LarkHttp/address.ts"
import { Tenant, TenantToken } from "./TenantToken.ts"
import { UserToken } from "./UserToken.ts"

/**
 * An endpoint as data.
 *
 * @since 0.1.0
 * @category models
 */
export interface Endpoint<Path extends string, out A, out E extends LarkError.ErrorClass> {
  /** How errors name it, after the official SDKs: `vc.v1.meeting.set_host`. */
  readonly name: string
  readonly method: "GET" | "PATCH" | "POST" | "PUT" | "DELETE"
  /** Below `/open-apis`, with segments `:name` for parameters. */
  readonly path: Path
  /** The errors that are documented for it, apart from the generic ones. */
  readonly errors: ReadonlyArray<E>
  /** How often it may be called, the longest window first. */
  readonly limits: ReadonlyArray<Limit>
  /** The path and query of a call. */
  readonly address: Address
  /** The codes beside 0 that answer what was asked: no error is made of them. */
  readonly answers: ReadonlyArray<number>
  /** What an answer with that code says. */
  readonly decode: (data: unknown, code: number) => Effect.Effect<A, Schema.SchemaError>
}

/** As `compile` finds them. */
type ParamsOf<Path extends string> = Path extends `${string}/:${infer Name}/${infer Rest}` ? Name | ParamsOf<`/${Rest}`>
  : Path extends `${string}/:${infer Name}` ? Name
  : never

/**
 * What one call of an endpoint is made with.
 *
 * @since 0.1.0
 * @category models
 */
export interface Input<Path extends string> {
  readonly params: { readonly [Name in ParamsOf<Path>]: string }
  readonly query?: Readonly<Record<string, string | boolean | undefined>> | undefined
  /** Sent as JSON; no body and no content type without it. */
  readonly body?: Readonly<Record<string, unknown>> | undefined
}

/**
 * An endpoint, with the schema of the `data` of its success.
 *
 * @since 0.1.0
 * @category constructors
 */
export const endpoint = <const Path extends string, A, I, const E extends LarkError.ErrorClass>(options: {
  readonly name: string
  readonly method: Endpoint<Path, A, E>["method"]
  readonly path: Path
  readonly errors: ReadonlyArray<E>
  /** `RateLimits.tier4` unless given. */
  readonly limits?: ReadonlyArray<Limit> | undefined
  readonly data: Schema.Codec<A, I>
}): Endpoint<Path, A, E> => {
  const decode = Schema.decodeUnknownEffect(Schema.toCodecJson(options.data))
  return {
    name: options.name,
    method: options.method,
    path: options.path,
    errors: options.errors,
    limits: options.limits ?? tier4,
    address: compile(options.path),
    answers: [],
    decode: (data) => decode(data)
  }
}

/**
 * Calls endpoints.
 *
 * **Details**
 *
 * - `call`: as the app, or as the user of the region that `Lark.asUser` wraps.
 * - `callAsUser`: as the user, whom it requires.
 *
 * Calls fail with the endpoint's documented codes and the generic ones; no answer within 10 seconds is a
 * `TransportError`, for each request (a call may send up to four: token, call, new token, replay). Waiting for the token
 * and for a turn at the rate limiter has no bound of its own; inside an operation of the engine the call is held
 * meanwhile (`Cas.hold`).
 *
 * **Gotchas**
 *
 * A path parameter that is empty, `.` or `..` cannot be encoded and is a defect.
 *
 * @since 0.1.0
 * @category services
 */
export class LarkHttp extends Context.Service<LarkHttp, {
  readonly call: <Path extends string, A, E extends LarkError.ErrorClass>(
    endpoint: Endpoint<Path, A, E>,
    input: Input<Path>
  ) => Effect.Effect<A, InstanceType<E> | LarkError.GenericError>
  readonly callAsUser: <Path extends string, A, E extends LarkError.ErrorClass>(
    endpoint: Endpoint<Path, A, E>,
    input: Input<Path>
  ) => Effect.Effect<A, InstanceType<E> | LarkError.GenericError, UserToken>
}>()("effect-lark-meetings/LarkHttp") {}

/** What a call needs of a token, whoever it belongs to. */
interface Credential {
  readonly get: Effect.Effect<Redacted.Redacted, LarkError.GenericError>
  readonly reject: (token: Redacted.Redacted) => Effect.Effect<boolean>
}

const timeout = Duration.seconds(10)

const rateLimited = 99991400

type Answer = Envelope | LarkError.TransportError | LarkError.MalformedResponse

/** The platform says so by the code, whatever the status; a gateway before it knows the status alone. */
const isThrottled = (answer: Answer): answer is Envelope | LarkError.MalformedResponse =>
  "status" in answer && (answer.status === 429 || ("code" in answer && answer.code === rateLimited))

/** A shorter wait bunches requests no more than the network does. */
const noticeable = Duration.millis(50)

/** Whether an answer shows that the platform works, be it by a refusal. */
const isUp = (exit: Exit.Exit<Envelope, LarkError.TransportError | LarkError.MalformedResponse>): boolean => {
  if (Exit.isSuccess(exit)) return exit.value.status < 500
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return error?._tag === "MalformedResponse" && error.status < 500
}

/** The token that a call is sent with, and those that were rejected before: all that its answer may repeat. */
type Tokens = readonly [current: Redacted.Redacted, ...rejected: ReadonlyArray<Redacted.Redacted>]

/**
 * Builds the service from the configuration, the app's token and an HTTP client.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<LarkHttp["Service"], never, LarkConfig | TenantToken | HttpClient.HttpClient> = Effect
  .gen(function*() {
    const { appId, baseUrl } = yield* LarkConfig
    const client = yield* HttpClient.HttpClient
    const tenantToken = yield* TenantToken
    const limits = yield* RateLimits
    const breaker = yield* CircuitBreaker

    const limitedBy = <Path extends string>(
      endpoint: Endpoint<Path, unknown, LarkError.ErrorClass>,
      { params }: Input<Path>
    ): Effect.Effect<Admission> =>
      Effect.map(Effect.serviceOption(Tenant), (tenant) => ({
        app: appId,
        endpoint: endpoint.name,
        limits: endpoint.limits,
        tenant: Option.getOrElse(tenant, () => ""),
        fairnessKey: Object.values(params).join(" ")
      }))

    const credentialInForce: Effect.Effect<Credential> = Effect.map(
      Effect.serviceOption(UserToken),
      Option.getOrElse(() => tenantToken)
    )

    /** The token that a call may be sent with now. The turn comes last: calls that wait for a token would leave at once. */
    const admitted = <Path extends string>(
      get: Credential["get"],
      endpoint: Endpoint<Path, unknown, LarkError.ErrorClass>,
      input: Input<Path>
    ): Credential["get"] =>
      Cas.hold(
        limits === undefined ? get : Effect.gen(function*() {
          yield* get
          const turn = limits.admit(yield* limitedBy(endpoint, input))
          yield* turn
          const [waited, token] = yield* Effect.timed(get)
          // If this token is rejected while the call waits again, the answer to the call tells.
          if (Duration.isGreaterThanOrEqualTo(waited, noticeable)) yield* turn
          return token
        })
      )

    /** Tells the limiter of an answer that asks for fewer requests. */
    const heed = <Path extends string>(
      limits: RateLimits,
      endpoint: Endpoint<Path, unknown, LarkError.ErrorClass>,
      input: Input<Path>,
      answer: Answer
    ) => {
      if (!isThrottled(answer)) return Effect.void
      const { retryAfter } = answer
      const rateLimit = "rateLimit" in answer ? answer.rateLimit : undefined
      const ceiling = rateLimit === undefined ? undefined : Number(rateLimit)
      return Effect.flatMap(limitedBy(endpoint, input), (call) => limits.throttled(call, { retryAfter, ceiling }))
    }

    /** How one call of an endpoint is sent, be it once or again. */
    const sender = <Path extends string>(
      credential: Credential,
      endpoint: Endpoint<Path, unknown, LarkError.ErrorClass>,
      input: Input<Path>
    ) => {
      const { method, name, path } = endpoint
      const url = baseUrl + endpoint.address(input.params, input.query)
      const json = input.body && HttpBody.jsonUnsafe(input.body)
      const token = credential === tenantToken ? "tenant" : "user"
      return (tokens: Tokens) =>
        Effect.flatMap(bearer(name, tokens[0]), (authorization) => {
          const headers = { accept: "application/json", authorization }
          const request = HttpClientRequest.make(method)(url, { headers, body: json })
          const sent = exchange(client, name, request, tokens, timeout, { path, token, resends: tokens.length - 1 })
          const guarded = breaker === undefined ? sent : breaker.guard({ app: appId, endpoint: name }, sent, isUp)
          return limits === undefined ? guarded : guarded.pipe(
            Effect.tap((answer) => heed(limits, endpoint, input, answer)),
            Effect.tapError((answer) => heed(limits, endpoint, input, answer))
          )
        })
    }

    /** What an answer means, be it the first or the second. */
    const answered = <A, E extends LarkError.ErrorClass>(
      endpoint: Endpoint<string, A, E>,
      envelope: Envelope,
      tokens: Tokens
    ): Effect.Effect<A, InstanceType<E> | LarkError.GenericError> => {
      const { body, code, logId, status } = envelope
      if (code !== 0 && !endpoint.answers.includes(code)) {
        return Effect.fail(LarkError.fromFailure(failure(envelope, tokens), endpoint.errors))
      }
      const reason = "the code says success, but the data is not as documented"
      return Effect.mapError(
        endpoint.decode((code === 0 ? body["data"] : omitIfSecret(body["data"], tokens)) ?? {}, code),
        () => new LarkError.MalformedResponse({ endpoint: endpoint.name, status, logId, reason })
      )
    }

    const callWith = <Path extends string, A, E extends LarkError.ErrorClass>(
      credential: Credential,
      endpoint: Endpoint<Path, A, E>,
      input: Input<Path>
    ): Effect.Effect<A, InstanceType<E> | LarkError.GenericError> => {
      const send = sender(credential, endpoint, input)

      const token = admitted(credential.get, endpoint, input)

      /** A call whose token is rejected was not executed, and is sent once more. */
      const attempt = (
        ...rejected: ReadonlyArray<Redacted.Redacted>
      ): Effect.Effect<A, InstanceType<E> | LarkError.GenericError> =>
        Effect.flatMap(token, (current) => {
          const tokens: Tokens = [current, ...rejected]
          return Effect.flatMap(send(tokens), (envelope) =>
            rejected.length === 0 && LarkError.isTokenRejected(envelope.code)
              ? Effect.flatMap(
                credential.reject(current),
                (isGone) =>
                  isGone ? attempt(current) : answered(endpoint, envelope, tokens)
              )
              : answered(endpoint, envelope, tokens))
        })
      return attempt()
    }

    return LarkHttp.of({
      call: (endpoint, input) =>
        Effect.flatMap(credentialInForce, (credential) => callWith(credential, endpoint, input)),
      callAsUser: (endpoint, input) => Effect.flatMap(UserToken, (userToken) => callWith(userToken, endpoint, input))
    })
  })

/**
 * The HTTP API of the configured app.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<LarkHttp, never, LarkConfig | TenantToken | HttpClient.HttpClient> = Layer.effect(
  LarkHttp,
  make
)
