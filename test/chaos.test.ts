/**
 * The findings of `npm run test:cluster` name the failures that they are made to find.
 */
import { describe, expect, it } from "vitest"
import type { Record } from "./cluster/bed.ts"
import type { Aftermath } from "./cluster/chaos.ts"
import { failuresOf, stepsOf } from "./cluster/findings.ts"
import type { KeptEvent, Performed } from "./cluster/messages.ts"
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
  strikes: [],
  kept: [],
  ended: 100_000,
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

describe("a keeper", () => {
  const reads = (pod: string, from: number, to: number) =>
    Array.from({ length: (to - from) / 500 }, (_, n): KeptEvent => ({ what: "read", at: from + 500 * n, pod }))
  const at = (what: KeptEvent["what"], ...times: ReadonlyArray<number>) => times.map((at): KeptEvent => ({ what, at }))
  const run = (kept: ReadonlyArray<KeptEvent>, strikes: Aftermath["strikes"] = []) =>
    failuresOf(aftermath(usual, { kept, strikes, ended: 60_000 }))
  const killed = { from: 20_000, until: 20_000, pod: "pod 1" }
  const frozen = { from: 20_000, until: 40_000, pod: "pod 1" }
  const outage = { from: 20_000, until: 30_000, pod: undefined }

  it.each<[string, ReadonlyArray<KeptEvent>, Aftermath["strikes"]]>([
    ["puts the host back", [
      ...reads("pod 1", 0, 60_000),
      ...at("away", 1_000, 30_000),
      ...at("swap", 1_200, 31_000),
      ...at("back", 1_200, 31_000)
    ], []],
    ["moves to another pod", [...reads("pod 1", 0, 20_000), ...reads("pod 2", 20_200, 60_000)], []],
    ["begins anew after its pod was killed", [
      ...reads("pod 1", 0, 20_000),
      ...at("away", 20_100),
      ...reads("pod 2", 29_000, 60_000),
      ...at("back", 33_000)
    ], [killed]],
    ["is not alone when a pod wakes from a freeze", [
      ...reads("pod 1", 0, 20_000),
      ...reads("pod 2", 26_000, 60_000),
      ...reads("pod 1", 40_000, 42_000)
    ], [frozen]],
    ["begins anew after the database is back", [
      ...reads("pod 1", 0, 20_000),
      ...at("away", 20_000),
      ...reads("pod 1", 39_000, 60_000),
      ...at("back", 39_000)
    ], [outage]]
  ])("passes if it %s", (_, kept, strikes) => expect(run(kept, strikes)).toEqual([]))

  it.each<[string, ReadonlyArray<KeptEvent>, Aftermath["strikes"], string]>([
    [
      "puts the host back late",
      [...reads("pod 1", 0, 60_000), ...at("away", 1_000), ...at("back", 5_001)],
      [],
      "keeper: the host was away for 4001 ms from 1.00 s, at most 4000"
    ],
    [
      "puts the host back late after its pod was killed",
      [...reads("pod 1", 0, 20_000), ...reads("pod 2", 33_000, 60_000), ...at("away", 20_000), ...at("back", 34_001)],
      [killed],
      "keeper: the host was away for 4001 ms"
    ],
    [
      "puts the host back late after another pod was killed",
      [...reads("pod 2", 0, 60_000), ...at("away", 20_000), ...at("back", 24_001)],
      [killed],
      "keeper: the host was away for 4001 ms"
    ],
    [
      "never puts the host back",
      [...reads("pod 1", 0, 60_000), ...at("away", 50_000)],
      [],
      "keeper: the host was away for 10000 ms"
    ],
    [
      "is not alone",
      [...reads("pod 1", 0, 60_000), ...reads("pod 2", 20_200, 21_000)],
      [],
      "keeper: two pods kept at 20.50 s: pod 1, pod 2"
    ],
    [
      "is not alone long after a pod woke from a freeze",
      [...reads("pod 1", 0, 20_000), ...reads("pod 2", 26_000, 60_000), ...reads("pod 1", 40_200, 46_000)],
      [frozen],
      "keeper: two pods kept at 44.00 s"
    ],
    [
      "swaps twice for one move of the rival",
      [...reads("pod 1", 0, 60_000), ...at("away", 1_000), ...at("swap", 1_200, 1_300), ...at("back", 1_200)],
      [],
      "keeper: 2 swaps for the move of the rival at 1.00 s"
    ],
    ["ends with its pod", reads("pod 1", 0, 20_000), [killed], "keeper: 0 pods keep in the end"],
    ["never begins", at("away", 59_000), [], "keeper: 0 pods keep in the end"],
    [
      "is in two pods in the end",
      [...reads("pod 1", 0, 60_000), ...reads("pod 2", 58_200, 60_200)],
      [],
      "keeper: 2 pods keep in the end: pod 1, pod 2"
    ]
  ])("fails a run if it %s", (_, kept, strikes, text) => expect(run(kept, strikes).join("\n")).toContain(text))
})
