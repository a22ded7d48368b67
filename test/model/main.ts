import { cases } from "./cases.ts"
import { check } from "./check.ts"

const started = performance.now()
let states = 0
let wrong = 0
for (const { fails, name, properties, setup } of cases) {
  const from = performance.now()
  const verdict = check(setup, properties)
  states = states + verdict.states
  const asExpected = verdict.violated?.property === fails
  if (!asExpected) wrong = wrong + 1
  const seconds = ((performance.now() - from) / 1_000).toFixed(1)
  const text = verdict.violated === undefined ? "all hold" : `fails: ${verdict.violated.property}`
  console.log(
    `${asExpected ? "ok   " : "WRONG"} ${String(verdict.states).padStart(9)} states ${
      seconds.padStart(6)
    } s  ${name}: ${text}`
  )
  if (verdict.violated !== undefined) { for (const line of verdict.violated.trace) console.log(`        ${line}`) }
}
console.log(`${states} states in ${((performance.now() - started) / 1_000).toFixed(1)} s`)
console.log(`${cases.length - wrong} passed, ${wrong} failed`)
if (wrong > 0) process.exitCode = 1
