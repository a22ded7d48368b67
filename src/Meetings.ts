/**
 * The operations on a meeting.
 *
 * **Details**
 *
 * - `setHost` moves the host role, however many others move it meanwhile, and reports what it did.
 * - `swapHost` is the bare call: one request, no retry, the conflict a value.
 * - `get` reads a meeting, `end` ends it.
 * - `watch` is a stream of snapshots, `keepHost` a loop that keeps the host as an intent wants it.
 * - `listByNo` and `activeByNo` find a meeting by its number.
 * - `invite` and `kickout` take any number of people, and have an outcome for each.
 * - `request` stores a `setHost` that another process does if this one dies. It needs a layer of `Requests`.
 *
 * An operation runs as the app, or as the user inside `Lark.asUser`. `end` and `invite` take users only, which the compiler
 * checks. `Meetings` is the service that `setHost`, `swapHost`, `get` and `end` use, and so do `watch` and `keepHost`:
 * replace or wrap it for tests and policies of your own. The others use `LarkHttp`. Source: Feishu Open Platform, vc-v1
 * `meeting`.
 *
 * **Gotchas**
 *
 * A user can move the host role only while being the host.
 *
 * **Example** (A contended hand-over, offline)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Lark, Meetings, MeetingId, MeetingUser } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const id = MeetingId.make("6911188411932033028")
 * const program = Meetings.setHost(id, MeetingUser.openId("ou_bob"), { hint: MeetingUser.openId("ou_alice") })
 *
 * const report = await Effect.runPromise(program.pipe(
 *   Effect.provide(Lark.layer(Simulator.defaultApp)),
 *   Effect.provide(Simulator.layer({
 *     meetings: [{ id, host: "ou_alice", participants: ["ou_alice", "ou_bob", "ou_carol"] }],
 *     rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_carol" }]
 *   }))
 * ))
 * console.log(report.outcome, report.swaps, report.after.id) // => swapped 2 ou_bob
 * ```
 */
import * as Cache from "effect/Cache"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Cas from "./Cas.ts"
import { mixed } from "./internal/idTypes.ts"
import { withSpan } from "./internal/telemetry.ts"
import { LarkConfig } from "./LarkConfig.ts"
import { LarkHttp } from "./LarkHttp.ts"
import * as Meeting from "./Meeting.ts"
import type { MeetingId } from "./MeetingId.ts"
import * as endpoints from "./Meetings/endpoints.ts"
import * as hostRegister from "./Meetings/hostRegister.ts"
import * as presence from "./Meetings/presence.ts"
import * as MeetingUser from "./MeetingUser.ts"
import { Tenant } from "./TenantToken.ts"
import { UserToken } from "./UserToken.ts"

export type { RequestCancelled, RequestConflict, RequestNotFound, RequestUnreadable } from "./internal/requestErrors.ts"
export {
  activeByNo,
  type ActiveByNoError,
  type ActiveByNoOptions,
  listByNo,
  type ListByNoError,
  MeetingBrief
} from "./Meetings/numbers.ts"
export {
  type AbandonedPeople,
  invite,
  type InviteError,
  kickout,
  type KickoutError,
  type PeopleOptions,
  type PersonOutcome,
  PersonOutcomeSchema
} from "./Meetings/people.ts"
export {
  request,
  type RequestError,
  type RequestLookupError,
  type RequestOptions,
  Requests
} from "./Meetings/requests.ts"

/**
 * How the method of an endpoint fails: with the errors documented for it, and the generic ones.
 *
 * @stability stable
 * @category errors
 */
export type ErrorOf<Method extends Exclude<keyof Meetings["Service"], "swapHost" | "setHost">> = Effect.Error<
  ReturnType<Meetings["Service"][Method]>
>

/**
 * How `swapHost` fails: with the errors documented for `set_host`, and the generic ones, less those that are values of its
 * outcome: a conflict, a request that was not sent, a lost reply.
 *
 * @stability stable
 * @category errors
 */
