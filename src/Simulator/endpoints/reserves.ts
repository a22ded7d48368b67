import {
  type Arrival,
  type ArrivedRequest,
  idTypeOf,
  isRecord,
  type JsonObject,
  mayBeBoolean,
  objectsIn
} from "../ArrivedRequest.ts"
import * as Reply from "../Reply.ts"
import { add, longestMillis, type Reserve } from "../Reserve.ts"
import { type Operators, tenantOf } from "../Tokens.ts"
import { idOf, type IdType, larkUserType, same, type User, type WireUser, wireUser } from "../User.ts"
import type { World } from "../World.ts"
import { askedIn, meetingView, seconds } from "./getMeeting.ts"

/** The settings of a body. What it does not name is `undefined`. */
interface Wanted {
  readonly idType: IdType
  readonly settings: JsonObject
  readonly password: string | undefined
  readonly endsAt: number | undefined
  readonly hosts: ReadonlyArray<User> | undefined
  readonly invalidHosts: ReadonlyArray<string>
}

/** What a body asks for, or the refusal of it. */
const wantedIn = (
  request: Arrival & { readonly operator: Operators["either"] },
  world: World,
  isSettled: boolean
): Wanted | Reply.Reply => {
  const { json, now, operator } = request
  const idType = idTypeOf(request, world.behavior.userIdScope)
  if (Reply.is(idType)) return idType
  const given = json?.["meeting_settings"] ?? (isSettled ? {} : undefined)
  if (!isRecord(given)) return Reply.failure(121003)
  const { assign_host_list, password, ...settings } = given

  if (!mayBeBoolean(settings["auto_record"]) || !mayBeBoolean(settings["meeting_connect"])) return Reply.failure(121003)
  const end = json?.["end_time"] ?? undefined
  const isCall = settings["meeting_initial_type"] === 2
  const endsAt = typeof end === "string" && /^\d{1,12}$/.test(end) ? Number(end) * 1000 : undefined
  if (end === undefined ? !isSettled && !isCall : endsAt === undefined) return Reply.failure(121003)
  if (endsAt !== undefined && (endsAt <= now || endsAt > now + longestMillis)) return Reply.failure(121003)
  if (isCall && settings["auto_record"] === true) return Reply.failure(123002)
  if (password !== undefined && !(typeof password === "string" && /^(\d{4,9})?$/.test(password))) {
    return Reply.failure(123006)
  }

  const listed = objectsIn(given, "assign_host_list")
  if (assign_host_list !== undefined && listed === undefined) return Reply.failure(121003)
  if (listed !== undefined && listed.length > 10) return Reply.failure(123003)
  const targets = listed?.map((host) => wireUser({ user_type: larkUserType, ...host })) ?? []
  const named = targets.filter((target) => target !== undefined)
  if (named.length < targets.length) return Reply.failure(121003)
  const tenant = tenantOf(operator)
  const hostOf = ({ id, user_type }: WireUser) => {
    const user = user_type === larkUserType ? world.directory.find(id, idType) : undefined
    return user?.tenant === tenant ? user : undefined
  }
  const invalidHosts = named.filter((host) => hostOf(host) === undefined).map(({ id }) => id)
  if (invalidHosts.length > 0 && world.behavior.unknownHost === "assignHostError") return Reply.failure(123004)
  return {
    idType,
    settings,
    password,
    endsAt,
    hosts: listed && named.map(hostOf).filter((host) => host !== undefined),
    invalidHosts
  }
}

const view = (reserve: Reserve) => ({
  id: reserve.id,
  meeting_no: reserve.meetingNo,
  url: `https://vc.feishu.cn/j/${reserve.meetingNo}`,
  live_link: `https://meetings.feishu.cn/s/${reserve.meetingNo}`,
  end_time: seconds(reserve.endsAt)
})

const appLink = ({ meetingNo }: Reserve) => ({
  app_link:
    `https://applink.feishu.cn/client/videochat/open?source=openplatform&action=join&idtype=reservationid&id=${meetingNo}&preview={?}&mic={?}&speaker={?}&camera={?}`
})

const expireStatus = ({ endsAt }: Reserve, now: number) => ({ expire_status: endsAt > now ? 1 : 2 })

const check = ({ invalidHosts }: Wanted) => ({ reserve_correction_check_info: { invalid_host_id_list: invalidHosts } })

