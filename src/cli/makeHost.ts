/** `effect-lark-meetings make-host`: moves the host role. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Stdio from "effect/Stdio"
import * as Cas from "../Cas.ts"
import type * as Meeting from "../Meeting.ts"
import * as Meetings from "../Meetings.ts"
import type { MeetingUser } from "../MeetingUser.ts"
import * as DryRun from "./dryRun.ts"
import type { Failure } from "./failures.ts"
import * as Flags from "./flags.ts"
import * as Named from "./meeting.ts"
import { present, type Result, within, type Writing } from "./output.ts"
import * as People from "./person.ts"
import * as Platform from "./platform.ts"
import * as Progress from "./progress.ts"
import * as Report from "./report.ts"

interface Request {
  readonly meeting: Named.Named
  readonly person: People.Named
}

const look = ({ meeting, person }: Request) =>
  Effect.all([Named.read(meeting), People.find(person)], { concurrency: 2 })

/** What is left of the time of `--timeout`. */
const remaining = ({ timeout }: Flags.Settings, elapsed: Duration.Duration) =>
  Option.map(timeout, (timeout) => Duration.max(Duration.subtract(timeout, elapsed), Duration.millis(100)))

/** What became of the role, in words. */
const outcomeOf = (
  report: Cas.Report<MeetingUser<"open_id">>,
  meeting: Meeting.Meeting,
  host: People.Person,
  previous: Option.Option<People.Person>
): string => {
  const where = `${People.title(host)} is host of ${Named.title(meeting)}`
  if (report.outcome === "already") return `${where} already. Nothing was changed.`
  if (report.outcome === "swapped") {
    return `${where} now${
      Option.match(previous, { onNone: () => "", onSome: (person) => `; before, it was ${People.title(person)}` })
    }.`
  }
  return report.effect === "unknown"
    ? `${where} now. Whether this command did it cannot be told: a reply was lost.`
    : `${where} now. Somebody else did it.`
}

const move = Effect.fnUntraced(function*(
  request: Request,
  flags: Flags.Settings & { readonly timeline: boolean },
  writing: Writing
) {
  const [elapsed, [meeting, target]] = yield* Effect.timed(within(flags)(look(request)))
  const names = People.makeNames()
  const report = yield* Progress.watch(
    { deadline: remaining(flags, elapsed), writing, names },
    (how) => Meetings.setHost(meeting.id, target, { ...how, hint: Option.getOrUndefined(meeting.hostUser) })
  )
  const host = yield* names.of(report.after)
  const previous = yield* Effect.transposeOption(Option.map(report.before, names.of))
  const timeline = Cas.timeline(report)
  return {
    text: [
      outcomeOf(report, meeting, host, previous),
      ...(flags.timeline ? timeline : [])
    ],
    json: {
      meeting: Named.json(meeting),
      host: People.json(host),
      previous: Option.getOrNull(Option.map(previous, People.json)),
      outcome: report.outcome,
      effect: report.effect,
      report: Report.json(report),
      ...(flags.timeline ? { timeline } : {})
    }
  }
})

const rehearse = Effect.fnUntraced(function*(request: Request, flags: Flags.Settings) {
  const [meeting, target] = yield* within(flags)(look(request))
  return yield* DryRun.rehearse(
    Meetings.setHost(meeting.id, target, { hint: Option.getOrUndefined(meeting.hostUser) }),
    { meeting: Named.json(meeting) }
  )
})

export const makeHost = Command.make("make-host", {
  meeting: Named.argument,
  person: People.argument,
  as: Flags.as,
  dryRun: Flags.dryRun,
  timeline: Flag.Boolean("timeline").pipe(
    Flag.withDefault(false),
    Flag.withDescription("list every request, conflict and wait")
  ),
  ...Flags.settings
}, (flags) =>
  present("make-host", { ...flags, hasTimeline: flags.timeline }, (writing) =>
    Effect.gen(function*() {
      const request = { meeting: yield* Named.parse(flags.meeting), person: yield* People.parse(flags.person) }
      const program: Effect.Effect<Result, Failure, Platform.Services | Stdio.Stdio> = flags.dryRun
        ? rehearse(request, flags)
        : move(request, flags, writing)
      return yield* Platform.as(flags.as)(program).pipe(Effect.provide(Platform.layer(flags)))
    }))).pipe(
    Command.withDescription(
      "Makes a person the host of a meeting, whoever is host now, and tries again while others move the role."
    ),
    Command.withExamples([
      {
        command: "effect-lark-meetings make-host 123456789 bob@example.com",
        description: "by number and e-mail address"
      },
      {
        command: "effect-lark-meetings make-host 123456789 ou_bob --dry-run",
        description: "only say what would be sent"
      },
      {
        command: "effect-lark-meetings make-host 123456789 bob@example.com --simulator --timeline",
        description: "without an account: somebody else is faster, and the command wins"
      }
    ])
  )
