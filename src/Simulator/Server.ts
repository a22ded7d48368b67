import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"
import { type Arrival, parametersIn, parseJson } from "./ArrivedRequest.ts"
import type { EndpointRow } from "./EndpointRow.ts"
import type { ConnectionFault, EventFault } from "./EventFault.ts"
import type { Fault, FaultPlan } from "./Fault.ts"
import * as FaultyReply from "./FaultyReply.ts"
import type { Publish } from "./Feed.ts"
import { serveSocket } from "./frameServer.ts"
import { bodyOf, urlOf } from "./incoming.ts"
import * as LongConnections from "./LongConnections.ts"
import { isForm } from "./OAuthClient.ts"
import type { Plan } from "./Plan.ts"
import type { RateLimit } from "./RateLimit.ts"
import * as Reply from "./Reply.ts"
import * as RequestLog from "./RequestLog.ts"
import type { RivalPlan } from "./Rival.ts"
import type { World } from "./World.ts"

/** The connection is lost before a reply is sent. How the client sees it depends on how the app is served. */
export class ConnectionLost extends Data.TaggedError("ConnectionLost") {}

/** The parts of the server, which the controls share. */
export interface Parts<R> {
  readonly endpoints: ReadonlyArray<EndpointRow<string, R>>
  readonly world: World
  readonly log: RequestLog.RequestLog
  readonly faults: FaultPlan
  readonly eventFaults: Plan<EventFault>
  readonly connectionFaults: Plan<ConnectionFault>
  readonly rivals: RivalPlan
  /** `undefined` if requests are not limited. */
  readonly rateLimit: RateLimit | undefined
  readonly latency: Duration.Duration
  /** Tells those who watch. */
  readonly publish: Publish
  /** Requests run here, so that a client that disconnects does not interrupt them. */
  readonly scope: Scope.Scope
}

interface Server<R> extends Parts<R> {
  /** The services that handlers use. */
  readonly services: Context.Context<R>
}

type Row<R> = EndpointRow<string, R>

/** A request without the time of its execution. */
type Received = Omit<Arrival<string>, "now">

/** Checks the token and the rate limit, and runs the handler. Unless that is an effect, it is one synchronous step. */
const reply = <R>(
  { rateLimit, rivals, services, world }: Server<R>,
  row: Row<R>,
  request: Arrival<string>
): Reply.Reply | Effect.Effect<Reply.Reply> => {
  const handle = row.admit(request, world)
  if (Reply.is(handle)) return handle
  const operator = world.tokens.ownerOf(request.authorization)
  const excess = rateLimit?.take(`${row.name} ${operator}`, row.limits, request.now)
  if (excess !== undefined) {
    const reset = Math.ceil(excess.wait / 1_000)
    return FaultyReply.throttled({ reset, status: 429 }, request.logId, excess.requests)
  }
  if (row.swaps) rivals.before(request.now)
  const handled = handle()
  const after = () => {
    if (row.swaps) rivals.after(request.now)
  }
  if (Effect.isEffect(handled)) return Effect.tap(Effect.provideContext(handled, services), () => Effect.sync(after))
  after()
  return handled
}

const executeAt = <R>(
  server: Server<R>,
  row: Row<R>,
  request: Received,
  now: number
): Reply.Reply | Effect.Effect<Reply.Reply> => {
  const executed = reply(server, row, { ...request, now })
  const note = (executed: Reply.Reply): Reply.Reply => {
    server.log.note(request.index, "executed", executed, now)
    return executed
  }
  return Effect.isEffect(executed) ? Effect.map(executed, note) : note(executed)
}

const execute = <R>(server: Server<R>, row: Row<R>, request: Received): Effect.Effect<Reply.Reply> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const executed = executeAt(server, row, request, now)
    return Effect.isEffect(executed) ? executed : Effect.succeed(executed)
  })

/** Tells those who watch what became of a request. */
const tell = <R>({ log, publish }: Server<R>, index: number): void =>
  publish(() => {
    const request = log.get(index)
    return request && { _tag: "Request", request }
  })

const executeUnder = <R>(
  server: Server<R>,
  row: Row<R>,
  request: Received,
  fault: Fault | undefined
): Effect.Effect<Reply.Reply, ConnectionLost> => {
  const executed = execute(server, row, request)
  const executedIf = (applied: boolean): Effect.Effect<unknown> => applied ? executed : Effect.void
  if (fault === undefined) return executed
  switch (fault._tag) {
    case "Delay":
      return Effect.delay(executed, fault.millis)
    case "DropBefore":
      return Effect.fail(new ConnectionLost())
    case "DropAfter":
      return Effect.andThen(executed, Effect.fail(new ConnectionLost()))
    case "Late":
      return Effect.andThen(
        Effect.forkIn(
          Effect.map(Effect.delay(executed, fault.millis), () => tell(server, request.index)),
          server.scope
        ),
        Effect.fail(new ConnectionLost())
      )
    case "ServerError":
      return Effect.as(executedIf(fault.applied), FaultyReply.serverError(fault, row))
    case "Throttle":
      return Effect.succeed(FaultyReply.throttled(fault, request.logId))
    case "RejectToken": {
      if (!row.takesToken) return executed
      return Effect.sync(() => {
        const { tokens } = server.world
        if (fault.revoked !== false) tokens.revoke(request.authorization)
        return tokens.reject(request, fault.status)
      })
    }
    case "ConflictWithoutHost":
      return row.swaps ? Effect.map(executed, (reply) => FaultyReply.withoutHost(fault, reply)) : executed
    case "ConflictAsOk":
      return row.swaps ? Effect.map(executed, FaultyReply.conflictAsOk) : executed
    case "GarbageBody":
      return Effect.as(executedIf(fault.applied), FaultyReply.garbage(fault))
    case "EmptyBody":
      return Effect.as(executedIf(fault.applied), FaultyReply.empty(fault))
  }
}

