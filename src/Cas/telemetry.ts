/** The metrics of all operations, and the events on the span of each. */
import type * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import type * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Tracer from "effect/Tracer"
import type { Attempt, Evidence } from "./Report.ts"

/**
 * A counter for each value of a label, made once. Each has a base of its own: counters with one base would replace each
 * other's labels in it, and it would compute its key anew for every update.
 */
export const counters = (id: string, label: string, description: string) => {
  const made = new Map<string, Metric.Counter<number>>()
  return (value: string): Metric.Counter<number> => {
    const known = made.get(value)
    if (known !== undefined) return known
    const counter = Metric.withAttributes(Metric.counter(id, { description, incremental: true }), { [label]: value })
    made.set(value, counter)
    return counter
  }
}

const operations = counters("cas_operations_total", "outcome", "Operations that ended, by outcome.")
const swaps = counters("cas_swaps_total", "answer", "Swaps, by answer.")
const reads = counters("cas_reads_total", "answer", "Reads, by answer.")
export const turns = counters("cas_turns_total", "answer", "Shared turns that were asked for, by answer.")

const waits = Metric.timer("cas_wait", { description: "All sleeps of one operation together." })
export const queueWaits = Metric.timer("cas_queue_wait", { description: "The wait of one operation for its turn." })
export const turnWaits = Metric.timer("cas_turn_wait", { description: "The wait for a shared turn." })
export const queueLength = Metric.gauge("cas_queue_length", {
  description: "Operations in queues, waiting or under way."
})

const answerOf = <A>(attempt: Attempt<A>): string =>
  attempt.answer._tag === "Conflict" && attempt._tag === "Swap" && !attempt.fresh
    ? "stale_conflict"
    : attempt.answer._tag.toLowerCase()

/** Counts an operation that ended, and adds its attempts to the span that it runs in. */
export const ended = <A>(
  { context }: Fiber.Fiber<unknown, unknown>,
  clock: Clock.Clock,
  outcome: string,
  evidence: Evidence<A>
): void => {
  operations(outcome).updateUnsafe(1, context)
  waits.updateUnsafe(evidence.waited, context)
  for (const attempt of evidence.attempts) {
    const counter = attempt._tag === "Swap" ? swaps : reads
    counter(answerOf(attempt)).updateUnsafe(1, context)
  }
  const span = Context.getOrUndefined(context, Tracer.ParentSpan)
  if (span?._tag !== "Span") return
  span.attribute("cas.outcome", outcome)
  span.attribute("cas.effect", evidence.effect)
  span.attribute("cas.swaps", evidence.swaps)
  span.attribute("cas.reads", evidence.reads)
  span.attribute("cas.waited_ms", Duration.toMillis(evidence.waited))
  // Spans have the time of day, attempts the time since the call.
  const calledAt = clock.currentTimeNanosUnsafe() - Duration.toNanosUnsafe(evidence.elapsed)
  for (const attempt of evidence.attempts) {
    span.event(`cas.${attempt._tag.toLowerCase()}`, calledAt + Duration.toNanosUnsafe(attempt.at), {
      "cas.answer": answerOf(attempt),
      "cas.waited_ms": Duration.toMillis(attempt.waited),
      "cas.took_ms": Duration.toMillis(attempt.took)
    })
  }
}
