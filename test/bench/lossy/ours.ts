/**
 * This library's engine. Its claims are those of the report.
 */
import { Cas } from "effect-lark-meetings"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type { Timeline } from "../Timeline.ts"
import type { Engine, Said } from "./Engine.ts"
import { target } from "./Script.ts"
import { Conflict, Doubtful, type Server, Throttled } from "./Server.ts"

class Failed extends Data.TaggedError("Failed")<{ readonly error: unknown }> {}

const register = (server: Server): Cas.Register<number> => {
  const request = <A extends Cas.Outcome<number> | Cas.Observation<number>>(
    send: (signal: AbortSignal) => Promise<A>,
    onConflict: (conflict: Conflict) => A
  ): Effect.Effect<A | Cas.Unsent | Cas.Unknown> =>
    Effect.tryPromise({ try: send, catch: (error) => new Failed({ error }) }).pipe(
      Effect.catch(({ error }): Effect.Effect<A | Cas.Unsent | Cas.Unknown> => {
        if (error instanceof Conflict) return Effect.succeed(onConflict(error))
        if (error instanceof Throttled) return Effect.succeed(Cas.unsent({ cause: error }))
        return error instanceof Doubtful ? Effect.succeed(Cas.unknown(error)) : Effect.die(error)
      })
    )
  return {
    equals: (a, b) => a === b,
    read: request<Cas.Observation<number>>(
      (signal) => server.read(signal).then(Cas.observed),
      () => Cas.observedNothing
    ),
    swap: (expected, desired) =>
      request<Cas.Outcome<number>>(
        (signal) => server.swap(expected, desired, signal).then(() => Cas.applied),
        (conflict) => Cas.conflict(conflict.actual)
      )
  }
}

/** Effect's own clock reads a time that cannot be replaced. */
const clockOf = (timeline: Timeline): Clock.Clock => {
  const nanos = () => BigInt(Math.round(timeline.now() * 1_000_000))
  return {
    currentTimeMillisUnsafe: timeline.now,
    currentTimeMillis: Effect.sync(timeline.now),
    currentTimeNanosUnsafe: nanos,
    currentTimeNanos: Effect.sync(nanos),
    monotonicTimeNanosUnsafe: nanos,
    monotonicTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.callback((resume) => {
        const timer = setTimeout(() => resume(Effect.void), Duration.toMillis(duration))
        return Effect.sync(() => clearTimeout(timer))
      })
  }
}

const said = (exit: Exit.Exit<Cas.Report<number>, Cas.CasError<number>>): Said => {
  if (Exit.isSuccess(exit)) return { ended: "success", effect: exit.value.effect }
  if (Cause.hasInterruptsOnly(exit.cause)) return { ended: "cancelled", effect: "unsaid" }
  const error = Option.getOrThrow(Cause.findErrorOption(exit.cause))
  return { ended: "failure", effect: error._tag === "CasInvalidPolicy" ? "none" : error.report.effect }
}

export const ours = (onUnknown: Cas.OnUnknown, timeline: Timeline): Engine => async ({ from, server, signal }) => {
  const intent = from === undefined ? Cas.ensure(target) : Cas.handover(from, target)
  const running = Cas.run(register(server), intent, { policy: Cas.Policy.make({ onUnknown }) })
  return said(await Effect.runPromiseExit(Effect.provideService(running, Clock.Clock, clockOf(timeline)), { signal }))
}
