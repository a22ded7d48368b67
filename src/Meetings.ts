/**
 * The operations on a meeting.
 *
 * **Details**
 *
 * - `setHost` moves the host against any number of others, and reports what it did.
 * - `swapHost` is the bare call: one request, the conflict a value.
 * - `get` reads a meeting, `end` ends it.
 *
 * An operation runs as the app, or as the user of the region that `Lark.asUser` wraps. `end` takes users only, and
 * requires one at compile time. Source: Feishu Open Platform, vc-v1 `meeting`.
 *
 * **Gotchas**
 *
 * A user can move the host only while being the host.
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
 *
 * @since 0.1.0
 */
import * as Cache from "effect/Cache"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Cas from "./Cas.ts"
import { fromWire } from "./internal/meeting.ts"
import { withSpan } from "./internal/tracing.ts"
import type * as LarkError from "./LarkError.ts"
import { LarkHttp } from "./LarkHttp.ts"
import type { Meeting } from "./Meeting.ts"
import type { MeetingId } from "./MeetingId.ts"
import * as endpoints from "./Meetings/endpoints.ts"
import * as hostRegister from "./Meetings/hostRegister.ts"
import * as MeetingUser from "./MeetingUser.ts"
import { Tenant } from "./TenantToken.ts"
import { UserToken } from "./UserToken.ts"

/**
 * How `get` fails: the codes documented for `GET /vc/v1/meetings/:meeting_id`, and the generic ones.
 *
 * @since 0.1.0
 * @category errors
 */
export type GetError = InstanceType<(typeof endpoints.get.errors)[number]> | LarkError.GenericError

/**
 * How `end` fails: the codes documented for `PATCH /vc/v1/meetings/:meeting_id/end`, and the generic ones.
 *
 * @since 0.1.0
 * @category errors
 */
export type EndError = InstanceType<(typeof endpoints.end.errors)[number]> | LarkError.GenericError

/**
 * How `swapHost` fails: the codes documented for `PATCH /vc/v1/meetings/:meeting_id/set_host` and the generic ones,
 * without those that are values of its outcome (conflict; throttled or not sent; unknown).
 *
 * @since 0.1.0
 * @category errors
 */
export type SwapHostError = hostRegister.SwapError

/**
 * How `setHost` fails: as `swapHost`, or as the `get` that it may need to learn the host, each error with the report of
 * the operation; and the errors of the engine.
 *
 * @since 0.1.0
 * @category errors
 */
export type SetHostError<T extends MeetingUser.IdType> =
  | Cas.Reported<hostRegister.SwapError | hostRegister.ReadError, MeetingUser.MeetingUser<T>>
  | Cas.CasError<MeetingUser.MeetingUser<T>>

/**
 * What to ask of a meeting.
 *
 * @since 0.1.0
 * @category models
 */
export interface GetOptions {
  readonly withParticipants?: boolean | undefined
  /** As the app only. */
  readonly withAbility?: boolean | undefined
}

/**
 * How to move the host.
 *
 * @since 0.1.0
 * @category models
 */
export interface SetHostOptions<T extends MeetingUser.IdType, E = never, R = never> {
  /**
   * Who is probably host; otherwise the host last seen by this service is tried, or `get` asks. A right hint saves a
   * call, a wrong one costs nothing: the conflict tells the host, as `get` would. `Cas.update` names no user, so it needs
   * a hint to tell the kind of id.
   */
  readonly hint?: MeetingUser.MeetingUser<T> | undefined
  /** `Cas.Policy.standard` unless given. */
  readonly policy?: Cas.QueueOptions<MeetingUser.MeetingUser<T>, E, R>["policy"]
  /** Ends the calls on this meeting that still wait for their turn with `CasSuperseded`: only the latest counts. */
  readonly latest?: boolean | undefined
  /** What pays for transient retries: the budget that all calls of this app share, unless given; `undefined` is none. */
  readonly budget?: Cas.RetryBudget | undefined
  /** Told when an interruption or a defect leaves a swap of unknown effect, in flight or unanswered. */
  readonly onAbandoned?: Cas.QueueOptions<MeetingUser.MeetingUser<T>>["onAbandoned"]
}

