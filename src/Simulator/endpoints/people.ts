import * as Effect from "effect/Effect"
import { type Arrival, type ArrivedRequest, idTypeOf, objectsIn } from "../ArrivedRequest.ts"
import * as Meeting from "../Meeting.ts"
import { leaveEvents } from "../meetingEvent.ts"
import * as Person from "../Person.ts"
import * as Reply from "../Reply.ts"
import type { Operators } from "../Tokens.ts"
import { type IdType, same, type User, type WireUser, wireUser } from "../User.ts"
import * as World from "../World.ts"

const batchSize = 10

interface Batch {
  readonly idType: IdType
  readonly targets: ReadonlyArray<WireUser>
}

/** The people that a body names, or the refusal of it. */
const batchOf = (request: Arrival, world: World.World, field: string): Batch | Reply.Reply => {
  const idType = idTypeOf(request, world.behavior.userIdScope)
  if (Reply.is(idType)) return idType
  const listed = objectsIn(request.json, field)?.map(wireUser) ?? []
  const targets = listed.filter((target) => target !== undefined)
  return targets.length === listed.length && listed.length > 0 && listed.length <= batchSize
    ? { idType, targets }
    : Reply.failure(121003)
}

/** The meeting in progress that the operator may act in, or the refusal. */
const meetingOf = (
  world: World.World,
  operator: Operators["either"],
  id: string
): Meeting.Meeting | Reply.Reply => {
  const meeting = World.meetingFor(world, operator, id)
  if (meeting === undefined) return Reply.failure(122002)
  if (meeting === "foreign") return Reply.failure(121005)
  if (meeting.status !== "in_progress") return Reply.failure(122001)
  return operator._tag === "User" && Meeting.participantOf(meeting, operator.user)?.status !== "in_meeting"
    ? Reply.failure(122003)
    : meeting
}

const isOperator = (operator: Operators["either"], user: User | undefined): boolean =>
  operator._tag === "User" && same(user, operator.user)

const inOrder = <A>(results: ReadonlyArray<A>, world: World.World): ReadonlyArray<A> =>
  world.behavior.resultOrder === "asked" ? results : results.toReversed()

const statusIn = (meeting: Meeting.Meeting, user: User) => Meeting.participantOf(meeting, user)?.status ?? "left"

/** `PATCH /vc/v1/meetings/:meeting_id/invite`. Those whom it calls are ringing until they join. */
export const invite = (request: ArrivedRequest<"user", "meeting_id">, world: World.World): Reply.Reply => {
  const { now, operator } = request
  const batch = batchOf(request, world, "invitees")
  if (Reply.is(batch)) return batch
  const meeting = meetingOf(world, operator, request.params.meeting_id)
  if (Reply.is(meeting)) return meeting
  if (meeting.locked) return Reply.failure(122008)

  const users = batch.targets.map(({ id, user_type }) => world.directory.find(id, batch.idType, user_type))
  if (users.some((user) => isOperator(operator, user))) return Reply.failure(122005)
  const isBusy = (user: User) => Person.of(world.people, user).busy
  const callable = users.map((user) =>
    user !== undefined && user.tenant === meeting.tenant && !isBusy(user) ? user : undefined
  )
  if (world.behavior.busyInvitee === "calleeIsBusy" && users.some((user) => user !== undefined && isBusy(user))) {
    return Reply.failure(122007)
  }
  const called = callable.filter((user) => user !== undefined).filter((user) => statusIn(meeting, user) === "left")
  const present = meeting.participants.filter(({ status }) => status !== "left").length
  if (present + new Set(called).size > meeting.capacity) return Reply.failure(122006)

  world.meetings.set(
    meeting.id,
    called.reduce((before, user) => Meeting.withParticipant(before, user, now, "ringing"), meeting)
  )
  const results = batch.targets.map((target, index) => ({ ...target, status: callable[index] === undefined ? 2 : 1 }))
  return Reply.success({ invite_results: inOrder(results, world) })
}

/** `POST /vc/v1/meetings/:meeting_id/kickout`. Documented for apps; the official CLI calls it as host or co-host. */
export const kickout = (
  request: ArrivedRequest<"either", "meeting_id">,
  world: World.World
): Reply.Reply | Effect.Effect<Reply.Reply> => {
  const { now, operator } = request
  const batch = batchOf(request, world, "kickout_users")
  if (Reply.is(batch)) return batch
  const meeting = meetingOf(world, operator, request.params.meeting_id)
  if (Reply.is(meeting)) return meeting
  if (operator._tag === "User") {
    if (!same(meeting.host, operator.user) && Meeting.participantOf(meeting, operator.user)?.isCohost !== true) {
      return Reply.failure(121005)
    }
  }

  // One result for each distinct person.
  const targets = batch.targets.filter(({ id, user_type }, at) =>
    batch.targets.findIndex((other) => other.id === id && other.user_type === user_type) === at
  )
  const users = targets.map(({ id, user_type }) => world.directory.find(id, batch.idType, user_type))
  if (users.some((user) => isOperator(operator, user))) return Reply.failure(122005)
  if (users.some((user) => user !== undefined && same(meeting.host, user))) return Reply.failure(121005)
  const present = users.map((user) => user !== undefined && statusIn(meeting, user) !== "left" ? user : undefined)
  if (world.behavior.absentTarget === "targetNotInMeeting" && present.includes(undefined)) return Reply.failure(122004)

  const removed = present.filter((user) => user !== undefined)
  const after = removed.reduce((before, user) => Meeting.withoutParticipant(before, user, now), meeting)
  world.meetings.set(meeting.id, after)
  const results = targets.map((target, index) => ({
    ...target,
    id: world.behavior.resultIds === "number" && /^\d+$/.test(target.id) ? Number(target.id) : target.id,
    result: present[index] === undefined ? 2 : 1
  }))
  // A user who was invited and has not answered was not in the meeting.
  const events = removed.filter((user) => statusIn(meeting, user) === "in_meeting")
    .flatMap((user) => leaveEvents(meeting, after, user, "kickedOut"))
  return Effect.as(
    world.push(events),
    Reply.success({ kickout_results: inOrder(results, world) })
  )
}
