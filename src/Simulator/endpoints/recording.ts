import * as Effect from "effect/Effect"
import { type ArrivedRequest, idTypeOf, objectsIn } from "../ArrivedRequest.ts"
import * as Meeting from "../Meeting.ts"
import { fileOf, recordEvents } from "../meetingEvent.ts"
import * as Reply from "../Reply.ts"
import { same, type User } from "../User.ts"
import * as World from "../World.ts"
import { hostedMeeting } from "./hostedMeeting.ts"

type AsUser = ArrivedRequest<"user", "meeting_id">

/** `PATCH /vc/v1/meetings/:meeting_id/recording/start`. The body, and the time zone in it, may be left out. */
export const start = (request: AsUser, world: World.World): Reply.Reply | Effect.Effect<Reply.Reply> => {
  const timezone = request.json?.["timezone"] ?? 0
  if (!Number.isInteger(timezone) || Math.abs(Number(timezone)) > 12) return Reply.failure(121003)
  const meeting = hostedMeeting(request, world)
  if (Reply.is(meeting)) return meeting
  if (Meeting.isRecorded(meeting)) return Reply.failure(122001)
  world.meetings.set(meeting.id, Meeting.withRecording(meeting, true, request.now))
  return Effect.as(world.push(recordEvents(meeting, request.operator.user, true)), Reply.success({}))
}

/** `PATCH /vc/v1/meetings/:meeting_id/recording/stop`. It takes no body, so a body is ignored. */
export const stop = (request: AsUser, world: World.World): Reply.Reply | Effect.Effect<Reply.Reply> => {
  const meeting = hostedMeeting(request, world)
  if (Reply.is(meeting)) return meeting
  if (!Meeting.isRecorded(meeting)) return Reply.failure(122001)
  world.meetings.set(meeting.id, Meeting.withRecording(meeting, false, request.now))
  return Effect.as(world.push(recordEvents(meeting, request.operator.user, false)), Reply.success({}))
}

/** The recording, once it is ready. */
const readyIn = (meeting: Meeting.Meeting, world: World.World, now: number): Meeting.Recording | undefined =>
  meeting.endedAt !== undefined && now >= meeting.endedAt + world.behavior.recordingReadyAfter * 1000
    ? meeting.recording
    : undefined

/** `GET /vc/v1/meetings/:meeting_id/recording`. */
export const get = (request: ArrivedRequest<"either", "meeting_id">, world: World.World): Reply.Reply => {
  const { now, operator, params } = request
  const meeting = World.meetingFor(world, operator, params.meeting_id)
  if (meeting === undefined) return Reply.failure(122002)
  if (meeting === "foreign") return Reply.failure(121005)
  if (operator._tag === "User" && !same(meeting.owner, operator.user)) return Reply.failure(121005)
  if (meeting.recording === undefined && meeting.endedAt !== undefined) {
    switch (world.behavior.neverRecorded) {
      case "dataNotExist":
        return Reply.failure(121004)
      case "recordProcessing":
        return Reply.failure(124002)
      case "noRecording":
        return Reply.success({})
    }
  }
  const recording = readyIn(meeting, world, now)
  if (recording === undefined) return Reply.failure(124002)
  return Reply.success({ recording: fileOf(meeting, recording) })
}

const viewerTypes = new Map<unknown, string>([[1, "user"], [2, "chat"], [3, "tenant"], [4, "public"]])

/** Who is meant, by open id; `undefined` if nobody can be. */
const viewerOf = (
  { id, permission, type }: Readonly<Record<string, unknown>>,
  find: (id: string) => User | undefined
): string | undefined => {
  const kind = viewerTypes.get(type)
  if (permission !== 1 || kind === undefined) return undefined
  if (kind === "tenant" || kind === "public") return kind
  if (typeof id !== "string" || id === "") return undefined
  if (kind === "chat") return `chat ${id}`
  const user = find(id)
  return user && `user ${user.openId}`
}

/** `PATCH /vc/v1/meetings/:meeting_id/recording/set_permission`. */
export const setPermission = (request: AsUser, world: World.World): Reply.Reply => {
  const { json, now, operator, params } = request
  const idType = idTypeOf(request, world.behavior.userIdScope)
  if (Reply.is(idType)) return idType
  const action = json?.["action_type"] ?? 0
  const objects = objectsIn(json, "permission_objects") ?? []
  const named = objects.map((object) => viewerOf(object, (id) => world.directory.find(id, idType)))
  const viewers = named.filter((viewer) => viewer !== undefined)
  if ((action !== 0 && action !== 1) || objects.length === 0 || viewers.length < objects.length) {
    return Reply.failure(121003)
  }

  const meeting = world.meetings.get(params.meeting_id)
  if (meeting === undefined) return Reply.failure(122002)
  if (!same(meeting.owner, operator.user)) return Reply.failure(121005)
  const recording = readyIn(meeting, world, now)
  if (recording === undefined) return Reply.failure(121004)
  const others = recording.viewers.filter((viewer) => !viewers.includes(viewer))
  world.meetings.set(meeting.id, {
    ...meeting,
    recording: { ...recording, viewers: action === 0 ? [...others, ...viewers] : others }
  })
  return Reply.success({})
}
