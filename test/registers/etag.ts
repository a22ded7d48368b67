import { Clock, Effect, Result } from "effect"
import { Cas } from "effect-lark-meetings"
import { Headers, HttpBody, type HttpClient, HttpClientError, type HttpClientResponse } from "effect/http"

/** A state of the resource. Every one the server shows has an entity tag; one that is only wanted has none yet. */
export interface Representation {
  readonly etag?: string | undefined
  readonly body: string
}

// RFC 9110 allows an empty tag. No server gives it, so that it matches nothing.
const noTag = "\"\""

const shownBy = (response: HttpClientResponse.HttpClientResponse) =>
  Effect.map(response.text, (body): Representation => ({ etag: response.headers["etag"], body }))

/** What any other answer proves of the request. A refusal is final, and 428 is one: a repetition would be refused too. */
const otherwise = Effect.fnUntraced(function*(response: HttpClientResponse.HttpClientResponse) {
  const { headers, request, status } = response
  if (status >= 500) return Cas.unknown(`HTTP ${status}`)
  if (status !== 429) {
    const reason = new HttpClientError.StatusCodeError({ request, response })
    return yield* new HttpClientError.HttpClientError({ reason })
  }
  const now = yield* Clock.currentTimeMillis
  const after = Result.map(
    Headers.parseRetryAfter(headers["retry-after"] ?? ""),
    (parsed) => Headers.retryAfterDelay(parsed, now)
  )
  return Cas.unsent({ cause: "HTTP 429", after: Result.getOrUndefined(after) })
})

const orUnknown = <A>(answer: Effect.Effect<A, HttpClientError.HttpClientError>) =>
  Effect.catchIf(
    answer,
    ({ reason }) => reason._tag === "TransportError" || reason._tag === "DecodeError",
    (error) => Effect.succeed(Cas.unknown(error))
  )

/**
 * An HTTP resource with strong entity tags, written with `PUT` and `If-Match`.
 *
 * A 412 should hold the current representation (RFC 8144, section 3.2). `If-Match` compares strongly, so a weak tag
 * never matches: the operation ends with `CasInconsistentRegister`. A server may answer 2xx although the tag does not
 * match, if it finds the change in place (RFC 9110, section 13.1.1); that is its word for "applied".
 */
export const fromResource = (
  client: HttpClient.HttpClient,
  url: string
): Cas.Register<Representation, HttpClientError.HttpClientError> => ({
  equals: (a, b) => a.etag !== undefined && b.etag !== undefined ? a.etag === b.etag : a.body === b.body,
  read: orUnknown(Effect.gen(function*() {
    const response = yield* client.get(url)
    return response.status === 200 ? Cas.observed(yield* shownBy(response)) : yield* otherwise(response)
  })),
  swap: (expected, { body }) =>
    orUnknown(Effect.gen(function*() {
      const response = yield* client.put(url, {
        headers: { "if-match": expected.etag ?? noTag, "prefer": "return=representation" },
        body: HttpBody.text(body)
      })
      const { headers: { etag }, status } = response
      if (status >= 200 && status < 300) return etag === undefined ? Cas.applied : Cas.appliedWith({ etag, body })
      if (status !== 412) return yield* otherwise(response)
      return etag === undefined ? Cas.conflictWithoutState : Cas.conflict(yield* shownBy(response))
    }))
})
