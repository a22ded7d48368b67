/** What all replies together show. */
import * as Arr from "effect/Array"
import * as wire from "../../internal/wire.ts"
import { answer, type Findings, missing } from "./findings.ts"
import type { Reply } from "./requests.ts"

/** `121006 with HTTP 409, 121003 with HTTP 400`. */
const withStatuses = (replies: ReadonlyArray<Reply>): string =>
  [...new Set(replies.map(({ code, status }) => `${code} with HTTP ${status}`))].sort().join(", ")

/** One reply for each code and status. */
const distinct = (replies: ReadonlyArray<Reply>): ReadonlyArray<Reply> =>
  Arr.dedupeWith(replies, (one, other) => one.code === other.code && one.status === other.status)

export const note = (replies: ReadonlyArray<Reply>, findings: Findings): void => {
  const successes = replies.filter(({ code }) => code === 0)
  const limited = successes.filter(({ hasRateLimit }) => hasRateLimit)
  findings.set(
    "9.2",
    limited.length > 0
      ? answer(`in ${limited.length} of ${successes.length} successes`, limited.slice(0, 1))
      : successes.length > 0
      ? answer(`no, in none of ${successes.length} successes`, successes.slice(0, 1))
      : missing("there was no success")
  )

  const gateway = replies.filter(({ code }) => `${code}`.startsWith("9999"))
  if (gateway.length > 0) findings.set("10", answer(withStatuses(gateway), distinct(gateway)))

  const meeting = replies.filter(({ code }) => code >= 120_000 && code < 130_000)
  const asOk = meeting.filter(({ status }) => status === 200)
  const statuses = new Set(meeting.filter(({ code }) => code === 121006).map(({ status }) => status))
  const conflictStatus = statuses.size === 1 ? ([200, 409] as const).find((status) => statuses.has(status)) : undefined
  findings.set(
    "3",
    meeting.length === 0
      ? missing("there was no 12xxxx")
      : answer(
        `${asOk.length > 0 ? "yes" : `no, in ${meeting.length} replies`}: ${withStatuses(meeting)}`,
        distinct(meeting),
        conflictStatus === undefined ? {} : { conflictStatus }
      )
  )

  const errors = replies.flatMap((reply) => {
    const error = wire.object(reply.body["error"])
    return Object.keys(error).length > 0 ? [{ reply, error }] : []
  })
  const names = ["log_id", "logid"].filter((name) => errors.some(({ error }) => error[name] !== undefined))
  const withLogId = errors.find(({ error }) => names.some((name) => error[name] !== undefined))
  findings.set(
    "12.1",
    withLogId === undefined
      ? missing("no refusal had a log id in its body")
      : answer(names.map((name) => `error.${name}`).join(" and "), withLogId.reply)
  )
  const violated = errors.flatMap(({ error, reply }) =>
    wire.list(error["permission_violations"]).slice(0, 1).map((violation) => ({ reply, violation }))
  )
  const [violation] = violated
  findings.set(
    "12.2",
    violation === undefined
      ? missing("no refusal had permission_violations")
      : answer(`objects with ${Object.keys(violation.violation).filter(isField).sort().join(", ")}`, violation.reply)
  )
}

/** The platform's own names, and nothing that could be data. */
const isField = (name: string) => /^[a-z_]{1,20}$/.test(name)