export type SwapHostError = hostRegister.SwapError

/**
 * How `setHost` fails: as `swapHost`, or as the `get` that finds the host, each error with the report of the operation; or
 * with an error of the engine.
 *
 * @stability stable
 * @category errors
 */
export type SetHostError<T extends MeetingUser.IdType> = hostRegister.SetHostError<T>

/**
 * Why a request of `setHost` or `swapHost` was not executed, or may have been: the `cause` of `Unsent`, `Unknown`,
 * `CasExhausted` and `CasIndeterminate`. The causes of the last two may also be the engine's own (`Cas.AttemptCut`).
 *
 * @stability stable
 * @category errors
 */
export type TransientError = hostRegister.TransientError

/**
 * What `get` reads beside the meeting itself.
 *
 * @stability stable
 * @category models
 */
export interface GetOptions<T extends MeetingUser.IdType = MeetingUser.IdType> {
  /** The kind of id that names users: `open_id` unless given. */
  readonly idType?: T | undefined
  readonly withParticipants?: boolean | undefined
  /** As the app only. */
  readonly withAbility?: boolean | undefined
}

/**
 * The users of one `set_host`, named by one kind of id.
 *
 * @stability stable
 * @category models
 */
export interface HostSwap<T extends MeetingUser.IdType> {
  readonly expected: MeetingUser.MeetingUser<T>
  readonly desired: MeetingUser.MeetingUser<NoInfer<T>>
}

/**
 * How to move the host role.
 *
 * @stability stable
 * @category models
 */
export interface SetHostOptions<T extends MeetingUser.IdType, E = never, R = never> {
  /**
   * Who is probably host. Without it, the host that this service saw last is tried, else `get` is called. A right hint
   * saves a call; a wrong one costs none, since the conflict names the host. `Cas.update` names no user, so it needs a hint
   * to know the kind of id.
   */
  readonly hint?: MeetingUser.MeetingUser<T> | undefined
  /** `Cas.Policy.standard` unless given. */
  readonly policy?: Cas.QueueOptions<MeetingUser.MeetingUser<T>, E, R>["policy"]
  /** Ends the calls on this meeting that are still queued with `CasSuperseded`: only the latest counts. */
  readonly latest?: boolean | undefined
  /** What pays for transient retries: unless given, a budget that all calls of this app share; `undefined` is none. */
  readonly budget?: Cas.RetryBudget | undefined
  /** Records the swaps, so that another process can run the operation again. */
  readonly journal?: Cas.Journal<MeetingUser.MeetingUser<T>> | undefined
  /** Called when an interruption or a defect leaves a `set_host` of unknown effect, in flight or unanswered. */
  readonly onAbandoned?: Cas.QueueOptions<MeetingUser.MeetingUser<T>>["onAbandoned"]
}

/**
 * How to look at a meeting again and again.
 *
 * @stability stable
 * @category models
 */
export interface WatchOptions<T extends MeetingUser.IdType, E = never, R = never>
  extends Cas.RoundsOptions<Meeting.Meeting<T>, ErrorOf<"get">, E, R>
{
  /** The kind of id that names users: `open_id` unless given. */
  readonly idType?: T | undefined
}

/**
 * How a round of `keepHost` fails: as `get`, or as `setHost`.
 *
 * @stability stable
 * @category errors
 */
export type KeepHostError<T extends MeetingUser.IdType> = ErrorOf<"get"> | SetHostError<T>

/**
 * How to keep the host role: when to look, and how to move it.
 *
 * @stability stable
 * @category models
 */
export interface KeepHostOptions<T extends MeetingUser.IdType, E = never, R = never>
  extends
    Cas.MaintainOptions<MeetingUser.MeetingUser<T>, KeepHostError<T>, E, R>,
    Omit<SetHostOptions<T>, "hint" | "journal" | "latest">
{
  /** The kind of id that names users, for an intent that names none (`Cas.update`): `open_id` unless given. */
  readonly idType?: T | undefined
}

