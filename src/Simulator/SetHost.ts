import { type Call, idTypeOf, isRecord, parseJson } from "./Call.ts"
import * as Meeting from "./Meeting.ts"
import * as Reply from "./Reply.ts"
import type { Operator } from "./Tokens.ts"
import { isUser, same, toWire, type WireUser } from "./User.ts"
import * as World from "./World.ts"

const wireUser = (value: unknown): WireUser | undefined => {
  if (!isRecord(value)) return undefined
  const { id, user_type } = value
  return typeof id === "string" && id !== "" && typeof user_type === "number" && Number.isInteger(user_type)
    ? { id, user_type }
    : undefined
}

/**
 * `PATCH /vc/v1/meetings/:meeting_id/set_host`.
 */
export const setHost = (world: World.World, operator: Operator, call: Call): Reply.Reply => {
  const idType = idTypeOf(call, world.behavior.userIdScope)
  if (typeof idType !== "string") return idType

  const parsed = parseJson(call.body)
  if (!parsed.ok || !isRecord(parsed.value)) return Reply.failure(121003)
  const old = parsed.value["old_host_user"] ?? undefined
  const expected = wireUser(old)
  const wanted = wireUser(parsed.value["host_user"])
  if (wanted === undefined) return Reply.failure(121003)
  if (old === undefined ? world.behavior.withoutOldHost === "paramError" : expected === undefined) {
    return Reply.failure(121003)
  }

  const meeting = World.meetingFor(world, operator, call.meetingId)
  if (meeting === undefined) return Reply.failure(122002)
  if (meeting === "foreign") return Reply.failure(121005)
  if (meeting.status !== "in_progress") return Reply.failure(122001)

  const host = meeting.host
  const targetIsHost = host !== undefined && isUser(host, wanted, idType)
  if (operator._tag === "User") {
    if (Meeting.participantOf(meeting, operator.user)?.status !== "in_meeting") return Reply.failure(122003)
    if (host === undefined || !same(host, operator.user)) return Reply.failure(121005)
    if (targetIsHost) return Reply.failure(122005)
  } else {
    if (meeting.owner !== undefined && !world.behavior.tenantTokenMayMoveAnyHost) return Reply.failure(121005)
    if (targetIsHost && world.behavior.targetIsHost === "cannotOperateSelf") return Reply.failure(122005)
  }

  const target = meeting.participants.find((participant) => isUser(participant.user, wanted, idType))
  if (target === undefined) return Reply.failure(122004)
  if (target.status !== "in_meeting") return Reply.failure(122009)

  if (expected !== undefined && (host === undefined || !isUser(host, expected, idType))) {
    if (!world.behavior.conflictCarriesHost) return Reply.failure(121006)
    return Reply.failure(121006, host === undefined ? {} : { host_user: toWire(host, idType) })
  }

  World.moveHost(world, meeting, target.user, { by: "request", request: call.index, at: call.now })
  return Reply.success({ host_user: toWire(target.user, idType) })
}
