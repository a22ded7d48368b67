/**
 * The ledger of `npm run soak` finds the discrepancies that it is made to find.
 */
import { describe, expect, it } from "vitest"
import { type Account, makeLedger } from "./soak/Ledger.ts"

const meeting = "6911188411000000000"
const toBen = { before: "anna", after: "ben" }

const account = (claims: Partial<Account>): Account => ({
  effect: "none",
  applied: [],
  uncertain: [],
  details: () => "an operation of this test",
  ...claims
})

const write = (operation: number | undefined, { after, before } = toBen, at = 15) => ({
  meeting,
  before,
  after,
  at,
  ...(operation === undefined ? {} : { operation })
})

const applied = account({ effect: "applied", applied: [toBen] })

/** The discrepancies of one operation from 10 to 20: the first slice of the log settles it, the second comes later. */
const discrepanciesOf = (
  claims: Account,
  writes: ReadonlyArray<ReturnType<typeof write>>,
  later: ReadonlyArray<ReturnType<typeof write>> = []
) => {
  const ledger = makeLedger()
  ledger.begin(0, meeting, 10)
  ledger.end(0, 20, claims)
  ledger.ask()({ writes, endings: [] })
  ledger.ask()({ writes: later, endings: [] })
  ledger.close()
  return ledger.discrepancies
}

describe("the ledger accepts", () => {
  it.each<[string, Account, ReadonlyArray<ReturnType<typeof write>>, ReadonlyArray<ReturnType<typeof write>>]>([
    ["none, and no write", account({}), [write(undefined)], []],
    ["applied, and its write", applied, [write(0)], []],
    ["unknown, and no write", account({ effect: "unknown", uncertain: [toBen] }), [], []],
    ["unknown, and its write", account({ effect: "unknown", uncertain: [toBen] }), [write(0)], []],
    ["unknown, and its write after the end", account({ effect: "unknown", uncertain: [toBen] }), [], [write(0)]],
    ["an interruption, and its write", account({ effect: "unknown", uncertain: 1 }), [write(0)], []],
    ["a host from the start", account({ saw: "anna" }), [write(undefined, toBen, 20)], []],
    ["a host who changed in time", account({ saw: "ben" }), [write(undefined, toBen, 20)], []]
  ])("%s", (_, claims, writes, later) => expect(discrepanciesOf(claims, writes, later)).toEqual([]))
})

describe("the ledger reports", () => {
  const back = { before: "ben", after: "anna" }
  it.each<[string, Account, ReadonlyArray<ReturnType<typeof write>>, ReadonlyArray<ReturnType<typeof write>>, string]>([
    ["none, and a write", account({}), [write(0)], [], "claims effect none, but there is anna -> ben"],
    ["none, and a write after the end", account({}), [], [write(0)], "which can have no more writes"],
    ["none, although a reply was lost", account({ uncertain: [toBen] }), [write(0)], [], "claims effect none"],
    ["applied, and no write", applied, [], [], "claims that anna -> ben was applied, but it was not"],
    [
      "applied, and another write",
      applied,
      [write(0, { before: "anna", after: "carl" })],
      [],
      "was applied, but it was not"
    ],
    ["applied twice", applied, [write(0), write(0, { before: "ben", after: "ben" })], [], "there is ben -> ben"],
    ["applied again after the end", applied, [write(0)], [write(0, back)], "which can have no more writes"],
    ["applied, without a swap", account({ effect: "applied" }), [], [], "without an applied swap"],
    [
      "more writes than claimed",
      account({ effect: "unknown", uncertain: [toBen] }),
      [write(0), write(0, back)],
      [],
      "there is ben -> anna"
    ],
    [
      "more writes than requests",
      account({ effect: "unknown", uncertain: 1 }),
      [write(0), write(0, back)],
      [],
      "ben ->"
    ],
    ["a write by an unknown operation", account({}), [write(7)], [], "which was never called"],
    ["a gap in the log", account({}), [write(undefined, back)], [], "has a gap"],
    ["a host who changed too late", account({ saw: "ben" }), [write(undefined, toBen, 21)], [], "ben was not host"],
    ["a host who was replaced before", account({ saw: "anna" }), [write(undefined, toBen, 9)], [], "anna was not host"]
  ])("%s", (_, claims, writes, later, text) => {
    expect(discrepanciesOf(claims, writes, later).join("\n")).toContain(text)
  })

  it("an operation without an end, or with two", () => {
    const ledger = makeLedger()
    ledger.begin(0, meeting, 10)
    ledger.begin(1, meeting, 10)
    ledger.end(1, 20, account({}))
    ledger.end(1, 20, account({}))
    ledger.ask()({ writes: [], endings: [] })
    ledger.close()
    expect(ledger.discrepancies).toEqual(["operation 1 ended twice", "operation 0 has no end"])
  })

  it("the end of a meeting that no operation claims", () => {
    const ledger = makeLedger()
    ledger.begin(0, meeting, 10)
    ledger.end(0, 20, account({}))
    ledger.ask()({ writes: [], endings: [{ meeting, operation: 0 }] })
    expect(ledger.discrepancies.join("\n")).toContain("there is in progress -> ended")
  })
})