const logIdOf = (index: number): string => `simulated${String(index).padStart(12, "0")}`

const sendAt = (
  log: RequestLog.RequestLog,
  index: number,
  reply: Reply.Reply,
  now: number
): HttpServerResponse.HttpServerResponse => {
  log.note(index, "reply", reply, now)
  return HttpServerResponse.text(reply.body, {
    status: reply.status,
    contentType: reply.contentType,
    headers: { ...reply.headers, "x-tt-logid": logIdOf(index) }
  })
}

const send = (
  log: RequestLog.RequestLog,
  index: number,
  reply: Reply.Reply
): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(Clock.currentTimeMillis, (now) => sendAt(log, index, reply, now))

const receive = Effect.fnUntraced(function*<R>(
  server: Server<R>,
  row?: Row<R>,
  params: Readonly<Record<string, string>> = {}
) {
  const request = yield* HttpServerRequest.HttpServerRequest
  const body = yield* bodyOf(request)
  const at = yield* Clock.currentTimeMillis
  const url = urlOf(request)
  const query = parametersIn(url.searchParams)
  const authorization = request.headers["authorization"]
  const contentType = request.headers["content-type"]
  const fault = row === undefined ? undefined : server.faults.take(row.name)
  const index = server.log.add({
    at,
    endpoint: row?.name ?? "unknown",
    method: request.method,
    host: url.host,
    path: url.pathname,
    params,
    query: RequestLog.readable(query),
    client: (request.headers["x-simulator-client"] ?? request.headers["user-agent"])?.slice(0, 100),
    token: server.world.tokens.kindOf(authorization),
    operator: server.world.tokens.operatorOf(authorization),
    body: RequestLog.readableBody(body, { form: isForm(contentType), secret: row?.takesToken !== true }),
    fault
  })
  const sendNow = (reply: Reply.Reply): HttpServerResponse.HttpServerResponse => {
    const response = sendAt(server.log, index, reply, at)
    tell(server, index)
    return response
  }
  if (row === undefined) return sendNow(Reply.notFound)
  if (fault !== undefined) {
    server.publish(() => ({ _tag: "Fault", fault, endpoint: row.name, request: index, event: undefined }))
  }

  const received: Received = {
    index,
    logId: logIdOf(index),
    host: url.host,
    params,
    query,
    authorization,
    contentType,
    body,
    json: parseJson(body)
  }
  // What waits for nothing needs no fiber that outlives its client.
  const isImmediate = fault === undefined && Duration.isZero(server.latency)
  const executed = isImmediate ? executeAt(server, row, received, at) : executeUnder(server, row, received, fault)
  if (!Effect.isEffect(executed)) return sendNow(executed)

  const oneWay = Duration.divideUnsafe(server.latency, 2)
  const travel = Duration.isZero(oneWay) ? Effect.void : Effect.sleep(oneWay)
  const handling = travel.pipe(
    Effect.andThen(executed),
    Effect.tap(travel),
    Effect.flatMap((reply) => send(server.log, index, reply))
  )
  const fiber = yield* Effect.forkIn(handling, server.scope, { startImmediately: true })
  const exit = yield* Fiber.await(fiber)
  tell(server, index)
  // The run has ended meanwhile.
  return yield* Exit.hasInterrupts(exit) ? Effect.fail(new ConnectionLost()) : exit
})

// Go's routers compare paths as they are.
const strict = { caseSensitive: true, ignoreDuplicateSlashes: false, ignoreTrailingSlash: false }

/** The parameters of the path; `undefined` if a row does not take the request. */
const matched = Effect.fnUntraced(function*<R>({ method }: Row<R>) {
  const request = yield* HttpServerRequest.HttpServerRequest
  // The router also takes `HEAD` for `GET`, and ends a path at a semicolon.
  if (request.method !== method || /^[^?]*;/.test(request.url)) return undefined
  const params: Record<string, string> = {}
  for (const [name, value] of Object.entries(yield* HttpRouter.params)) {
    if (value === "") return undefined
    if (value !== undefined) params[name] = value
  }
  return params
})

/** The app: an effect that handles one request. */
export const make = <R>(
  server: Server<R>
): Effect.Effect<
  Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    ConnectionLost,
    HttpServerRequest.HttpServerRequest | Scope.Scope
  >,
  never,
  Scope.Scope
> => {
  const { endpoints } = server
  const duplicate = endpoints.find(({ method, path }, index) =>
    endpoints.findIndex((row) => row.method === method && row.path === path) < index
  )
  if (duplicate !== undefined) {
    return Effect.die(
      new Error(`The simulator has two endpoints at ${duplicate.method} ${duplicate.path}: leave one out`)
    )
  }
  const routes = endpoints.map((row) =>
    HttpRouter.route(
      row.method,
      row.path,
      Effect.flatMap(matched(row), (params) => params === undefined ? receive(server) : receive(server, row, params))
    )
  )
  const socket = HttpRouter.route(
    "GET",
    LongConnections.path,
    Effect.flatMap(
      HttpServerRequest.HttpServerRequest,
      (request) => serveSocket(server.world.longConnections, urlOf(request))
    )
  )
  return Effect.map(
    Effect.provideService(
      HttpRouter.toHttpEffect(HttpRouter.addAll([...routes, socket])),
      HttpRouter.RouterConfig,
      strict
    ),
    Effect.catchTag("HttpServerError", () => receive(server))
  )
}
