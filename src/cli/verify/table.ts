/** The findings as text and as JSON: no token, no name and no id of a person or a meeting is in them. */
import * as Option from "effect/Option"
import type * as Simulator from "../../Simulator.ts"
import type { Reply } from "./requests.ts"
import type { Outcome, Row } from "./script.ts"

const evidenceOf = ({ code, endpoint, logId, status }: Reply) => ({ endpoint, status, code, logId: logId ?? null })

/** The log id is text of a server. */
const cell = (text: string) => text.replaceAll(/[|\\`<>]/g, " ")

const answerOf = ({ finding }: Row) => finding._tag === "Answer" ? finding.answer : `not answered: ${finding.reason}`

const proofOf = ({ finding }: Row) =>
  finding._tag === "Answer"
    ? finding.evidence.map(({ code, endpoint, logId, status }) =>
      `${endpoint} ${status} ${code}${logId === undefined ? "" : ` ${logId}`}`
    ).join(", ")
    : ""

/** A table in Markdown. */
export const markdown = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => [
  "| | question | answer | evidence: endpoint, HTTP status, code, log id |",
  "| --- | --- | --- | --- |",
  ...rows.map((row) => `| ${row.number} | ${row.question} | ${cell(answerOf(row))} | ${cell(proofOf(row))} |`)
]

/** The options with which the simulator answers as the platform did. */
export const behaviorOf = (rows: ReadonlyArray<Row>): Simulator.BehaviorOptions =>
  Object.assign({}, ...rows.map(({ finding }) => finding._tag === "Answer" ? finding.behavior : {}))

/** For programs. */
export const json = ({ putBack, replies, rows }: Outcome) => ({
  replies,
  questions: rows.map((row) => ({
    number: row.number,
    question: row.question,
    answer: row.finding._tag === "Answer" ? row.finding.answer : null,
    notAnswered: row.finding._tag === "Missing" ? row.finding.reason : null,
    evidence: row.finding._tag === "Answer" ? row.finding.evidence.map(evidenceOf) : []
  })),
  behavior: behaviorOf(rows),
  /** `null` if the role was not moved. */
  hostIsBack: Option.getOrNull(Option.map(putBack, ({ _tag }) => _tag === "Back"))
})
