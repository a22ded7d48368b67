import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Config } from "../Config.ts"
import type { Controls } from "../controls.ts"
import { ConnectionFaultRule, EventFaultRule } from "../EventFault.ts"
import { Endpoint, FaultRule } from "../Fault.ts"
import type { Feed } from "../Feed.ts"
import { durationInput, optional } from "../field.ts"
import { Meeting, MeetingOptions } from "../Meeting.ts"
import { PushRecord } from "../Push.ts"
import { PushedEvent } from "../PushedEvent.ts"
import { type Reason, Refusal } from "../Refusal.ts"
import { RequestRecord } from "../RequestLog.ts"
import { Rival } from "../Rival.ts"
import { UserInput } from "../User.ts"
import type { VirtualClock } from "../VirtualClock.ts"
import { Write } from "../World.ts"
import { make, Nothing, type Route } from "./Route.ts"

/** What the control interface controls. */
export interface Control {
  readonly clock: VirtualClock
  readonly controls: Controls
  readonly feed: Feed
  /** Starts anew: from a config, or from the options of the layer. */
  readonly restart: (config?: Config) => Effect.Effect<void>
}

const Millis = Schema.Finite.annotateKey({ description: "In milliseconds since 1970." })

const Health = Schema.Struct({
  status: Schema.Literal("ok"),
  now: Millis,
  watchers: Schema.Natural.annotateKey({ description: "How many read the stream." })
}).annotate({ identifier: "Health" })

const count = (description: string) =>
  Schema.String.annotate({ description }).check(Schema.isPattern(/^\d{1,9}$/u, { expected: "a whole number" })).pipe(
    Schema.decodeTo(Schema.FiniteFromString)
  )

const changes: ReadonlyArray<Reason> = ["MeetingNotFound", "ChangeRefused"]

const User = Schema.Struct({ user: UserInput })

const Time = Schema.Struct({
  now: Millis,
  ahead: Schema.Finite.annotateKey({ description: "How far it is ahead of real time, in milliseconds." })
}).annotate({
  identifier: "Clock",
  description: "The clock of the simulator: real time, plus what it was advanced by."
})

const latest = 8_640_000_000_000_000

const time = ({ clock, feed }: Control): ReadonlyArray<Route> => {
  const read = Effect.map(Clock.currentTimeMillis, (now) => ({ now, ahead: clock.ahead() }))
  return [
    make({
      name: "readClock",
      method: "GET",
      path: "/clock",
      summary: "The time of the simulator.",
      input: Nothing,
      reply: Time,
      handle: () => read
    }),
    make({
      name: "advanceClock",
      method: "POST",
      path: "/clock",
      summary:
        "Advances the time, and answers when all that was due has happened, each at its own time: tokens expire, " +
        "scheduled changes come, delayed replies and redeliveries of events are sent. A client that disconnects stops it. " +
        "A reset sets it back to real time.",
      input: Schema.Struct({ advance: durationInput("By how much.") }),
      reply: Time,
      handle: ({ advance }) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const millis = Duration.toMillis(Duration.fromInputUnsafe(advance))
          return now + millis > latest
            ? Effect.fail(new Refusal({ reason: "BadInput", path: "advance", message: "No clock goes that far" }))
            : Effect.interruptible(clock.advance(millis)).pipe(
              Effect.ensuring(Effect.sync(() => feed.publish(() => ({ _tag: "Clock", ahead: clock.ahead() })))),
              Effect.andThen(read)
            )
        })
    })
  ]
}

