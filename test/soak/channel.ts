/**
 * The messages between the two processes, over Node's IPC: the client requests a slice of the log, and the simulator
 * responds with everything since the last slice.
 */
import { Data, Effect, Schema, type Scope } from "effect"
import { type ChildProcess, fork } from "node:child_process"

const Count = Schema.Record(Schema.String, Schema.Int)

/** A change of the host, with names instead of ids. */
export const Write = Schema.Struct({
  meeting: Schema.String,
  before: Schema.String,
  after: Schema.String,
  /** The operation that applied it; absent if a rival did. */
  operation: Schema.optionalKey(Schema.Int),
  at: Schema.Int
})
export type Write = typeof Write.Type

/** A meeting that was ended by a request. */
export const Ending = Schema.Struct({ meeting: Schema.String, operation: Schema.Int })
export type Ending = typeof Ending.Type

export const Slice = Schema.Struct({
  baseUrl: Schema.String,
  writes: Schema.Array(Write),
  endings: Schema.Array(Ending),
  /** A user access token for each of `people`. */
  userTokens: Schema.Array(Schema.String),
  /** Counted since the start. */
  requests: Count,
  faults: Count,
  rivals: Schema.Int,
  revocations: Schema.Int,
  /** Current numbers. */
  fibers: Schema.Int,
  connections: Schema.Int
})
export type Slice = typeof Slice.Type

export class SimulatorGone extends Data.TaggedError("SimulatorGone")<{ readonly code: number | null }> {
  override get message() {
    return `The simulator's process has ended (${this.code ?? "killed"}).`
  }
}

export interface Channel {
  readonly slice: Effect.Effect<Slice, SimulatorGone>
}

const request = (child: ChildProcess): Channel["slice"] =>
  Effect.callback<unknown, SimulatorGone>((resume) => {
    if (child.exitCode !== null) return resume(Effect.fail(new SimulatorGone({ code: child.exitCode })))
    const onMessage = (message: unknown) => {
      child.off("exit", onExit)
      resume(Effect.succeed(message))
    }
    const onExit = (code: number | null) => {
      child.off("message", onMessage)
      resume(Effect.fail(new SimulatorGone({ code })))
    }
    child.once("message", onMessage)
    child.once("exit", onExit)
    child.send("slice")
    // Uninterruptible, because the writes in a slice that is not received would be lost.
  }).pipe(Effect.uninterruptible, Effect.flatMap((message) => Effect.orDie(Schema.decodeUnknownEffect(Slice)(message))))

/** Starts the simulator in its own process. It ends with the scope, and when this process ends or is killed. */
export const start = (seed: number): Effect.Effect<Channel, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => fork(new URL("./simulator.ts", import.meta.url), [String(seed)])),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  ).pipe(Effect.map((child) => ({ slice: request(child) })))
