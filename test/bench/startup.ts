/**
 * How long a program waits for its imports: this library, next to the official SDK and to the part of Effect that every
 * program with an HTTP client loads. Each import in a fresh process, in turns; on the built package.
 */
import { execFileSync } from "node:child_process"
import { short, table } from "./table.ts"

const rounds = 11

const effect = ["effect/Effect", "effect/Layer", "effect/Redacted", "effect/http/FetchHttpClient"]
const ours = ["effect-lark-meetings/Lark", "effect-lark-meetings/Meetings"]

const imports: Record<string, { readonly first: ReadonlyArray<string>; readonly then: ReadonlyArray<string> }> = {
  "official SDK": { first: [], then: ["@larksuiteoapi/node-sdk"] },
  "Effect with an HTTP client": { first: [], then: effect },
  "ours": { first: [], then: ours },
  "ours, Effect being there": { first: effect, then: ours }
}

interface Sample {
  readonly wall: number
  readonly cpu: number
}

const measure = ({ first, then }: (typeof imports)[string]): Sample =>
  JSON.parse(execFileSync(process.execPath, [
    "--input-type=module",
    "--eval",
    `for (const name of ${JSON.stringify(first)}) await import(name)
    const [start, usage] = [performance.now(), process.cpuUsage()]
    for (const name of ${JSON.stringify(then)}) await import(name)
    const wall = performance.now() - start
    const { system, user } = process.cpuUsage(usage)
    console.log(JSON.stringify({ wall, cpu: (system + user) / 1_000 }))`
  ], { encoding: "utf8", cwd: import.meta.dirname }))

const median = (samples: ReadonlyArray<number>) => samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? Number.NaN

const samples = new Map<string, Array<Sample>>()
for (let round = 0; round <= rounds; round++) {
  for (const [name, modules] of Object.entries(imports)) {
    const sample = measure(modules)
    // The first round reads from the disk.
    if (round > 0) samples.set(name, [...samples.get(name) ?? [], sample])
  }
}

const sdk = samples.get("official SDK") ?? []
console.log(table(
  ["import", "ms", "ms CPU", "CPU v SDK"],
  [...samples].map(([name, own]) => [
    name,
    short(median(own.map(({ wall }) => wall))),
    short(median(own.map(({ cpu }) => cpu))),
    short(median(own.map(({ cpu }, round) => cpu / (sdk[round]?.cpu ?? Number.NaN))))
  ])
))
