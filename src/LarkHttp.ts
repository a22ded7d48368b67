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
 * import { Lark, LarkHttp, Simulator } from "effect-lark-meetings"
 *
 * const getTopic = LarkHttp.endpoint({
 *   name: "vc.v1.meeting.get",
 *   method: "GET",
 *   path: "/vc/v1/meetings/:meeting_id",
 *   codes: [121004, 121005],
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
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { exchange } from "./Envelope/exchange.ts"
import { failure } from "./Envelope/failure.ts"
import { LarkConfig } from "./LarkConfig.ts"
import * as LarkError from "./LarkError.ts"
import { TenantToken } from "./TenantToken.ts"
import { UserToken } from "./UserToken.ts"

/**
 * An endpoint as data.
 *
 * @since 0.1.0
 * @category models
 */
export interface Endpoint<Path extends string, out A, out C extends LarkError.DocumentedCode> {
  /** How errors name it, after the official SDKs: `vc.v1.meeting.set_host`. */
  readonly name: string
  readonly method: "GET" | "PATCH" | "POST" | "PUT" | "DELETE"
  /** Below `/open-apis`, with `:name` for parameters. */
  readonly path: Path
  /** The codes that are documented for it, apart from the generic ones. */
  readonly codes: ReadonlyArray<C>
  readonly decode: (data: unknown) => Effect.Effect<A, Schema.SchemaError>
}

type ParamsOf<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}` ? Name | ParamsOf<Rest>
  : Path extends `${string}:${infer Name}` ? Name
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
export const endpoint = <const Path extends string, A, I, const C extends LarkError.DocumentedCode>(options: {
  readonly name: string
  readonly method: Endpoint<Path, A, C>["method"]
  readonly path: Path
  readonly codes: ReadonlyArray<C>
  readonly data: Schema.Codec<A, I>
}): Endpoint<Path, A, C> => ({
  name: options.name,
  method: options.method,
  path: options.path,
  codes: options.codes,
  decode: Schema.decodeUnknownEffect(Schema.toCodecJson(options.data))
})

/**
 * Calls endpoints.
 *
 * **Details**
 *
 * - `call`: as the app, or as the user of the region that `Lark.asUser` wraps.
 * - `callAsUser`: as the user, whom it requires.
 *
 * Both fail with the endpoint's documented codes and the generic ones; no answer within 10 seconds is a
 * `TransportError`, for each request (a call may send up to four: token, call, new token, replay).
 *
 * **Gotchas**
 *
 * A path parameter that is empty, `.` or `..` cannot be encoded and is a defect.
 *
 * @since 0.1.0
 * @category services
 */
export class LarkHttp extends Context.Service<LarkHttp, {
  readonly call: <Path extends string, A, C extends LarkError.DocumentedCode>(
    endpoint: Endpoint<Path, A, C>,
    input: Input<Path>
  ) => Effect.Effect<A, LarkError.ErrorOf<C> | LarkError.GenericError>
  readonly callAsUser: <Path extends string, A, C extends LarkError.DocumentedCode>(
    endpoint: Endpoint<Path, A, C>,
    input: Input<Path>
  ) => Effect.Effect<A, LarkError.ErrorOf<C> | LarkError.GenericError, UserToken>
}>()("effect-lark-meetings/LarkHttp") {}

/** What a call needs of a token, whoever it belongs to. */
interface Credential {
  readonly get: Effect.Effect<Redacted.Redacted, LarkError.GenericError>
  readonly reject: (token: Redacted.Redacted) => Effect.Effect<boolean>
}

const timeout = Duration.seconds(10)

/** Transports throw at other signs, and some say the token in their message. */
const isSendable = (token: Redacted.Redacted) => /^[!-~]+$/.test(Redacted.value(token))

const unsendable = "the token is empty, or has blanks, line ends or other signs in it that a header cannot hold"

/** Segments that URL parsers resolve, encoded or not: no encoding can make them harmless. */
const isDots = (value: string) => value === "" || value === "." || value === ".."

const fillPath = (path: string, params: Readonly<Record<string, string>>): string =>
  path.replace(/:(\w+)/g, (_, name: string) => {
    const value = params[name]
    if (value === undefined || isDots(value)) throw new Error(`the path parameter ${name} of ${path} is empty or dots`)
    return encodeURIComponent(value)
  })

const queryOf = (query: Input<string>["query"] = {}): string => {
  const asked = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) asked.set(name, String(value))
  return asked.size === 0 ? "" : `?${asked}`
}

/**
 * Builds the service from the configuration, the app's token and an HTTP client.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<LarkHttp["Service"], never, LarkConfig | TenantToken | HttpClient.HttpClient> = Effect
  .gen(function*() {
    const { baseUrl } = yield* LarkConfig
    const client = yield* HttpClient.HttpClient
    const tenantToken = yield* TenantToken

    const callWith = Effect.fnUntraced(function*<Path extends string, A, C extends LarkError.DocumentedCode>(
      credential: Credential,
      endpoint: Endpoint<Path, A, C>,
      input: Input<Path>
    ): Effect.fn.Return<A, LarkError.ErrorOf<C> | LarkError.GenericError> {
      const url = `${baseUrl}${fillPath(endpoint.path, input.params)}${queryOf(input.query)}`
      const json = input.body && HttpBody.jsonUnsafe(input.body)
      const request = (token: Redacted.Redacted) =>
        HttpClientRequest.make(endpoint.method)(url, {
          headers: { accept: "application/json", authorization: `Bearer ${Redacted.value(token)}` },
          body: json
        })
      const send = (tokens: readonly [current: Redacted.Redacted, ...rejected: ReadonlyArray<Redacted.Redacted>]) =>
        isSendable(tokens[0])
          ? exchange(client, endpoint.name, request(tokens[0]), tokens, timeout)
          : Effect.fail(new LarkError.TransportError({ endpoint: endpoint.name, executed: "no", reason: unsendable }))

      const token = yield* credential.get
      let tokens: Parameters<typeof send>[0] = [token]
      let envelope = yield* send(tokens)
      if (LarkError.isTokenRejected(envelope.code) && (yield* credential.reject(token))) {
        tokens = [yield* credential.get, token]
        envelope = yield* send(tokens)
      }
      if (envelope.code !== 0) {
        return yield* Effect.fail(LarkError.fromFailure(failure(envelope, tokens), endpoint.codes))
      }
      const { body, logId, status } = envelope
      return yield* Effect.mapError(
        endpoint.decode(body["data"] ?? {}),
        () =>
          new LarkError.MalformedResponse({
            endpoint: endpoint.name,
            status,
            logId,
            reason: "the code says success, but the data is not as documented"
          })
      )
    })

    return LarkHttp.of({
      call: (endpoint, input) =>
        Effect.flatMap(
          Effect.serviceOption(UserToken),
          (userToken) => callWith(Option.getOrElse(userToken, () => tenantToken), endpoint, input)
        ),
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
