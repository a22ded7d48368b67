/**
 * A stateful Feishu for tests and demos, written from the official documents.
 *
 * **Details**
 *
 * It knows apps, tenants, users and meetings, and answers with the documented envelopes, codes, HTTP statuses and
 * preconditions:
 *
 * - meetings: `meeting.get`, `set_host`, `end`.
 * - `auth/v3`: tenant and app tokens of custom and of store apps, and `app_ticket/resend`. The same token while half an
 *   hour is left, then a new one beside the old.
 * - logins: `authorize` for browsers, or by hand; OAuth v2 and v3 with PKCE, single-use codes and refresh tokens, and
 *   `client_credentials`; `user_info`.
 * - pushes: the `app_ticket` of a store app, hourly and on demand, encrypted, signed and redelivered as documented.
 *
 * The same app is served two ways:
 *
 * - `layer` is an `HttpClient`: no sockets, any host name, deterministic under `TestClock`.
 * - `layerServer` puts it on whatever `HttpServer` it is given, for any client in any language.
 *
 * Faults (`Fault`) and people who move the host in between (`Rival`) are data with schemas, so that
 * `Arbitrary.schema` can generate and shrink them. The `Simulator` service shows what arrived and what happened.
 *
 * A request that has arrived is carried out even if its client hangs up or times out, as a real server would.
 *
 * **Gotchas**
 *
 * - State lives as long as the layer. Building the layer again gives a new Feishu.
 * - `nth` and `millis` of a rule count from the moment it is added, so `nth: 0` is the next request.
 * - Where the documents are silent, `Behavior` chooses; the defaults are the likeliest reading, not knowledge.
 * - Tokens, codes and tickets are counted, not random: never let anyone but a test depend on them.
 * - Hosts are not told apart: what belongs to `accounts.feishu.cn` answers on `open.feishu.cn` too. The log has the host.
 * - A digest or a cipher takes real time, whatever the clock says: of a push that is encrypted, and of a code that comes
 *   with a verifier, await the effect, not the clock.
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
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { FaultRule } from "./Simulator/Fault.ts"
import { hangUp } from "./Simulator/HangUp.ts"
import { make } from "./Simulator/make.ts"
import type { Meeting } from "./Simulator/Meeting.ts"
import type { Options } from "./Simulator/Options.ts"
import type { Deliver, EventOptions, PushRecord } from "./Simulator/Push.ts"
import type { RequestRecord } from "./Simulator/RequestLog.ts"
import type { Rival } from "./Simulator/Rival.ts"
import type { SessionRecord } from "./Simulator/Sessions.ts"
import type { TokenRecord } from "./Simulator/Tokens.ts"
import type { User, UserInput } from "./Simulator/User.ts"
import type { Write } from "./Simulator/World.ts"

export { type AppOptions, defaultApp, defaultTenant } from "./Simulator/App.ts"
export type { Behavior, BehaviorOptions } from "./Simulator/Behavior.ts"
export { Endpoint, Fault, FaultRule } from "./Simulator/Fault.ts"
export type {
  Meeting,
  MeetingOptions,
  MeetingStatus,
  Participant,
  ParticipantOptions,
  ParticipantStatus
} from "./Simulator/Meeting.ts"
export type { Options } from "./Simulator/Options.ts"
export type { Deliver, EventOptions, PushRecord, WebhookOptions } from "./Simulator/Push.ts"
export type { Answer, RequestRecord } from "./Simulator/RequestLog.ts"
export { Rival } from "./Simulator/Rival.ts"
export type { SessionRecord } from "./Simulator/Sessions.ts"
export type { TokenKind, TokenRecord } from "./Simulator/Tokens.ts"
export { type User, UserInput } from "./Simulator/User.ts"
export type { Write } from "./Simulator/World.ts"

/**
 * Looks into a simulated Feishu and pulls its strings.
 *
 * **Gotchas**
 *
 * Naming a meeting that does not exist is a mistake in the test and therefore a defect.
 *
 * @since 0.1.0
 * @category services
 */
