/** `effect-lark-meetings end`: ends a meeting for everybody. */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import * as Meetings from "../Meetings.ts"
import * as DryRun from "./dryRun.ts"
import * as Flags from "./flags.ts"
import * as Named from "./meeting.ts"
import { present, within, type Writing } from "./output.ts"
import * as Platform from "./platform.ts"

/** The id, and what is known of the meeting without another request: the command needs no permission to read. */
const find = Effect.fnUntraced(function*(named: Named.Named) {
  if (named._tag === "Id") return { id: named.id, title: named.id, json: { id: named.id, number: null, topic: null } }
  const meeting = yield* Named.active(named.number)
  return { id: meeting.id, title: Named.title(meeting), json: Named.json(meeting) }
})

const finish = Effect.fnUntraced(function*(named: Named.Named, isDryRun: boolean, writing: Writing) {
  const meeting = yield* find(named)
  const ending = Meetings.end(meeting.id)
  if (isDryRun) return yield* DryRun.rehearse(ending, { meeting: meeting.json })
  writing.hasBegun = true
  yield* ending
  return { text: [`${meeting.title} has ended.`], json: { meeting: meeting.json, effect: "applied" } }
})

export const end = Command.make(
  "end",
  { meeting: Named.argument, dryRun: Flags.dryRun, ...Flags.settings },
  (flags) =>
    present(
      "end",
      flags,
      (writing) =>
        Effect.flatMap(Named.parse(flags.meeting), (named) =>
          Platform.asUser(finish(named, flags.dryRun, writing)).pipe(
            within(flags, writing),
            Effect.provide(Platform.layer(flags))
          ))
    )
).pipe(
  Command.withDescription(
    "Ends a meeting for everybody, as the user who is logged in (see login), who has to be its host."
  ),
  Command.withExamples([
    { command: "effect-lark-meetings end 123456789", description: "by the number that people dial" },
    { command: "effect-lark-meetings end 123456789 --dry-run", description: "only say what would be sent" }
  ])
)
