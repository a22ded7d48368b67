/**
 * The platform's HTTP API: an endpoint declared once, a typed success or a tagged error for each call of it.
 *
 * **Details**
 *
 * `endpoint` declares one, `call` calls it, and `pages` streams the pages of one that answers in pages. Path parameters
 * are always encoded. A call whose token is rejected renews the token and is sent once more: the rejection proves that
 * nothing was executed. Nothing else is retried here.
 *
 * **Example** (An endpoint that this library does not wrap)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Lark, LarkError, LarkHttp } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const getTopic = LarkHttp.endpoint({
 *   name: "vc.v1.meeting.get",
 *   method: "GET",
 *   path: "/vc/v1/meetings/:meeting_id",
 *   token: "either",
 *   errors: [LarkError.DataNotExist, LarkError.NoPermission],
 *   data: Schema.Struct({ meeting: Schema.Struct({ topic: Schema.String }) })
 * })
 *
 * const program = LarkHttp.call(getTopic, { params: { meeting_id: "6911188411932033028" } })
 *
 * const data = await Effect.runPromise(program.pipe(
 *   Effect.provide(Lark.layer(Simulator.defaultApp)),
 *   Effect.provide(Simulator.layer({ meetings: [{ id: "6911188411932033028", host: "ou_alice", topic: "Weekly" }] }))
 * ))
 * console.log(data.meeting.topic) // => Weekly
 * ```
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Cas from "./Cas.ts"
import { CircuitBreaker } from "./internal/circuitBreaker.ts"
import { type Envelope, failure } from "./internal/envelope.ts"
import { exchange } from "./internal/exchange.ts"
import { RateLimits, tier4 } from "./internal/rateLimits.ts"
import { makeRequest } from "./internal/request.ts"
import { withSpan } from "./internal/telemetry.ts"
import { LarkConfig } from "./LarkConfig.ts"
import * as LarkError from "./LarkError.ts"
import { type Address, compile, type Query } from "./LarkHttp/address.ts"
import type { Limit } from "./RateLimits.ts"
import { Tenant, TenantToken } from "./TenantToken.ts"
import { UserToken } from "./UserToken.ts"

/**
 * Whose token a call carries.
 *
 * **Details**
 *
 * - `app`: the app's, inside `Lark.asUser`, too.
 * - `user`: the user's; the call requires `UserToken`.
 * - `either`: the user's inside `Lark.asUser`, else the app's.
 *
 * @stability stable
 * @category models
 */
export type TokenKind = "app" | "user" | "either"

type AnyPath = `/${string}`

/** As `compile` finds them. */
type ParamsOf<Path extends string> = Path extends `${string}/:${infer Name}/${infer Rest}` ? Name | ParamsOf<`/${Rest}`>
  : Path extends `${string}/:${infer Name}` ? Name
  : never

/**
 * What a call sends beside its token.
 *
 * @stability stable
 * @category models
 */
export interface Request {
  readonly params?: Readonly<Record<string, string>> | undefined
  /** A list repeats its key, `undefined` is left out. */
  readonly query?: Query | undefined
  /** Sent as JSON; no body and no content type without it. */
  readonly body?: Readonly<Record<string, unknown>> | undefined
  /** The secrets in the body: errors, logs and spans leave them out, should the answer repeat them. */
  readonly secrets?: ReadonlyArray<Redacted.Redacted> | undefined
}

/**
 * What a call of an endpoint takes: its path parameters where the path has any, a query and a body.
 *
 * @stability stable
 * @category models
 */
export type Input<Path extends string> = AnyPath extends Path ? [input?: Request]
  : [ParamsOf<Path>] extends [never]
    ? [input?: Omit<Request, "params"> & { readonly params?: Readonly<Record<string, never>> | undefined }]
  : [input: Omit<Request, "params"> & { readonly params: { readonly [Name in ParamsOf<Path>]: string } }]

/**
 * An endpoint, as `endpoint` declares it.
 *
 * @stability stable
 * @category models
 */
export interface Endpoint<
  out Path extends `/${string}`,
  out A,
  out E extends LarkError.ErrorClass,
  out Token extends TokenKind
> {
  /** How errors, metrics and limits name it, after the official SDKs: `vc.v1.meeting.set_host`. */
  readonly name: string
  readonly method: "GET" | "PATCH" | "POST" | "PUT" | "DELETE"
  /** Below `/open-apis`, with segments `:name` for parameters. */
  readonly path: Path
  readonly token: Token
  /**
   * The errors that are documented for it: classes of `LarkError`, or of your own by `LarkError.ApiError`. They come
   * before the generic ones, so a class may stand for a code that means something else on this endpoint.
   */
  readonly errors: ReadonlyArray<E>
  /** How often it may be called, the longest window first. Empty for no limit. */
  readonly limits: ReadonlyArray<Limit>
  /** The name of a span around each call, with the path parameters as attributes (`lark.meeting_id`). */
  readonly span?: string | undefined
  readonly address: Address
  /** Reads the body of a success. */
  readonly decode: (body: Readonly<Record<string, unknown>>) => Effect.Effect<A, Schema.SchemaError>
}

