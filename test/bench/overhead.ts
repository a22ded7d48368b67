/**
 * What an engine costs by itself: microseconds of the thread's processor time per uncontended operation, and per
 * conflict. All run in one process, in turns; only the ratios carry over to other machines. On the built package, since
 * a loader that transforms sources also instruments them.
 */
import { type Batch, engines } from "./overhead/engines.ts"
import { makeRegister } from "./overhead/Register.ts"
import { short, table } from "./table.ts"

const rounds = 25
const warmUp = 5
const conflicts = 8

const median = (samples: ReadonlyArray<number>) => samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? Number.NaN

/** Long enough for a coarse processor clock. */
const measure = async (batch: Batch, operations: number, conflicts: number): Promise<number> => {
  const register = makeRegister()
  const end = performance.now() + 50
  const start = process.threadCpuUsage()
  let done = 0
  while (performance.now() < end) {
    await batch(register, operations, conflicts)
    done += operations
  }
  const { system, user } = process.threadCpuUsage(start)
  return (system + user) / done
}

const names = Object.keys(engines)
const samples = new Map(names.map((name) => [name, { calm: Array<number>(), contended: Array<number>() }]))

for (let round = 0; round < rounds; round++) {
  for (const [name, batch] of Object.entries(engines)) {
    const calm = await measure(batch, 200, 0)
    const contended = await measure(batch, 20, conflicts)
    if (round < warmUp) continue
    samples.get(name)?.calm.push(calm)
    samples.get(name)?.contended.push(contended)
  }
}

const results = names.map((name) => {
  const { calm, contended } = samples.get(name) ?? { calm: [], contended: [] }
  return { name, calm: median(calm), conflict: (median(contended) - median(calm)) / conflicts }
})
const of = (name: string) => results.find((result) => result.name === name)
const [ours, promiseRetry, effectRetry] = [of("ours"), of("p-retry"), of("Effect.retry and a Ref")]
if (ours === undefined || promiseRetry === undefined || effectRetry === undefined) throw new Error("not measured")

console.log(table(
  ["engine", "us uncontended", "v ours", "us per conflict", "v ours"],
  results.map(({ calm, conflict, name }) => [
    name,
    short(calm),
    short(calm / ours.calm),
    short(conflict),
    short(conflict / ours.conflict)
  ])
))
console.log(`
uncontended:                        ${short(ours.calm)} us, goal <= 10
per conflict:                       ${short(ours.conflict)} us, goal <= 8
per conflict, ours v p-retry:       ${short(ours.conflict / promiseRetry.conflict)}, goal < 1
per conflict, ours v Effect.retry:  ${short(ours.conflict / effectRetry.conflict)}, goal < 1`)
