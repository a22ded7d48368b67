/**
 * A stateful Feishu for tests and demos, written from the official documents.
 *
 * **Details**
 *
 * It issues and checks tokens, holds meetings, and answers `tenant_access_token/internal`, `meeting.get`, `set_host`
 * and `end` with the documented envelope, codes, HTTP statuses and preconditions. The same app is served two ways:
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
 * - Tokens are counted, not random: never let anyone but a test depend on them.
 *
 * **Example** (A rival wins the race)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { HttpClient, HttpClientRequest } from "effect/http"
 * import { Simulator } from "effect-lark-meetings"
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
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientError from "effect/http/HttpClientError"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Behavior from "./Simulator/Behavior.ts"
import * as Faults from "./Simulator/Fault.ts"
import { hangUp } from "./Simulator/HangUp.ts"
import type { Meeting, MeetingOptions } from "./Simulator/Meeting.ts"
import * as RequestLog from "./Simulator/RequestLog.ts"
import * as Rivals from "./Simulator/Rival.ts"
import * as Server from "./Simulator/Server.ts"
import type { TokenRecord } from "./Simulator/Tokens.ts"
import type { User, UserInput } from "./Simulator/User.ts"
import * as World from "./Simulator/World.ts"

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
export type { Answer, RequestRecord } from "./Simulator/RequestLog.ts"
export { Rival } from "./Simulator/Rival.ts"
export type { TokenKind, TokenRecord } from "./Simulator/Tokens.ts"
export { type User, UserInput } from "./Simulator/User.ts"
export type { Write } from "./Simulator/World.ts"

/**
 * The one app that the simulated Feishu knows.
 *
 * @since 0.1.0
 * @category models
 */
export interface AppOptions {
  readonly appId: string
  readonly appSecret: string | Redacted.Redacted
  /** How long a tenant token lives, in seconds. Default 7200. */
  readonly expire?: number | undefined
  /** Whether the app has been switched off: its token requests fail with 10014. Default `false`. */
  readonly stopped?: boolean | undefined
}

/**
 * What the simulated Feishu starts with.
 *
 * **Details**
 *
 * Users are open ids (`"ou_alice"`), the client's own open-id users, or records that spell out all three ids. From
 * `ou_alice` alone follow the union id `on_alice`, the user id `alice` and user type 1.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Behavior.BehaviorOptions {
  /** Default `defaultApp`. */
  readonly app?: AppOptions | undefined
  readonly meetings?: ReadonlyArray<MeetingOptions> | undefined
  readonly faults?: ReadonlyArray<Faults.FaultRule> | undefined
  readonly rivals?: ReadonlyArray<Rivals.Rival> | undefined
  /** How long every request takes, half of it each way. Default zero. */
  readonly latency?: Duration.Input | undefined
}

/**
 * The app that a simulator knows unless told otherwise; safe to print.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaultApp: { readonly appId: string; readonly appSecret: Redacted.Redacted } = {
  appId: "cli_simulator",
  appSecret: Redacted.make("simulator-demo-secret")
}

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
  readonly requests: Effect.Effect<ReadonlyArray<RequestLog.RequestRecord>>
  /** Every host change so far, in order. */
  readonly writes: Effect.Effect<ReadonlyArray<World.Write>>
  /** Every tenant token issued so far; a token that was handed out again counts once. */
  readonly tokensMinted: Effect.Effect<ReadonlyArray<TokenRecord>>
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
  /** From now on no tenant token issued so far is accepted or handed out again. */
  readonly rejectTokens: Effect.Effect<void>
  readonly addFaults: (rules: ReadonlyArray<Faults.FaultRule>) => Effect.Effect<void>
  readonly addRivals: (rivals: ReadonlyArray<Rivals.Rival>) => Effect.Effect<void>
}>()("effect-lark-meetings/Simulator") {}

const make = Effect.fnUntraced(function*(options: Options) {
  const scope = yield* Effect.scope
  const startedAt = yield* Clock.currentTimeMillis
  const app = options.app ?? defaultApp
  const { expire = 7200, stopped = false }: Partial<AppOptions> = app
  const world = World.make(
    {
      id: app.appId,
      secret: typeof app.appSecret === "string" ? Redacted.make(app.appSecret) : app.appSecret,
      tokenLifetimeMillis: expire * 1000,
      stopped
    },
    Behavior.fromOptions(options),
    options.meetings ?? [],
    startedAt
  )
  const log = RequestLog.make()
  const faults = Faults.makePlan()
  const rivals = Rivals.makePlan()

  const meeting = (meetingId: string | undefined): Effect.Effect<Meeting> =>
    Effect.suspend(() => {
      const found = meetingId === undefined ? world.meetings.values().next().value : world.meetings.get(meetingId)
      return found === undefined
        ? Effect.die(new Error(`The simulator has no meeting ${meetingId ?? "at all"}`))
        : Effect.succeed(found)
    })

  const moveRival = (rival: Rivals.Rival, meetingId: string, at: number): void => {
    const target = world.meetings.get(meetingId)
    // Nobody can move the host of a meeting that is over.
    if (target === undefined || target.status === "ended") return
    World.moveHost(world, target, world.directory.resolve(rival.host), { by: "rival", request: undefined, at })
  }

  const addRival = (rival: Rivals.Rival): Effect.Effect<void> =>
    Effect.flatMap(meeting(rival.meetingId), ({ id }) => {
      if (rival._tag !== "At") {
        return Effect.sync(() => rivals.add(rival._tag, rival.nth, (at) => moveRival(rival, id, at)))
      }
      const move = Effect.map(Clock.currentTimeMillis, (now) => moveRival(rival, id, now))
      return Effect.asVoid(Effect.forkIn(Effect.delay(move, rival.millis), scope, { startImmediately: true }))
    })

  const simulator = Simulator.of({
    requests: Effect.sync(log.all),
    writes: Effect.sync(() => [...world.writes]),
    tokensMinted: Effect.sync(world.tokens.tenantTokens),
    host: (meetingId) => Effect.map(meeting(meetingId), (found) => found.host),
    meeting,
    moveHost: (meetingId, user) =>
      Effect.map(
        Effect.zip(meeting(meetingId), Clock.currentTimeMillis),
        ([found, at]) =>
          World.moveHost(world, found, world.directory.resolve(user), { by: "control", request: undefined, at })
      ),
    userToken: (user, options) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        world.tokens.user(
          world.directory.resolve(user),
          now,
          Duration.toMillis(options?.expiresIn ?? Duration.hours(2))
        )),
    rejectTokens: Effect.sync(world.tokens.revokeTenantTokens),
    addFaults: (rules) => Effect.sync(() => faults.add(rules)),
    addRivals: (added) => Effect.forEach(added, addRival, { discard: true })
  })

  yield* simulator.addFaults(options.faults ?? [])
  yield* simulator.addRivals(options.rivals ?? [])

  const latency = Duration.fromInputUnsafe(options.latency ?? Duration.zero)
  return { simulator, app: yield* Server.make({ world, log, faults, rivals, latency, scope }) }
})

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
  Layer.effectContext(Effect.map(make(options), ({ app, simulator }) => {
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
    return Context.make(HttpClient.HttpClient, client).pipe(Context.add(Simulator, simulator))
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
      const { app, simulator } = yield* make(options)
      yield* HttpServer.serveEffect(Effect.catchTag(app, "ConnectionLost", () => hangUp))
      return simulator
    })
  )
