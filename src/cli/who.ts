/** `effect-lark-meetings who`: who is in a meeting. */
import { displayWidth } from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Meeting from "../Meeting.ts"
import { UserType } from "../MeetingUser.ts"
import * as Flags from "./flags.ts"
import * as Meetings from "./meeting.ts"
import { note, present, within } from "./output.ts"
import * as People from "./person.ts"
import * as Platform from "./platform.ts"
import { plain } from "./text.ts"

interface Known {
  readonly participant: Meeting.Participant<"open_id">
  readonly person: People.Person
}

const { Calling, InMeeting, Left, Ringing } = Meeting.ParticipantStatus

/** In the order of the list; the platform may send others. */
const states = [
  { status: InMeeting, name: "inMeeting", word: "" },
  { status: Ringing, name: "ringing", word: "ringing" },
  { status: Calling, name: "calling", word: "being called" },
  { status: Left, name: "left", word: "left" }
]

const stateOf = ({ participant: { status } }: Known) =>
  states.find((state) => state.status === status) ?? { status, name: "other", word: `status ${status}` }

const kinds = [
  { userType: UserType.User, name: "user", word: "" },
  { userType: UserType.Room, name: "room", word: "room" },
  { userType: UserType.Pstn, name: "telephone", word: "telephone" },
  { userType: UserType.Sip, name: "sip", word: "SIP" }
]

const kindOf = ({ person: { user: { userType } } }: Known) =>
  kinds.find((kind) => kind.userType === userType) ?? { userType, name: "other", word: `type ${userType}` }

/** The host first, then those who are in the meeting. */
const order = Order.combine(
  Order.mapInput(Order.Boolean, ({ participant }: Known) => !participant.isHost),
  Order.mapInput(Order.Number, (known: Known) => states.findIndex(({ name }) => name === stateOf(known).name))
)

const time = (at: Option.Option<DateTime.Utc>) => Option.getOrNull(Option.map(at, DateTime.formatIso))

const wordsOf = (known: Known): string => {
  const { isCohost, isExternal, isHost } = known.participant
  return [
    isHost ? "host" : "",
    isCohost ? "co-host" : "",
    kindOf(known).word,
    isExternal ? "external" : "",
    stateOf(known).word
  ].filter((word) => word !== "").join(", ")
}

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = rows.reduce<ReadonlyArray<number>>(
    (widths, row) => row.map((cell, column) => Math.max(widths[column] ?? 0, displayWidth(cell))),
    []
  )
  return rows.map((row) =>
    row.map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - displayWidth(cell))).join("  ").trimEnd()
  )
}

/** Such as `3 in the meeting, 1 left`. */
const count = (known: ReadonlyArray<Known>) => {
  const numbers = states.flatMap(({ name, word }) => {
    const number = known.filter((each) => stateOf(each).name === name).length
    return number === 0 ? [] : [`${number} ${word === "" ? "in the meeting" : word}`]
  })
  return numbers.length === 0 ? "nobody is in the meeting" : numbers.join(", ")
}

const find = Effect.fnUntraced(function*(named: Meetings.Named) {
  const meeting = yield* Meetings.read(named, { withParticipants: true })
  const names = People.makeNames()
  const known = yield* Effect.forEach(
    meeting.participants,
    (participant) => Effect.map(names.of(participant.user), (person): Known => ({ participant, person })),
    { concurrency: 5 }
  )
  if (!names.isAllowed()) {
    yield* note("The app lacks a scope to read names: contact:contact.base:readonly and contact:user.base:readonly.")
  }
  const sorted = known.toSorted(order)
  const rows = sorted.map((each) => [
    `  ${plain(Option.getOrElse(each.person.name, () => "-"))}`,
    plain(each.person.user.id),
    wordsOf(each)
  ])
  const hasEnded = meeting.status === Meeting.Status.Ended
  return {
    text: [
      `${Meetings.title(meeting)}${hasEnded ? " has ended" : ""}: ${count(known)}`,
      ...table(rows)
    ],
    json: {
      meeting: Meetings.json(meeting),
      hasEnded,
      participants: sorted.map((each) => ({
        ...People.json(each.person),
        kind: kindOf(each).name,
        state: stateOf(each).name,
        isHost: each.participant.isHost,
        isCohost: each.participant.isCohost,
        isExternal: each.participant.isExternal,
        joinedAt: time(each.participant.firstJoinTime),
        leftAt: time(each.participant.finalLeaveTime)
      }))
    }
  }
})

export const who = Command.make(
  "who",
  { meeting: Meetings.argument, as: Flags.as, ...Flags.settings },
  (flags) =>
    present(
      "who",
      flags,
      () =>
        Effect.flatMap(
          Meetings.parse(flags.meeting),
          (named) => Platform.as(flags.as)(find(named)).pipe(within(flags), Effect.provide(Platform.layer(flags)))
        )
    )
).pipe(
  Command.withDescription("Lists who is in a meeting, with names if the app may read them."),
  Command.withExamples([
    { command: "effect-lark-meetings who 123456789", description: "by the number that people dial" },
    {
      command: "effect-lark-meetings who 123456789 --json --as user",
      description: "as the user who is logged in, for a program"
    }
  ])
)
