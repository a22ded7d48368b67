/**
 * What an operator sees of the engine: metrics of all operations, and events on the span of each.
 *
 * @internal
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Tracer from "effect/Tracer"
import type { Attempt, Evidence } from "./Report.ts"

const operations = Metric.counter("cas_operations_total", {
  description: "Operations that ended, by outcome: swapped, converged, already, or the tag of the error.",
  incremental: true
})

const swaps = Metric.counter("cas_swaps_total", {
  description: "Swaps sent, by answer: applied, conflict, stale_conflict, unsent, unknown or terminal.",
  incremental: true
})

const reads = Metric.counter("cas_reads_total", {
  description: "Reads sent, by answer: observed, unsent, unknown or terminal.",
  incremental: true
})

const waits = Metric.timer("cas_wait", { description: "The sleeps of one operation together." })

const queueWaits = Metric.timer("cas_queue_wait", { description: "The wait of one operation for its turn." })

const queueLength = Metric.gauge("cas_queue_length", { description: "Operations in queues, waiting or under way." })

/** A counter for each value of a label, made once: it is the making that costs. */
const labelled = (counter: Metric.Counter<number>, label: string) => {
  const counters = new Map<string, Metric.Counter<number>>()
  return (value: string): Metric.Counter<number> => {
    const known = counters.get(value)
    if (known !== undefined) return known
    const made = Metric.withAttributes(counter, { [label]: value })
    counters.set(value, made)
    return made
  }
}

const operationsBy = labelled(operations, "outcome")
const swapsBy = labelled(swaps, "answer")
const readsBy = labelled(reads, "answer")

const answerOf = <A>(attempt: Attempt<A>): string =>
  attempt.answer._tag === "Conflict" && attempt._tag === "Swap" && !attempt.fresh
    ? "stale_conflict"
    : attempt.answer._tag.toLowerCase()

const describe = <A>(span: Tracer.Span, outcome: string, evidence: Evidence<A>, startedAt: bigint): void => {
  span.attribute("cas.outcome", outcome)
  span.attribute("cas.effect", evidence.effect)
  span.attribute("cas.swaps", evidence.swaps)
  span.attribute("cas.reads", evidence.reads)
  span.attribute("cas.waited_ms", Duration.toMillis(evidence.waited))
  for (const attempt of evidence.attempts) {
    span.event(`cas.${attempt._tag.toLowerCase()}`, startedAt + Duration.toNanosUnsafe(attempt.at), {
      "cas.answer": answerOf(attempt),
      "cas.waited_ms": Duration.toMillis(attempt.waited),
      "cas.took_ms": Duration.toMillis(attempt.took)
    })
  }
}

/** Counts an operation that ended, and writes its attempts on the current span, if there is one. */
export const ended = <A>(outcome: string, evidence: Evidence<A>, startedAt: bigint): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const { context } = fiber
    const span = Context.getOrUndefined(context, Tracer.ParentSpan)
    operationsBy(outcome).updateUnsafe(1, context)
    waits.updateUnsafe(evidence.waited, context)
    for (const attempt of evidence.attempts) {
      const by = attempt._tag === "Swap" ? swapsBy : readsBy
      by(answerOf(attempt)).updateUnsafe(1, context)
    }
    if (span?._tag === "Span") describe(span, outcome, evidence, startedAt)
    return Effect.void
  })

/** Counts an operation into a queue (1) or out of it (-1). */
export const queued = (change: 1 | -1): Effect.Effect<void> => Metric.modify(queueLength, change)

/** Measures a wait for a turn. */
export const tookItsTurn = (wait: Duration.Duration): Effect.Effect<void> => Metric.update(queueWaits, wait)
