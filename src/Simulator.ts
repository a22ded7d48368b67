/**
 * A simulated Feishu for tests and demos: stateful, and written from the official documentation.
 *
 * **Details**
 *
 * It has apps, tenants, users and meetings, and replies with the documented envelopes, codes and HTTP statuses:
 *
 * - Meetings: `get`, `set_host`, `end`, `list_by_no`, `invite`, `kickout`, subscriptions; recordings; reservations.
 * - Contacts: `batch_get_id`, and reading one user. `bot/v3/info`.
 * - `auth/v3`: tenant and app tokens for custom and store apps, and `app_ticket/resend`. A token is issued again while it is
 *   valid for half an hour; after that a new one is issued and both are valid.
 * - Logins: `authorize` for browsers and in tests; OAuth v2 and v3 with PKCE, single-use codes and refresh tokens, and
 *   `client_credentials`; the older `authen/v1/oidc` endpoints; `user_info`.
 * - Pushes: the `app_ticket` of a store app, hourly and on request, and events, encrypted, signed and redelivered.
 * - Long connections: the address, and the server of frames.
 *
 * `layer` is an `HttpClient` and the WebSockets of long connections: it opens no sockets, accepts any host name, and is
 * deterministic under `TestClock`. `layerServer` serves the same app on an `HttpServer`, for clients in any language.
 *
 * Faults (`Fault`, `EventFault`, `ConnectionFault`), people who move the host meanwhile (`Rival`), and meetings that change by
 * the clock (`ScheduledChange`) are data with schemas, so `Arbitrary.schema` generates and shrinks them. An endpoint that the
 * simulator lacks is added with `endpoint`. The `Simulator` service shows the requests and their effects.
 *
 * A request that has arrived is executed even if its client disconnects or times out.
 *
 * **Gotchas**
 *
 * - The state lives as long as the layer. A layer that is built again has new state.
 * - `nth` and `millis` of a rule count from the moment when it is added: `nth: 0` is the next request.
 * - Where the documentation is silent, `Behavior` decides. The defaults are the likeliest reading.
 * - Tokens, codes and tickets are counted, not random.
 * - Every endpoint is on every host: those of `accounts.feishu.cn` also reply on `open.feishu.cn`. The log has the host.
 * - Digests and ciphers take real time, not `TestClock` time: await the effect of an encrypted push, or of a code that is
 *   exchanged with a verifier, instead of adjusting the clock.
 *
 * **Example** (A rival wins the race)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpClient, HttpClientRequest } from "effect/http"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const program = Effect.gen(function*() {
 *   const simulator = yield* Simulator.Simulator
 *   const token = yield* simulator.userToken("ou_alice")
 *   const response = yield* HttpClientRequest.patch(
 *     "https://open.feishu.cn/open-apis/vc/v1/meetings/6911188411932033028/set_host"
 *   ).pipe(
 *     HttpClientRequest.bearerToken(token),
 *     HttpClientRequest.bodyJsonUnsafe({
 *       host_user: { id: "ou_bob", user_type: 1 },
 *       old_host_user: { id: "ou_alice", user_type: 1 }
 *     }),
 *     HttpClient.execute
 *   )
 *   const host = yield* simulator.host("6911188411932033028")
 *   return `${response.status}, ${host?.openId} is the host`
 * })
 *
 * const feishu = Simulator.layer({
 *   meetings: [{ id: "6911188411932033028", host: "ou_alice", participants: ["ou_bob", "ou_carol"] }],
 *   rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_carol" }]
 * })
 * console.log(await Effect.runPromise(Effect.provide(program, feishu))) // => 403, ou_carol is the host
 * ```
 */