/**
 * The meeting operations: each method has the input, the result and the errors of its endpoint.
 *
 * @stability stable
 * @category services
 */
export class Meetings extends Context.Service<Meetings, Effect.Success<typeof make>>()(
  "effect-lark-meetings/Meetings"
) {}

/** The intent of a user: refused unless the user is host, since the platform would refuse the swap. */
const asOperator = <T extends MeetingUser.IdType>(
  intent: Cas.Intent<MeetingUser.MeetingUser<T>>,
  operator: MeetingUser.MeetingUser<T>
): Cas.Intent<MeetingUser.MeetingUser<T>> => ({
  ...intent,
  expects: Option.orElseSome(intent.expects, () => operator),
  decide: (host, equals, unavailable) => {
    const decision = intent.decide(host, equals, unavailable)
    return decision._tag === "Swap" && !equals(host, operator)
      ? { _tag: "Refuse", reason: "OperatorNotHost" }
      : decision
  }
})

/** The error of an argument, with the report of an operation that never began. */
const invalid = (parameter: string, reason: string) =>
  Object.assign(hostRegister.invalid(parameter, reason), { report: Cas.neverBegan })

/** Hosts that are remembered. */
const capacity = 1_000

/**
 * Builds the service on the HTTP API.
 *
 * @stability stable
 * @category constructors
 */
export const make = Effect.gen(function*() {
  const lark = yield* LarkHttp
  const lastSeen = yield* Cache.make({
    capacity,
    lookup: (_key: string) => Effect.succeed(Option.none<MeetingUser.MeetingUser>())
  })
  const sharedBudget = Cas.makeRetryBudget()
  const turns = yield* Cas.Turns
  const { appId } = yield* LarkConfig
  const makeQueue = <T extends MeetingUser.IdType>(idType: T): Cas.Queue<string, MeetingUser.MeetingUser<T>> =>
    Cas.makeQueue(turns?.guard(MeetingUser.schema(idType)))
  const queues: { readonly [T in MeetingUser.IdType]: Cas.Queue<string, MeetingUser.MeetingUser<T>> } = {
    open_id: makeQueue("open_id"),
    union_id: makeQueue("union_id"),
    user_id: makeQueue("user_id")
  }

  const moveHost = Effect.fnUntraced(function*<T extends MeetingUser.IdType, E, R>(
    meetingId: MeetingId,
    goal: MeetingUser.MeetingUser<T> | Cas.Intent<MeetingUser.MeetingUser<T>>,
    options: SetHostOptions<T, E, R> = {}
  ): Effect.fn.Return<Cas.Report<MeetingUser.MeetingUser<T>>, SetHostError<T> | E, R> {
    const intent = "decide" in goal ? goal : Cas.ensure(goal)
    const named = options.hint ?? intent.values[0]
    if (named === undefined) return yield* invalid("hint", "is missing, and the intent names no user")
    const { idType } = named
    const reason = mixed(idType, intent.values)
    if (reason !== undefined) return yield* invalid("intent", reason)
    const inKind = (user: MeetingUser.MeetingUser) => MeetingUser.hasIdType(user, idType)
    const user = yield* Effect.serviceOption(UserToken)
    const operator = user.pipe(Option.flatMap(({ user }) => user), Option.filter(inKind))

    // Another tenant may not even see the meeting, so what it saw is no hint.
    const tenant = Option.getOrElse(yield* Effect.serviceOption(Tenant), () => "")
    // An open_id names a user in one app only.
    const key = `${appId} ${tenant} ${idType} ${meetingId}`
    const seen = Option.filter(yield* Cache.get(lastSeen, key), inKind)
    const forget = Cache.invalidate(lastSeen, key)

    return yield* queues[idType].run(
      key,
      hostRegister.make(lark, meetingId, idType),
      Option.match(operator, { onNone: () => intent, onSome: (user) => asOperator(intent, user) }),
      { budget: sharedBudget, ...options, hint: options.hint ?? Option.getOrUndefined(seen) }
    ).pipe(
      Effect.tap(({ after, effect }) => effect === "unknown" ? forget : Cache.set(lastSeen, key, Option.some(after))),
      Effect.onError(() => forget)
    )
  })

  return {
    get: <T extends MeetingUser.IdType = "open_id">(meetingId: MeetingId, options?: GetOptions<T>) =>
      hostRegister.get(lark, meetingId, options?.idType, options),

    swapHost: <T extends MeetingUser.IdType>(
      meetingId: MeetingId,
      swap: HostSwap<T>
    ): Effect.Effect<Cas.Outcome<MeetingUser.MeetingUser<T>, TransientError>, SwapHostError> =>
      hostRegister.swap(lark, meetingId, swap.expected.idType, swap),

    setHost: <T extends MeetingUser.IdType, E = never, R = never>(
      meetingId: MeetingId,
      intent: MeetingUser.MeetingUser<T> | Cas.Intent<MeetingUser.MeetingUser<T>>,
      options?: SetHostOptions<NoInfer<T>, E, R>
    ) => withSpan(moveHost(meetingId, intent, options), "Meetings.setHost", () => ({ "lark.meeting_id": meetingId })),

    end: (meetingId: MeetingId) => lark.call(endpoints.end, { params: { meeting_id: meetingId } })
  }
})

