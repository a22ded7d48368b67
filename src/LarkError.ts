/**
 * Every way in which a call to the platform can fail, as tagged classes.
 *
 * **Details**
 *
 * - A documented code of a meeting endpoint has a class of its own, named after its message: `NoPermission` (121005),
 *   `DataConflict` (121006), and so on. Each operation lists exactly the ones that are documented for it.
 * - Generic codes, which any endpoint may answer with, share a class if they call for the same action.
 * - `UnknownApiError`: a code that is not documented for the endpoint. `TransportError`: no reply. `MalformedResponse`:
 *   a reply that is not one of the platform's, such as a gateway's HTML page. `InvalidParameter`: the call cannot be sent.
 *
 * Every error has `kind` (who can do something about it) and `retry` (what it proves of the request). Those with a code are
 * classified by it, never by HTTP status or message. `ApiError` makes a class for any other code. No error holds a token, a
 * secret, a request or a response body.
 *
 * **Example** (Handling by tag)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { LarkError } from "effect-lark-meetings"
 *
 * const failing: Effect.Effect<void, LarkError.NoPermission | LarkError.RateLimited> = Effect.fail(
 *   new LarkError.NoPermission({
 *     code: 121005,
 *     msg: "no permission",
 *     status: 403,
 *     endpoint: "vc.v1.meeting.end",
 *     logId: "20261122061500"
 *   })
 * )
 * const text = await Effect.runPromise(failing.pipe(
 *   Effect.catchTag("NoPermission", (error) => Effect.succeed(`${error.code}, log id ${error.logId}`))
 * ))
 * console.log(text) // => 121005, log id 20261122061500
 * ```
 */
import { memoize } from "effect/Function"
import * as Schema from "effect/Schema"
import type { Classified } from "./internal/classified.ts"
import { type ApiError, type Code, type ErrorClass, type Failure, withoutFrames } from "./LarkError/ApiError.ts"
import * as Contact from "./LarkError/contact.ts"
import * as Generic from "./LarkError/generic.ts"
import * as Meeting from "./LarkError/meeting.ts"
import { schemaOf } from "./LarkError/schema.ts"
import * as Session from "./LarkError/session.ts"
import * as Transport from "./LarkError/transport.ts"

export type { Kind, Retry } from "./Cas.ts"
export type { Classified } from "./internal/classified.ts"
export { ApiError } from "./LarkError/ApiError.ts"
export type { Code, ErrorClass, Failure } from "./LarkError/ApiError.ts"
export * from "./LarkError/contact.ts"
export * from "./LarkError/generic.ts"
export * from "./LarkError/meeting.ts"
export { schemaOf } from "./LarkError/schema.ts"
export * from "./LarkError/session.ts"
export * from "./LarkError/transport.ts"

/** The classes of the codes that any endpoint may answer with. */
// A list: with `Object.values`, bundlers keep the names of all classes.
const generic = [
  Generic.RateLimited,
  Generic.TokenRejected,
  Generic.TokenMissing,
  Generic.MissingScope,
  Generic.AppUnavailable,
  Generic.CredentialsRejected,
  Generic.IpDenied,
  Generic.QuotaExhausted,
  Generic.UserTypeNotSupported,
  Generic.UserIdRejected,
  Generic.TokenNotPermitted,
  Generic.AuthenticationFailed,
  Generic.RouteNotFound,
  Generic.FieldValidationFailed,
  Generic.InvalidRequest,
  Generic.PlatformError,
  Session.ReauthorizationRequired
]

/**
 * The errors that any call may fail with, whatever its endpoint.
 *
 * @stability stable
 * @category models
 */
export type GenericError = InstanceType<
  | (typeof Generic)[keyof typeof Generic]
  | (typeof Session)[keyof typeof Session]
  | (typeof Transport)[keyof typeof Transport]
>

/**
 * Any error of the platform.
 *
 * @stability stable
 * @category models
 */
