/**
 * That the account of `npm run soak` notices what it is there to notice.
 */
import { describe, expect, it } from "vitest"
import { type Account, makeLedger } from "./soak/Ledger.ts"

const meeting = "6911188411000000000"
const toBen = { before: "anna", after: "ben" }

const account = (claims: Partial<Account>): Account => ({
  effect: "none",
  applied: [],
  doubtful: [],
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

/** One operation from 10 to 20, settled by the first slice of the log, and what comes in a second one. */
const wrong = (
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
    ["unknown, and no write", account({ effect: "unknown", doubtful: [toBen] }), [], []],
    ["unknown, and its write", account({ effect: "unknown", doubtful: [toBen] }), [write(0)], []],
    ["unknown, and its write after the end", account({ effect: "unknown", doubtful: [toBen] }), [], [write(0)]],
    ["an interruption, and a write for each request", account({ effect: "unknown", doubtful: 1 }), [write(0)], []],
    ["a host who was there all the time", account({ saw: "anna" }), [write(undefined, toBen, 20)], []],
    ["a host who came in time", account({ saw: "ben" }), [write(undefined, toBen, 20)], []]
  ])("%s", (_, claims, writes, later) => expect(wrong(claims, writes, later)).toEqual([]))
})

describe("the ledger notices", () => {
  const back = { before: "ben", after: "anna" }
  it.each<[string, Account, ReadonlyArray<ReturnType<typeof write>>, ReadonlyArray<ReturnType<typeof write>>, string]>([
    ["none, and a write", account({}), [write(0)], [], "says effect none, and there is anna -> ben"],
    ["none, and a write after the end", account({}), [], [write(0)], "which had nothing more to do"],
    ["none in spite of a lost reply", account({ doubtful: [toBen] }), [write(0)], [], "says effect none"],
    ["applied, and no write", applied, [], [], "says anna -> ben was applied, and it was not"],
    [
      "applied, and another write",
      applied,
      [write(0, { before: "anna", after: "carl" })],
      [],
      "was applied, and it was"
    ],
    ["applied twice", applied, [write(0), write(0, { before: "ben", after: "ben" })], [], "there is ben -> ben"],
    ["applied again after the end", applied, [write(0)], [write(0, back)], "which had nothing more to do"],
    ["applied by nothing", account({ effect: "applied" }), [], [], "by no swap"],
    [
      "more writes than may be",
      account({ effect: "unknown", doubtful: [toBen] }),
      [write(0), write(0, back)],
      [],
      "there is ben -> anna"
    ],
    [
      "more writes than requests",
      account({ effect: "unknown", doubtful: 1 }),
      [write(0), write(0, back)],
      [],
      "ben ->"
    ],
    ["a write by nobody", account({}), [write(7)], [], "which was never called"],
    ["a gap in the log", account({}), [write(undefined, back)], [], "has a gap"],
    ["a host who came too late", account({ saw: "ben" }), [write(undefined, toBen, 21)], [], "ben was not host"],
    ["a host who had gone", account({ saw: "anna" }), [write(undefined, toBen, 9)], [], "anna was not host"]
  ])("%s", (_, claims, writes, later, text) => {
    expect(wrong(claims, writes, later).join("\n")).toContain(text)
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

  it("a meeting that ended though it was not to be", () => {
    const ledger = makeLedger()
    ledger.begin(0, meeting, 10)
    ledger.end(0, 20, account({}))
    ledger.ask()({ writes: [], endings: [{ meeting, operation: 0 }] })
    expect(ledger.discrepancies.join("\n")).toContain("there is in progress -> ended")
  })
})
