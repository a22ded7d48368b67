/**
 * Ten engines, and this one with each of its policies, under the same lossy scripts. The register records the truth.
 * `npm run bench:lossy -- 10000` runs 10,000 scripts. The figure goes to docs/figures.
 */
import { isUnsaid, type Part, partsOf, writeFigure } from "./lossy/figure.ts"
import { intents, otherEngines, ownEngines, type Trial, trial } from "./lossy/trial.ts"
import { short, table } from "./table.ts"

const scripts = Number(process.argv[2] ?? 2_000)
const header = [
  "engine",
  "success",
  "cancelled",
  "failure",
  "unknown",
  "false success",
  "false failure",
  "applied, not said",
  "double effect",
  "calls",
  "median ms",
  "mean ms"
]

const row = (name: string, trials: ReadonlyArray<Trial>): ReadonlyArray<string> => {
  const share = (is: (trial: Trial) => boolean) => {
    const count = trials.filter(is).length
    return count === 0 ? "0" : `${(100 * count / trials.length).toFixed(2)}%`
  }
  const mean = (of: (trial: Trial) => number) => trials.reduce((sum, trial) => sum + of(trial), 0) / trials.length
  const times = trials.map(({ millis }) => millis).sort((a, b) => a - b)
  return [
    name,
    share(({ said }) => said.ended === "success"),
    share(({ said }) => said.ended === "cancelled"),
    share(({ said }) => said.ended === "failure" && said.effect === "none"),
    share(({ said }) => said.ended === "failure" && said.effect !== "none"),
    share(({ isFalseSuccess }) => isFalseSuccess),
    share(({ isFalseFailure }) => isFalseFailure),
    share(isUnsaid),
    share(({ effects }) => effects > 1),
    short(mean(({ calls }) => calls)),
    (times[Math.floor(times.length / 2)] ?? 0).toFixed(0),
    mean(({ millis }) => millis).toFixed(0)
  ]
}

/** The fewest requests that show a false claim. */
const shortest = (trials: ReadonlyArray<Trial>) =>
  trials.filter(({ isFalseFailure, isFalseSuccess }) => isFalseFailure || isFalseSuccess)
    .sort((a, b) => a.calls - b.calls)[0]

const parts: Array<Part> = []
for (const intent of intents) {
  const rows: Array<ReadonlyArray<string>> = []
  for (const [name, engine] of [...otherEngines, ...ownEngines]) {
    const trials: Array<Trial> = []
    for (let seed = 1; seed <= scripts; seed++) trials.push(await trial(engine, intent, seed * 7_919))
    rows.push(row(name, trials))
    parts.push(...partsOf(intent, name, trials))
    const own = ownEngines.some(([own]) => own === name) ? shortest(trials) : undefined
    if (own !== undefined) console.log(`A FALSE CLAIM of ${name}:`, JSON.stringify(own, undefined, 1))
  }
  console.log(`\n## ${intent}, ${scripts} scripts\n\n${table(header, rows)}`)
}
console.log(`\nWritten: ${await writeFigure(parts)}`)