const general = ({ clock, controls, feed, restart }: Control): ReadonlyArray<Route> => {
  const health = Effect.map(Clock.currentTimeMillis, (now) => ({
    status: "ok" as const,
    now,
    watchers: feed.watchers()
  }))
  return [
    make({
      name: "health",
      method: "GET",
      path: "/health",
      summary: "Whether the simulator is up.",
      input: Nothing,
      reply: Health,
      handle: () => health
    }),
    make({
      name: "reset",
      method: "POST",
      path: "/reset",
      summary:
        "Back to the initial state, tokens and logs included. With a config in the body: to the state of that. " +
        "Requests that are still being executed are abandoned, and long connections break off.",
      input: Config,
      optional: true,
      reply: Health,
      handle: (config) =>
        restart(Object.keys(config).length === 0 ? undefined : config).pipe(
          Effect.andThen(controls.meetings),
          Effect.map((meetings) => feed.publish(() => ({ _tag: "State", ahead: clock.ahead(), meetings }))),
          Effect.andThen(health)
        )
    }),
    make({
      name: "userToken",
      method: "POST",
      path: "/user-token",
      summary: "A new user access token.",
      input: Schema.Struct({
        user: UserInput,
        expiresIn: optional(durationInput("How long it is valid. Default: two hours."))
      }),
      reply: Schema.Struct({ token: Schema.String, expiresAt: Millis }),
      handle: ({ expiresIn = Duration.hours(2), user }) =>
        Effect.zipWith(controls.userToken(user, { expiresIn }), Clock.currentTimeMillis, (token, now) => ({
          token: Redacted.value(token),
          expiresAt: now + Duration.toMillis(expiresIn)
        }))
    }),
    make({
      name: "rejectTokens",
      method: "POST",
      path: "/reject-tokens",
      summary: "Revokes all tenant tokens issued so far, or those of one tenant.",
      input: Schema.Struct({ tenant: optional(Schema.NonEmptyString, "The key of the tenant.") }),
      optional: true,
      reply: Nothing,
      handle: ({ tenant }) =>
        Effect.as(tenant === undefined ? controls.rejectTokens : controls.rejectTokensOf(tenant), {})
    })
  ]
}

const meetings = ({ controls }: Control): ReadonlyArray<Route> => {
  /** The meeting after a change. */
  const changed = (id: string, change: Effect.Effect<void, Refusal>) => Effect.andThen(change, controls.meeting(id))

  const action = <In>(
    name: string,
    summary: string,
    input: Schema.Codec<In, unknown>,
    change: (id: string, input: In) => Effect.Effect<void, Refusal>
  ): Route =>
    make({
      name: `${name}Meeting`,
      method: "POST",
      path: `/meetings/{id}/${name}`,
      summary,
      input,
      optional: input.ast === Nothing.ast,
      reply: Meeting,
      refusals: changes,
      handle: (given, id) => changed(id, change(id, given))
    })

  return [
    make({
      name: "listMeetings",
      method: "GET",
      path: "/meetings",
      summary: "Every meeting, in the order in which they were added.",
      input: Nothing,
      reply: Schema.Struct({ meetings: Schema.Array(Meeting) }),
      handle: () => Effect.map(controls.meetings, (meetings) => ({ meetings }))
    }),
    make({
      name: "createMeeting",
      method: "POST",
      path: "/meetings",
      summary:
        "Adds a meeting, in progress unless it has another status. A meeting in progress pushes the events of its start.",
      input: MeetingOptions,
      reply: Meeting,
      status: 201,
      refusals: ["MeetingExists", "ReserveNotFound"],
      handle: (options) => changed(options.id, controls.startMeeting(options))
    }),
    make({
      name: "readMeeting",
      method: "GET",
      path: "/meetings/{id}",
      summary: "A meeting.",
      input: Nothing,
      reply: Meeting,
      refusals: ["MeetingNotFound"],
      handle: (_, id) => controls.meeting(id)
    }),
    action("start", "A meeting that is calling starts.", Nothing, controls.beginMeeting),
    action("end", "The meeting ends.", Nothing, controls.endMeeting),
    action(
      "join",
      "A user joins, or answers the call of an invitation.",
      User,
      (id, { user }) => controls.joinMeeting(id, user)
    ),
    action(
      "leave",
      "A user leaves, or declines a call. A host who leaves stays its host. Nothing happens if the user is not there.",
      User,
      (id, { user }) => controls.leaveMeeting(id, user)
    ),
    action("kickout", "A user is removed. The host cannot be.", User, (id, { user }) => controls.kickout(id, user)),
    action(
      "host",
      "Makes a user the host, as a person in the meeting would. The user joins if necessary.",
      User,
      (id, { user }) => controls.moveHost(id, user)
    ),
    action(
      "lock",
      "Locks the meeting, or unlocks it.",
      Schema.Struct({ locked: Schema.Boolean }),
      (id, { locked }) => controls.lock(id, locked)
    ),
    action(
      "record",
      "Starts or stops the recording.",
      Schema.Struct({ running: Schema.Boolean }),
      (id, { running }) => controls.record(id, running)
    ),
    action(
      "share",
      "A user starts or stops sharing a screen.",
      Schema.Struct({ user: UserInput, running: Schema.Boolean }),
      (id, { running, user }) => controls.share(id, user, running)
    )
  ]
}

