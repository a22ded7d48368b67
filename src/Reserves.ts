/**
 * Reservations: a number and a link for a meeting that people start later.
 *
 * **Details**
 *
 * A reservation has an id (`ReserveId`) and a number (`MeetingNo`); its meeting gets an id (`MeetingId`) once it has
 * started, which `activeMeeting` names. Operations run as the app, or as the user inside `Lark.asUser`, and all but
 * `apply` take one's own reservations only. Source: Feishu Open Platform, vc-v1 `reserve`.
 *
 * **Gotchas**
 *
 * A reservation is no calendar event. Its number is used again after it has expired.
 *
 * **Example** (A reservation with two hosts, one of whom the platform ignores)
 *
 * ```ts
 * import { DateTime, Effect } from "effect"
 * import { Lark, MeetingUser, Reserves } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const program = Effect.gen(function*() {
 *   const { invalidHosts } = yield* Reserves.apply({
 *     endTime: DateTime.add(yield* DateTime.now, { days: 1 }),
 *     owner: MeetingUser.openId("ou_alice"),
 *     topic: "Weekly",
 *     hosts: [MeetingUser.openId("ou_bob"), MeetingUser.openId("ou_nobody")]
 *   })
 *   return invalidHosts.map(({ id }) => id).join()
 * })
 * const ignored = await Effect.runPromise(program.pipe(
 *   Effect.provide(Lark.layer(Simulator.defaultApp)),
 *   Effect.provide(Simulator.layer({ people: [{ user: "ou_alice" }, { user: "ou_bob" }] }))
 * ))
 * console.log(ignored) // => ou_nobody
 * ```
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { oneIdType, orOpenId } from "./internal/idTypes.ts"
import * as Meeting_ from "./internal/meeting.ts"
import * as wire from "./internal/wire.ts"
import * as LarkError from "./LarkError.ts"
import { call, endpoint, type ErrorOf, type LarkHttp } from "./LarkHttp.ts"
import type { Meeting } from "./Meeting.ts"
import * as MeetingId from "./MeetingId.ts"
import { isMeetingNo, MeetingNo } from "./MeetingNo.ts"
import * as MeetingUser from "./MeetingUser.ts"
import { isReserveId, ReserveId } from "./ReserveId.ts"

/**
 * The documented values of `action` in an `ActionPermission`. The server may send others; they are kept as they are.
 *
 * @stability stable
 * @category models
 */
export const Action = { BecomeHost: 1, Invite: 2, Join: 3 } as const

/**
 * The documented values of `field` in a `Checker`. The server may send others; they are kept as they are.
 *
 * @stability stable
 * @category models
 */
export const CheckField = { UserId: 1, UserType: 2, TenantKey: 3 } as const

/**
 * The documented values of `mode` in a `Checker`. The server may send others; they are kept as they are.
 *
 * @stability stable
 * @category models
 */
export const CheckMode = { Allow: 1, Deny: 2 } as const

/**
 * The documented values of `initialType`: a meeting, or a call to one telephone.
 *
 * @stability stable
 * @category models
 */
export const InitialType = { Meeting: 1, Call: 2 } as const

/**
 * The documented values of `expireStatus`. The server may send others; they are kept as they are.
 *
 * @stability stable
 * @category models
 */
export const ExpireStatus = { Valid: 1, Expired: 2 } as const

const checker = Schema.Struct({
  field: Schema.Finite,
  mode: Schema.Finite,
  /** User ids of the kind that the call uses, user types as digits, or tenant keys. */
  values: Schema.Array(Schema.String)
})

/**
 * A rule on who may do something: those whose field is, or is not, among the values.
 *
 * @stability stable
 * @category models
 */
export interface Checker extends Schema.Schema.Type<typeof checker> {}

const permission = Schema.Struct({ action: Schema.Finite, checkers: Schema.Array(checker) })

/**
 * Who may do what: a user who passes any of the checkers.
 *
 * @stability stable
 * @category models
 */
export interface ActionPermission extends Schema.Schema.Type<typeof permission> {}

const callee = Schema.Struct({
  id: Schema.optional(Schema.String),
  /** Only with `mainAddress`. */
  nickname: Schema.optional(Schema.String),
  /** The telephone number. */
  mainAddress: Schema.optional(Schema.String)
})

/**
 * A telephone to call.
 *
 * @stability stable
 * @category models
 */
export interface Callee extends Schema.Schema.Type<typeof callee> {}

