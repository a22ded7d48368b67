/** A report as a picture. */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import {
  answerOf,
  type Attempt,
  type FailureReport,
  milliseconds,
  plural,
  type Report,
  requestOf,
  show,
  summaryOf
} from "./Report.ts"

/** With these bounds a diagram stays below the 50,000 characters that Mermaid renders, whatever the values are. */
const bounds = { attempts: 16, value: 40, line: 120 }

/** Cuts after so many characters, never within one. */
const cut = (text: string, most: number): string => {
  const characters = Array.from(text.slice(0, 2 * most + 2))
  return characters.length <= most ? text : `${characters.slice(0, most - 1).join("")}…`
}

/** Mermaid decodes these codes after it has parsed the diagram, so no character of a value can end a line or begin a keyword. */
const escape = (text: string): string =>
  text.replace(/[^\p{L}\p{M}\p{N} …>(),.'+/@_-]/gu, (character) => `#${character.codePointAt(0)};`)

const write = (text: string): string => escape(cut(text, bounds.line))

const note = (over: string, ...lines: ReadonlyArray<string>): string =>
  `Note over ${over}: ${lines.map(write).join("<br/>")}`

const request = <A>(attempt: Attempt<A>, format: (value: A) => string): ReadonlyArray<string> => {
  const sent = `${requestOf(attempt, format)}, at ${milliseconds(attempt.at)}`
  const answer = `${answerOf(attempt, format)}, took ${milliseconds(attempt.took)}`
  if (!attempt.sent) return [note("caller", sent, `not sent, ${answer}`)]
  switch (attempt.answer._tag) {
    case "Applied":
    case "Conflict":
    case "Observed":
      return [`caller->>register: ${write(sent)}`, `register-->>caller: ${write(answer)}`]
    case "Unsent":
      return [`caller-xregister: ${write(sent)}`, note("caller,register", answer)]
    case "Unknown":
    case "Terminal":
      return [`caller-)register: ${write(sent)}`, note("caller,register", answer)]
  }
}

/** By attempt, the value that its answer shows and that somebody else has put there since the register was last seen. */
const rivalsIn = <A>(report: Report<A> | FailureReport<A>, format: (value: A) => string) => {
  const own = new Set<string>()
  let seen: string | undefined
  return report.attempts.map((attempt, index) => {
    const { answer } = attempt
    if (attempt._tag === "Swap") {
      own.add(format(attempt.desired))
      // A fresh value may have been shown to an earlier operation of the queue.
      if (attempt.fresh) seen = format(attempt.expected)
    }
    const shown = answer._tag === "Conflict" ? answer.actual : answer._tag === "Observed" ? answer.value : Option.none()
    if (Option.isNone(shown)) return undefined
    const [value, before] = [format(shown.value), seen]
    seen = value
    // What an operation converged on is its target, however it looks.
    const isTarget = report.outcome === "converged" && index === report.attempts.length - 1
    return before === undefined || before === value || own.has(value) || isTarget ? undefined : value
  })
}

/** The first and the last of many, with a line for those between. */
const cutMiddle = (drawn: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<ReadonlyArray<string>> => {
  const left = drawn.length - bounds.attempts
  const half = bounds.attempts / 2
  if (left <= 0) return drawn
  const between = note("caller,register", `${plural(left, "attempt")} not shown`)
  return [...drawn.slice(0, half), [between], ...drawn.slice(-half)]
}

/**
 * The report as a sequence diagram for Mermaid, which GitHub and most documentation tools draw.
 *
 * **Details**
 *
 * It shows what the timeline says, between the `caller` and the `register`:
 *
 * - A solid arrow with a filled head is a request that the register answered, and the dashed one its answer.
 * - An arrow with an open head is a request that may have been executed, or failed. One that ends in a cross was not executed.
 * - A request that never left is a note over the caller. So is a wait.
 * - An arrow from `somebody else` comes before the request whose answer shows that another value was put there. When that
 *   happened is not known, except that the register was seen with a different value before.
 *
 * Of more than 16 attempts it shows the first and the last eight, and how many were between. A value is cut after 40
 * characters. Whatever the values are, the diagram is valid.
 *
 * **Gotchas**
 *
 * Values for which `format` gives the same text are taken for equal. If values have versions, leave them out: a target without a
 * version would look different when it is in place, as if somebody else had put it there.
 *
 * **Example** (The arrows, without their times)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Cas } from "effect-lark-meetings"
 *
 * let host = "alice"
 * const register: Cas.Register<string> = {
 *   equals: (a, b) => a === b,
 *   swap: (expected, desired) =>
 *     Effect.sync(() => {
 *       if (host !== expected) return Cas.conflict(host)
 *       host = desired
 *       return Cas.applied
 *     })
 * }
 * const report = await Effect.runPromise(Cas.run(register, Cas.ensure("bob"), { hint: "carol" }))
 * const arrows = Cas.diagram(report).match(/ .*->>.*(?=,)/g) ?? []
 * console.log(arrows.join("\n"))
 * // => caller->>register: swap carol -> bob
 * // => register-->>caller: stale conflict, it is alice
 * // => caller->>register: swap alice -> bob
 * // => register-->>caller: applied
 * ```
 *
 * @stability stable
 * @category rendering
 */
export const diagram = <A>(
  report: Report<A> | FailureReport<A>,
  format: (value: A) => string = show
): string => {
  const short = (value: A) => cut(format(value), bounds.value)
  const rivals = rivalsIn(report, format)
  const drawn = cutMiddle(report.attempts.map((attempt, index) => {
    const rival = rivals[index]
    return [
      ...(Duration.isZero(attempt.waited) ? [] : [note("caller", `wait ${milliseconds(attempt.waited)}`)]),
      ...(rival === undefined ? [] : [`others->>register: ${write(`has set ${cut(rival, bounds.value)}`)}`]),
      ...request(attempt, short)
    ]
  })).flat()
  const { end, outcome, requests } = summaryOf(report, short)
  return [
    "sequenceDiagram",
    "participant caller",
    "participant register",
    ...(drawn.some((line) => line.startsWith("others")) ? ["participant others as somebody else"] : []),
    ...drawn,
    note("caller,register", outcome, requests, end)
  ].join("\n  ")
}
