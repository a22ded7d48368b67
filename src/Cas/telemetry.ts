/** The metrics of all operations, and the events on the span of each. */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Metric from "effect/Metric"
import * as Tracer from "effect/Tracer"
import type { Attempt, Evidence } from "./Report.ts"

/**
 * A counter for each value of a label, made once. Each has a base of its own: counters with one base would replace each
 * other's labels in it, and it would compute its key anew for every update.
 */
const counters = (id: string, label: string, description: string) => {
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

const waits = Metric.timer("cas_wait", { description: "All sleeps of one operation together." })

export const queueWaits = Metric.timer("cas_queue_wait", { description: "The wait of one operation for its turn." })

export const queueLength = Metric.gauge("cas_queue_length", {
  description: "Operations in queues, waiting or under way."
})

/** The value of the label `answer`. */
const answerOf = <A>(attempt: Attempt<A>): string =>
  attempt.answer._tag === "Conflict" && attempt._tag === "Swap" && !attempt.fresh
    ? "stale_conflict"
    : attempt.answer._tag.toLowerCase()

/** The span that an operation runs in, and when the operation was called. */
export interface Trace {
  readonly span: Tracer.Span
  readonly calledAt: bigint
}

/** Reads the clock only if there is a span. */
export const traceOf = (context: Context.Context<never>, calledAt: () => bigint): Trace | undefined => {
  const span = Context.getOrUndefined(context, Tracer.ParentSpan)
  return span?._tag === "Span" ? { span, calledAt: calledAt() } : undefined
}

/** Counts an operation that ended, and adds its attempts to its span. */
export const ended = <A>(
  context: Context.Context<never>,
  trace: Trace | undefined,
  outcome: string,
  { attempts, effect, reads: sentReads, swaps: sentSwaps, waited }: Evidence<A>
): void => {
  operations(outcome).updateUnsafe(1, context)
  waits.updateUnsafe(waited, context)
  trace?.span.attribute("cas.outcome", outcome)
  trace?.span.attribute("cas.effect", effect)
  trace?.span.attribute("cas.swaps", sentSwaps)
  trace?.span.attribute("cas.reads", sentReads)
  trace?.span.attribute("cas.waited_ms", Duration.toMillis(waited))
  for (const attempt of attempts) {
    const answer = answerOf(attempt)
    const counter = attempt._tag === "Swap" ? swaps : reads
    counter(answer).updateUnsafe(1, context)
    trace?.span.event(`cas.${attempt._tag.toLowerCase()}`, trace.calledAt + Duration.toNanosUnsafe(attempt.at), {
      "cas.answer": answer,
      "cas.waited_ms": Duration.toMillis(attempt.waited),
      "cas.took_ms": Duration.toMillis(attempt.took)
    })
  }
}