const settingsOf = <T extends MeetingUser.IdType>(user: Schema.Codec<MeetingUser.MeetingUser<T>>) =>
  Schema.Struct({
    topic: Schema.optional(Schema.String),
    permissions: Schema.optional(Schema.Array(permission)),
    /** `InitialType.Meeting` unless given. */
    initialType: Schema.optional(Schema.Finite),
    /** Whether it connects several tenants. It cannot be updated. */
    meetingConnect: Schema.optional(Schema.Boolean),
    /** The telephone to call, for `InitialType.Call`. */
    callee: Schema.optional(callee),
    autoRecord: Schema.optional(Schema.Boolean),
    /** Users of the same tenant, ten at most, who may become host. */
    hosts: Schema.optional(Schema.Array(user)),
    /** Four to nine digits, or empty for none. Unless given, the owner's own setting counts. */
    password: Schema.optional(Schema.Redacted(Schema.String))
  })

/**
 * The settings of the meeting that is reserved.
 *
 * @stability stable
 * @category models
 */
export interface Settings<out T extends MeetingUser.IdType = MeetingUser.IdType>
  extends Schema.Schema.Type<ReturnType<typeof settingsOf<T>>>
{}

/**
 * What to reserve.
 *
 * @stability stable
 * @category models
 */
export interface ApplyOptions<out T extends MeetingUser.IdType = MeetingUser.IdType> extends Settings<T> {
  /** When it expires: in 30 days at most. Required unless it is a call. */
  readonly endTime?: DateTime.DateTime | undefined
  /** Whose reservation it is: required as the app, ignored as a user. */
  readonly owner?: MeetingUser.MeetingUser<T> | undefined
}

/**
 * What to change. What is left out stays as it is; an empty text or list clears the field.
 *
 * @stability stable
 * @category models
 */
export interface UpdateOptions<out T extends MeetingUser.IdType = MeetingUser.IdType>
  extends Omit<Settings<T>, "meetingConnect">
{
  /** Renews it: in 30 days at most. */
  readonly endTime?: DateTime.DateTime | undefined
}

const reserveOf = <T extends MeetingUser.IdType>(
  user: Schema.Codec<MeetingUser.MeetingUser<T>>,
  settings: Schema.Codec<Settings<T>>
) =>
  Schema.toType(Schema.Struct({
    id: ReserveId,
    meetingNo: Schema.Option(MeetingNo),
    /** Not in the answer of `get`. */
    password: Schema.Option(Schema.Redacted(Schema.String)),
    url: Schema.String,
    /**
     * Opens the app. Replace each `{?}` in it by 0 or 1: preview, microphone, speaker, camera. Not in the answer of `update`.
     */
    appLink: Schema.Option(Schema.String),
    liveLink: Schema.Option(Schema.String),
    endTime: Schema.Option(Schema.DateTimeUtc),
    /** Not in the answer of `apply`. */
    expireStatus: Schema.Option(Schema.Finite),
    /** Only in the answer of `get`, as `settings`. */
    owner: Schema.Option(user),
    settings: Schema.Option(settings)
  }))

/**
 * A reservation. What an answer does not name is `None`, or empty.
 *
 * @stability stable
 * @category models
 */
export interface Reserve<out T extends MeetingUser.IdType = MeetingUser.IdType>
  extends Schema.Schema.Type<ReturnType<typeof reserveOf<T>>>
{}

/**
 * The schema of reservations that name users by one kind of id. For JSON, use it with `Schema.toCodecJson`; the JSON holds
 * the password.
 *
 * @stability stable
 * @category schemas
 */
export const ReserveSchema = <T extends MeetingUser.IdType>(idType: T): Schema.Codec<Reserve<T>> => {
  const user = MeetingUser.schema(idType)
  return reserveOf(user, settingsOf(user))
}

const reservedOf = <T extends MeetingUser.IdType>(
  user: Schema.Codec<MeetingUser.MeetingUser<T>>,
  reserve: Schema.Codec<Reserve<T>>
) =>
  Schema.toType(Schema.Struct({
    reserve,
    /** The hosts that the platform ignored, without an error: unknown, or of another tenant. */
    invalidHosts: Schema.Array(user)
  }))

/**
 * A reservation that was made or changed.
 *
 * @stability stable
 * @category models
 */
export interface Reserved<out T extends MeetingUser.IdType = MeetingUser.IdType>
  extends Schema.Schema.Type<ReturnType<typeof reservedOf<T>>>
{}

/**
 * The schema of reservations that were made or changed, and name users by one kind of id. For JSON, use it with
 * `Schema.toCodecJson`; the JSON holds the password.
 *
 * @stability stable
 * @category schemas
 */
