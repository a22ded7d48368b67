/** The host of a meeting as a register: `get` and `set_host`, and what their answers prove. */
import * as Effect from "effect/Effect"
import * as Cas from "../Cas.ts"
import { mixed, orOpenId } from "../internal/idTypes.ts"
import { fromWire } from "../internal/meeting.ts"
import * as wire from "../internal/wire.ts"
import * as LarkError from "../LarkError.ts"
import type { ErrorOf, LarkHttp } from "../LarkHttp.ts"
import type { Meeting } from "../Meeting.ts"
import type { MeetingId } from "../MeetingId.ts"
import * as MeetingUser from "../MeetingUser.ts"
import * as endpoints from "./endpoints.ts"

type Lark = LarkHttp["Service"]

type SetHostEndpointError = ErrorOf<typeof endpoints.setHost>

type GetEndpointError = ErrorOf<typeof endpoints.get>

/** An error after which the request may be sent again. It becomes an outcome, not an error of the register. */
interface Transient {
  readonly retry: "wait" | "unknown"
}

/** The errors that may be transient. For undocumented codes and malformed responses the HTTP status decides. */
type MaybeTransient<E> = E extends { readonly retry: infer R }
  ? [Extract<R, Transient["retry"]>] extends [never] ? never : E
  : never

/** The errors that a proxy in place of the platform may have sent. */
type Foreign = LarkError.MalformedResponse | LarkError.UnknownApiError

const isForeign = (error: SetHostEndpointError | GetEndpointError): error is Foreign =>
  error._tag === "MalformedResponse" || error._tag === "UnknownApiError"

/** The errors of `set_host` that no retry can change. */
export type SwapError = Exclude<SetHostEndpointError, Transient | LarkError.DataConflict> | Foreign

/** The errors of `get` that no retry can change. */
export type ReadError = Exclude<GetEndpointError, Transient> | Foreign

/** The `cause` of a transient answer. */
export type TransientError = MaybeTransient<SetHostEndpointError | GetEndpointError>

/** How `setHost` fails. */
export type SetHostError<T extends MeetingUser.IdType> =
  | Cas.Reported<SwapError | ReadError, MeetingUser.MeetingUser<T>>
  | Cas.CasError<MeetingUser.MeetingUser<T>, TransientError>

/** Whether no retry can change the error: a proxy or another server in place of the platform, too, would answer again. */
export const isFinal = (error: SetHostEndpointError | GetEndpointError): boolean =>
  error.retry === "never" || error.retry === "token" || (isForeign(error) && error.kind !== "platform")

/** Fails with a final error. Any other is an answer that proves nothing about the host. */
const transient = <E extends SetHostEndpointError | GetEndpointError>(
  endpoint: string,
  error: E
): Effect.Effect<Cas.Unsent<TransientError> | Cas.Unknown<TransientError>, Exclude<E, Transient> | Foreign> => {
  if (isFinal(error)) {
    // No error of another class with such a retry is Transient.
    return Effect.fail(error as Exclude<E, Transient> | Foreign)
  }
  // Its retry is "wait" or "unknown".
  const cause = error as TransientError
  const after = "retryAfter" in cause ? cause.retryAfter : undefined
  // An error of another endpoint is one of the token: the request itself was not sent.
  return Effect.succeed(
    cause.retry === "wait" || cause.endpoint !== endpoint ? Cas.unsent({ cause, after }) : Cas.unknown(cause, after)
  )
}

/** Reads a meeting. */
export const get = <T extends MeetingUser.IdType>(
  lark: Lark,
  meetingId: MeetingId,
  asked: T | undefined,
  options: { readonly withParticipants?: boolean | undefined; readonly withAbility?: boolean | undefined } = {},
  endpoint: typeof endpoints.get = endpoints.get
): Effect.Effect<Meeting<T>, GetEndpointError> => {
  const idType = orOpenId(asked)
  return Effect.map(
    lark.call(endpoint, {
      params: { meeting_id: meetingId },
      query: {
        user_id_type: idType,
        with_participants: options.withParticipants,
        with_meeting_ability: options.withAbility
      }
    }),
    ({ meeting }) => fromWire(idType, meetingId, meeting)
  )
}

