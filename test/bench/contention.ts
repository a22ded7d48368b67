/**
 * How much a contended register costs, in simulated time: the shipped reducer and policies next to the loops of others.
 * Figures go to docs/figures. With `--large` also 200, 500 and 1000 contenders.
 */
import { bounded, roster } from "./contention/clients.ts"
import { writeFigures } from "./contention/figures.ts"
import { goals } from "./contention/goals.ts"
import { comparisons } from "./contention/published.ts"
import { type Measured, product, race } from "./contention/race.ts"
import { makeSweep } from "./contention/sweep.ts"
import { short, table } from "./table.ts"

const contenders = [1, 2, 3, 5, 10, 20, 50, 100, ...(process.argv.includes("--large") ? [200, 500, 1_000] : [])]
const columns = contenders.map(String)
const percent = (n: number) => `${n.toFixed(1)}%`

const section = (title: string, ...text: ReadonlyArray<string>) => console.log([`\n## ${title}`, ...text].join("\n\n"))

section(
  "The simulator against AWS's own, 100 clients",
  table(
    ["clients", "writes there", "here", "off by", "ms there", "here", "off by"],
    comparisons(100).map(({ millis, name, writes }) => [
      name,
      ...[writes, millis].flatMap(([there, here]) => [
        there.toFixed(0),
        here.toFixed(0),
        percent(100 * (here / there - 1))
      ])
    ])
  )
)

const at = makeSweep()
const rows = (show: (measured: Measured) => string) =>
  Object.values(roster).map((named) => [named[0], ...contenders.map((n) => show(at(named, n)))])

section("Calls per client", table(["N", ...columns], rows((measured) => short(measured.calls))))
section("Time / (N round trips)", table(["N", ...columns], rows((measured) => short(measured.time))))
section("Calls x time; the limit is 1", table(["N", ...columns], rows((measured) => short(product(measured)))))

const crowds = contenders.filter((n) => n > 1)
section(
  "Clients that give up, with the bounds that each engine brings (calls per client)",
  table(
    ["N", ...crowds.map(String)],
    bounded.map(([name, make]) => [
      name,
      ...crowds.map((n) => {
        const { calls, gaveUp } = race(make, { contenders: n, runs: Math.ceil(2_000 / n), seed: 13 })
        return `${percent(100 * gaveUp)} (${short(calls)})`
      })
    ])
  )
)

section(
  "Goals",
  table(
    ["what", "measured", "goal", "", "others"],
    goals(at).map(({ atMost, measured, peers, what }) => [
      what,
      measured.toFixed(3),
      `<= ${atMost}`,
      measured <= atMost + 1e-9 ? "met" : "MISSED",
      peers
    ])
  )
)

const written = await writeFigures(at, contenders)
console.log(`\nWritten: ${written.join(", ")}`)
