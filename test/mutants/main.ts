/**
 * Makes every known mistake in a copy of the engine, one at a time, and sees that its test notices.
 * `npm run test:mutants`; `npm run test:mutants -- drain budget`: those with one of these words in the name of the mistake,
 * its file or its test.
 */
import { Schema } from "effect"
import { existsSync, readFileSync, rmSync } from "node:fs"
import * as answers from "./answers.ts"
import * as bounds from "./bounds.ts"
import * as events from "./events.ts"
import * as interruption from "./interruption.ts"
import * as maintain from "./maintain.ts"
import type { Mutant, Test } from "./Mutant.ts"
import * as people from "./people.ts"
import * as plugged from "./plugged.ts"
import * as queue from "./queue.ts"
import * as requests from "./requests.ts"
import * as shared from "./shared.ts"
import { forEach, type Tree } from "./trees.ts"
import * as wire from "./wire.ts"

const words = process.argv.slice(2)

const mutants = [answers, bounds, events, interruption, maintain, people, plugged, queue, requests, shared, wire]
  .flatMap(({ mutants }) => mutants)
  .filter(
    ({ file, killer, name }) =>
      words.length === 0 || words.some((word) => [name, file, killer.file, killer.title].join("\n").includes(word))
  )

const Results = Schema.fromJsonString(Schema.Struct({
  testResults: Schema.Array(Schema.Struct({
    assertionResults: Schema.Array(Schema.Struct({ title: Schema.String, status: Schema.String }))
  }))
}))

/** Runs the tests of a file, or one of them by title. Returns how each ended. */
const testing = async (tree: Tree, file: string, title?: string) => {
  const report = tree.path("results.json")
  rmSync(report, { force: true })
  const only = title === undefined ? [] : ["-t", `${title.replaceAll(/[^\w\s]/g, "\\$&")}$`]
  await tree.test(file, ...only, "--reporter=json", `--outputFile=${report}`)
  const { testResults } = existsSync(report)
    ? Schema.decodeUnknownSync(Results)(readFileSync(report, "utf8"))
    : { testResults: [] }
  const results = testResults.flatMap(({ assertionResults }) => assertionResults)
  return ({ title }: Test): string => {
    // Several, if it runs through several clients.
    const ended = results.filter((result) => result.title === title).map(({ status }) => status)
    return ended.find((status) => status !== "passed") ?? ended[0] ?? "not run"
  }
}

const inQuotes = ({ file, title }: Test) => `${file}, "${title}"`

/** The killers that are not green while nothing is wrong. */
const wrongKillers = async (tree: Tree): Promise<ReadonlyArray<string>> => {
  const wrong: Array<string> = []
  const killers = mutants.map(({ killer }) => killer)
  for (const file of new Set(killers.map((killer) => killer.file))) {
    const ended = await testing(tree, file)
    for (const killer of killers.filter((killer) => killer.file === file)) {
      if (ended(killer) !== "passed") wrong.push(`${inQuotes(killer)} was ${ended(killer)}`)
    }
  }
  return wrong
}

const verdictOn = (tree: Tree, { file, find, killer, replace }: Mutant): Promise<string> => {
  const found = readFileSync(tree.path(file), "utf8").split(find).length - 1
  if (found !== 1) return Promise.resolve(`BROKEN: its text is in ${file} ${found} times`)
  return tree.changed(file, (source) => source.replace(find, () => replace), async () => {
    const ended = (await testing(tree, killer.file, killer.title))(killer)
    return ended === "failed"
      ? "killed"
      : ended === "passed"
      ? `SURVIVED ${inQuotes(killer)}`
      : `BROKEN: ${inQuotes(killer)} was ${ended}`
  })
}

let killed = 0
let wrong: ReadonlyArray<string> = []
await forEach(mutants, async (tree) => {
  wrong = await wrongKillers(tree)
  for (const killer of wrong) console.log(`NOT GREEN: ${killer}`)
}, async (tree, mutant) => {
  const verdict = await verdictOn(tree, mutant)
  if (verdict === "killed") killed = killed + 1
  console.log(`${mutant.name}: ${verdict}`)
})
const failed = mutants.length - killed + wrong.length
console.log(`${killed} passed, ${failed} failed`)
if (failed > 0 || mutants.length === 0) process.exitCode = 1
