/**
 * Node processes of these sources that answer requests over Node's IPC.
 */
import { Cause, Clock, Data, Duration, Effect, Exit, Schema, type Scope } from "effect"
import { fork, spawn } from "node:child_process"
import * as fromSource from "../fixtures/fromSource.ts"

const Request = Schema.Struct({ id: Schema.Int, command: Schema.Unknown })

const Reply = Schema.Struct({ id: Schema.Int, answer: Schema.Unknown, defect: Schema.optionalKey(Schema.String) })

export class ChildGone extends Data.TaggedError("ChildGone")<{ readonly file: string; readonly why: string }> {
  override get message() {
    return `The process of ${this.file} has ended: ${this.why}`
  }
}

export interface Child {
  /** Sends a request, and waits for its answer. It can be asked before it is ready. */
  readonly ask: <A, I>(answer: Schema.Codec<A, I>, command: unknown) => Effect.Effect<A, ChildGone>
  /** Ends it at once (`SIGKILL`), or asks it to end. */
  readonly end: (signal: "SIGKILL" | "SIGTERM") => Effect.Effect<void>
  /** Freezes it for a while. It goes on even if this process ends before. */
  readonly freeze: (duration: Duration.Input) => Effect.Effect<void>
  /** Whether it was frozen at some moment since then. */
  readonly wasFrozen: (since: number) => boolean
  readonly isAlive: () => boolean
}

/** Starts `file` of this directory. The process ends with the scope, and when this process ends. */
export const start = (file: string, options: unknown): Effect.Effect<Child, never, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const waiting = new Map<number, (reply: Effect.Effect<unknown, ChildGone>) => void>()
    let requests = 0
    let frozenUntil = Number.NEGATIVE_INFINITY
    let stderr = ""

    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        fork(new URL(file, import.meta.url), [JSON.stringify(options)], {
          execArgv: [...fromSource.execArgv],
          env: { ...process.env, ...fromSource.env },
          stdio: ["ignore", "inherit", "pipe", "ipc"]
        })
      ),
      (child) =>
        Effect.callback<void>((resume) => {
          if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGKILL")
        })
    )
    child.stderr?.on("data", (chunk) => {
      stderr = `${stderr}${chunk}`.slice(-4_000)
    })
    child.on("message", (message) => {
      const { answer, defect, id } = Schema.decodeUnknownSync(Reply)(message)
      waiting.get(id)?.(defect === undefined ? Effect.succeed(answer) : Effect.die(new Error(`${file}: ${defect}`)))
      waiting.delete(id)
    })
    const isAlive = () => child.exitCode === null && child.signalCode === null
    const gone = () =>
      Effect.fail(new ChildGone({ file, why: child.signalCode ?? `code ${child.exitCode}\n${stderr}` }))
    // All that it sent before it ended has arrived when its streams are closed.
    child.once("close", () => {
      for (const resume of waiting.values()) resume(gone())
      waiting.clear()
    })

    return {
      ask: (answer, command) =>
        Effect.callback<unknown, ChildGone>((resume) => {
          if (!isAlive() || !child.connected) return resume(gone())
          const id = requests++
          waiting.set(id, resume)
          // An error means that the process is ending.
          child.send({ id, command }, () => {})
        }).pipe(Effect.flatMap((reply) => Effect.orDie(Schema.decodeUnknownEffect(answer)(reply)))),
      end: (signal) =>
        Effect.callback((resume) => {
          if (!isAlive()) return resume(Effect.void)
          child.once("close", () => resume(Effect.void))
          child.kill(signal)
        }),
      freeze: (duration) =>
        Effect.sync(() => {
          const seconds = Duration.toSeconds(duration)
          frozenUntil = clock.currentTimeMillisUnsafe() + seconds * 1_000
          spawn("sh", ["-c", `kill -STOP $0; sleep ${seconds}; kill -CONT $0`, String(child.pid)], {
            detached: true,
            stdio: "ignore"
          }).unref()
        }),
      wasFrozen: (since) => since <= frozenUntil,
      isAlive
    }
  })

/** In the process: its options. */
export const options = <A, I>(schema: Schema.Codec<A, I>): A =>
  Schema.decodeUnknownSync(Schema.fromJsonString(schema))(process.argv[2])

/** In the process: answers requests, each in a fiber of its own, until the process that started it ends. */
export const serve = <A, I, R>(command: Schema.Codec<A, I>, answer: (command: A) => Effect.Effect<unknown, never, R>) =>
  Effect.gen(function*() {
    const run = Effect.runCallbackWith(yield* Effect.context<R>())
    process.once("disconnect", () => process.exit())
    process.on("message", (message) => {
      const { command: given, id } = Schema.decodeUnknownSync(Request)(message)
      run(Effect.flatMap(Effect.orDie(Schema.decodeUnknownEffect(command)(given)), answer), {
        onExit: (exit) =>
          process.send?.(
            Exit.isSuccess(exit)
              ? { id, answer: exit.value ?? null }
              : { id, answer: null, defect: Cause.pretty(exit.cause) }
          )
      })
    })
    return yield* Effect.never
  })
