/** The metrics of long connections. */
import * as Metric from "effect/Metric"

export const connections = Metric.gauge("lark_long_connections", { description: "Open long connections." })

const attempt = (outcome: string) =>
  Metric.counter("lark_long_connection_attempts_total", {
    description: "Attempts to connect by outcome.",
    attributes: { outcome },
    incremental: true
  })

export const attempts = {
  connected: attempt("connected"),
  failed: attempt("failed"),
  refused: attempt("refused")
}

const refusal = (reason: string) =>
  Metric.counter("lark_long_connection_frames_refused_total", {
    description: "Frames that hold no event by reason.",
    attributes: { reason },
    incremental: true
  })

export const refusedFrames = { unreadable: refusal("unreadable"), notEvent: refusal("not_an_event") }