/**
 * The meeting operations on the HTTP API.
 *
 * @stability stable
 * @category layers
 */
export const layer: Layer.Layer<Meetings, never, LarkHttp | LarkConfig> = Layer.effect(Meetings, make)

/**
 * Reads a meeting, with users by `open_id`, or by the kind of id asked for. Fails with `ErrorOf<"get">`.
 *
 * **Details**
 *
 * With `user_id`, the platform leaves rooms and telephones out of the participants. Only meetings of the last 90 days that
 * belong to the app's tenant, or to the user. Scope `vc:meeting:readonly` or `vc:meeting.meetingevent:read`.
 *
 * @stability stable
 * @category accessors
 */
export const get = <T extends MeetingUser.IdType = "open_id">(
  meetingId: MeetingId,
  options?: GetOptions<T>
): Effect.Effect<Meeting.Meeting<T>, ErrorOf<"get">, Meetings> =>
  Meetings.use((meetings) => meetings.get(meetingId, options))

/**
 * Sends one `set_host`: `desired` becomes host if `expected` is. No retry; a conflict, a request that was not sent and a
 * lost reply are values of the outcome. Fails with `SwapHostError`.
 *
 * **Details**
 *
 * Users of different kinds of id are refused with `InvalidParameter`, and nothing is sent. Scope `vc:meeting`.
 *
 * @stability stable
 * @category accessors
 */
export const swapHost = <T extends MeetingUser.IdType>(
  meetingId: MeetingId,
  swap: HostSwap<T>
): Effect.Effect<Cas.Outcome<MeetingUser.MeetingUser<T>, TransientError>, SwapHostError, Meetings> =>
  Meetings.use((meetings) => meetings.swapHost(meetingId, swap))

/**
 * Moves the host role to a user, or as an intent of `Cas` decides. Fails with `SetHostError`.
 *
 * **Details**
 *
 * The expected host is the hint, else the host that this service saw last, else the one that `get` reads. A conflict names
 * the host that the next swap expects, without a wait; one that does not costs a `get`. The report says what was done and
 * whether it took effect, on success and on every error. A user who is not the host gets `NoPermission` of the platform, or
 * `CasRefused` with the reason `"OperatorNotHost"` if a read or a conflict showed another host. Users of different kinds of
 * id, or no user, are refused with `InvalidParameter`. Scope `vc:meeting`.
 *
 * @stability stable
 * @category accessors
 */
