/**
 * One run of an effect at a time, which whoever asks joins, and which goes on even if nobody waits for it any more.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"

/** How a run can answer before it ends. */
export interface Flight<A, E> {
  /** Answers those who wait. Who comes after that waits for the next answer. */
  readonly serve: (value: A) => void
  /** Answers those who wait, and all who come until the run ends. */
  readonly settle: (exit: Exit.Exit<A, E>) => void
}

/**
 * Gives what to wait for: the run that is under way, or one that it starts. Runs end with the scope in the context.
 *
 * **Details**
 *
 * A run serves all who ask, so it has nothing of the one who happened to start it: no transaction or other service, no
 * span, no log level or annotations. All of that, tracer, loggers, registry of metrics and clock included, is as where the
 * service was made, but for the span around its making, which has ended by now: a run is the root of its own trace.
 */
export const make = <A, E>(
  context: Context.Context<Scope.Scope>,
  run: (flight: Flight<A, E>) => Effect.Effect<A, E>
): Effect.Effect<Deferred.Deferred<A, E>> => {
  const scope = Context.get(context, Scope.Scope)
  let waiting: Deferred.Deferred<A, E> | undefined

  const start = Effect.suspend(() => {
    let answer = waiting = Deferred.makeUnsafe<A, E>()
    const settle: Flight<A, E>["settle"] = (exit) => {
      Deferred.doneUnsafe(answer, exit)
    }
    const serve: Flight<A, E>["serve"] = (value) => {
      const served = answer
      answer = waiting = Deferred.makeUnsafe()
      Deferred.doneUnsafe(served, Effect.succeed(value))
    }
    const running = Effect.updateContext(
      run({ serve, settle }),
      (_: Context.Context<never>) => Context.omit(Tracer.ParentSpan)(context)
    )
    return Effect.map(Effect.forkIn(running, scope), (fiber) => {
      // Also of a run that never started, because the scope has ended.
      fiber.addObserver((exit) => {
        waiting = undefined
        settle(exit)
      })
      return answer
    })
  })
  // Nothing may come between looking for a run and starting one.
  return Effect.uninterruptible(Effect.suspend(() => waiting === undefined ? start : Effect.succeed(waiting)))
}
