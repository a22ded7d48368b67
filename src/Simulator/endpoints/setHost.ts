import { type ArrivedRequest, idTypeOf, isRecord } from "../ArrivedRequest.ts"
import type { Behavior } from "../Behavior.ts"
import * as Meeting from "../Meeting.ts"
import * as Reply from "../Reply.ts"
import { idOf, type IdType, isUser, same, toWire, type User, wireUser } from "../User.ts"
import * as World from "../World.ts"

/** Whether the host is the one that a swap expects. */
type Matches = (host: User | undefined) => boolean

/** What `old_host_user` expects, or the refusal of it. */
const expectationOf = (old: unknown, idType: IdType, behavior: Behavior): Matches | Reply.Reply => {
  if (old === undefined || old === null) {
    return behavior.withoutOldHost === "paramError" ? Reply.failure(121003) : () => true
  }
  const byId = (id: unknown): Matches => (host) => host !== undefined && id !== "" && idOf(host, idType) === id
  const complete = wireUser(old)
  if (complete !== undefined) {
    return behavior.oldHostType === "ignored"
      ? byId(complete.id)
      : (host) => host !== undefined && isUser(host, complete, idType)
  }
  if (!isRecord(old) || typeof old["id"] !== "string" || old["user_type"] !== undefined) return Reply.failure(121003)
  switch (behavior.oldHostWithoutType) {
    case "paramError":
      return Reply.failure(121003)
    case "dataConflict":
      return () => false
    case "comparedById":
      return byId(old["id"])
    case "ignored":
      return () => true
  }
}

const conflict = (host: User | undefined, idType: IdType, behavior: Behavior): Reply.Reply => {
  const asked = behavior.conflictIdType === "asked" ? idType : behavior.conflictIdType
  const named = host === undefined ? {} : { host_user: toWire(host, asked) }
  return {
    ...Reply.failure(121006, behavior.conflictCarriesHost ? named : undefined),
    status: behavior.conflictStatus
  }
}

/** `PATCH /vc/v1/meetings/:meeting_id/set_host`. */
export const setHost = (request: ArrivedRequest<"either", "meeting_id">, world: World.World): Reply.Reply => {
  const { json, operator } = request
  const { behavior } = world
  const idType = idTypeOf(request, behavior.userIdScope)
  if (Reply.is(idType)) return idType

  const wanted = wireUser(json?.["host_user"])
  if (wanted === undefined) return Reply.failure(121003)
  const matches = expectationOf(json?.["old_host_user"], idType, behavior)
  if (Reply.is(matches)) return matches

  const meeting = World.meetingFor(world, operator, request.params.meeting_id)
  if (meeting === undefined) return Reply.failure(122002)
  if (meeting === "foreign") return Reply.failure(121005)
  if (meeting.status !== "in_progress") return Reply.failure(122001)

  const host = meeting.host
  const isStale = !matches(host)
  const targetIsHost = host !== undefined && isUser(host, wanted, idType)
  const onTarget = isStale ? behavior.staleSwapToHost : behavior.targetIsHost
  if (operator._tag === "User") {
    if (Meeting.participantOf(meeting, operator.user)?.status !== "in_meeting") return Reply.failure(122003)
    if (!same(host, operator.user)) {
      return isStale && behavior.formerHost === "dataConflict"
        ? conflict(host, idType, behavior)
        : Reply.failure(121005)
    }
    if (targetIsHost) return Reply.failure(122005)
  } else {
    if (meeting.owner !== undefined && !behavior.tenantTokenMayMoveAnyHost) return Reply.failure(121005)
    if (targetIsHost && onTarget === "cannotOperateSelf") return Reply.failure(122005)
  }

  const target = meeting.participants.find((participant) => isUser(participant.user, wanted, idType))
  if (target === undefined) return Reply.failure(122004)
  if (target.status !== "in_meeting") return Reply.failure(122009)

  const isAccepted = !isStale || (operator._tag === "App" && targetIsHost && onTarget === "success")
  if (!isAccepted) return conflict(host, idType, behavior)

  World.moveHost(world, meeting, target.user, { by: "request", request: request.index, at: request.now })
  return Reply.success({ host_user: toWire(target.user, idType) })
}