import * as ByteSize from "effect/ByteSize"
import * as Context from "effect/Context"
import * as Digest from "effect/crypto/Digest"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { WebSocketConstructor } from "effect/socket/Socket"
import * as Control from "./Simulator/control/serve.ts"
import type { Controls } from "./Simulator/controls.ts"
import { defaultWorld } from "./Simulator/defaultWorld.ts"
import * as Row from "./Simulator/EndpointRow.ts"
import type { ConnectionFaultRule, EventFaultRule } from "./Simulator/EventFault.ts"
import type { FaultRule } from "./Simulator/Fault.ts"
import * as Feed from "./Simulator/Feed.ts"
import { hangUp } from "./Simulator/hangUp.ts"
import * as HeaderNames from "./Simulator/headerNames.ts"
import type { ConnectionRecord } from "./Simulator/LongConnections.ts"
import { make } from "./Simulator/make.ts"
import type { Meeting, MeetingOptions } from "./Simulator/Meeting.ts"
import type { Options } from "./Simulator/Options.ts"
import * as OtherProtocol from "./Simulator/otherProtocol.ts"
import type { Deliver, EventOptions, PushRecord } from "./Simulator/Push.ts"
import type { PushedEvent } from "./Simulator/PushedEvent.ts"
import type { Refusal } from "./Simulator/Refusal.ts"
import type { RequestRecord } from "./Simulator/RequestLog.ts"
import type { Reserve, ReserveOptions } from "./Simulator/Reserve.ts"
import type { Rival } from "./Simulator/Rival.ts"
import type { SessionRecord } from "./Simulator/Sessions.ts"
import type { TokenRecord, TokenRule } from "./Simulator/Tokens.ts"
import type { User, UserInput } from "./Simulator/User.ts"
import * as VirtualClock from "./Simulator/VirtualClock.ts"
import type { Write } from "./Simulator/World.ts"

export { type AppOptions, defaultApp, defaultTenant } from "./Simulator/App.ts"
export type { Arrival, ArrivedRequest } from "./Simulator/ArrivedRequest.ts"
export type { Behavior, BehaviorOptions } from "./Simulator/Behavior.ts"
export { Config, ConfigError, parseConfig } from "./Simulator/Config.ts"
export { defaultWorld } from "./Simulator/defaultWorld.ts"
export type { EndpointOptions, EndpointRow } from "./Simulator/EndpointRow.ts"
export { ConnectionFault, ConnectionFaultRule, EventFault, EventFaultRule } from "./Simulator/EventFault.ts"
export { Endpoint, Fault, FaultRule } from "./Simulator/Fault.ts"
export { Happening } from "./Simulator/Happening.ts"
export type { ConnectionRecord, LongConnectionOptions } from "./Simulator/LongConnections.ts"
export type {
  Meeting,
  MeetingOptions,
  MeetingStatus,
  Participant,
  ParticipantOptions,
  ParticipantStatus,
  Recording
} from "./Simulator/Meeting.ts"
export type { Options } from "./Simulator/Options.ts"
export type { PersonOptions, PersonStatus } from "./Simulator/Person.ts"
export type { Deliver, EventOptions, PushRecord, WebhookOptions } from "./Simulator/Push.ts"
export type { PushedEvent } from "./Simulator/PushedEvent.ts"
export type { RequestLimit } from "./Simulator/RateLimit.ts"
export { failure, json, type MeetingCode, type Reply, success } from "./Simulator/Reply.ts"
export type { ReplyRecord, RequestRecord } from "./Simulator/RequestLog.ts"
export type { Reserve, ReserveOptions } from "./Simulator/Reserve.ts"
export { Rival } from "./Simulator/Rival.ts"
export { ScheduledChange } from "./Simulator/ScheduledChange.ts"
export type { SessionRecord } from "./Simulator/Sessions.ts"
export type { Operators, TokenKind, TokenRecord, TokenRule } from "./Simulator/Tokens.ts"
export { type User, UserInput } from "./Simulator/User.ts"
export type { WorldOptions, Write } from "./Simulator/World.ts"

/**
 * Inspects and controls the simulator.
 *
 * **Gotchas**
 *
 * The logs have what `logLength` of the options allows: all in process, the last 10,000 on a port.
 *
 * The id of a meeting that does not exist is a defect, and so is the name of an endpoint that does not exist, or a change that
 * the state of a meeting does not allow.
 *
 * @stability stable
 * @category services
 */