type AnyEndpoint = Endpoint<AnyPath, unknown, LarkError.ErrorClass, TokenKind>

/**
 * How a call of an endpoint fails: the errors that it declares, and the generic ones.
 *
 * @stability stable
 * @category errors
 */
export type ErrorOf<T extends AnyEndpoint> = InstanceType<T["errors"][number]> | LarkError.GenericError

type UserOf<Token extends TokenKind> = "user" extends Token ? UserToken : never

/**
 * Declares an endpoint.
 *
 * **Details**
 *
 * - Unless given, `token` is `either`, `errors` is empty, and `limits` is `RateLimits.tier4`.
 * - `data`: the shape of the `data` of a success. `null` and absent data are decoded as `null` if the schema has it, else as
 *   `{}`. Without `data` and `response`, a call answers nothing.
 * - `response`: in place of `data`, the shape of the whole body, for endpoints that put their answer beside `code`.
 *
 * **Example** (An answer that is not under `data`)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { LarkHttp } from "effect-lark-meetings"
 *
 * const botInfo = LarkHttp.endpoint({
 *   name: "bot.v3.info.get",
 *   method: "GET",
 *   path: "/bot/v3/info",
 *   token: "app",
 *   errors: [],
 *   response: Schema.Struct({ bot: Schema.Struct({ app_name: Schema.String, open_id: Schema.String }) })
 * })
 * const bot = LarkHttp.call(botInfo)
 * ```
 *
 * @stability stable
 * @category constructors
 */
export const endpoint = <
  const Path extends `/${string}`,
  const E extends LarkError.ErrorClass = never,
  // Written out, so that the message about another value names these.
  const Token extends "app" | "user" | "either" = "either",
  A = void,
  I = unknown
>(
  options:
    & Pick<Endpoint<Path, A, E, Token>, "name" | "method" | "path" | "span">
    & { readonly [Key in "token" | "errors" | "limits"]?: Endpoint<Path, A, E, Token>[Key] | undefined }
    & (
      | { readonly data?: Schema.Codec<A, I>; readonly response?: never }
      | { readonly data?: never; readonly response: Schema.Codec<A, I> }
    )
): Endpoint<Path, A, E, Token> => {
  const { data, errors = [], limits = tier4, path, response } = options
  const schema = data ?? response
  const read = schema && Schema.decodeUnknownEffect(Schema.toCodecJson(schema))
  return {
    ...options,
    // Without a token, Token is "either".
    token: options.token ?? "either" as Token,
    errors,
    limits,
    address: compile(path),
    decode: read === undefined
      // Without a schema, A is void.
      ? () => Effect.void as Effect.Effect<A>
      : response !== undefined
      ? (body) => read(body)
      : ({ data }) => data == null ? Effect.catch(read(null), () => read({})) : read(data)
  }
}

/**
 * Calls endpoints. No answer within 10 seconds is a `TransportError`, for each request: a call may send up to four (token,
 * call, new token, call again). Waiting for the token and for a turn at the rate limiter has no bound of its own; inside an
 * operation of the engine the call is held meanwhile (`Cas.hold`).
 *
 * @stability stable
 * @category services
 */
export class LarkHttp extends Context.Service<LarkHttp, {
  readonly call: <Path extends `/${string}`, A, E extends LarkError.ErrorClass, Token extends TokenKind>(
    endpoint: Endpoint<Path, A, E, Token>,
    ...input: Input<Path>
  ) => Effect.Effect<A, InstanceType<E> | LarkError.GenericError, UserOf<Token>>
}>()("effect-lark-meetings/LarkHttp") {}

type Credential = TenantToken["Service"] | UserToken["Service"]

const timeout = Duration.seconds(10)

/** Shorter waits are within network jitter. */
const noticeable = Duration.millis(50)

/** Any answer below HTTP 500 counts as healthy, refusals included. */
const isUp = (exit: Exit.Exit<Envelope, LarkError.TransportError | LarkError.MalformedResponse>): boolean => {
  const answer = Exit.isSuccess(exit) ? exit.value : Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return answer !== undefined && "status" in answer && answer.status < 500
}

/** The error of a token, for the call that was not sent without it. */
const withoutCall = (error: LarkError.GenericError): LarkError.GenericError =>
  error.retry === "unknown"
    // Classes with this `retry` are constructed from their fields, of which `executed` is one.
    ? new (error.constructor as new(fields: object) => typeof error)({ ...error, executed: "no" })
    : error

