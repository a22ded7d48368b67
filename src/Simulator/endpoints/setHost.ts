import { type ArrivedRequest, idTypeOf } from "../ArrivedRequest.ts"
import * as Meeting from "../Meeting.ts"
import * as Reply from "../Reply.ts"
import { isUser, same, toWire, wireUser } from "../User.ts"
import * as World from "../World.ts"

/** `PATCH /vc/v1/meetings/:meeting_id/set_host`. */
export const setHost = (request: ArrivedRequest<"either", "meeting_id">, world: World.World): Reply.Reply => {
  const { json, operator } = request
  const idType = idTypeOf(request, world.behavior.userIdScope)
  if (Reply.is(idType)) return idType

  const old = json?.["old_host_user"] ?? undefined
  const expected = wireUser(old)
  const wanted = wireUser(json?.["host_user"])
  if (wanted === undefined) return Reply.failure(121003)
  if (old === undefined ? world.behavior.withoutOldHost === "paramError" : expected === undefined) {
    return Reply.failure(121003)
  }

  const meeting = World.meetingFor(world, operator, request.params.meeting_id)
  if (meeting === undefined) return Reply.failure(122002)
  if (meeting === "foreign") return Reply.failure(121005)
  if (meeting.status !== "in_progress") return Reply.failure(122001)

  const host = meeting.host
  const targetIsHost = host !== undefined && isUser(host, wanted, idType)
  if (operator._tag === "User") {
    if (Meeting.participantOf(meeting, operator.user)?.status !== "in_meeting") return Reply.failure(122003)
    if (!same(host, operator.user)) return Reply.failure(121005)
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

  World.moveHost(world, meeting, target.user, { by: "request", request: request.index, at: request.now })
  return Reply.success({ host_user: toWire(target.user, idType) })
}