export class Simulator extends Context.Service<Simulator, {
  /** Every request so far, in order of arrival. */
  readonly requests: Effect.Effect<ReadonlyArray<RequestRecord>>
  /** Every change of a host so far, in order. */
  readonly writes: Effect.Effect<ReadonlyArray<Write>>
  /** Every access token that was issued in a reply. A token that was issued again counts once. */
  readonly tokensMinted: Effect.Effect<ReadonlyArray<TokenRecord>>
  /** Every refresh token that was issued, and when it was used. */
  readonly sessions: Effect.Effect<ReadonlyArray<SessionRecord>>
  /** Every event that was pushed, in order. */
  readonly pushes: Effect.Effect<ReadonlyArray<PushRecord>>
  /** The host of a meeting; `undefined` if it has none. */
  readonly host: (meetingId: string) => Effect.Effect<User | undefined>
  readonly meeting: (meetingId: string) => Effect.Effect<Meeting>
  /** Every meeting, in the order in which they were added. */
  readonly meetings: Effect.Effect<ReadonlyArray<Meeting>>
  /** Makes a user the host, as a person in the meeting would. The new host joins the meeting. */
  readonly moveHost: (meetingId: string, user: UserInput) => Effect.Effect<void>
  /**
   * Adds a meeting, of a reservation if `reserveId` names one. Pushes the events of it and waits for the first responses, as
   * the next seven do.
   */
  readonly startMeeting: (options: MeetingOptions) => Effect.Effect<void>
  /** A user joins a meeting, or answers the call of an invitation. A locked meeting takes only its host. */
  readonly joinMeeting: (meetingId: string, user: UserInput) => Effect.Effect<void>
  /** A user leaves a meeting, or declines a call. A host who leaves stays its host. Nothing happens if the user is not there. */
  readonly leaveMeeting: (meetingId: string, user: UserInput) => Effect.Effect<void>
  /** Removes a user from a meeting in progress. The host cannot be removed. */
  readonly kickout: (meetingId: string, user: UserInput) => Effect.Effect<void>
  readonly endMeeting: (meetingId: string) => Effect.Effect<void>
  /** Starts or stops the recording of a meeting in progress. */
  readonly record: (meetingId: string, running: boolean) => Effect.Effect<void>
  /** A user in a meeting in progress starts or stops sharing a screen. One screen is shared at a time. */
  readonly share: (meetingId: string, user: UserInput, running: boolean) => Effect.Effect<void>
  /** Pushes any event: to the webhook, and by long connection if the app has ever asked for one. */
  readonly pushEvent: (event: PushedEvent) => Effect.Effect<void>
  /** Every long connection, in the order in which they were opened. */
  readonly connections: Effect.Effect<ReadonlyArray<ConnectionRecord>>
  /** Closes all long connections; with 1006, the default, they break off. */
  readonly closeConnections: (code?: number) => Effect.Effect<void>
  /** Locks a meeting, so that nobody can be invited (122008) and nobody but its host can join, or unlocks it. */
  readonly lock: (meetingId: string, locked: boolean) => Effect.Effect<void>
  /** Reserves a meeting as the app. It starts by `startMeeting` with the id as its `reserveId`. */
  readonly reserve: (options: ReserveOptions) => Effect.Effect<Reserve>
  /** Every reservation that was not deleted. */
  readonly reserves: Effect.Effect<ReadonlyArray<Reserve>>
  /** A user access token. It is valid for two hours by default. */
  readonly userToken: (
    user: UserInput,
    options?: { readonly expiresIn?: Duration.Input | undefined }
  ) => Effect.Effect<Redacted.Redacted>
  /** Opens the URL of a login as this user, who consents or declines: the URL to which the browser is redirected. */
  readonly authorize: (
    url: string,
    user: UserInput,
    options?: { readonly deny?: boolean | undefined }
  ) => Effect.Effect<URL>
  /** The user withdraws consent: all refresh tokens (20064) and access tokens of the user are revoked. */
  readonly revokeSessions: (user: UserInput) => Effect.Effect<void>
  /** Revokes all tenant tokens issued so far. */
  readonly rejectTokens: Effect.Effect<void>
  /** Revokes all tenant tokens issued so far in one tenant. */
  readonly rejectTokensOf: (tenant: string) => Effect.Effect<void>
  /**
   * The request that would push a ticket to the webhook, encrypted and signed as configured. It is not sent.
   *
   * @stability unstable
   */
  readonly appTicketEvent: (options?: EventOptions) => Effect.Effect<HttpClientRequest.HttpClientRequest>
  /** Pushes a new ticket to the webhook and waits for the response. Redeliveries run in the background. */
  readonly pushTicket: Effect.Effect<void>
  /** Replaces `webhook.deliver`. */
  readonly deliverTo: (deliver: Deliver) => Effect.Effect<void>
  /** Pushes a `url_verification`: whether the webhook echoes the challenge within a second. */
  readonly verifyUrl: Effect.Effect<boolean>
  /** Adds fault rules. For an endpoint of `options.endpoints` give its name: `addFaults<"room_info">([…])`. */
  readonly addFaults: <Name extends string = never>(
    rules: ReadonlyArray<FaultRule<NoInfer<Name>>>
  ) => Effect.Effect<void>
  readonly addEventFaults: (rules: ReadonlyArray<EventFaultRule>) => Effect.Effect<void>
  readonly addConnectionFaults: (rules: ReadonlyArray<ConnectionFaultRule>) => Effect.Effect<void>
  readonly addRivals: (rivals: ReadonlyArray<Rival>) => Effect.Effect<void>
}>()("effect-lark-meetings/Simulator") {}

