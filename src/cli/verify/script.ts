/** The script of `verify`: it asks, and puts the first host back however it ends. */
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import type { LarkConfig } from "../../LarkConfig.ts"
import type { Meeting } from "../../Meeting.ts"
import type * as Meetings from "../../Meetings.ts"
import type { TenantToken } from "../../TenantToken.ts"
import { type Finding, type Findings, missing } from "./findings.ts"
import { type PutBack, putBack } from "./putBack.ts"
import { type Question, questions } from "./questions.ts"
import * as reads from "./reads.ts"
import * as Requests from "./requests.ts"
import * as summary from "./summary.ts"
import * as swaps from "./swaps.ts"

/** A question, and what was found out about it. */
export interface Row extends Question {
  readonly finding: Finding
}

export interface Outcome {
  readonly rows: ReadonlyArray<Row>
  /** How many requests had a reply. */
  readonly replies: number
  /** None if the host role was never moved. */
  readonly putBack: Option.Option<PutBack>
}

export interface Script {
  readonly meeting: Meeting<"open_id">
  /** Who takes part; or why the host role is not moved. */
  readonly cast: swaps.Cast | { readonly missing: string }
  /** Says whether the first host is back, also when the script is interrupted. */
  readonly announce: (putBack: PutBack, uncertain: number) => Effect.Effect<void>
}

export const run = ({ announce, cast, meeting }: Script): Effect.Effect<
  Outcome,
  never,
  LarkConfig | TenantToken | Meetings.Meetings | HttpClient.HttpClient
> =>
  Effect.gen(function*() {
    const requests = yield* Requests.make
    const findings: Findings = new Map()
    let back: Option.Option<PutBack> = Option.none()
    let reason = "verify stopped before"
    const stopping = <R>(self: Effect.Effect<void, Requests.Stopped, R>) =>
      Effect.catchTag(self, "Stopped", (stopped) =>
        Effect.sync(() => {
          reason = `verify stopped: ${stopped.reason}`
        }))

    yield* stopping(reads.ask(requests, meeting, findings))
    if ("missing" in cast) {
      reason = cast.missing
    } else {
      const others = [cast.other, ...Option.toArray(cast.third)]
      const ending = Effect.gen(function*() {
        const result = yield* putBack(meeting.id, cast.first, others, requests.uncertain() === 0)
        back = Option.some(result)
        yield* announce(result, requests.uncertain())
      })
      yield* Effect.ensuring(stopping(swaps.ask(requests, meeting.id, cast, findings)), ending)
    }
    summary.note(requests.replies(), findings)
    const found: ReadonlyMap<string, Finding> = findings
    return {
      rows: questions.map((row: Question) => ({
        ...row,
        finding: found.get(row.number) ?? missing(row.unasked ?? reason)
      })),
      replies: requests.replies().length,
      putBack: back
    }
  })