export class Simulator extends Context.Service<Simulator, {
  /** Every request so far, in order of arrival. */
  readonly requests: Effect.Effect<ReadonlyArray<RequestRecord>>
  /** Every host change so far, in order. */
  readonly writes: Effect.Effect<ReadonlyArray<Write>>
  /** Every access token issued to a request so far; one that was handed out again counts once. */
  readonly tokensMinted: Effect.Effect<ReadonlyArray<TokenRecord>>
  /** Every refresh token issued so far, and who used it when. */
  readonly sessions: Effect.Effect<ReadonlyArray<SessionRecord>>
  /** Every event pushed so far, in order. */
  readonly pushes: Effect.Effect<ReadonlyArray<PushRecord>>
  /** The host of a meeting; `undefined` when it has none. */
  readonly host: (meetingId: string) => Effect.Effect<User | undefined>
  readonly meeting: (meetingId: string) => Effect.Effect<Meeting>
  /** A human makes this user the host, now. Who is not in the meeting joins it. */
  readonly moveHost: (meetingId: string, user: UserInput) => Effect.Effect<void>
  /** A user_access_token, valid for two hours unless told otherwise. */
  readonly userToken: (
    user: UserInput,
    options?: { readonly expiresIn?: Duration.Input | undefined }
  ) => Effect.Effect<Redacted.Redacted>
  /** The user opens the URL of a login and agrees, or declines: where the platform sends the browser then. */
  readonly authorize: (
    url: string,
    user: UserInput,
    options?: { readonly deny?: boolean | undefined }
  ) => Effect.Effect<URL>
  /** The user takes back what he agreed to: his refresh tokens (20064) and access tokens are dead. */
  readonly revokeSessions: (user: UserInput) => Effect.Effect<void>
  /** From now on no tenant token issued so far is accepted or handed out again. */
  readonly rejectTokens: Effect.Effect<void>
  /** The same in one tenant. */
  readonly rejectTokensOf: (tenant: string) => Effect.Effect<void>
  /** The request that would bring a ticket to the webhook, encrypted and signed as configured. It is not sent. */
  readonly appTicketEvent: (options?: EventOptions) => Effect.Effect<HttpClientRequest.HttpClientRequest>
  /** Pushes a new ticket to the webhook now, and waits for the answer; after none it is pushed again in the background. */
  readonly pushTicket: Effect.Effect<void>
  /** From now on pushes travel like this. */
  readonly deliverTo: (deliver: Deliver) => Effect.Effect<void>
  /** Pushes a `url_verification`: whether the webhook echoes the challenge in time, as the console demands. */
  readonly verifyUrl: Effect.Effect<boolean>
  readonly addFaults: (rules: ReadonlyArray<FaultRule>) => Effect.Effect<void>
  readonly addRivals: (rivals: ReadonlyArray<Rival>) => Effect.Effect<void>
}>()("effect-lark-meetings/Simulator") {}

/**
 * A simulated Feishu in place of the network: an `HttpClient` that answers whatever host a URL names.
 *
 * **Details**
 *
 * A lost connection is an `HttpClientError` with a `TransportError`, as with a real transport.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<HttpClient.HttpClient | Simulator> =>
  Layer.effectContext(Effect.map(make(options), ({ app, controls }) => {
    const client = HttpClient.make((request) =>
      app.pipe(
        Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromClientRequest(request)),
        Effect.map((response) => HttpServerResponse.toClientResponse(response, { request })),
        Effect.mapError(() => {
          // What Node reports when the other side hangs up.
          const cause = Object.assign(new Error("socket hang up"), { code: "ECONNRESET" })
          return new HttpClientError.HttpClientError({
            reason: new HttpClientError.TransportError({ request, cause, description: "connection lost" })
          })
        }),
        Effect.scoped
      )
    )
    return Context.make(HttpClient.HttpClient, client).pipe(Context.add(Simulator, Simulator.of(controls)))
  }))

/**
 * A simulated Feishu on a port: serves the same app on the `HttpServer` it is given.
 *
 * **Details**
 *
 * With `NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })` it listens on a free port of this machine.
 * A lost connection destroys the socket.
 *
 * **Gotchas**
 *
 * On a server that does not show its sockets a lost connection turns into a 502 without a body.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerServer = (options: Options = {}): Layer.Layer<Simulator, never, HttpServer.HttpServer> =>
  Layer.effect(
    Simulator,
    Effect.gen(function*() {
      const { app, controls } = yield* make(options)
      yield* HttpServer.serveEffect(Effect.catchTag(app, "ConnectionLost", () => hangUp))
      return Simulator.of(controls)
    })
  )
