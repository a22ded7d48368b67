/**
 * Spans for those who listen: without a tracer of the application's, a span would be made, timed and thrown away.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"

/** Whether anybody listens to spans. */
export const isTraced = (context: Context.Context<never>): boolean =>
  Context.get(context, Tracer.Tracer) !== Tracer.nativeTracer

/** `Effect.withSpan`, where anybody listens. */
export const withSpan = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  name: string,
  attributes: Readonly<Record<string, unknown>>
): Effect.Effect<A, E, R> =>
  Effect.contextWith((context: Context.Context<never>) =>
    isTraced(context) ? Effect.withSpan(self, name, { attributes }) : self
  )