export const ReservedSchema = <T extends MeetingUser.IdType>(idType: T): Schema.Codec<Reserved<T>> =>
  reservedOf(MeetingUser.schema(idType), ReserveSchema(idType))

const Row = Schema.Record(Schema.String, Schema.Unknown)

const own = [
  LarkError.InternalError,
  LarkError.NotSupported,
  LarkError.ParamError,
  LarkError.DataNotExist,
  LarkError.NoPermission
] as const

const settings = [
  LarkError.RecordParamError,
  LarkError.AssignHostExceedMaxLimit,
  LarkError.AssignHostError,
  LarkError.InvalidPassword
] as const

const applyEndpoint = endpoint({
  name: "vc.v1.reserve.apply",
  span: "Reserves.apply",
  method: "POST",
  path: "/vc/v1/reserves/apply",
  token: "either",
  errors: [LarkError.InternalError, LarkError.NotSupported, LarkError.ParamError, ...settings],
  data: Schema.Struct({
    reserve: Schema.StructWithRest(Schema.Struct({ id: ReserveId }), [Row]),
    reserve_correction_check_info: Schema.optional(Schema.Unknown)
  })
})

const updateEndpoint = endpoint({
  name: "vc.v1.reserve.update",
  span: "Reserves.update",
  method: "PUT",
  path: "/vc/v1/reserves/:reserve_id",
  token: "either",
  errors: [...own, ...settings],
  data: Schema.Struct({ reserve: Row, reserve_correction_check_info: Schema.optional(Schema.Unknown) })
})

const getEndpoint = endpoint({
  name: "vc.v1.reserve.get",
  span: "Reserves.get",
  method: "GET",
  path: "/vc/v1/reserves/:reserve_id",
  token: "either",
  errors: own,
  data: Schema.Struct({ reserve: Row })
})

const deleteEndpoint = endpoint({
  name: "vc.v1.reserve.delete",
  span: "Reserves.delete",
  method: "DELETE",
  path: "/vc/v1/reserves/:reserve_id",
  token: "either",
  errors: own
})

const activeMeetingEndpoint = endpoint({
  name: "vc.v1.reserve.get_active_meeting",
  span: "Reserves.activeMeeting",
  method: "GET",
  path: "/vc/v1/reserves/:reserve_id/get_active_meeting",
  token: "either",
  errors: own,
  data: Schema.Struct({
    meeting: Schema.optional(Schema.StructWithRest(Schema.Struct({ id: MeetingId.MeetingId }), [Row]))
  })
})

/**
 * How `apply` fails: with the errors documented for `POST /vc/v1/reserves/apply`, and the generic ones.
 *
 * @stability stable
 * @category errors
 */
export type ApplyError = ErrorOf<typeof applyEndpoint>

/**
 * How `update` fails: with the errors documented for `PUT /vc/v1/reserves/:reserve_id`, and the generic ones.
 *
 * @stability stable
 * @category errors
 */
export type UpdateError = ErrorOf<typeof updateEndpoint>

/**
 * How `get` and `delete` fail: with the errors documented for `GET /vc/v1/reserves/:reserve_id`, and the generic ones.
 *
 * @stability stable
 * @category errors
 */
export type GetError = ErrorOf<typeof getEndpoint>

/**
 * How `activeMeeting` fails: as `get`, without `DataNotExist`, which is `None`.
 *
 * @stability stable
 * @category errors
 */
export type ActiveMeetingError = Exclude<ErrorOf<typeof activeMeetingEndpoint>, LarkError.DataNotExist>

const isNonEmpty = (text: string | undefined): text is string => text !== undefined && text !== ""

/** The platform takes a nickname only beside a telephone number. */
const check = (
  { name }: typeof applyEndpoint | typeof updateEndpoint,
  { callee = {}, endTime }: UpdateOptions
): Effect.Effect<void, LarkError.InvalidParameter> => {
  const refused = (parameter: string, reason: string) =>
    Effect.fail(new LarkError.InvalidParameter({ endpoint: name, parameter, reason }))
  if (endTime !== undefined && !Number.isFinite(DateTime.toEpochMillis(endTime))) {
    return refused("endTime", "is not a valid time")
  }
  return isNonEmpty(callee.nickname) && !isNonEmpty(callee.mainAddress)
    ? refused("callee", "has a nickname, which the platform takes only with a mainAddress")
    : Effect.void
}