export function setHost<T extends MeetingUser.IdType>(
  meetingId: MeetingId,
  intent: MeetingUser.MeetingUser<T> | Cas.Intent<MeetingUser.MeetingUser<T>>,
  options?: SetHostOptions<NoInfer<T>>
): Effect.Effect<Cas.Report<MeetingUser.MeetingUser<T>>, SetHostError<T>, Meetings>
/**
 * Moves the host role to a user, or as an intent of `Cas` decides, with a policy whose schedules have errors or
 * requirements of their own. Fails with `SetHostError`, or with an error of the schedules.
 *
 * @stability stable
 * @category accessors
 */
export function setHost<T extends MeetingUser.IdType, E, R>(
  meetingId: MeetingId,
  intent: MeetingUser.MeetingUser<T> | Cas.Intent<MeetingUser.MeetingUser<T>>,
  options: SetHostOptions<NoInfer<T>, E, R>
): Effect.Effect<Cas.Report<MeetingUser.MeetingUser<T>>, SetHostError<T> | E, Meetings | R>
export function setHost<T extends MeetingUser.IdType, E, R>(
  meetingId: MeetingId,
  intent: MeetingUser.MeetingUser<T> | Cas.Intent<MeetingUser.MeetingUser<T>>,
  options?: SetHostOptions<T, E, R>
) {
  return Meetings.use((meetings) => meetings.setHost(meetingId, intent, options))
}

/**
 * Ends a meeting in progress, as the user who is its host. Fails with `ErrorOf<"end">`.
 *
 * **Details**
 *
 * Users only: wrap the call with `Lark.asUser`. A lost reply is a `TransportError` with `executed: "unknown"`; the call is
 * not repeated. Scope `vc:meeting`.
 *
 * @stability stable
 * @category accessors
 */
export const end = (meetingId: MeetingId): Effect.Effect<void, ErrorOf<"end">, Meetings | UserToken> =>
  Meetings.use((meetings) => meetings.end(meetingId))

/**
 * The meeting as it is now, and again whenever it has changed: who is in it, who hosts it, and all else that `get` reads.
 * Fails with `ErrorOf<"get">`.
 *
 * **Details**
 *
 * Reads with `get` as often as `poll` says: every 10 seconds unless given. An element of `wake`, an event for example, leads
 * to a read at once, or a second after the last one that did. What a read shows is the snapshot; an event is only the reason
 * to look. A snapshot that shows the same as the last one is not emitted; the order of the participants means nothing. The
 * first snapshot of a meeting that has ended is the last element.
 *
 * A read that fails is repeated as `retry` says: for ever, within 5 seconds, unless given. The stream fails when `retry` ends,
 * and with errors that no retry can change, unless `ends` says otherwise.
 *
 * **Gotchas**
 *
 * - A snapshot is late by up to the wait of `poll`, and by more while reads fail. What came and went between two reads is not
 *   seen. There is no event for a change of the host: a move while nobody joins or leaves is seen at the next poll.
 * - The next read begins when the consumer has taken the last snapshot.
 * - Every watch reads for itself: share one with `Stream.share` or `Stream.broadcast`.
 *
 * @stability stable
 * @category accessors
 */
export const watch = <T extends MeetingUser.IdType = "open_id", E = never, R = never>(
  meetingId: MeetingId,
  options: WatchOptions<T, E, R> = {}
): Stream.Stream<Meeting.Meeting<T>, ErrorOf<"get"> | E, Meetings | R> =>
  Cas.rounds(get(meetingId, { idType: options.idType, withParticipants: true }), {
    ...options,
    ends: options.ends ?? hostRegister.isFinal
  }).pipe(
    Stream.filterMap((read) => read),
    Stream.changesWith(presence.isSame),
    Stream.takeUntil(({ status }) => status === Meeting.Status.Ended)
  )