export type LarkError =
  | InstanceType<(typeof Meeting)[keyof typeof Meeting] | (typeof Contact)[keyof typeof Contact]>
  | GenericError

/**
 * A code, or a range of codes, and the properties of its error.
 *
 * @stability stable
 * @category table
 */
export interface Row extends Code, Pick<ApiError, "kind" | "retry" | "advice"> {
  readonly tag: string
}

/**
 * The codes of classes as data, by number.
 *
 * @stability stable
 * @category table
 */
export const tableOf = (
  classes: ReadonlyArray<ErrorClass<Classified & Pick<ApiError, "advice">>>
): ReadonlyArray<Row> =>
  classes.flatMap((Class) =>
    Class.codes.map(({ code, through }) => {
      const error = withoutFrames(() => new Class({ code, msg: "", status: 0, endpoint: "" }))
      return { code, through, tag: error._tag, kind: error.kind, retry: error.retry, advice: error.advice }
    })
  ).sort((a, b) => a.code - b.code)

/**
 * The codes of this library's classes as data, by number.
 *
 * @stability stable
 * @category table
 */
export const table: ReadonlyArray<Row> = tableOf([Object.values(Meeting), Object.values(Contact), generic].flat())

/**
 * Every error of the platform, as JSON. Decodes to instances of the classes. `retryAfter` is text such as `1500 millis`.
 * The report that an error of `Meetings.setHost` carries is not part of it (`SetHostError.schema` has it).
 *
 * **Example** (An error that crosses a process)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { LarkError } from "effect-lark-meetings"
 *
 * const error = new LarkError.MeetingNotExist({ code: 122002, msg: "meeting not exist", status: 404, endpoint: "e" })
 * const json = Schema.encodeSync(LarkError.LarkError)(error)
 * console.log(JSON.stringify(json))
 * // => {"_tag":"MeetingNotExist","code":122002,"msg":"meeting not exist","status":404,"endpoint":"e"}
 * console.log(Schema.decodeUnknownSync(LarkError.LarkError)(json).kind) // => caller
 * ```
 *
 * @stability stable
 * @category schemas
 */
export const LarkError: Schema.Codec<LarkError, Schema.Json> = Schema.Union(
  [Meeting, Contact, Generic, Session, Transport].flatMap((classes) => Object.values(classes)).map((Class) =>
    schemaOf<LarkError>(Class)
  )
)

/** By list, which an endpoint makes once. */
const indexOf = memoize(<C extends ErrorClass>(classes: ReadonlyArray<C>): ReadonlyMap<number, C> => {
  const index = new Map<number, C>()
  for (const Class of classes) {
    for (const { code, through = code } of Class.codes) {
      for (let each = code; each <= through; each++) index.set(each, index.get(each) ?? Class)
    }
  }
  return index
})

const withoutData = ({ data: _, ...bare }: Failure): Failure => bare

/**
 * The error for a failed answer of an endpoint that documents these classes, which come before the generic ones.
 * A code that neither has is an `UnknownApiError`. The error's stack has no frames.
 *
 * @stability stable
 * @category constructors
 */
export const fromFailure = <const Documented extends ReadonlyArray<ErrorClass>>(
  failure: Failure,
  documented: Documented
): InstanceType<Documented[number]> | GenericError => {
  const Class = indexOf(documented).get(failure.code) ?? indexOf(generic).get(failure.code)
  const kept = Class?.keepsData ? failure : withoutData(failure)
  return withoutFrames(() =>
    Class === undefined
      ? new Generic.UnknownApiError(kept)
      // The class is of the list or of the generic ones: an index holds no others.
      : new Class(kept) as InstanceType<Documented[number]> | GenericError
  )
}

/**
 * Whether a code says that the token was rejected, before anything was executed.
 *
 * @internal
 */
export const isTokenRejected = (code: number): boolean => indexOf(generic).get(code) === Generic.TokenRejected