/**
 * An endpoint to add to the simulator.
 *
 * **Details**
 *
 * Faults, rivals, rate limits, the token check and the log of requests apply to it as to the simulator's own endpoints. Its
 * name can be used in fault rules. Rows with one name and different paths are one endpoint to fault rules.
 *
 * The handler receives an `ArrivedRequest`. It replies with `success`, `failure` or, with a code of your own, `json`. It can be
 * an effect, and use the `Simulator` service. The path includes `/open-apis`, unlike that of `LarkHttp.endpoint`.
 *
 * **Gotchas**
 *
 * Building the layer dies if two endpoints have the same method and path.
 *
 * **Example** (Who is the host?)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpClient, HttpClientRequest } from "effect/http"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const whoIsHost = Simulator.endpoint({
 *   name: "who_is_host",
 *   method: "GET",
 *   path: "/open-apis/example/v1/meetings/:meeting_id/host",
 *   token: "user",
 *   handle: ({ operator, params }) =>
 *     Effect.gen(function*() {
 *       const host = yield* (yield* Simulator.Simulator).host(params.meeting_id)
 *       return Simulator.success({ host: host?.openId, asked_by: operator.user.openId })
 *     })
 * })
 *
 * const program = Effect.gen(function*() {
 *   const request = HttpClientRequest.get("https://open.feishu.cn/open-apis/example/v1/meetings/1/host").pipe(
 *     HttpClientRequest.bearerToken(yield* (yield* Simulator.Simulator).userToken("ou_bob"))
 *   )
 *   const throttled = yield* HttpClient.execute(request)
 *   const response = yield* HttpClient.execute(request)
 *   return `${throttled.status}, then ${yield* response.text}`
 * })
 *
 * const feishu = Simulator.layer({
 *   endpoints: [whoIsHost],
 *   meetings: [{ id: "1", host: "ou_alice" }],
 *   faults: [{ endpoint: "who_is_host", nth: 0, fault: { _tag: "Throttle", reset: 1, status: 429 } }]
 * })
 * console.log(await Effect.runPromise(Effect.provide(program, feishu)))
 * // => 429, then {"code":0,"msg":"success","data":{"host":"ou_alice","asked_by":"ou_bob"}}
 * ```
 *
 * @stability unstable
 * @category constructors
 */
export const endpoint = <const Name extends string, const Path extends `/${string}`, Rule extends TokenRule>(
  options: Row.EndpointOptions<Name, Path, Rule, Simulator>
): Row.EndpointRow<Name, Simulator> => Row.make(options)

/** In code a refusal is a mistake of the program, so it is a defect. */
const dying = <Args extends ReadonlyArray<unknown>, A>(
  control: (...args: Args) => Effect.Effect<A, Refusal>
) =>
(...args: Args): Effect.Effect<A> => Effect.orDie(control(...args))

const serviceOf = (controls: Controls) =>
  Simulator.of({
    ...controls,
    host: dying(controls.host),
    meeting: dying(controls.meeting),
    moveHost: dying(controls.moveHost),
    startMeeting: dying(controls.startMeeting),
    joinMeeting: dying(controls.joinMeeting),
    leaveMeeting: dying(controls.leaveMeeting),
    kickout: dying(controls.kickout),
    endMeeting: dying(controls.endMeeting),
    record: dying(controls.record),
    share: dying(controls.share),
    lock: dying(controls.lock),
    reserve: dying(controls.reserve),
    authorize: dying(controls.authorize),
    addFaults: dying(controls.addFaults),
    addRivals: dying(controls.addRivals)
  })

const makeSimulator = (options: Options<string, Simulator>, publish?: Feed.Publish) =>
  make(options, (controls) => Context.make(Simulator, serviceOf(controls)), publish)

/**
 * A simulated Feishu in place of the network: an `HttpClient` and a `WebSocketConstructor` that accept any host name.
 *
 * **Details**
 *
 * Without options it has the `defaultWorld`. A lost connection is an `HttpClientError` with a `TransportError`, as with a real
 * transport.
 *
 * @stability stable
 * @category layers
 */