const settingsToWire = (settings: Settings) => ({
  topic: settings.topic,
  action_permissions: settings.permissions?.map(({ action, checkers }) => ({
    permission: action,
    permission_checkers: checkers.map(({ field, mode, values }) => ({
      check_field: field,
      check_mode: mode,
      check_list: values
    }))
  })),
  meeting_initial_type: settings.initialType,
  meeting_connect: settings.meetingConnect,
  call_setting: settings.callee && {
    callee: {
      id: settings.callee.id,
      user_type: MeetingUser.UserType.Pstn,
      pstn_sip_info: isNonEmpty(settings.callee.mainAddress)
        ? { nickname: settings.callee.nickname, main_address: settings.callee.mainAddress }
        : undefined
    }
  },
  auto_record: settings.autoRecord,
  assign_host_list: settings.hosts?.map(MeetingUser.toWire),
  password: settings.password && Redacted.value(settings.password)
})

const secretsOf = ({ password }: Settings) => password && [password]

const settingsFromWire = <T extends MeetingUser.IdType>(idType: T, row: wire.Wire): Settings<T> => ({
  topic: wire.text(row["topic"]),
  permissions: wire.list(row["action_permissions"]).map((one) => ({
    action: wire.number(one["permission"]),
    checkers: wire.list(one["permission_checkers"]).map((checker) => ({
      field: wire.number(checker["check_field"]),
      mode: wire.number(checker["check_mode"]),
      values: wire.texts(checker["check_list"])
    }))
  })),
  initialType: wire.number(row["meeting_initial_type"]),
  meetingConnect: wire.flag(row["meeting_connect"]),
  callee: Option.getOrUndefined(Option.map(wire.someObject(wire.object(row["call_setting"])["callee"]), (callee) => {
    const info = wire.object(callee["pstn_sip_info"])
    return {
      id: wire.text(callee["id"]),
      nickname: wire.text(info["nickname"]),
      mainAddress: wire.text(info["main_address"])
    }
  })),
  autoRecord: wire.flag(row["auto_record"]),
  hosts: wire.list(row["assign_host_list"]).flatMap((host) =>
    Option.toArray(MeetingUser.fromWire(idType, { user_type: MeetingUser.UserType.User, ...host }))
  )
})

const userIn = <T extends MeetingUser.IdType>(idType: T, id: unknown) =>
  MeetingUser.fromWire(idType, { id, user_type: MeetingUser.UserType.User })

const fromWire = <T extends MeetingUser.IdType>(idType: T, id: ReserveId, row: wire.Wire): Reserve<T> => ({
  id,
  meetingNo: Option.liftPredicate(wire.text(row["meeting_no"]), isMeetingNo),
  password: wire.someSecret(row["password"]),
  url: wire.text(row["url"]),
  appLink: wire.someText(row["app_link"]),
  liveLink: wire.someText(row["live_link"]),
  endTime: wire.time(row["end_time"]),
  expireStatus: Option.liftPredicate(row["expire_status"], Predicate.isNumber),
  owner: userIn(idType, row["reserve_user_id"]),
  settings: Option.map(wire.someObject(row["meeting_settings"]), (settings) => settingsFromWire(idType, settings))
})

/** The id that an answer names, else the one that the request did. */
const idIn = (row: wire.Wire, asked: ReserveId): ReserveId => {
  const id = wire.text(row["id"])
  return isReserveId(id) ? id : asked
}

const invalidHostsIn = <T extends MeetingUser.IdType>(idType: T, info: unknown) =>
  wire.texts(wire.object(info)["invalid_host_id_list"]).flatMap((id) => Option.toArray(userIn(idType, id)))

const secondsOf = (time: DateTime.DateTime | undefined): string | undefined =>
  time && String(Math.floor(DateTime.toEpochMillis(time) / 1_000))

/**
 * Reserves a meeting. Fails with `ApplyError`.
 *
 * **Details**
 *
 * Ids are of the kind of the owner and the hosts; the answer is, too. Users of different kinds are refused with
 * `InvalidParameter`, and nothing is sent; so are an invalid time, and a callee who has a nickname but no telephone number. Scope
 * `vc:reserve`.
 *
 * **Gotchas**
 *
 * - The platform ignores hosts that it does not know, without an error: look at `invalidHosts`.
 * - After a lost reply, another `apply` makes another reservation.
 * - `ParamError` does not name the field: as the app, look at `owner` first, then at `endTime`.
 *
 * @stability stable
 * @category accessors
 */
