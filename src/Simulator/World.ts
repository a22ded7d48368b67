import type * as Digest from "effect/crypto/Digest"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as App from "./App.ts"
import * as Behavior from "./Behavior.ts"
import type { ConnectionFault } from "./EventFault.ts"
import { optional, reveal } from "./field.ts"
import type { LongConnections } from "./LongConnections.ts"
import * as Meeting from "./Meeting.ts"
import * as Person from "./Person.ts"
import type { PushedEvent } from "./PushedEvent.ts"
import * as Reserve from "./Reserve.ts"
import * as Ring from "./Ring.ts"
import * as Sessions from "./Sessions.ts"
import * as Subscriptions from "./Subscriptions.ts"
import { makeTickets, type Tickets } from "./Tickets.ts"
import * as Tokens from "./Tokens.ts"
import { type Directory, makeDirectory, User, UserInput } from "./User.ts"

export const WorldOptions = Schema.Struct({
  ...Behavior.BehaviorOptions.fields,
  app: optional(
    App.AppOptions,
    "The app. Default: \"cli_0123456789abcdef\" with the secret \"simulator-demo-secret\"."
  ),
  otherApps: optional(Schema.Array(App.AppOptions), "More apps, each with its own tokens."),
  meetings: optional(Schema.Array(Meeting.MeetingOptions), "The meetings. Default: none."),
  reserves: optional(Schema.Array(Reserve.ReserveOptions), "The reservations. Default: none."),
  people: optional(
    Schema.Array(Person.PersonOptions),
    "The people in the contacts. Users who are named elsewhere are in them, too, without an address."
  ),
  login: optional(
    Schema.Struct({ user: UserInput }),
    "The user who is logged in in every browser and consents to every login. Default: none."
  )
})

/**
 * The apps, the meetings and the behavior of a simulated Feishu.
 *
 * @stability stable
 * @category models
 */
export interface WorldOptions extends Schema.Struct.Type<typeof WorldOptions.fields> {}

const write = Schema.Struct({
  meetingId: Schema.String,
  before: Schema.UndefinedOr(User),
  after: User,
  by: Schema.Literals(["request", "rival", "control"]),
  request: Schema.UndefinedOr(Schema.Int).annotateKey({ description: "The index of the request that applied it." }),
  at: Schema.Finite.annotateKey({ description: "In milliseconds since 1970." })
}).annotate({
  identifier: "Write",
  description: "A change of the host that was applied. A swap from a host to the same host counts as one."
})

/**
 * A change of the host that was applied.
 *
 * **Details**
 *
 * A swap from a host to the same host counts as one. `request` is the index of the request that applied it; `undefined` for a
 * rival or a control.
 *
 * @stability stable
 * @category models
 */
export interface Write extends Schema.Schema.Type<typeof write> {}

export const Write: Schema.Codec<Write, unknown> = write

/** What happens here, as those who watch are told. */
type Change =
  | { readonly _tag: "Write"; readonly write: Write }
  | { readonly _tag: "Meeting"; readonly meeting: Meeting.Meeting }
  | {
    readonly _tag: "Fault"
    readonly fault: ConnectionFault
    readonly endpoint: string
    readonly request: number
    readonly event: undefined
  }

/**
 * The state of the platform, and the effects that its endpoints use. Only synchronous code changes the state, so every
 * change is atomic.
 */
export interface World extends Reserve.Reserves {
  /** The app of `options.app`. */
  readonly app: App.App
  /** Every app, by its id. */
  readonly apps: ReadonlyMap<string, App.App>
  readonly behavior: Behavior.Behavior
  readonly directory: Directory
  /** The user who is logged in in every browser. */
  readonly login: User | undefined
  readonly tokens: Tokens.Tokens
  readonly tickets: Tickets
  readonly sessions: Sessions.Sessions
  readonly people: ReadonlyArray<Person.Person>
  readonly subscriptions: Subscriptions.Subscriptions
  readonly meetings: Map<string, Meeting.Meeting>
  readonly writes: Ring.Ring<Write>
  readonly digest: Digest.Digest["Service"]
  readonly longConnections: LongConnections
  /** Tells those who watch. */
  readonly publish: (happening: () => Change) => void
  /** Pushes events in the background, now or later. */
  readonly push: (events: ReadonlyArray<PushedEvent>, after?: Duration.Duration) => Effect.Effect<void>
  /** Pushes a new ticket to the app in the background. */
  readonly resendTicket: (appId: string) => Effect.Effect<void>
}

/** Tells of every change from now on. */
const publishChanges = (meetings: World["meetings"], publish: World["publish"]): void => {
  const set = meetings.set.bind(meetings)
  meetings.set = (id, meeting) => {
    set(id, meeting)
    publish(() => ({ _tag: "Meeting", meeting }))
    return meetings
  }
}

export const make = (
  options: WorldOptions,
  now: number,
  logLength: number,
  effects: Pick<World, "digest" | "longConnections" | "publish" | "push" | "resendTicket">
): World => {
  const main: App.AppOptions = options.app ?? App.defaultApp
  const others = options.otherApps ?? []
  const app = App.make(main)
  const home = App.homeTenant(app)
  const directory = makeDirectory(home)
  const tickets = makeTickets(logLength)
  for (const { appId, ticket } of [main, ...others]) {
    if (ticket !== undefined) tickets.add(appId, reveal(ticket))
  }
  const people = (options.people ?? []).map((person) => Person.make(person, directory))
  const subscriptions = Subscriptions.make()
  for (const { subscribed, user } of options.people ?? []) {
    if (subscribed !== true) continue
    for (const name of Subscriptions.names) subscriptions.add(name, directory.resolve(user))
  }
  const world: World = {
    ...effects,
    app,
    apps: new Map([...others.map(App.make), app].map((known) => [known.id, known])),
    behavior: Behavior.fromOptions(options),
    directory,
    login: options.login === undefined ? undefined : directory.resolve(options.login.user),
    tokens: Tokens.make(logLength),
    tickets,
    sessions: Sessions.make(logLength),
    people,
    subscriptions,
    reserves: new Map(),
    reservesMade: 0,
    meetings: new Map(),
    writes: Ring.make(logLength)
  }
  for (const reserve of options.reserves ?? []) Reserve.add(world, Reserve.fromOptions(reserve, directory, now))
  for (const meeting of options.meetings ?? []) {
    world.meetings.set(meeting.id, Meeting.make(Reserve.inMeeting(meeting, world), directory, home, now))
  }
  publishChanges(world.meetings, effects.publish)
  return world
}

export const moveHost = (
  world: World,
  meeting: Meeting.Meeting,
  after: User,
  cause: Pick<Write, "by" | "request" | "at">
): void => {
  const write: Write = { meetingId: meeting.id, before: meeting.host, after, ...cause }
  world.writes.add(write)
  world.publish(() => ({ _tag: "Write", write }))
  world.meetings.set(meeting.id, Meeting.withHost(meeting, after, cause.at))
}

/** The meeting as the operator sees it. To an app a meeting of another tenant is `"foreign"` or does not exist. */
export const meetingFor = (
  world: World,
  operator: Tokens.Operators["either"],
  id: string
): Meeting.Meeting | "foreign" | undefined => {
  const meeting = world.meetings.get(id)
  if (meeting === undefined || operator._tag === "User" || operator.tenant === meeting.tenant) return meeting
  return world.behavior.meetingOfOtherTenant === "noPermission" ? "foreign" : undefined
}
