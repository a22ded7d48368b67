/** Sends the requests of `verify`, one after another, and keeps their replies. */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { failure } from "../../internal/envelope.ts"
import { exchange } from "../../internal/exchange.ts"
import { makeRequest } from "../../internal/request.ts"
import type { Wire } from "../../internal/wire.ts"
import { LarkConfig } from "../../LarkConfig.ts"
import * as LarkError from "../../LarkError.ts"
import type { TenantToken } from "../../TenantToken.ts"
import type { UserToken } from "../../UserToken.ts"

/** A reply of the platform. */
export interface Reply {
  readonly endpoint: string
  readonly status: number
  readonly code: number
  readonly logId: string | undefined
  /** Whether it has `x-ogw-ratelimit-limit`. */
  readonly hasRateLimit: boolean
  readonly body: Wire
  /** Its error, unless the code is 0. */
  readonly error: LarkError.GenericError | LarkError.InternalError | undefined
}

/** The platform gave no usable answer to a request. */
class Unanswered extends Data.TaggedError("Unanswered")<{ readonly reason: string }> {}

/** No further request may be sent. */
export class Stopped extends Data.TaggedError("Stopped")<{ readonly reason: string }> {}

/** The request was not executed, or can be repeated. */
class Again extends Data.TaggedClass("Again")<{ readonly reason: string; readonly wait: Duration.Duration }> {}

type Credential = TenantToken["Service"] | UserToken["Service"]

export interface Request {
  readonly endpoint: string
  readonly method: "GET" | "PATCH" | "POST"
  /** Below `/open-apis`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: Readonly<Record<string, unknown>>
  /** Whose token it carries, or a token that was made up. */
  readonly token?: Credential | Redacted.Redacted
}

export interface Requests {
  /** Sends a request that changes nothing, up to three times. */
  readonly read: (request: Request) => Effect.Effect<Reply, Unanswered | Stopped>
  /**
   * Sends a request that may change something, a second and third time only if it was certainly not executed. Once it has
   * left, it is not interrupted before its reply or its timeout.
   */
  readonly write: (request: Request) => Effect.Effect<Reply, Unanswered | Stopped>
  /** All replies, in order. */
  readonly replies: () => ReadonlyArray<Reply>
  /** How many writes may have been executed, without an answer that shows it. */
  readonly uncertain: () => number
}

/** The most requests. */
export const most = 80

/** Four a second at most: the limits are 50 a second, and 100 a minute for `list_by_no`, of which there are two. */
const gap = Duration.millis(250)

const timeout = Duration.seconds(10)

const pause = Duration.seconds(1)

const isMadeUp = (token: Request["token"]) => Redacted.isRedacted(token)

export const make: Effect.Effect<Requests, never, LarkConfig | HttpClient.HttpClient> = Effect.gen(function*() {
  const { baseUrl } = yield* LarkConfig
  const client = yield* HttpClient.HttpClient
  const replies: Array<Reply> = []
  let sent = 0
  let uncertain = 0

  /** Sends a request once. A write without an answer counts as uncertain before anything can interrupt. */
  const exchanged = Effect.fnUntraced(function*(
    { body, endpoint, method, path, query }: Request,
    token: Redacted.Redacted | undefined,
    isWrite: boolean
  ): Effect.fn.Return<Reply | Again | Unanswered> {
    const search = query === undefined ? "" : `?${new URLSearchParams(query)}`
    const url = `${baseUrl}${path}${search}`
    sent++
    const envelope = yield* makeRequest(endpoint, method, url, { token, body: body && HttpBody.jsonUnsafe(body) }).pipe(
      Effect.flatMap((made) => exchange(client, endpoint, made, token === undefined ? [] : [token], timeout, { path })),
      Effect.result
    )
    const unseen = (reason: string, isExecuted: boolean) => {
      if (!isWrite || !isExecuted) return new Again({ reason, wait: pause })
      uncertain++
      return new Unanswered({ reason })
    }
    if (Result.isFailure(envelope)) {
      const { _tag, retry } = envelope.failure
      if (_tag === "InvalidParameter") return new Unanswered({ reason: "the token cannot be sent" })
      return unseen(
        _tag === "TransportError" ? "no reply came" : "the reply is not one of the platform",
        retry !== "wait"
      )
    }
    const { code, logId, rateLimit, status } = envelope.success
    const error = code === 0
      ? undefined
      : LarkError.fromFailure(failure(envelope.success), [LarkError.InternalError])
    const hasRateLimit = rateLimit !== undefined
    const reply: Reply = { endpoint, status, code, logId, hasRateLimit, body: envelope.success.body, error }
    replies.push(reply)
    if (error?._tag === "RateLimited") {
      return new Again({ reason: "the limit was reached", wait: error.retryAfter ?? pause })
    }
    return error?.kind === "platform" ? unseen(`the platform failed (code ${code})`, true) : reply
  })

  const send = (request: Request, isWrite: boolean, left: number): Effect.Effect<Reply, Unanswered | Stopped> =>
    Effect.gen(function*() {
      const { token: bearer } = request
      const credential = isMadeUp(bearer) ? undefined : bearer
      const token = isMadeUp(bearer) ? bearer : yield* Effect.mapError(
        credential?.get ?? Effect.undefined,
        ({ _tag }) => new Unanswered({ reason: `there is no token (${_tag})` })
      )
      if (sent >= most) return yield* new Stopped({ reason: `it sends at most ${most} requests` })
      if (sent > 0) yield* Effect.sleep(gap)
      const once = exchanged(request, token, isWrite)
      const answer = yield* isWrite ? Effect.uninterruptible(once) : once
      if (answer instanceof Unanswered) return yield* answer
      if (answer instanceof Again) {
        if (left === 1) return yield* new Unanswered({ reason: answer.reason })
        return yield* Effect.delay(send(request, isWrite, left - 1), answer.wait)
      }
      const isRejected = answer.error?._tag === "TokenRejected" && credential !== undefined && token !== undefined
      return isRejected && left > 1 && (yield* credential.reject(token))
        ? yield* send(request, isWrite, left - 1)
        : answer
    })

  return {
    read: (request) =>
      Effect.filterOrFail(
        send(request, false, 3),
        ({ error }) => error?._tag !== "TokenRejected" || request.token === undefined || isMadeUp(request.token),
        () => new Unanswered({ reason: "the token was rejected" })
      ),
    write: (request) => send(request, true, 3),
    replies: () => replies,
    uncertain: () => uncertain
  }
})
