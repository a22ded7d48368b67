import * as Redacted from "effect/Redacted"
import * as App from "./App.ts"
import type { Behavior } from "./Behavior.ts"
import * as Meeting from "./Meeting.ts"
import * as Sessions from "./Sessions.ts"
import { makeTickets, type Tickets } from "./Tickets.ts"
import * as Tokens from "./Tokens.ts"
import { type Directory, makeDirectory, type User } from "./User.ts"

/**
 * A host change that happened.
 *
 * **Details**
 *
 * A swap from a host to himself is one too: the server applied it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Write {
  readonly meetingId: string
  readonly before: User | undefined
  readonly after: User
  readonly by: "request" | "rival" | "control"
  /** The index of the request that did it. */
  readonly request: number | undefined
  readonly at: number
}

/**
 * All that the server remembers. Only synchronous code touches it, so every change is atomic.
 */
export interface World {
  /** The app that was asked for; `apps` has the others too. */
  readonly app: App.App
  readonly apps: ReadonlyMap<string, App.App>
  readonly behavior: Behavior
  readonly directory: Directory
  readonly tokens: Tokens.Tokens
  readonly tickets: Tickets
  readonly sessions: Sessions.Sessions
  readonly meetings: Map<string, Meeting.Meeting>
  readonly writes: Array<Write>
}

export const make = (
  main: App.AppOptions,
  others: ReadonlyArray<App.AppOptions>,
  behavior: Behavior,
  meetings: ReadonlyArray<Meeting.MeetingOptions>,
  now: number
): World => {
  const app = App.make(main)
  const home = App.homeTenant(app)
  const directory = makeDirectory(home)
  const tickets = makeTickets()
  for (const { appId, ticket } of [main, ...others]) {
    if (ticket !== undefined) tickets.add(appId, Redacted.value(App.redacted(ticket)))
  }
  return {
    app,
    apps: new Map([...others.map(App.make), app].map((known) => [known.id, known])),
    behavior,
    directory,
    tokens: Tokens.make(),
    tickets,
    sessions: Sessions.make(),
    meetings: new Map(meetings.map((options) => [options.id, Meeting.make(options, directory, home, now)])),
    writes: []
  }
}

export const moveHost = (
  world: World,
  meeting: Meeting.Meeting,
  after: User,
  cause: Pick<Write, "by" | "request" | "at">
): void => {
  world.writes.push({ meetingId: meeting.id, before: meeting.host, after, ...cause })
  world.meetings.set(meeting.id, Meeting.withHost(meeting, after, cause.at))
}

/**
 * The meeting that an operator sees under an id. What an app sees of another tenant's is `undefined`, or `"foreign"`.
 */
export const meetingFor = (
  world: World,
  operator: Tokens.Operator,
  id: string
): Meeting.Meeting | "foreign" | undefined => {
  const meeting = world.meetings.get(id)
  if (meeting === undefined || operator._tag === "User" || operator.tenant === meeting.tenant) return meeting
  return world.behavior.meetingOfOtherTenant === "noPermission" ? "foreign" : undefined
}
