/** `effect-lark-meetings host`: who is host of a meeting. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Meeting from "../Meeting.ts"
import { MeetingEnded, NoHost } from "./errors.ts"
import * as Flags from "./flags.ts"
import * as Meetings from "./meeting.ts"
import { present, within } from "./output.ts"
import * as People from "./person.ts"
import * as Platform from "./platform.ts"

const find = Effect.fnUntraced(function*(named: Meetings.Named) {
  const meeting = yield* Meetings.read(named)
  const title = Meetings.title(meeting)
  if (meeting.status === Meeting.Status.Ended) return yield* new MeetingEnded({ meeting: title })
  const user = yield* Effect.fromOption(meeting.hostUser, () => new NoHost({ meeting: title }))
  const host = yield* People.makeNames().of(user)
  return {
    text: [`${People.title(host)} is host of ${title}.`],
    json: { meeting: Meetings.json(meeting), host: People.json(host) }
  }
})

export const host = Command.make(
  "host",
  { meeting: Meetings.argument, as: Flags.as, ...Flags.settings },
  (flags) =>
    present(
      "host",
      flags,
      () =>
        Effect.flatMap(
          Meetings.parse(flags.meeting),
          (named) => Platform.as(flags.as)(find(named)).pipe(within(flags), Effect.provide(Platform.layer(flags)))
        )
    )
).pipe(
  Command.withDescription("Says who is host of a meeting."),
  Command.withExamples([
    { command: "effect-lark-meetings host 123456789", description: "by the number that people dial" },
    {
      command: "effect-lark-meetings host 123456789 --simulator",
      description: "without an account, in a small simulated Feishu"
    }
  ])
)
