import type * as Redacted from "effect/Redacted"
import type { Behavior } from "./Behavior.ts"
import * as Meeting from "./Meeting.ts"
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

export interface App {
  readonly id: string
  readonly secret: Redacted.Redacted
  readonly tokenLifetimeMillis: number
  readonly stopped: boolean
}

/**
 * All that the server remembers. Only synchronous code touches it, so every change is atomic.
 */
export interface World {
  readonly app: App
  readonly behavior: Behavior
  readonly directory: Directory
  readonly tokens: Tokens.Tokens
  readonly meetings: Map<string, Meeting.Meeting>
  readonly writes: Array<Write>
}

export const make = (
  app: App,
  behavior: Behavior,
  meetings: ReadonlyArray<Meeting.MeetingOptions>,
  now: number
): World => {
  const directory = makeDirectory()
  return {
    app,
    behavior,
    directory,
    tokens: Tokens.make(),
    meetings: new Map(meetings.map((options) => [options.id, Meeting.make(options, directory, now)])),
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
