import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { between, Millis, tagged } from "./bounded.ts"
import type { Controls } from "./controls.ts"
import type { Refusal } from "./Refusal.ts"
import { UserInput } from "./User.ts"
import type { World } from "./World.ts"

const when = {
  millis: Millis,
  everyMillis: Schema.optionalKey(
    between(1_000, 3_600_000).annotate({ description: "Again and again after so many milliseconds." })
  )
}
const inMeeting = { ...when, meetingId: Schema.optionalKey(Schema.String) }

const scheduledChange = tagged({
  identifier: "ScheduledChange",
  description: "A change of a meeting by the clock."
}, {
  Start: {
    ...when,
    meetingId: Schema.String,
    host: Schema.optionalKey(UserInput),
    participants: Schema.optionalKey(Schema.Array(UserInput)),
    meetingNo: Schema.optionalKey(Schema.String),
    apiReserved: Schema.optionalKey(Schema.Boolean),
    reserveId: Schema.optionalKey(Schema.String)
  },
  End: inMeeting,
  Join: { ...inMeeting, user: UserInput },
  Leave: { ...inMeeting, user: UserInput },
  Kickout: { ...inMeeting, user: UserInput },
  Record: { ...inMeeting, running: Schema.Boolean },
  Share: { ...inMeeting, user: UserInput, running: Schema.Boolean },
  Lock: { ...inMeeting, locked: Schema.Boolean },
  Reserve: {
    ...when,
    reserveId: Schema.String,
    owner: UserInput,
    meetingNo: Schema.optionalKey(Schema.String),
    topic: Schema.optionalKey(Schema.String),
    autoRecord: Schema.optionalKey(Schema.Boolean)
  },
  Push: { ...when, type: Schema.String, event: Schema.JsonObject }
})

/**
 * A change of a meeting by the clock.
 *
 * @stability stable
 * @category models
 */
export type ScheduledChange = Schema.Schema.Type<typeof scheduledChange>

/**
 * A change of a meeting by the clock.
 *
 * **Details**
 *
 * It happens `millis` milliseconds after the start of the simulator, by the `Clock`, and then again every `everyMillis`, if
 * that is given. It has the effects of the method of the `Simulator` service: events are pushed.
 *
 * - `Start`, `End`: the meeting starts, of a reservation if `reserveId` names one, and ends.
 * - `Join`, `Leave`, `Kickout`: the user joins, leaves or is removed.
 * - `Record`: the recording starts or stops.
 * - `Share`: the user starts or stops sharing a screen.
 * - `Lock`: the meeting is locked or unlocked.
 * - `Reserve`: a reservation is made, for the `reserveId` of a later `Start`.
 * - `Push`: an event of any type is pushed, such as one of a room.
 *
 * The meeting is the first one, unless `meetingId` names another. A `Rival` moves the host by the clock.
 *
 * **Gotchas**
 *
 * A change that the method refuses does nothing: in a meeting that does not exist or has ended, of a reservation that does not
 * exist, the start of a meeting that exists, or somebody's joining a locked one. Building the layer dies if `meetingId` is
 * neither a meeting of the options nor one that a `Start` starts.
 *
 * @stability stable
 * @category schemas
 */
export const ScheduledChange: Schema.Codec<ScheduledChange, unknown> = scheduledChange

/** The id of its meeting; `undefined` if it is a change of none. */
const meetingOf = (change: ScheduledChange, first: string): string | undefined =>
  change._tag === "Reserve" || change._tag === "Push" ? undefined : change.meetingId ?? first

const apply = (change: ScheduledChange, meetingId: string, controls: Controls): Effect.Effect<unknown, Refusal> => {
  switch (change._tag) {
    case "Start":
      return controls.startMeeting({ ...change, id: meetingId })
    case "End":
      return controls.endMeeting(meetingId)
    case "Join":
      return controls.joinMeeting(meetingId, change.user)
    case "Leave":
      return controls.leaveMeeting(meetingId, change.user)
    case "Kickout":
      return controls.kickout(meetingId, change.user)
    case "Share":
      return controls.share(meetingId, change.user, change.running)
    case "Record":
      return controls.record(meetingId, change.running)
    case "Lock":
      return controls.lock(meetingId, change.locked)
    case "Reserve":
      return controls.reserve({ ...change, id: change.reserveId })
    case "Push":
      return controls.pushEvent(change)
  }
}

/** Starts the clocks of all changes. */
export const run = (
  schedule: ReadonlyArray<ScheduledChange>,
  { meetings }: Pick<World, "meetings">,
  controls: Controls,
  inBackground: (effect: Effect.Effect<void>) => Effect.Effect<void>
): Effect.Effect<void> => {
  const [first = ""] = meetings.keys()
  const started = schedule.map((change) => change._tag === "Start" ? change.meetingId : undefined)
  const known = new Set([...meetings.keys(), ...started])
  return Effect.forEach(schedule, (change) => {
    const { everyMillis, millis } = change
    const meetingId = meetingOf(change, first)
    if (meetingId !== undefined && !known.has(meetingId)) {
      return Effect.die(new Error(`The schedule of the simulator has no meeting ${meetingId || "at all"}`))
    }
    // In the background, because it waits until the event is taken.
    const once = inBackground(Effect.ignore(apply(change, meetingId ?? first, controls)))
    const again = everyMillis === undefined ? Effect.void : Effect.forever(Effect.delay(once, everyMillis))
    return inBackground(Effect.andThen(Effect.delay(once, millis), again))
  }, { discard: true })
}
