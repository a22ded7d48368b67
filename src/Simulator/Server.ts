import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"
import type { Call } from "./Call.ts"
import { endMeeting } from "./EndMeeting.ts"
import type { Endpoint, Fault, FaultPlan } from "./Fault.ts"
import * as FaultyReply from "./FaultyReply.ts"
import { getMeeting } from "./GetMeeting.ts"
import * as Reply from "./Reply.ts"
import * as RequestLog from "./RequestLog.ts"
import type { RivalPlan } from "./Rival.ts"
import { setHost } from "./SetHost.ts"
import { tenantAccessToken } from "./TenantAccessToken.ts"
import * as Tokens from "./Tokens.ts"
import type { World } from "./World.ts"

/**
 * The connection broke before an answer came. What that looks like depends on how the app is served.
 */
export class ConnectionLost extends Data.TaggedError("ConnectionLost") {}

export interface Server {
  readonly world: World
  readonly log: RequestLog.RequestLog
  readonly faults: FaultPlan
  readonly rivals: RivalPlan
  readonly latency: Duration.Duration
  /** Requests run here: a client that hangs up does not undo what it has sent. */
  readonly scope: Scope.Scope
}

const handle = (server: Server, endpoint: Endpoint, call: Call): Reply.Reply => {
  const { rivals, world } = server
  if (endpoint === "tenant_access_token") return tenantAccessToken(world, call)

  const operator = world.tokens.authorize(call, endpoint === "end" ? "user" : "both")
  if (!("_tag" in operator)) return operator
  switch (endpoint) {
    case "get":
      return getMeeting(world, operator, call)
    case "end":
      return endMeeting(world, operator, call)
    case "set_host": {
      rivals.before(call.now)
      const reply = setHost(world, operator, call)
      rivals.after(call.now)
      return reply
    }
  }
}

const execute = (server: Server, endpoint: Endpoint, call: Omit<Call, "now">): Effect.Effect<Reply.Reply> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const reply = handle(server, endpoint, { ...call, now })
    server.log.note(call.index, "executed", reply, now)
    return reply
  })

const answer = (
  server: Server,
  endpoint: Endpoint,
  call: Omit<Call, "now">,
  fault: Fault | undefined
): Effect.Effect<Reply.Reply, ConnectionLost> => {
  const executed = execute(server, endpoint, call)
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
        Effect.forkIn(Effect.delay(executed, fault.millis), server.scope),
        Effect.fail(new ConnectionLost())
      )
    case "ServerError":
      return Effect.as(executedIf(fault.applied), FaultyReply.serverError(fault, endpoint))
    case "Throttle":
      return Effect.succeed(FaultyReply.throttled(fault, call.logId))
    case "RejectToken": {
      if (endpoint === "tenant_access_token") return executed
      return Effect.sync(() => {
        if (fault.revoked !== false) server.world.tokens.revoke(call.authorization)
        return Tokens.rejection(call, fault.status)
      })
    }
    case "ConflictWithoutHost":
      return Effect.map(executed, (reply) => FaultyReply.withoutHost(fault, reply))
    case "ConflictAsOk":
      return Effect.map(executed, FaultyReply.conflictAsOk)
    case "GarbageBody":
      return Effect.as(executedIf(fault.applied), FaultyReply.garbage(fault))
    case "EmptyBody":
      return Effect.as(executedIf(fault.applied), FaultyReply.empty(fault))
  }
}

const logIdOf = (index: number): string => `simulated${String(index).padStart(12, "0")}`

const send = (
  server: Server,
  index: number,
  reply: Reply.Reply
): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    server.log.note(index, "answer", reply, now)
    return HttpServerResponse.text(reply.body, {
      status: reply.status,
      contentType: reply.contentType,
      headers: { ...reply.headers, "x-tt-logid": logIdOf(index) }
    })
  })

// The base only completes a relative URL; nothing of it is kept.
const base = "http://localhost"

const urlOf = (url: string): URL => URL.canParse(url, base) ? new URL(url, base) : new URL(base)

const receive = Effect.fnUntraced(function*(server: Server, endpoint: Endpoint | "unknown", meetingId?: string) {
  const request = yield* HttpServerRequest.HttpServerRequest
  // A body that breaks off is judged like any other body that makes no sense.
  const body = yield* Effect.orElseSucceed(request.text, () => "")
  const at = yield* Clock.currentTimeMillis
  const url = urlOf(request.originalUrl)
  const query = Object.fromEntries(url.searchParams)
  const authorization = request.headers["authorization"]
  const fault = endpoint === "unknown" ? undefined : server.faults.take(endpoint)
  const index = server.log.open({
    at,
    endpoint,
    method: request.method,
    path: url.pathname,
    query,
    token: Tokens.kindOf(authorization),
    body: RequestLog.readableBody(body),
    meetingId,
    fault
  })
  if (endpoint === "unknown") return yield* send(server, index, Reply.notFound)

  const call = { index, logId: logIdOf(index), meetingId: meetingId ?? "", query, authorization, body }
  const oneWay = Duration.divideUnsafe(server.latency, 2)
  const travel = Duration.isZero(oneWay) ? Effect.void : Effect.sleep(oneWay)
  const exchange = travel.pipe(
    Effect.andThen(answer(server, endpoint, call, fault)),
    Effect.tap(travel),
    Effect.flatMap((reply) => send(server, index, reply))
  )
  const fiber = yield* Effect.forkIn(exchange, server.scope, { startImmediately: true })
  return yield* Fiber.join(fiber)
})

/**
 * The whole of Feishu as one effect per request.
 */
export const make = (
  server: Server
): Effect.Effect<
  Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    ConnectionLost,
    HttpServerRequest.HttpServerRequest | Scope.Scope
  >,
  never,
  Scope.Scope
> => {
  const onMeeting = (endpoint: Endpoint) =>
    Effect.flatMap(HttpRouter.params, (params) => receive(server, endpoint, params["meeting_id"]))
  const routes = HttpRouter.addAll([
    HttpRouter.route("POST", "/auth/v3/tenant_access_token/internal", receive(server, "tenant_access_token")),
    HttpRouter.route("GET", "/vc/v1/meetings/:meeting_id", onMeeting("get")),
    HttpRouter.route("PATCH", "/vc/v1/meetings/:meeting_id/set_host", onMeeting("set_host")),
    HttpRouter.route("PATCH", "/vc/v1/meetings/:meeting_id/end", onMeeting("end"))
  ], { prefix: "/open-apis" })
  return Effect.map(
    HttpRouter.toHttpEffect(routes),
    Effect.catchTag("HttpServerError", () => receive(server, "unknown"))
  )
}