/** Whether an error ends `keepHost`. People come and go, so that one of them is missing does not. */
const endsKeeping = <T extends MeetingUser.IdType>(error: KeepHostError<T>): boolean => {
  switch (error._tag) {
    case "CasExhausted":
    case "CasRefused":
    case "CasSuperseded":
    case "CasIndeterminate":
    case "CasConflictWithoutState":
    case "TargetNotInMeeting":
    case "ParticipantStatusNotExpected":
    case "OperatorNotInMeeting":
    case "CannotOperateSelf":
    // The next snapshot tells whether it has ended.
    case "MeetingStatusUnexpected":
      return false
    case "CasInvalidPolicy":
    case "CasInconsistentRegister":
      return true
    default:
      return hostRegister.isFinal(error)
  }
}

/**
 * Keeps the host role with a user, or as an intent of `Cas` decides, until the meeting ends. Emits the report of each move,
 * and the error of each round that failed.
 *
 * **Details**
 *
 * Each round takes a snapshot as `watch` does. If it breaks the intent, `setHost` moves the role, with the host of the snapshot
 * as its hint. `Cas.prefer([chair, deputy])` means the chair while she is in the meeting, and the deputy while she is not.
 *
 * - Only people whom the snapshot shows in the meeting are made host. If no one whom the intent wants is there, the round
 *   does nothing.
 * - A host whom the intent accepts is not moved. Somebody who became host after the snapshot counts as present.
 * - The stream ends with the meeting. It fails with errors that no retry can change, unless `ends` says otherwise; that a
 *   target left in the meantime, contention and lost replies are none.
 * - After `maxMoves` moves in a row that others undid, it gives up with `CasContested`: see `Cas.maintain`.
 *
 * **Gotchas**
 *
 * - It is late as `watch` is.
 * - Run it as the app: a user can move the role only while being the host. Once somebody else is, the next move fails with
 *   `NoPermission`, which ends the stream.
 * - A meeting that names no host, or shows none to this app, cannot be moved: each round fails with
 *   `CasConflictWithoutState`, which is emitted, and `retry` is the wait. `set_host` has to name the host in place, so
 *   `keepHost` goes on once a snapshot shows one.
 * - A host who left and came back between the snapshot and the move may be moved, and is moved back at the next snapshot.
 * - With `user_id` the platform lists no rooms and telephones, so a room counts as absent.
 *
 * @stability stable
 * @category accessors
 */
export const keepHost = <T extends MeetingUser.IdType, E = never, R = never>(
  meetingId: MeetingId,
  goal: MeetingUser.MeetingUser<T> | Cas.Intent<MeetingUser.MeetingUser<T>>,
  options: KeepHostOptions<NoInfer<T>, E, R> = {}
): Stream.Stream<
  Result.Result<Cas.Report<MeetingUser.MeetingUser<T>>, KeepHostError<T>>,
  KeepHostError<T> | Cas.Contested<MeetingUser.MeetingUser<T>> | E,
  Meetings | R
> => {
  const { ends = endsKeeping, idType, maxMoves, poll, retry, settled, wake, ...how } = options
  const intent = "decide" in goal ? goal : Cas.ensure(goal)
  const snapshot = get(meetingId, { idType: intent.values[0]?.idType ?? idType, withParticipants: true })
  return Cas.maintainWith<MeetingUser.MeetingUser<T>, KeepHostError<T>, Meetings, E, R>({
    equals: MeetingUser.equals,
    round: Effect.fnUntraced(function*(guard) {
      const meeting = yield* snapshot
      if (meeting.status === Meeting.Status.Ended) return yield* Cause.done()
      const broken = presence.brokenIn(meeting, intent)
      if (broken === undefined) return undefined
      const hint = Option.getOrUndefined(meeting.hostUser)
      if (hint === undefined && intent.values.length === 0) return yield* hostRegister.withoutHost()
      return yield* setHost(meetingId, guard(broken), { ...how, hint })
    })
  }, { ends, maxMoves, poll, retry, settled, wake })
}