export const layer = <Name extends string = never>(
  options: Options<Name, Simulator> = defaultWorld
): Layer.Layer<HttpClient.HttpClient | WebSocketConstructor | Simulator> =>
  Layer.effectContext(Effect.map(makeSimulator(options), ({ app, services, webSocket }) => {
    const client = HttpClient.make((request) =>
      app.pipe(
        Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromClientRequest(request)),
        Effect.map((response) => HttpServerResponse.toClientResponse(response, { request })),
        Effect.mapError(() => {
          // The error that Node reports when the server closes the socket.
          const cause = Object.assign(new Error("socket hang up"), { code: "ECONNRESET" })
          return new HttpClientError.HttpClientError({
            reason: new HttpClientError.TransportError({ request, cause, description: "connection lost" })
          })
        }),
        Effect.scoped
      )
    )
    return services.pipe(Context.add(HttpClient.HttpClient, client), Context.add(WebSocketConstructor, webSocket))
  }))

/** A larger body counts as one that broke off. */
const maxBody = ByteSize.mebibytes(10)

/**
 * Who may control a simulator by HTTP.
 *
 * @stability unstable
 * @category models
 */
export interface ControlOptions {
  /**
   * The key that every request to `/_simulator/` has to carry, as `Authorization: Bearer KEY`. Without one only clients on the
   * same machine are answered, under a name of that.
   */
  readonly key?: Redacted.Redacted | undefined
}

/**
 * The options of a simulated Feishu on a port.
 *
 * @stability unstable
 * @category models
 */
export interface ServerOptions<Name extends string = never, R = never> extends Options<Name, R> {
  /** Whether it is controlled by HTTP, too, under `/_simulator/` and by the page `/`. Default `false`. */
  readonly control?: boolean | ControlOptions | undefined
}

/**
 * A simulated Feishu on a port: serves the app on an `HttpServer`.
 *
 * **Details**
 *
 * Without options it has the `defaultWorld`.
 *
 * `NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })` listens on a free port of this machine. A lost
 * connection destroys the socket, and the names of headers are spelled as documented: `X-Tt-Logid`, `Content-Type`.
 *
 * Each log keeps 10,000 records, unless `logLength` says otherwise: the oldest are forgotten, so that the memory that a server
 * needs does not grow.
 *
 * With `control` programs in any language control it under `/_simulator/` on the same port: `GET /_simulator/openapi.json`
 * describes how. `GET /` is a page that shows who is host and what happens, with buttons. These requests are not in the log of
 * requests. Pages of other sites are refused, and so is everybody from another machine, unless there is a `key`.
 *
 * **Gotchas**
 *
 * On a server other than Node's, a lost connection is a 502 without a body, and the names of headers are lowercase.
 *
 * Building the layer dies if the key is empty.
 *
 * @stability stable
 * @category layers
 */
export const layerServer = <Name extends string = never>(
  { control = false, ...options }: ServerOptions<Name, Simulator> = defaultWorld
): Layer.Layer<Simulator, never, HttpServer.HttpServer> =>
  Layer.effectContext(
    Effect.gen(function*() {
      const { endpoints, logLength = 10_000 } = options
      const initial = { ...options, logLength }
      const platformOf = (app: Effect.Success<ReturnType<typeof makeSimulator>>["app"]) =>
        Effect.andThen(HeaderNames.spell, Effect.catchTag(app, "ConnectionLost", () => hangUp)).pipe(
          Effect.provideService(HttpIncomingMessage.MaxBodySize, maxBody)
        )
      if (control === false) {
        const { app, services } = yield* makeSimulator(initial)
        yield* HttpServer.serveEffect(OtherProtocol.decline(platformOf(app)))
        return services
      }

      const { key } = control === true ? {} : control
      if (key !== undefined && Redacted.value(key) === "") {
        return yield* Effect.die(new Error("The control key is empty"))
      }
      const clock = yield* VirtualClock.make
      const feed = Feed.make(() => clock.currentTimeMillisUnsafe())
      const { app, controls, restart, services } = yield* clock.provide(makeSimulator(initial, feed.publish))
      const platform = platformOf(app)
      const controlled = yield* Control.make({
        clock,
        controls,
        feed,
        restart: (config) => restart(config && { logLength, ...config, endpoints })
      }, key)
      yield* HttpServer.serveEffect(OtherProtocol.decline(
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
          Control.takes(request) ? clock.provide(controlled) : platform)
      ))
      return services
    }).pipe(Effect.provide(Digest.layerWebCrypto))
  )
