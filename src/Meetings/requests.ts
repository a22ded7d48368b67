/** Requests that outlive their process: the service and its front door. `Requests` has the layers. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Result from "effect/Result"
import type * as Cas from "../Cas.ts"
import type {
  RequestCancelled,
  RequestConflict,
  RequestNotFound,
  RequestUnreadable
} from "../internal/requestErrors.ts"
import type { InvalidParameter, SessionStoreError } from "../LarkError.ts"
import type { MeetingId } from "../MeetingId.ts"
import type { IdType, MeetingUser } from "../MeetingUser.ts"
import type { SetHostError } from "./hostRegister.ts"

/**
 * How to make a request.
 *
 * @stability unstable
 * @category models
 */
export interface RequestOptions {
  /** Names the request, in all meetings and tenants of the app. The same key again is the same request. */
  readonly key: string
  /** What to do after a swap of unknown effect: the intent's own unless given. */
  readonly onUnknown?: Cas.OnUnknown | undefined
}

/**
 * How a request ends without success: as `setHost`, or by `Requests.cancel`.
 *
 * @stability unstable
 * @category errors
 */
export type RequestError = SetHostError<IdType> | RequestCancelled

/**
 * Why the result of a request cannot be read.
 *
 * @stability unstable
 * @category errors
 */
export type RequestLookupError = RequestNotFound | RequestUnreadable | SessionStoreError

/**
 * The requests of an app, in a store that its processes share.
 *
 * @stability unstable
 * @category services
 */
export class Requests extends Context.Service<Requests, {
  readonly request: <T extends IdType>(
    meetingId: MeetingId,
    intent: MeetingUser<T> | Cas.DataIntent<MeetingUser<T>>,
    options: RequestOptions
  ) => Effect.Effect<void, RequestConflict | RequestUnreadable | SessionStoreError | InvalidParameter>
  readonly result: (key: string) => Effect.Effect<Cas.Report<MeetingUser>, RequestError | RequestLookupError>
  readonly poll: (
    key: string
  ) => Effect.Effect<Option.Option<Result.Result<Cas.Report<MeetingUser>, RequestError>>, RequestLookupError>
  readonly cancel: (key: string) => Effect.Effect<boolean, RequestLookupError>
}>()("effect-lark-meetings/Meetings/requests") {}

/**
 * Moves the host role as `setHost` does, even if this process dies: returns when the request is stored.
 *
 * **Details**
 *
 * Any process with a layer of `Requests` runs it, as the app. `Requests.result` and `Requests.poll` give its report by the key,
 * in any process, also later. Fails with `RequestConflict` if the key names another request, with `InvalidParameter` for an
 * empty key or an intent that is not data, and with `SessionStoreError` if the store failed: call again with the same key.
 *
 * **Gotchas**
 *
 * No token of a user is stored: inside `Lark.asUser`, too, the app moves the role. The tenant of `Lark.asTenant` is stored.
 *
 * @stability unstable
 * @category accessors
 */
export const request = <T extends IdType>(
  meetingId: MeetingId,
  intent: MeetingUser<T> | Cas.DataIntent<MeetingUser<T>>,
  options: RequestOptions
): Effect.Effect<void, RequestConflict | RequestUnreadable | SessionStoreError | InvalidParameter, Requests> =>
  Requests.use((requests) => requests.request(meetingId, intent, options))