/** `POST /vc/v1/reserves/apply`. Hosts that do not exist in the tenant are ignored, and named in the answer. */
export const apply = (request: ArrivedRequest<"either">, world: World): Reply.Reply => {
  const { json, now, operator } = request
  const wanted = wantedIn(request, world, false)
  if (Reply.is(wanted)) return wanted
  const tenant = tenantOf(operator)
  const ownerId = json?.["owner_id"]
  const named = typeof ownerId === "string" ? world.directory.find(ownerId, wanted.idType) : undefined
  const owner = operator._tag === "User" ? operator.user : named
  if (owner === undefined || owner.tenant !== tenant) return Reply.failure(121003)

  const reserve = add(world, {
    tenant,
    owner,
    appliedBy: operator._tag === "App" ? "app" : "user",
    ...(wanted.password === undefined ? {} : { password: wanted.password }),
    endsAt: wanted.endsAt ?? now + longestMillis,
    settings: wanted.settings,
    hosts: wanted.hosts ?? []
  })
  return Reply.success({
    reserve: { ...view(reserve), ...appLink(reserve), password: reserve.password },
    ...check(wanted)
  })
}

/** The operator's own reservation, or the refusal. */
const ownIn = (
  { operator, params }: ArrivedRequest<"either", "reserve_id">,
  world: World
): Reserve | Reply.Reply => {
  const reserve = world.reserves.get(params.reserve_id)
  if (reserve === undefined) return Reply.failure(121004)
  const isOwn = operator._tag === "App"
    ? reserve.appliedBy === "app" && reserve.tenant === operator.tenant
    : same(reserve.owner, operator.user)
  return isOwn ? reserve : Reply.failure(121005)
}

const isEmpty = (value: unknown) => value === "" || (Array.isArray(value) && value.length === 0)

/** `PUT /vc/v1/reserves/:reserve_id`. What the body leaves out stays as it is. */
export const update = (request: ArrivedRequest<"either", "reserve_id">, world: World): Reply.Reply => {
  const reserve = ownIn(request, world)
  if (Reply.is(reserve)) return reserve
  const wanted = wantedIn(request, world, true)
  if (Reply.is(wanted)) return wanted
  const chosen = <A>(value: A | undefined, before: A): A =>
    value === undefined || (isEmpty(value) && world.behavior.emptyInUpdate === "ignored") ? before : value
  const { meeting_connect, ...before } = reserve.settings
  const settings: Record<string, unknown> = { ...before }
  for (const [name, value] of Object.entries(wanted.settings)) settings[name] = chosen(value, before[name])
  const next: Reserve = {
    ...reserve,
    settings: { ...settings, ...(meeting_connect === undefined ? {} : { meeting_connect }) },
    password: chosen(wanted.password, reserve.password),
    endsAt: wanted.endsAt ?? reserve.endsAt,
    hosts: chosen(wanted.hosts, reserve.hosts)
  }
  world.reserves.set(next.id, next)
  return Reply.success({
    reserve: { ...view(next), password: next.password, ...expireStatus(next, request.now) },
    ...check(wanted)
  })
}

/** `GET /vc/v1/reserves/:reserve_id`. */
export const get = (request: ArrivedRequest<"either", "reserve_id">, world: World): Reply.Reply => {
  const idType = idTypeOf(request, world.behavior.userIdScope)
  if (Reply.is(idType)) return idType
  const reserve = ownIn(request, world)
  if (Reply.is(reserve)) return reserve
  return Reply.success({
    reserve: {
      ...view(reserve),
      ...appLink(reserve),
      ...expireStatus(reserve, request.now),
      reserve_user_id: idOf(reserve.owner, idType),
      meeting_settings: {
        ...reserve.settings,
        assign_host_list: reserve.hosts.map((host) => ({ user_type: host.userType, id: idOf(host, idType) }))
      }
    }
  })
}

/** `DELETE /vc/v1/reserves/:reserve_id`. A meeting in progress goes on. */
export const remove = (request: ArrivedRequest<"either", "reserve_id">, world: World): Reply.Reply => {
  const reserve = ownIn(request, world)
  if (Reply.is(reserve)) return reserve
  world.reserves.delete(reserve.id)
  return Reply.success({})
}

/** `GET /vc/v1/reserves/:reserve_id/get_active_meeting`. */
export const activeMeeting = (request: ArrivedRequest<"either", "reserve_id">, world: World): Reply.Reply => {
  const asked = askedIn(request, world)
  if (Reply.is(asked)) return asked
  const reserve = ownIn(request, world)
  if (Reply.is(reserve)) return reserve
  const active = [...world.meetings.values()].find(({ reserveId, status }) =>
    reserveId === reserve.id && status === "in_progress"
  )
  if (active !== undefined) return Reply.success({ meeting: meetingView(active, asked) })
  return world.behavior.noActiveMeeting === "empty" ? Reply.success({}) : Reply.failure(121004)
}
