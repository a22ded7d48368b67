/** How a command ends: text or one JSON document, and an exit code. */
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Stdio from "effect/Stdio"
import * as Cas from "../Cas.ts"
import { TimedOut } from "./errors.ts"
import { type Exit, exits } from "./exits.ts"
import { describe, type Failure } from "./failures.ts"
import type { Settings } from "./flags.ts"
import * as Report from "./report.ts"
import { plain } from "./text.ts"

/** The command has failed, and has said so. */
export class CommandFailed extends Data.TaggedError("CommandFailed")<{ readonly exit: Exit }> {
  override readonly [Runtime.errorReported] = false
  override get [Runtime.errorExitCode]() {
    return exits[this.exit].code
  }
}

/** The result of a command for people and for programs. */
export interface Result {
  readonly text: ReadonlyArray<string>
  readonly json: object
  /** `done` unless given. */
  readonly exit?: Exit
}

/** Whether a command has begun to change something. */
export interface Writing {
  hasBegun: boolean
}

/** A line on stderr. */
export const note = (text: string) => Console.error(plain(text))

const document = (command: string | null, exit: Exit, fields: object) =>
  Console.log(JSON.stringify({ command, ok: exit === "done", exit: exits[exit].code, ...fields }))

const label = Effect.gen(function*() {
  const { canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const { stderrIsTerminal } = yield* Stdio.Stdio
  return canColor && (yield* stderrIsTerminal) ? "\u001b[31merror:\u001b[0m" : "error:"
})

/** Says why a command ends without a result. */
export const reportError = Effect.fnUntraced(function*(
  command: string | null,
  isJson: boolean,
  { exit, fields, message, next, tag }: {
    readonly exit: Exit
    readonly tag: string
    readonly message: string
    readonly next?: string | undefined
    readonly fields?: object | undefined
  }
) {
  if (isJson) {
    return yield* document(command, exit, { error: { kind: exit, tag, message, next: next ?? null }, ...fields })
  }
  yield* Console.error(`${yield* label} ${plain(message)}`)
  if (next !== undefined) yield* note(next)
})

/** Runs a command, and ends with its result or its error. */
export const present = <R>(
  command: string,
  { hasTimeline = false, json }: Pick<Settings, "json"> & { readonly hasTimeline?: boolean },
  program: (writing: Writing) => Effect.Effect<Result, Failure, R>
): Effect.Effect<void, CommandFailed, R | Stdio.Stdio> =>
  Effect.suspend(() => {
    const writing: Writing = { hasBegun: false }
    return program(writing).pipe(
      Effect.matchEffect({
        onSuccess: ({ exit = "done", json: fields, text }) =>
          Effect.andThen(
            json ? document(command, exit, fields) : Effect.forEach(text, (line) => Console.log(plain(line))),
            exit === "done" ? Effect.void : Effect.fail(new CommandFailed({ exit }))
          ),
        onFailure: (error) => {
          const { effect, report, ...described } = describe(error)
          const timeline = report !== undefined && hasTimeline ? Cas.timeline(report) : []
          const fields = {
            effect,
            ...(report === undefined ? {} : { report: Report.json(report) }),
            ...(hasTimeline ? { timeline } : {})
          }
          return reportError(command, json, { ...described, fields }).pipe(
            Effect.andThen(json ? Effect.void : Effect.forEach(timeline, note)),
            Effect.andThen(new CommandFailed({ exit: described.exit }))
          )
        }
      }),
      Effect.onInterrupt(() =>
        reportError(command, json, {
          exit: "interrupted",
          tag: "Interrupted",
          message: writing.hasBegun
            ? "Interrupted. A change may have been executed."
            : "Interrupted. Nothing was changed.",
          next: writing.hasBegun ? "Look with `effect-lark-meetings host` before you repeat it." : undefined,
          fields: { effect: writing.hasBegun ? "unknown" : "none" }
        })
      )
    )
  })

/** Ends the effect after the time that `--timeout` allows. */
export const within =
  ({ timeout }: Pick<Settings, "timeout">, writing: Writing = { hasBegun: false }) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E | TimedOut, R> =>
    Option.match(timeout, {
      onNone: () => self,
      onSome: (after) =>
        Effect.timeoutOrElse(self, {
          duration: after,
          orElse: () => Effect.suspend(() => new TimedOut({ after, effect: writing.hasBegun ? "unknown" : "none" }))
        })
    })