/** An argument of `set_host` with which it cannot be sent. */
export const invalid = (parameter: string, reason: string) =>
  new LarkError.InvalidParameter({ endpoint: endpoints.setHost.name, parameter, reason })

/** Sends one `set_host`. */
export const swap = <T extends MeetingUser.IdType>(
  lark: Lark,
  meetingId: MeetingId,
  idType: T,
  { desired, expected }: {
    readonly expected: MeetingUser.MeetingUser<T>
    readonly desired: MeetingUser.MeetingUser<T>
  },
  endpoint: typeof endpoints.setHost = endpoints.setHost
): Effect.Effect<Cas.Outcome<MeetingUser.MeetingUser<T>, TransientError>, SwapError> => {
  const reason = mixed(idType, [desired, expected])
  if (reason !== undefined) return Effect.fail(invalid(desired.idType === idType ? "expected" : "desired", reason))
  const called = lark.call(endpoint, {
    params: { meeting_id: meetingId },
    query: { user_id_type: idType },
    body: { host_user: MeetingUser.toWire(desired), old_host_user: MeetingUser.toWire(expected) }
  })
  const hostIn = (data: unknown) => MeetingUser.fromWire(idType, wire.object(data)["host_user"])
  type Swapped = Effect.Effect<Cas.Outcome<MeetingUser.MeetingUser<T>, TransientError>, SwapError>
  return Effect.matchEffect(called, {
    onSuccess: (data): Swapped => Effect.succeed({ _tag: "Applied", current: hostIn(data) }),
    onFailure: (error): Swapped =>
      error._tag === "DataConflict"
        ? Effect.succeed({ _tag: "Conflict", actual: hostIn(error.data) })
        : transient(endpoint.name, error)
  })
}

/** The engine records each attempt as an event on its own span. */
const untraced = {
  get: { ...endpoints.get, span: undefined },
  setHost: { ...endpoints.setHost, span: undefined }
}

/** What an error of `set_host` proves: an undocumented code or a body that is not the platform's proves nothing. */
const classifyError = (error: SwapError | ReadError): "unavailable" | "uncertain" | undefined =>
  error._tag === "TargetNotInMeeting" || error._tag === "ParticipantStatusNotExpected"
    ? "unavailable"
    : isForeign(error) && error.endpoint === endpoints.setHost.name
    ? "uncertain"
    : undefined

const words = {
  value: "the host",
  hidden: "The meeting has no host, or the app may not see who it is",
  refusals: {
    Changed: "The host is not the one to hand over from",
    Protected: "The host in place is protected",
    NoCandidate: "Nobody on the list is in the meeting",
    OperatorNotHost: "Only the host can move the host role"
  }
} satisfies Cas.Words

/** A snapshot shows no host, and nothing names one to expect. */
export const withoutHost = () => new Cas.ConflictWithoutState<never>({ detail: words.hidden, report: Cas.neverBegan })

/** The host of a meeting. */
export const make = <T extends MeetingUser.IdType>(
  lark: Lark,
  meetingId: MeetingId,
  idType: T
): Cas.Register<MeetingUser.MeetingUser<T>, SwapError | ReadError, never, TransientError> => {
  type Read = Effect.Effect<Cas.Observation<MeetingUser.MeetingUser<T>, TransientError>, ReadError>
  return {
    equals: MeetingUser.equals,
    read: Effect.matchEffect(get(lark, meetingId, idType, {}, untraced.get), {
      onSuccess: ({ hostUser }): Read => Effect.succeed({ _tag: "Observed", value: hostUser }),
      onFailure: (error): Read => transient(endpoints.get.name, error)
    }),
    swap: (expected, desired) => swap(lark, meetingId, idType, { expected, desired }, untraced.setHost),
    classifyError,
    words
  }
}