const Added = Schema.Struct({ added: Schema.Natural })

const faults = ({ controls }: Control): ReadonlyArray<Route> => [
  make({
    name: "addFaults",
    method: "POST",
    path: "/faults",
    summary: "Adds failures of requests, of attempts to push events, and of attempts to open long connections. " +
      "Each counts from now: nth 0 is the next one.",
    input: Schema.Struct({
      faults: optional(
        Schema.Array(Schema.Struct({
          ...FaultRule.fields,
          endpoint: Schema.Union([Endpoint, Schema.String]).annotateKey({
            description: "The name of an endpoint: one of the simulator's, or one that was added in code."
          })
        }))
      ),
      eventFaults: optional(Schema.Array(EventFaultRule)),
      connectionFaults: optional(Schema.Array(ConnectionFaultRule))
    }),
    reply: Added,
    handle: ({ connectionFaults = [], eventFaults = [], faults = [] }) =>
      controls.addFaults(faults).pipe(
        Effect.andThen(controls.addEventFaults(eventFaults)),
        Effect.andThen(controls.addConnectionFaults(connectionFaults)),
        Effect.as({ added: faults.length + eventFaults.length + connectionFaults.length })
      )
  }),
  make({
    name: "addRivals",
    method: "POST",
    path: "/rivals",
    summary: "Adds people who move the host. Each counts from now: nth 0 is the next swap.",
    input: Schema.Struct({ rivals: Schema.Array(Rival) }),
    reply: Added,
    refusals: ["MeetingNotFound"],
    handle: ({ rivals }) => Effect.as(controls.addRivals(rivals), { added: rivals.length })
  })
]

const Forgotten = Schema.Natural.annotateKey({
  description: "How many older ones were forgotten, because there were more than logLength."
})

const logs = ({ controls }: Control): ReadonlyArray<Route> => [
  make({
    name: "listRequests",
    method: "GET",
    path: "/requests",
    summary: "Requests to the platform, in order of arrival.",
    input: Schema.Struct({
      after: optional(count("Those with an index above this one.")),
      endpoint: optional(Schema.String, "Those to this endpoint."),
      limit: optional(count("At most so many. Default: all."))
    }),
    reply: Schema.Struct({ requests: Schema.Array(RequestRecord), forgotten: Forgotten }),
    handle: ({ after = -1, endpoint, limit }) =>
      Effect.zipWith(controls.requests, controls.forgotten, (requests, forgotten) => ({
        requests: requests
          .filter((request) => request.index > after && (endpoint === undefined || request.endpoint === endpoint))
          .slice(0, limit),
        forgotten: forgotten.requests
      }))
  }),
  make({
    name: "listWrites",
    method: "GET",
    path: "/writes",
    summary: "Changes of hosts, in order.",
    input: Nothing,
    reply: Schema.Struct({ writes: Schema.Array(Write), forgotten: Forgotten }),
    handle: () =>
      Effect.zipWith(
        controls.writes,
        controls.forgotten,
        (writes, forgotten) => ({ writes, forgotten: forgotten.writes })
      )
  }),
  make({
    name: "listEvents",
    method: "GET",
    path: "/events",
    summary: "Events that were pushed, in order.",
    input: Nothing,
    reply: Schema.Struct({ events: Schema.Array(PushRecord), forgotten: Forgotten }),
    handle: () =>
      Effect.zipWith(
        controls.pushes,
        controls.forgotten,
        (events, forgotten) => ({ events, forgotten: forgotten.events })
      )
  }),
  make({
    name: "pushEvent",
    method: "POST",
    path: "/events",
    summary: "Pushes an event: to the webhook, and by long connection if the app has ever asked for one. " +
      "Answers after the first attempt.",
    input: PushedEvent,
    reply: Nothing,
    handle: (event) => Effect.as(controls.pushEvent(event), {})
  })
]

export const routes = (control: Control): ReadonlyArray<Route> => [
  ...general(control),
  ...time(control),
  ...meetings(control),
  ...faults(control),
  ...logs(control)
]