/**
 * Reads a meeting, with users by `open_id`, or by the `idType` asked for. With `user_id`, rooms and telephones are left
 * out of the participants.
 *
 * @since 0.1.0
 * @category models
 */
export interface Get<R = never> {
  (
    meetingId: MeetingId,
    options?: GetOptions & { readonly idType?: "open_id" | undefined }
  ): Effect.Effect<Meeting<"open_id">, GetError, R>
  <T extends MeetingUser.IdType>(
    meetingId: MeetingId,
    options: GetOptions & { readonly idType: T }
  ): Effect.Effect<Meeting<T>, GetError, R>
}

/**
 * Moves the host, by the policy given, whose schedules may have errors and requirements of their own.
 *
 * @since 0.1.0
 * @category models
 */
export interface SetHost<Services = never> {
  <T extends MeetingUser.IdType>(
    meetingId: MeetingId,
    intent: MeetingUser.MeetingUser<T> | Cas.Intent<MeetingUser.MeetingUser<T>>,
    options?: SetHostOptions<NoInfer<T>>
  ): Effect.Effect<Cas.Report<MeetingUser.MeetingUser<T>>, SetHostError<T>, Services>
  <T extends MeetingUser.IdType, E, R>(
    meetingId: MeetingId,
    intent: MeetingUser.MeetingUser<T> | Cas.Intent<MeetingUser.MeetingUser<T>>,
    options: SetHostOptions<NoInfer<T>, E, R>
  ): Effect.Effect<Cas.Report<MeetingUser.MeetingUser<T>>, SetHostError<T> | E, Services | R>
}

/**
 * The meeting operations.
 *
 * @since 0.1.0
 * @category services
 */
export class Meetings extends Context.Service<Meetings, {
  readonly get: Get
  readonly swapHost: <T extends MeetingUser.IdType>(
    meetingId: MeetingId,
    swap: { readonly expected: MeetingUser.MeetingUser<T>; readonly desired: MeetingUser.MeetingUser<NoInfer<T>> }
  ) => Effect.Effect<Cas.Outcome<MeetingUser.MeetingUser<T>>, SwapHostError>
  readonly setHost: SetHost
  readonly end: (meetingId: MeetingId) => Effect.Effect<void, EndError, UserToken>
}>()("effect-lark-meetings/Meetings") {}

/** A user can move the host only while being the host: any other host seen ends the operation without another call. */
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

const remembered = 1_000

