/**
 * What the two processes say to each other, over Node's IPC: the client asks, the simulator answers with what happened
 * since it was last asked.
 */
import { Data, Effect, Schema, type Scope } from "effect"
import { type ChildProcess, fork } from "node:child_process"

const Count = Schema.Record(Schema.String, Schema.Int)

/** A host change, in the order in which they happened; names instead of ids. */
const Write = Schema.Struct({
  meeting: Schema.String,
  before: Schema.String,
  after: Schema.String,
  /** The operation whose request did it; absent if a rival did. */
  operation: Schema.optionalKey(Schema.Int),
  at: Schema.Int
})
export type Write = typeof Write.Type

/** A meeting that a request has ended. */
const Ending = Schema.Struct({ meeting: Schema.String, operation: Schema.Int })
export type Ending = typeof Ending.Type

export const Slice = Schema.Struct({
  baseUrl: Schema.String,
  writes: Schema.Array(Write),
  endings: Schema.Array(Ending),
  /** A user_access_token for each of the people. */
  userTokens: Schema.Array(Schema.String),
  /** Since the start. */
  requests: Count,
  faults: Count,
  rivals: Schema.Int,
  revocations: Schema.Int,
  /** Now. */
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

const ask = (child: ChildProcess): Channel["slice"] =>
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
    // Not to be interrupted halfway: an answer to nobody would be lost, and with it the writes it tells of.
  }).pipe(Effect.uninterruptible, Effect.flatMap((message) => Effect.orDie(Schema.decodeUnknownEffect(Slice)(message))))

/** Starts the simulator in a process of its own, which ends with the scope, and with this process however that ends. */
export const start = (seed: number): Effect.Effect<Channel, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => fork(new URL("./simulator.ts", import.meta.url), [String(seed)])),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  ).pipe(Effect.map((child) => ({ slice: ask(child) })))
