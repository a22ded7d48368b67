/** What happens while `make-host` waits, as lines on stderr if that is a terminal. */
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Cas from "../Cas.ts"
import type { LarkHttp } from "../LarkHttp.ts"
import type { SetHostOptions } from "../Meetings.ts"
import type { MeetingUser } from "../MeetingUser.ts"
import { note, type Writing } from "./output.ts"
import * as People from "./person.ts"

type User = MeetingUser<"open_id">

type Line = Effect.Effect<string, never, LarkHttp>

const again = (wait: Duration.Duration) =>
  Duration.isZero(wait)
    ? "trying again"
    : `trying again in ${Duration.format(Duration.millis(Math.ceil(Duration.toMillis(wait))))}`

const transient = (input: Cas.Transient, wait: Duration.Duration): string => {
  const asked = input._tag === "Unsent" ? Option.getOrElse(input.after, () => Duration.zero) : input.after
  const what = input._tag === "Unsent"
    ? "the request was not executed"
    : "no answer, the request may have been executed"
  const why = Predicate.hasProperty(input.cause, "_tag") ? ` (${String(input.cause._tag)})` : ""
  return `${what}${why}; ${again(Duration.sum(wait, asked ?? Duration.zero))}`
}

/** Says what the engine meets. `run` passes what it is given to `Meetings.setHost`. */
export const watch = Effect.fnUntraced(function*<A, E, R>(
  options: {
    readonly deadline: Option.Option<Duration.Duration>
    readonly writing: Writing
    readonly names: People.Names
  },
  run: (how: Required<Pick<SetHostOptions<"open_id">, "policy" | "journal">>) => Effect.Effect<A, E, R>
) {
  const conflicts: Schedule.Schedule<unknown, Cas.FreshConflict<User>> = Cas.Policy.standard.conflict
  const isShown = yield* (yield* Stdio.Stdio).stderrIsTerminal
  const lines = yield* Queue.make<Line, Cause.Done>()
  const say = (line: Line) => isShown ? Effect.asVoid(Queue.offer(lines, line)) : Effect.void
  const met = (host: User, wait: Duration.Duration) =>
    say(Effect.map(options.names.of(host), (host) => `conflict: ${People.short(host)} is host; ${again(wait)}`))

  let expected: string | undefined
  const policy = Cas.Policy.make<User>({
    ...Option.match(options.deadline, { onNone: () => ({}), onSome: (deadline) => ({ deadline }) }),
    conflict: Schedule.tap(conflicts, ({ duration, input: { actual } }) =>
      Option.match(actual, {
        onNone: () => say(Effect.succeed(`conflict: somebody else is host; ${again(duration)}`)),
        onSome: (host) => {
          expected = host.id
          return met(host, duration)
        }
      })),
    transient: Schedule.tap(
      Cas.Policy.standard.transient,
      ({ duration, input }) => say(Effect.succeed(transient(input, duration)))
    )
  })
  const journal: Cas.Journal<User> = {
    record: (swap) =>
      Effect.suspend(() => {
        options.writing.hasBegun = true
        // A conflict on a guess is not one that the schedule sees.
        const isNews = expected !== undefined && expected !== swap.expected.id
        expected = swap.expected.id
        return isNews ? met(swap.expected, Duration.zero) : Effect.void
      })
  }
  const painter = yield* Effect.forkChild(
    Stream.runForEach(Stream.fromQueue(lines), (line) => Effect.flatMap(line, note))
  )
  const painted = Effect.andThen(Queue.end(lines), Effect.timeoutOption(Fiber.await(painter), "2 seconds"))
  return yield* Effect.ensuring(run({ policy, journal }), painted)
})
