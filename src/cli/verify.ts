/** `effect-lark-meetings verify`: asks the platform what its documentation leaves open. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Struct from "effect/Struct"
import * as Terminal from "effect/Terminal"
import * as Meeting from "../Meeting.ts"
import { InvalidFile, MeetingEnded, NotConfirmed } from "./errors.ts"
import * as Flags from "./flags.ts"
import * as Named from "./meeting.ts"
import { note, present, type Result, within, type Writing } from "./output.ts"
import * as People from "./person.ts"
import * as Platform from "./platform.ts"
import { plain } from "./text.ts"
import * as Cast from "./verify/cast.ts"
import type { PutBack } from "./verify/putBack.ts"
import * as Requests from "./verify/requests.ts"
import * as Script from "./verify/script.ts"
import type * as swaps from "./verify/swaps.ts"
import * as Table from "./verify/table.ts"

interface Options extends Flags.Settings {
  readonly behavior: Option.Option<string>
  readonly owner: swaps.Cast["owner"]
  readonly yes: boolean
}

const byHand = (meeting: Meeting.Meeting, { first }: swaps.Cast) =>
  `effect-lark-meetings make-host ${meeting.id} ${plain(first.id)}`

/** What the script will do. */
const plan = (meeting: Meeting.Meeting, cast: Script.Script["cast"]): ReadonlyArray<string> => [
  `verify asks about ${Named.title(meeting)} what the documentation of the platform leaves open:`,
  `- It sends at most ${Requests.most} requests, four a second at most, and a few to put the host back: about 20 seconds.`,
  "- It reads the meeting and the list of its number, five times with a token or a parameter that is made up.",
  "- It requests a token three times with a wrong secret, once with the id of this app.",
  ...("missing" in cast
    ? [`- It does not move the host role: ${cast.missing}.`]
    : [
      `- It makes ${
        [cast.other, ...Option.toArray(cast.third)].map(({ id }) => plain(id)).join(" and ")
      } host for moments, and in the end ${plain(cast.first.id)} again.`,
      `  Should it be killed, do that by hand: ${byHand(meeting, cast)}`
    ]),
  "It ends no meeting, and invites and removes nobody."
]

const confirm = Effect.fnUntraced(function*({ yes }: Options) {
  if (yes) return
  const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
  if (!canPrompt) return yield* new NotConfirmed()
  const { readLine } = yield* Terminal.Terminal
  yield* note("Go on? (y/N)")
  const answer = yield* Effect.orElseSucceed(readLine, () => "")
  if (!/^y(?:es)?$/i.test(answer.trim())) return yield* new NotConfirmed()
})

const cannotWrite = (path: string) =>
  Effect.mapError(({ reason }: { readonly reason: { readonly _tag: string } }) =>
    new InvalidFile({ path, reason: `cannot be written (${reason._tag})`, next: "Check --behavior." })
  )

const announce = (meeting: Meeting.Meeting, cast: swaps.Cast, writing: Writing) =>
  Effect.fnUntraced(function*(putBack: PutBack, uncertain: number) {
    const first = plain(cast.first.id)
    if (putBack._tag === "NotBack") {
      yield* note(`THE HOST ROLE IS NOT BACK WITH ${first}: ${putBack.reason}.`)
      return yield* note(`Put it back by hand: ${byHand(meeting, cast)}`)
    }
    yield* note(`${first} is host.`)
    if (uncertain === 0) {
      writing.hasBegun = false
      return
    }
    yield* note(
      `A set_host had no answer, and can still take effect. Look again in a minute: effect-lark-meetings host ${meeting.id}`
    )
  })

const examine = Effect.fnUntraced(function*(
  named: Named.Named,
  others: ReadonlyArray<Cast.Other>,
  options: Options,
  writing: Writing
) {
  const fs = yield* FileSystem.FileSystem
  const meeting = yield* Named.read(named, { withParticipants: true })
  if (meeting.status === Meeting.Status.Ended) return yield* new MeetingEnded({ meeting: Named.title(meeting) })
  const cast = yield* Cast.make(meeting, others, options.owner)
  for (const line of plan(meeting, cast)) yield* note(line)
  yield* confirm(options)
  if (Option.isSome(options.behavior)) {
    // Better now than after all requests. A file that exists stays as it is.
    yield* cannotWrite(options.behavior.value)(fs.writeFileString(options.behavior.value, "", { flag: "a" }))
  }

  writing.hasBegun = !("missing" in cast)
  const outcome = yield* Script.run({
    meeting,
    cast,
    announce: "missing" in cast ? () => Effect.void : announce(meeting, cast, writing)
  })
  const behavior = Table.behaviorOf(outcome.rows)
  if (Option.isSome(options.behavior)) {
    const text = `${JSON.stringify(behavior, null, 2)}\n`
    yield* cannotWrite(options.behavior.value)(fs.writeFileString(options.behavior.value, text))
  }
  const found = Struct.keys(behavior).length
  const result: Result = {
    text: [
      ...Table.markdown(outcome.rows),
      "",
      Option.match(options.behavior, {
        onNone: () => `The simulator can answer likewise in ${found} respects: see --behavior.`,
        onSome: (path) => `${path} makes the simulator answer likewise in ${found} respects.`
      })
    ],
    json: Table.json(outcome),
    exit: Option.exists(outcome.putBack, ({ _tag }) => _tag === "NotBack") ? "unknown" : "done"
  }
  return result
})

export const verify = Command.make("verify", {
  meeting: Named.argument,
  other: Flag.String("other").pipe(
    Flag.withMetavar("e-mail|open_id"),
    Flag.atMost(2),
    Flag.withDescription(
      "somebody who is in the meeting and may be host for moments; twice for two people, which gives the clearest answers"
    )
  ),
  owner: Flag.Literals("owner", ["user", "app"]).pipe(
    Flag.optional,
    Flag.withDescription(
      "whether a user owns the meeting, or the app reserved it: no endpoint shows it, and the answer to 5.1 depends on it"
    )
  ),
  behavior: Flag.String("behavior").pipe(
    Flag.withMetavar("file"),
    Flag.optional,
    Flag.withDescription("write the options with which the simulator answers as the platform did")
  ),
  yes: Flag.Boolean("yes").pipe(Flag.withDefault(false), Flag.withDescription("do not ask before it begins")),
  ...Flags.settings
}, (flags) =>
  present("verify", flags, (writing) =>
    Effect.gen(function*() {
      const named = yield* Named.parse(flags.meeting)
      const others = yield* Effect.forEach(
        flags.other,
        (text) => Effect.map(People.parse(text), (named) => ({ text, named }))
      )
      return yield* within(flags, writing)(examine(named, others, flags, writing)).pipe(
        Effect.provide(Platform.layer(flags))
      )
    }))).pipe(
    Command.withDescription(
      "Asks the platform, in a meeting of yours, what its documentation leaves open. It says what it will do, and puts the host back."
    ),
    Command.withExamples([
      {
        command: "effect-lark-meetings verify 123456789 --other bob@example.com --other carol@example.com",
        description: "with two people who are in the meeting"
      },
      {
        command: "effect-lark-meetings verify 123456789",
        description: "only what reading answers"
      },
      {
        command: "effect-lark-meetings verify 123456789 --other ou_bob --other ou_carol --simulator --yes",
        description: "without an account"
      }
    ])
  )
