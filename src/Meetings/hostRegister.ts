/**
 * The host of a meeting as a register: what an answer of `set_host` or `get` proves about the host.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Cas from "../Cas.ts"
import type * as LarkError from "../LarkError.ts"
import * as MeetingUser from "../MeetingUser.ts"
import * as endpoints from "./endpoints.ts"
import type { Meeting } from "./Meeting.ts"

type TransientTag = "InternalError" | "PlatformError" | "RateLimited" | "TransportError"

type SetHostFailure = LarkError.ErrorOf<(typeof endpoints.setHost.codes)[number]> | LarkError.GenericError

type GetFailure = LarkError.ErrorOf<(typeof endpoints.get.codes)[number]> | LarkError.GenericError

/** The errors of `set_host` that no retry can change. */
export type SwapError = Exclude<SetHostFailure, { readonly _tag: TransientTag | "DataConflict" }>

/** The errors of `get` that no retry can change. */
export type ReadError = Exclude<GetFailure, { readonly _tag: TransientTag }>

/** Always transient; an unknown code or a malformed reply may be, depending on the status. */
const hasTransientTag = <E extends LarkError.LarkError>(
  error: E
): error is Extract<E, { readonly _tag: TransientTag }> =>
  error._tag === "InternalError" || error._tag === "PlatformError" || error._tag === "RateLimited"
  || error._tag === "TransportError"

const isTransient = (error: LarkError.LarkError) => error.retry === "wait" || error.retry === "unknown"

const transient = (endpoint: string, error: LarkError.LarkError): Cas.Unsent | Cas.Unknown =>
  // A failure of another endpoint is one to get a token: the request itself was not sent.
  error.retry === "wait" || error.endpoint !== endpoint
    ? Cas.unsent({ cause: error, after: "retryAfter" in error ? error.retryAfter : undefined })
    : Cas.unknown(error)

const hostIn = <T extends MeetingUser.IdType>(idType: T, data: unknown): Option.Option<MeetingUser.MeetingUser<T>> =>
  Predicate.isObject(data) ? MeetingUser.fromWire(idType, data["host_user"]) : Option.none()

export const swapOutcome = <T extends MeetingUser.IdType, R>(
  idType: T,
  answer: Effect.Effect<{ readonly host_user?: unknown }, SetHostFailure, R>
): Effect.Effect<Cas.Outcome<MeetingUser.MeetingUser<T>>, SwapError, R> =>
  Effect.matchEffect(answer, {
    onSuccess: (data): Effect.Effect<Cas.Outcome<MeetingUser.MeetingUser<T>>> =>
      Effect.succeed({ _tag: "Applied", current: hostIn(idType, data) }),
    onFailure: (error): Effect.Effect<Cas.Outcome<MeetingUser.MeetingUser<T>>, SwapError> =>
      error._tag === "DataConflict"
        ? Effect.succeed({ _tag: "Conflict", actual: hostIn(idType, error.data) })
        : hasTransientTag(error) || isTransient(error)
        ? Effect.succeed(transient(endpoints.setHost.name, error))
        : Effect.fail(error)
  })

export const observation = <T extends MeetingUser.IdType, R>(
  answer: Effect.Effect<Meeting<T>, GetFailure, R>
): Effect.Effect<Cas.Observation<MeetingUser.MeetingUser<T>>, ReadError, R> =>
  Effect.matchEffect(answer, {
    onSuccess: (meeting): Effect.Effect<Cas.Observation<MeetingUser.MeetingUser<T>>> =>
      Effect.succeed({ _tag: "Observed", value: meeting.hostUser }),
    onFailure: (error): Effect.Effect<Cas.Observation<MeetingUser.MeetingUser<T>>, ReadError> =>
      hasTransientTag(error) || isTransient(error)
        ? Effect.succeed(transient(endpoints.get.name, error))
        : Effect.fail(error)
  })

/** What a final failure of `set_host` proves: nothing, if its words are not documented or not the platform's. */
export const proves = (error: SwapError | ReadError): "unavailable" | "doubtful" | undefined =>
  error._tag === "TargetNotInMeeting" || error._tag === "ParticipantStatusNotExpected"
    ? "unavailable"
    : (error._tag === "MalformedResponse" || error._tag === "UnknownApiError")
        && error.endpoint === endpoints.setHost.name
    ? "doubtful"
    : undefined