/** The token that a request carries, and those that were rejected before: the secrets that its answer may repeat. */
type Tokens = readonly [current: Redacted.Redacted, ...rejected: ReadonlyArray<Redacted.Redacted>]

type Sendable = readonly [url: string, body: HttpBody.Uint8Array | undefined]

const sendableOf = (baseUrl: string, { address }: AnyEndpoint, { body, params = {}, query }: Request) => {
  const below = address(params, query)
  if (typeof below !== "string") return below
  try {
    return [baseUrl + below, body && HttpBody.jsonUnsafe(body)] as const
  } catch {
    return { parameter: "body", reason: "cannot be JSON: it may be circular or have a BigInt" }
  }
}

const decoded = <A>(
  { decode, name }: Endpoint<AnyPath, A, LarkError.ErrorClass, TokenKind>,
  { body, logId, status }: Envelope
): Effect.Effect<A, LarkError.MalformedResponse> => {
  const reason = "the code says success, but the data is not as documented"
  return Effect.mapError(decode(body), () => new LarkError.MalformedResponse({ endpoint: name, status, logId, reason }))
}

/**
 * The HTTP API of the configured app.
 *
 * @stability stable
 * @category layers
 */
export const layer: Layer.Layer<LarkHttp, never, LarkConfig | TenantToken | HttpClient.HttpClient> = Layer.effect(
  LarkHttp,
  Effect.gen(function*() {
    const { appId, baseUrl } = yield* LarkConfig
    const client = yield* HttpClient.HttpClient
    const tenantToken = yield* TenantToken
    const limits = yield* RateLimits
    const breaker = yield* CircuitBreaker

    const credentialFor = ({ name, token }: AnyEndpoint, context: Context.Context<never>): Credential => {
      const user = token === "app" ? undefined : Context.getOrUndefined(context, UserToken)
      if (user === undefined && token === "user") {
        throw new Error(`${name} needs a user: wrap the call with Lark.asUser`)
      }
      return user ?? tenantToken
    }

    const admissionOf = ({ limits, name }: AnyEndpoint, { params = {} }: Request) =>
      Effect.map(Effect.serviceOption(Tenant), (tenant) => ({
        app: appId,
        endpoint: name,
        limits,
        tenant: Option.getOrElse(tenant, () => ""),
        fairnessKey: Object.values(params).join(" ")
      }))

    /** The token comes before the turn: otherwise calls that wait for a token would all leave at once when it arrives. */
    const admitted = (get: Credential["get"], endpoint: AnyEndpoint, request: Request): Credential["get"] =>
      Cas.hold(
        limits === undefined ? get : Effect.gen(function*() {
          yield* get
          const turn = limits.admit(yield* admissionOf(endpoint, request))
          yield* turn
          const [waited, token] = yield* Effect.timed(get)
          // If this token is rejected while the call waits again, the answer to the call tells.
          if (Duration.isGreaterThanOrEqualTo(waited, noticeable)) yield* turn
          return token
        })
      )

    const sent = (
      endpoint: AnyEndpoint,
      request: Request,
      [url, body]: Sendable,
      kind: "tenant" | "user",
      tokens: Tokens
    ): Effect.Effect<
      Envelope,
      LarkError.TransportError | LarkError.MalformedResponse | LarkError.InvalidParameter
    > => {
      const { method, name, path } = endpoint
      return Effect.flatMap(makeRequest(name, method, url, { body, token: tokens[0] }), (made) => {
        const secrets = tokens.concat(request.secrets ?? [])
        const reply = exchange(client, name, made, secrets, timeout, { path, token: kind, resends: tokens.length - 1 })
        const guarded = breaker === undefined ? reply : breaker.guard({ app: appId, endpoint: name }, reply, isUp)
        if (limits === undefined) return guarded
        const heed = (answer: Parameters<RateLimits["heed"]>[1]) =>
          Effect.flatMap(admissionOf(endpoint, request), (admission) => limits.heed(admission, answer))
        return guarded.pipe(Effect.tap(heed), Effect.tapError(heed))
      })
    }

    const callWith = <A, E extends LarkError.ErrorClass>(
      credential: Credential,
      endpoint: Endpoint<AnyPath, A, E, TokenKind>,
      request: Request
    ): Effect.Effect<A, InstanceType<E> | LarkError.GenericError> => {
      const sendable = sendableOf(baseUrl, endpoint, request)
      if ("reason" in sendable) {
        return Effect.fail(new LarkError.InvalidParameter({ endpoint: endpoint.name, ...sendable }))
      }
      const kind = credential === tenantToken ? "tenant" : "user"
      const token = Effect.mapError(admitted(credential.get, endpoint, request), withoutCall)

      /** A call whose token is rejected was not executed, and is sent once more. */
      const attempt = (
        ...rejected: ReadonlyArray<Redacted.Redacted>
      ): Effect.Effect<A, InstanceType<E> | LarkError.GenericError> =>
        Effect.flatMap(
          token,
          (current) =>
            Effect.flatMap(sent(endpoint, request, sendable, kind, [current, ...rejected]), (envelope) => {
              if (envelope.code === 0) return decoded(endpoint, envelope)
              const error = LarkError.fromFailure(failure(envelope), endpoint.errors)
              return error.retry === "token" && rejected.length === 0
                ? Effect.flatMap(
                  Cas.hold(credential.reject(current)),
                  (isGone) => isGone ? attempt(current) : Effect.fail(error)
                )
                : Effect.fail(error)
            })
        )
      return attempt()
    }

    return LarkHttp.of({
      call: (endpoint, ...[request = {}]) => {
        const called = Effect.contextWith((context: Context.Context<never>) =>
          callWith(credentialFor(endpoint, context), endpoint, request)
        )
        const attributes = () =>
          Object.fromEntries(Object.entries(request.params ?? {}).map(([name, value]) => [`lark.${name}`, value]))
        return endpoint.span === undefined ? called : withSpan(called, endpoint.span, attributes)
      }
    })
  })
)

