/**
 * The findings of `npm run test:cluster` name the failures that they are made to find.
 */
import { describe, expect, it } from "vitest"
import type { Record } from "./cluster/bed.ts"
import type { Aftermath } from "./cluster/chaos.ts"
import { failuresOf, stepsOf } from "./cluster/findings.ts"
import type { Performed } from "./cluster/messages.ts"
import { noTotals } from "./soak/Ledger.ts"

const performed = (label: string): typeof Performed.Type => ({
  label,
  effect: "applied",
  applied: [],
  uncertain: [],
  details: `timeline of ${label}`,
  took: 40
})

const record = (called: number, ended: number, rest: Partial<Record> = {}): Record => ({
  pod: "pod 1",
  meeting: 0,
  task: "Ensure",
  called,
  ended,
  performed: performed("swapped"),
  wasFrozen: false,
  ...rest
})

/** Operations of 40 ms, one after the other. */
const usual = Array.from({ length: 10 }, (_, index) => record(40 * index, 40 * index + 40))

const aftermath = (records: ReadonlyArray<Record>, rest: Partial<Aftermath> = {}): Aftermath => ({
  records,
  discrepancies: [],
  unended: 0,
  kills: 1,
  starts: 6,
  began: 0,
  blows: [400],
  calls: 0,
  latency: 20,
  totals: { ...noTotals, operations: records.length },
  ...rest
})

describe("the time that an operation held its meeting up", () => {
  it("counts from its call, or from the end of the one before it on its meeting", () => {
    const records = [record(0, 40), record(10, 100), record(150, 170), record(0, 200, { meeting: 1 })]
    expect(stepsOf(records).map(({ millis }) => millis)).toEqual([40, 60, 20, 200])
  })

  it("counts from the death of the process whose turn it was", () => {
    const [, next] = stepsOf([record(0, 1_000, { performed: undefined }), record(10, 1_500)])
    expect(next?.millis).toBe(500)
  })
})

describe("a run passes", () => {
  it.each<[string, ReadonlyArray<Record>]>([
    ["with successes", usual],
    ["with an operation that a later one replaced", [
      ...usual,
      record(400, 440, { performed: performed("CasSuperseded") })
    ]],
    ["with the operations of a process that was killed", [...usual, record(400, 9_000, { performed: undefined })]],
    ["with a failure while the process was frozen", [
      ...usual,
      record(400, 9_000, { performed: performed("CasExhausted"), wasFrozen: true })
    ]],
    ["with a failure of the plan", [
      ...usual,
      record(400, 440, { performed: performed("CasRefused"), task: "Planned" })
    ]],
    ["with a request that was not stored", [
      ...usual,
      record(400, 440, { performed: performed("SessionStoreError"), task: "Request" }),
      record(440, 9_000, { performed: performed("RequestNotFound"), task: "Result" })
    ]],
    ["with requests of 3 s", [
      ...usual,
      record(400, 400 + 5_700, { performed: { ...performed("swapped"), requested: 3_000 } })
    ]],
    ["with a loss of 2.5 s", [...usual, record(400, 400 + 2_740)]]
  ])("%s", (_, records) => expect(failuresOf(aftermath(records))).toEqual([]))

  it("with a longer loss while the requests of all take long", () => {
    const slow = { performed: { ...performed("swapped"), requested: 220 } }
    const busy = Array.from({ length: 10 }, (_, index) => record(400, 1_000 + index, { ...slow, meeting: 1 + index }))
    expect(failuresOf(aftermath([...usual, ...busy, record(400, 4_900)]))).toEqual([])
  })

  it("with a loss of 5 s while two parts died", () => {
    expect(failuresOf(aftermath([...usual, record(400, 400 + 5_440)], { blows: [300, 2_000] }))).toEqual([])
  })
})

it("a run passes with 2.5 s before a part died, and 2.5 s after it", () => {
  expect(failuresOf(aftermath([...usual, record(3_000, 8_000)], { blows: [5_500] }))).toEqual([])
})

describe("a run fails", () => {
  it.each<[string, Aftermath, string]>([
    ["by a discrepancy", aftermath(usual, { discrepancies: ["claims effect none"] }), "claims effect none"],
    ["by a call without an end", aftermath(usual, { unended: 2 }), "2 operations have not ended"],
    [
      "by an error",
      aftermath([...usual, record(400, 440, { performed: performed("CasExhausted") })]),
      "1 operations failed:\n  CasExhausted: pod 1 on meeting 0, 0.40 to 0.44 s, Ensure: timeline of CasExhausted"
    ],
    [
      "by an interruption that nobody asked for",
      aftermath([...usual, record(400, 440, { performed: performed("interrupted") })]),
      "1 operations failed:\n  interrupted"
    ],
    [
      "by a loss of more than 2.5 s",
      aftermath([...usual, record(400, 400 + 2_741)]),
      "1 operations lost too much time for the parts that died:\n  2701 ms, at most 2700: pod 1 on meeting 0, 0.40 to 3.14 s"
    ],
    [
      "by a loss of more than 2.5 s before a part died",
      aftermath([...usual, record(3_000, 6_000)], { blows: [5_800] }),
      "1 operations lost too much time"
    ],
    [
      "by a loss of more than 2.5 s after a part died",
      aftermath([...usual, record(3_000, 6_000)], { blows: [3_200] }),
      "1 operations lost too much time"
    ]
  ])("%s", (_, run, text) => expect(failuresOf(run).join("\n")).toContain(text))
})
