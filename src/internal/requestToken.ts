/** Requests to the platform's token endpoints, whose fields are beside `code`, not under `data`. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import type * as HttpClient from "effect/http/HttpClient"
import * as Redacted from "effect/Redacted"
import * as LarkError from "../LarkError.ts"
import { failure } from "./envelope.ts"
import { exchange } from "./exchange.ts"
import { makeRequest } from "./request.ts"

/** Shorter than the 10 seconds of an engine attempt, so that the token request fails before the attempt is cut. */
const timeout = Duration.seconds(9)

/** In seconds. No token lives longer, and much longer times are no valid date. */
const century = 100 * 365 * 24 * 60 * 60

/** The answer of a token endpoint with code 0. */
export interface Granted {
  /** The token in a field. Fails with `MalformedResponse` if it is missing or empty. */
  readonly token: (field: string) => Effect.Effect<Redacted.Redacted, LarkError.MalformedResponse>
  /** The lifetime in a field, in seconds. Fails with `MalformedResponse` unless it is positive and at most a century. */
  readonly seconds: (field: string) => Effect.Effect<number, LarkError.MalformedResponse>
  readonly body: Readonly<Record<string, unknown>>
}

/**
 * Posts JSON to a token endpoint. Redacted fields are sent as text and never appear in an error. A 2xx without a `code` is a
 * success, as RFC 6749 has it: the token that was sent for it may be used up.
 */
export const requestToken = Effect.fnUntraced(function*(
  client: HttpClient.HttpClient,
  endpoint: string,
  url: string,
  fields: Readonly<Record<string, string | Redacted.Redacted | undefined>>
): Effect.fn.Return<Granted, LarkError.GenericError> {
  const secrets = Object.values(fields).flatMap((value) => typeof value === "object" ? [value] : [])
  const body = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, typeof value === "object" ? Redacted.value(value) : value])
  )
  const request = yield* makeRequest(endpoint, "POST", url, { body: HttpBody.jsonUnsafe(body) })
  const envelope = yield* exchange(client, endpoint, request, secrets, timeout, { token: "app", codeless: true })
  if (envelope.code !== 0) return yield* Effect.fail(LarkError.fromFailure(failure(envelope), []))
  const malformed = (reason: string) => {
    const { logId, status } = envelope
    return Effect.fail(new LarkError.MalformedResponse({ endpoint, status, logId, reason }))
  }
  return {
    body: envelope.body,
    token: (field) => {
      const text = envelope.body[field]
      return typeof text === "string" && text !== ""
        ? Effect.succeed(Redacted.make(text, { label: field }))
        : malformed(`it has no ${field}`)
    },
    seconds: (field) => {
      const value = envelope.body[field]
      const seconds = typeof value === "number" || typeof value === "string" ? Number(value) : 0
      return seconds > 0 && seconds <= century
        ? Effect.succeed(seconds)
        : malformed(`${field} is not a valid lifetime in seconds`)
    }
  }
})
