/** The metrics of long connections. */
import * as Metric from "effect/Metric"
import { counter } from "../internal/telemetry.ts"

export const connections = Metric.gauge("lark_long_connections", { description: "Open long connections." })

const attempt = (outcome: string) =>
  counter("lark_long_connection_attempts_total", "Attempts to connect by outcome.", { outcome })

export const attempts = {
  connected: attempt("connected"),
  failed: attempt("failed"),
  refused: attempt("refused")
}

const refusal = (reason: string) =>
  counter("lark_long_connection_frames_refused_total", "Frames that hold no event by reason.", { reason })

export const refusedFrames = { unreadable: refusal("unreadable"), notEvent: refusal("not_an_event") }