/**
 * Calls an endpoint. Fails with the errors that it declares, and the generic ones.
 *
 * @stability stable
 * @category accessors
 */
export const call = <Path extends `/${string}`, A, E extends LarkError.ErrorClass, Token extends TokenKind>(
  endpoint: Endpoint<Path, A, E, Token>,
  ...input: Input<Path>
): Effect.Effect<A, InstanceType<E> | LarkError.GenericError, LarkHttp | UserOf<Token>> =>
  LarkHttp.use((lark) => lark.call(endpoint, ...input))

/**
 * The fields that say whether another page follows, for the `data` of an endpoint that answers in pages.
 *
 * @stability stable
 * @category schemas
 */
export const paged = {
  has_more: Schema.optional(Schema.Boolean),
  page_token: Schema.optional(Schema.String)
}

/**
 * Streams the pages of an endpoint, from the first, or from the `page_token` of the query. Fails with the error of a page
 * that fails, and with `MalformedResponse` if a page says that more follow, but names no token or one that was named
 * before, or names a token without `has_more`.
 *
 * **Example** (All rooms)
 *
 * ```ts
 * import { Schema, Stream } from "effect"
 * import { LarkError, LarkHttp } from "effect-lark-meetings"
 *
 * const listRooms = LarkHttp.endpoint({
 *   name: "vc.v1.room.list",
 *   method: "GET",
 *   path: "/vc/v1/rooms",
 *   token: "either",
 *   errors: [LarkError.InternalError, LarkError.ParamError],
 *   data: Schema.Struct({
 *     ...LarkHttp.paged,
 *     rooms: Schema.optional(Schema.Array(Schema.Struct({ room_id: Schema.String })))
 *   })
 * })
 * const ids = LarkHttp.pages(listRooms, { query: { page_size: 100 } }).pipe(
 *   Stream.flatMap(({ rooms = [] }) => Stream.fromArray(rooms)),
 *   Stream.map(({ room_id }) => room_id)
 * )
 * ```
 *
 * @stability stable
 * @category accessors
 */
export const pages = <
  Path extends `/${string}`,
  A extends { readonly has_more?: boolean | undefined; readonly page_token?: string | undefined },
  E extends LarkError.ErrorClass,
  Token extends TokenKind
>(
  endpoint: Endpoint<Path, A, E, Token> & ("has_more" | "page_token" extends keyof A ? unknown : never),
  ...input: Input<Path>
): Stream.Stream<A, InstanceType<E> | LarkError.GenericError, LarkHttp | UserOf<Token>> =>
  Stream.suspend(() => {
    const page: Endpoint<AnyPath, A, E, Token> = endpoint
    const [request = {}]: Input<AnyPath> = input
    const named = new Set([String(request.query?.["page_token"] ?? "")])
    return Stream.paginate({}, (query: Query) =>
      Effect.flatMap(call(page, { ...request, query: { ...request.query, ...query } }), (answer) => {
        const { has_more, page_token = "" } = answer
        if (has_more === false || (has_more === undefined && page_token === "")) {
          return Effect.succeed([[answer], Option.none<Query>()] as const)
        }
        if (has_more === undefined || named.has(page_token)) {
          const reason = has_more === undefined
            ? "the page names a page_token, but has no has_more"
            : "the page says has_more, but names no new page_token"
          return Effect.fail(new LarkError.MalformedResponse({ endpoint: endpoint.name, status: 200, reason }))
        }
        named.add(page_token)
        return Effect.succeed([[answer], Option.some<Query>({ page_token })] as const)
      }))
  })