/**
 * Builds the service on the HTTP API.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: Effect.Effect<Meetings["Service"], never, LarkHttp> = Effect.gen(function*() {
  const lark = yield* LarkHttp
  const lastSeen = yield* Cache.make({
    capacity: remembered,
    lookup: (_key: string) => Effect.succeed(Option.none<MeetingUser.MeetingUser>())
  })

  const sharedBudget = Cas.makeRetryBudget()
  const queues: { readonly [T in MeetingUser.IdType]: Cas.Queue<string, MeetingUser.MeetingUser<T>> } = {
    open_id: Cas.makeQueue(),
    union_id: Cas.makeQueue(),
    user_id: Cas.makeQueue()
  }

  const getBy = <T extends MeetingUser.IdType>(
    meetingId: MeetingId,
    idType: T,
    options?: GetOptions
  ) =>
    Effect.map(
      lark.call(endpoints.get, {
        params: { meeting_id: meetingId },
        query: {
          user_id_type: idType,
          with_participants: options?.withParticipants,
          with_meeting_ability: options?.withAbility
        }
      }),
      (data) => fromWire(idType, meetingId, data)
    )

  function get(meetingId: MeetingId, options?: GetOptions): Effect.Effect<Meeting<"open_id">, GetError>
  function get<T extends MeetingUser.IdType>(
    meetingId: MeetingId,
    options: GetOptions & { readonly idType: T }
  ): Effect.Effect<Meeting<T>, GetError>
  function get(meetingId: MeetingId, options?: GetOptions & { readonly idType?: MeetingUser.IdType }) {
    return withSpan(getBy(meetingId, options?.idType ?? "open_id", options), "Meetings.get", {
      "lark.meeting_id": meetingId
    })
  }

  const swap = <T extends MeetingUser.IdType>(
    meetingId: MeetingId,
    idType: T,
    expected: MeetingUser.MeetingUser<T>,
    desired: MeetingUser.MeetingUser<T>
  ) =>
    hostRegister.swapOutcome(
      idType,
      lark.call(endpoints.setHost, {
        params: { meeting_id: meetingId },
        query: { user_id_type: idType },
        body: { host_user: MeetingUser.toWire(desired), old_host_user: MeetingUser.toWire(expected) }
      })
    )

  const moveHost = Effect.fnUntraced(function*<T extends MeetingUser.IdType, E, R>(
    meetingId: MeetingId,
    goal: MeetingUser.MeetingUser<T> | Cas.Intent<MeetingUser.MeetingUser<T>>,
    options: SetHostOptions<T, E, R> = {}
  ): Effect.fn.Return<Cas.Report<MeetingUser.MeetingUser<T>>, SetHostError<T> | E, R> {
    const intent = "decide" in goal ? goal : Cas.ensure(goal)
    const named = options.hint ?? intent.values[0]
    if (named === undefined) {
      const expected = "a user, since the intent names none"
      return yield* new Cas.InvalidPolicy({ setting: "hint", expected, received: "nothing" })
    }
    const { idType } = named
    const kinds = new Set([idType, ...intent.values.map((user) => user.idType)])
    if (kinds.size > 1) {
      const received = [...kinds].join(" and ")
      return yield* new Cas.InvalidPolicy({ setting: "users of one call", expected: "of one id kind", received })
    }
    const operator = yield* Effect.map(Effect.serviceOption(UserToken), Option.flatMap((token) => token.user))
    const inKind = (user: MeetingUser.MeetingUser) =>
      MeetingUser.hasIdType(user, idType) ? Option.some(user) : Option.none()

    const tenant = Option.getOrElse(yield* Effect.serviceOption(Tenant), () => "")
    // What one tenant's operation saw proves nothing to another's, which may not even see the meeting.
    const key = `${tenant} ${idType} ${meetingId}`
    const seen = Option.flatMap(yield* Cache.get(lastSeen, key), inKind)
    const remember = (host: MeetingUser.MeetingUser) => Cache.set(lastSeen, key, Option.some(host))
    const forget = Cache.invalidate(lastSeen, key)

    const register: Cas.Register<MeetingUser.MeetingUser<T>, hostRegister.SwapError | hostRegister.ReadError> = {
      equals: MeetingUser.equals,
      read: hostRegister.observation(getBy(meetingId, idType)),
      swap: (expected, desired) => swap(meetingId, idType, expected, desired),
      classifyError: hostRegister.classifyError
    }
    return yield* queues[idType].run(
      key,
      register,
      Option.match(Option.flatMap(operator, inKind), {
        onNone: () => intent,
        onSome: (user) => asOperator(intent, user)
      }),
      {
        hint: options.hint ?? Option.getOrUndefined(seen),
        policy: options.policy,
        latest: options.latest,
        budget: "budget" in options ? options.budget : sharedBudget,
        onAbandoned: options.onAbandoned
      }
    ).pipe(
      Effect.tap((report) => report.effect === "unknown" ? forget : remember(report.after)),
      Effect.onError(() => forget)
    )
  })

  function setHost<T extends MeetingUser.IdType>(
    meetingId: MeetingId,
    goal: MeetingUser.MeetingUser<T> | Cas.Intent<MeetingUser.MeetingUser<T>>,
    options?: SetHostOptions<T>
  ): Effect.Effect<Cas.Report<MeetingUser.MeetingUser<T>>, SetHostError<T>>
  function setHost<T extends MeetingUser.IdType, E, R>(
    meetingId: MeetingId,
    goal: MeetingUser.MeetingUser<T> | Cas.Intent<MeetingUser.MeetingUser<T>>,
    options: SetHostOptions<T, E, R>
  ): Effect.Effect<Cas.Report<MeetingUser.MeetingUser<T>>, SetHostError<T> | E, R>
  function setHost<T extends MeetingUser.IdType, E, R>(
    meetingId: MeetingId,
    goal: MeetingUser.MeetingUser<T> | Cas.Intent<MeetingUser.MeetingUser<T>>,
    options?: SetHostOptions<T, E, R>
  ) {
    return withSpan(moveHost(meetingId, goal, options), "Meetings.setHost", { "lark.meeting_id": meetingId })
  }

  return Meetings.of({
    get,
    swapHost: (meetingId, { desired, expected }) =>
      withSpan(swap(meetingId, expected.idType, expected, desired), "Meetings.swapHost", {
        "lark.meeting_id": meetingId
      }),
    setHost,
    end: (meetingId) =>
      withSpan(
        Effect.asVoid(lark.callAsUser(endpoints.end, { params: { meeting_id: meetingId } })),
        "Meetings.end",
        { "lark.meeting_id": meetingId }
      )
  })
})

/**
 * The meeting operations on the HTTP API.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Meetings, never, LarkHttp> = Layer.effect(Meetings, make)

/**
 * Reads a meeting. Fails with `GetError`.
 *
 * **Details**
 *
 * Only meetings of the last 90 days that belong to the app's tenant, or to the user. Scope `vc:meeting:readonly` or
 * `vc:meeting.meetingevent:read`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const get: Get<Meetings> = (
  meetingId: MeetingId,
  options?: GetOptions & { readonly idType?: "open_id" | undefined }
) => Meetings.use((meetings) => meetings.get(meetingId, options))

/**
 * Sends one `set_host`: the host becomes `desired` if it is `expected`. The conflict is a value of the outcome, and so
 * are requests that were not sent and replies that were lost. Fails with `SwapHostError`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const swapHost = <T extends MeetingUser.IdType>(
  meetingId: MeetingId,
  swap: { readonly expected: MeetingUser.MeetingUser<T>; readonly desired: MeetingUser.MeetingUser<NoInfer<T>> }
): Effect.Effect<Cas.Outcome<MeetingUser.MeetingUser<T>>, SwapHostError, Meetings> =>
  Meetings.use((meetings) => meetings.swapHost(meetingId, swap))

/**
 * Moves the host: to a user whatever happens, or as an intent of `Cas` says.
 *
 * **Details**
 *
 * The expected host is the hint, else the host last seen by this service, else what `get` tells. A conflict tells the
 * host, which is used at once; one that does not falls back to one `get`. The report says what was done and whether it
 * took effect, on success and on every error. As a user who is not the host, the operation ends with `CasRefused`,
 * reason `"OperatorNotHost"`. Fails with `SetHostError`. Scope `vc:meeting`.
 *
 * @since 0.1.0
 * @category accessors
 */
export const setHost: SetHost<Meetings> = <T extends MeetingUser.IdType, E, R>(
  meetingId: MeetingId,
  intent: MeetingUser.MeetingUser<T> | Cas.Intent<MeetingUser.MeetingUser<T>>,
  options: SetHostOptions<T, E, R> = {}
) => Meetings.use((meetings) => meetings.setHost(meetingId, intent, options))

/**
 * Ends a meeting in progress, as the user who is its host. Fails with `EndError`.
 *
 * **Details**
 *
 * Users only: wrap the region with `Lark.asUser`. Scope `vc:meeting`. A lost reply is a `TransportError` with
 * `executed: "unknown"`; the call is not repeated.
 *
 * @since 0.1.0
 * @category accessors
 */
export const end = (meetingId: MeetingId): Effect.Effect<void, EndError, Meetings | UserToken> =>
  Meetings.use((meetings) => meetings.end(meetingId))
