/**
 * What an operator sees of the engine: metrics of all operations, and events on the span of each.
 *
 * @internal
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
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

const answerOf = <A>(attempt: Attempt<A>): string =>
  attempt.answer._tag === "Conflict" && attempt._tag === "Swap" && !attempt.fresh
    ? "stale_conflict"
    : attempt.answer._tag.toLowerCase()

const millis = (duration: Duration.Duration) => Duration.toMillis(duration)

/** Counts an operation that ended, and writes its attempts on the current span, if there is one. */
export const ended = <A>(outcome: string, evidence: Evidence<A>, startedAt: bigint): Effect.Effect<void> =>
  Effect.gen(function*() {
    yield* Metric.update(Metric.withAttributes(operations, { outcome }), 1)
    yield* Metric.update(waits, evidence.waited)
    for (const attempt of evidence.attempts) {
      const counter = attempt._tag === "Swap" ? swaps : reads
      yield* Metric.update(Metric.withAttributes(counter, { answer: answerOf(attempt) }), 1)
    }
    const span = yield* Effect.option(Effect.currentSpan)
    if (Option.isNone(span)) return
    span.value.attribute("cas.outcome", outcome)
    span.value.attribute("cas.effect", evidence.effect)
    span.value.attribute("cas.swaps", evidence.swaps)
    span.value.attribute("cas.reads", evidence.reads)
    span.value.attribute("cas.waited_ms", millis(evidence.waited))
    for (const attempt of evidence.attempts) {
      span.value.event(`cas.${attempt._tag.toLowerCase()}`, startedAt + Duration.toNanosUnsafe(attempt.at), {
        "cas.answer": answerOf(attempt),
        "cas.waited_ms": millis(attempt.waited),
        "cas.took_ms": millis(attempt.took)
      })
    }
  })

/** Counts an operation into a queue (1) or out of it (-1). */
export const queued = (change: 1 | -1): Effect.Effect<void> => Metric.modify(queueLength, change)

/** Measures a wait for a turn. */
export const tookItsTurn = (wait: Duration.Duration): Effect.Effect<void> => Metric.update(queueWaits, wait)
