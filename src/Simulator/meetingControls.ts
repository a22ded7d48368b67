import * as Effect from "effect/Effect"
import { homeTenant } from "./App.ts"
import * as Meetings from "./Meeting.ts"
import {
  endEvents,
  joinEvents,
  leaveEvents,
  pushWhenReady,
  recordEvents,
  shareEvents,
  startEvents
} from "./meetingEvent.ts"
import { namesIn } from "./names.ts"
import type { PushedEvent } from "./PushedEvent.ts"
import { Refusal } from "./Refusal.ts"
import * as Reserve from "./Reserve.ts"
import type { Act, Run } from "./Run.ts"
import { same, type User, type UserInput } from "./User.ts"
import * as World from "./World.ts"

type Next = (meeting: Meetings.Meeting, now: number) => Meetings.Meeting | string

const absent = ({ openId }: User): string => `lacks a person: ${openId} is not in the meeting`

/** A change that is documented for meetings in progress only. */
const inProgress = (next: Next): Next => (found, now) =>
  found.status === "in_progress" ? next(found, now) : "is not in progress"

/** A meeting; without an id the first one. */
export const find = (
  { world: { meetings } }: Pick<Run, "world">,
  meetingId?: string
): Effect.Effect<Meetings.Meeting, Refusal> => {
  const meeting = meetingId === undefined ? meetings.values().next().value : meetings.get(meetingId)
  if (meeting !== undefined) return Effect.succeed(meeting)
  const known = [...meetings.keys()]
  const message = `The simulator has no meeting ${meetingId ?? "at all"}`
  return Effect.fail(
    new Refusal({
      reason: "MeetingNotFound",
      path: "meetingId",
      known,
      message: known.length === 0 || meetingId === undefined ? message : `${message}; it has ${namesIn(known)}`
    })
  )
}

const refused = (meetingId: string, why: string) =>
  Effect.fail(new Refusal({ reason: "ChangeRefused", message: `The meeting ${meetingId} ${why}` }))

/** The members of the `Simulator` service that change meetings. */
export const make = (act: Act) => {
  /** Changes a meeting that has not ended, and pushes the events of it. `next` returns why it refuses, if it does. */
  const change = (
    meetingId: string,
    of: (run: Run) => {
      readonly next: Next
      readonly events?: (before: Meetings.Meeting, after: Meetings.Meeting) => ReadonlyArray<PushedEvent>
    }
  ): Effect.Effect<void, Refusal> =>
    act((run, now) =>
      Effect.flatMap(find(run, meetingId), (before) => {
        const { events = () => [], next } = of(run)
        const after = before.status === "ended" ? "has ended" : next(before, now)
        if (typeof after === "string") return refused(meetingId, after)
        run.world.meetings.set(before.id, after)
        return Effect.andThen(
          run.pushes.events(events(before, after)),
          after.status === "ended" ? pushWhenReady(run.world, after) : Effect.void
        )
      })
    )

  return {
    startMeeting: (options: Meetings.MeetingOptions): Effect.Effect<void, Refusal> =>
      act(({ pushes, world }, now) => {
        if (world.meetings.has(options.id)) {
          const message = `The simulator has a meeting ${options.id} already`
          return Effect.fail(new Refusal({ reason: "MeetingExists", path: "id", message }))
        }
        if (options.reserveId !== undefined && !world.reserves.has(options.reserveId)) {
          return Effect.fail(
            new Refusal({
              reason: "ReserveNotFound",
              path: "reserveId",
              message: `The simulator has no reservation ${options.reserveId}`,
              known: [...world.reserves.keys()]
            })
          )
        }
        const started = Meetings.make(Reserve.inMeeting(options, world), world.directory, homeTenant(world.app), now)
        world.meetings.set(started.id, started)
        return started.status === "in_progress" ? pushes.events(startEvents(world, started)) : Effect.void
      }),
    /** A meeting that is calling is in progress from now on. */
    beginMeeting: (meetingId: string) =>
      change(meetingId, ({ world }) => ({
        next: (found, now) => found.status === "calling" ? Meetings.begun(found, now) : "is in progress already",
        events: (_, after) => startEvents(world, after)
      })),
    joinMeeting: (meetingId: string, user: UserInput) =>
      change(meetingId, ({ world }) => {
        const joiner = world.directory.resolve(user)
        return {
          next: (found, now) =>
            Meetings.isOpenTo(found, joiner) ? Meetings.withParticipant(found, joiner, now) : "is locked (122008)",
          events: (_, after) => joinEvents(world, after, joiner)
        }
      }),
    leaveMeeting: (meetingId: string, user: UserInput) =>
      change(meetingId, ({ world }) => {
        const leaver = world.directory.resolve(user)
        return {
          next: (found, now) => Meetings.withoutParticipant(found, leaver, now),
          // A user who was invited and has not answered was not in the meeting.
          events: (before, after) => Meetings.isIn(before, leaver) ? leaveEvents(before, after, leaver, "left") : []
        }
      }),
    kickout: (meetingId: string, user: UserInput) =>
      change(meetingId, ({ world }) => {
        const removed = world.directory.resolve(user)
        return {
          next: inProgress((found, now) =>
            same(found.host, removed)
              ? `cannot lose ${removed.openId}, because ${removed.openId} is the host`
              : Meetings.isIn(found, removed)
              ? Meetings.withoutParticipant(found, removed, now)
              : absent(removed)
          ),
          events: (before, after) => leaveEvents(before, after, removed, "kickedOut")
        }
      }),
    endMeeting: (meetingId: string) =>
      change(meetingId, ({ world }) => ({
        next: Meetings.ended,
        events: (before, after) => endEvents(world, before, after, after.host)
      })),
    record: (meetingId: string, running: boolean) =>
      change(meetingId, () => ({
        next: inProgress((found, now) =>
          Meetings.isRecorded(found) === running
            ? running ? "is recorded already" : "is not recorded"
            : Meetings.withRecording(found, running, now)
        ),
        events: (_, after) => recordEvents(after, after.host, running)
      })),
    share: (meetingId: string, user: UserInput, running: boolean) =>
      change(meetingId, ({ world }) => {
        const sharer = world.directory.resolve(user)
        return {
          next: inProgress((found) => {
            if (!running) {
              return same(found.sharedBy, sharer)
                ? { ...found, sharedBy: undefined }
                : `has another screen or none: ${sharer.openId} does not share one`
            }
            if (found.sharedBy !== undefined) return `has a screen already: ${found.sharedBy.openId} shares one`
            return Meetings.isIn(found, sharer) ? { ...found, sharedBy: sharer } : absent(sharer)
          }),
          events: (_, after) => shareEvents(after, sharer, running)
        }
      }),
    lock: (meetingId: string, locked: boolean) =>
      change(meetingId, () => ({ next: (found) => ({ ...found, locked }) })),
    moveHost: (meetingId: string, user: UserInput): Effect.Effect<void, Refusal> =>
      act((run, at) =>
        Effect.flatMap(find(run, meetingId), (meeting) => {
          if (meeting.status === "ended") return refused(meetingId, "has ended")
          const host = run.world.directory.resolve(user)
          return Effect.sync(() => World.moveHost(run.world, meeting, host, { by: "control", request: undefined, at }))
        })
      )
  }
}
