/**
 * The host of a meeting as a register: what an answer of `set_host` or `get` proves about the host.
 *
 * @internal
 */
import * as Effect from "effect/Effect"
import * as Cas from "../Cas.ts"
import type * as LarkError from "../LarkError.ts"
import type { Meeting } from "../Meeting.ts"
import * as MeetingUser from "../MeetingUser.ts"
import * as endpoints from "./endpoints.ts"

type TransientTag = "InternalError" | "PlatformError" | "RateLimited" | "TransportError"

type SetHostFailure = InstanceType<(typeof endpoints.setHost.errors)[number]> | LarkError.GenericError

type GetFailure = InstanceType<(typeof endpoints.get.errors)[number]> | LarkError.GenericError

/** The errors of `set_host` that no retry can change. */
export type SwapError = Exclude<SetHostFailure, { readonly _tag: TransientTag }>

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

export const swapOutcome = <T extends MeetingUser.IdType, R>(
  idType: T,
  answer: Effect.Effect<endpoints.Swap, SetHostFailure, R>
): Effect.Effect<Cas.Outcome<MeetingUser.MeetingUser<T>>, SwapError, R> =>
  Effect.matchEffect(answer, {
    onSuccess: ({ hostUser, isApplied }): Effect.Effect<Cas.Outcome<MeetingUser.MeetingUser<T>>> => {
      const host = MeetingUser.fromWire(idType, hostUser)
      return Effect.succeed(isApplied ? { _tag: "Applied", current: host } : { _tag: "Conflict", actual: host })
    },
    onFailure: (error): Effect.Effect<Cas.Outcome<MeetingUser.MeetingUser<T>>, SwapError> =>
      hasTransientTag(error) || isTransient(error)
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
export const classifyError = (error: SwapError | ReadError): "unavailable" | "uncertain" | undefined =>
  error._tag === "TargetNotInMeeting" || error._tag === "ParticipantStatusNotExpected"
    ? "unavailable"
    : (error._tag === "MalformedResponse" || error._tag === "UnknownApiError")
        && error.endpoint === endpoints.setHost.name
    ? "uncertain"
    : undefined