export const apply = <T extends MeetingUser.IdType = "open_id">(
  options: ApplyOptions<T>
): Effect.Effect<Reserved<T>, ApplyError, LarkHttp> =>
  Effect.gen(function*() {
    const { endTime, hosts = [], owner } = options
    yield* check(applyEndpoint, options)
    const named = yield* oneIdType(applyEndpoint.name, "owner and hosts", owner ? [owner, ...hosts] : hosts)
    const idType = orOpenId(named)
    const { reserve, reserve_correction_check_info } = yield* call(applyEndpoint, {
      query: { user_id_type: idType },
      body: { end_time: secondsOf(endTime), owner_id: owner?.id, meeting_settings: settingsToWire(options) },
      secrets: secretsOf(options)
    })
    return {
      reserve: fromWire(idType, reserve.id, reserve),
      invalidHosts: invalidHostsIn(idType, reserve_correction_check_info)
    }
  })

/**
 * Changes a reservation: `endTime` renews it. Fails with `UpdateError`.
 *
 * **Details**
 *
 * What is left out stays as it is. An empty topic or password, and an empty list of hosts or permissions, clear the field.
 * Users of different kinds, a time and a callee are refused as by `apply`. Scope `vc:reserve`.
 *
 * **Gotchas**
 *
 * On Lark, an older documentation says that empty values change nothing.
 *
 * @stability stable
 * @category accessors
 */
export const update = <T extends MeetingUser.IdType = "open_id">(
  reserveId: ReserveId,
  options: UpdateOptions<T>
): Effect.Effect<Reserved<T>, UpdateError, LarkHttp> =>
  Effect.gen(function*() {
    yield* check(updateEndpoint, options)
    const named = yield* oneIdType(updateEndpoint.name, "hosts", options.hosts ?? [])
    const idType = orOpenId(named)
    const settings = settingsToWire(options)
    const { reserve, reserve_correction_check_info } = yield* call(updateEndpoint, {
      params: { reserve_id: reserveId },
      query: { user_id_type: idType },
      body: {
        end_time: secondsOf(options.endTime),
        meeting_settings: Object.values(settings).some(Predicate.isNotUndefined) ? settings : undefined
      },
      secrets: secretsOf(options)
    })
    return {
      reserve: fromWire(idType, idIn(reserve, reserveId), reserve),
      invalidHosts: invalidHostsIn(idType, reserve_correction_check_info)
    }
  })

/**
 * Reads a reservation. Fails with `GetError`.
 *
 * **Details**
 *
 * `idType` is the kind of id that names users: `open_id` unless given. Scope `vc:reserve:readonly`.
 *
 * @stability stable
 * @category accessors
 */
export const get = <T extends MeetingUser.IdType = "open_id">(
  reserveId: ReserveId,
  options: { readonly idType?: T | undefined } = {}
): Effect.Effect<Reserve<T>, GetError, LarkHttp> => {
  const idType = orOpenId(options.idType)
  return Effect.map(
    call(getEndpoint, { params: { reserve_id: reserveId }, query: { user_id_type: idType } }),
    ({ reserve }) => fromWire(idType, idIn(reserve, reserveId), reserve)
  )
}

/**
 * Deletes a reservation. Fails with `GetError`.
 *
 * **Details**
 *
 * It cannot be undone. What becomes of a meeting in progress is not documented. Scope `vc:reserve`.
 *
 * @stability stable
 * @category accessors
 */
const delete_ = (reserveId: ReserveId): Effect.Effect<void, GetError, LarkHttp> =>
  call(deleteEndpoint, { params: { reserve_id: reserveId } })

export { delete_ as delete }

/**
 * Reads the meeting of a reservation that is in progress, if there is one. Fails with `ActiveMeetingError`.
 *
 * **Details**
 *
 * The options are those of `Meetings.get`. Scope `vc:reserve:readonly`.
 *
 * **Gotchas**
 *
 * The platform does not tell a reservation without a meeting in progress from one that does not exist: both are `None`.
 *
 * @stability stable
 * @category accessors
 */
export const activeMeeting = <T extends MeetingUser.IdType = "open_id">(
  reserveId: ReserveId,
  options: { readonly idType?: T | undefined; readonly withParticipants?: boolean | undefined } = {}
): Effect.Effect<Option.Option<Meeting<T>>, ActiveMeetingError, LarkHttp> => {
  const idType = orOpenId(options.idType)
  return call(activeMeetingEndpoint, {
    params: { reserve_id: reserveId },
    query: { user_id_type: idType, with_participants: options.withParticipants }
  }).pipe(
    Effect.map(({ meeting }) =>
      Option.map(Option.fromUndefinedOr(meeting), (meeting) => Meeting_.fromWire(idType, meeting.id, meeting))
    ),
    Effect.catchTag("DataNotExist", () => Effect.succeedNone)
  )
}
