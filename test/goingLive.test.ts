/**
 * docs/going-live.md in both languages: the questions of `verify`, what it prints, and the numbers that the pages state.
 */
import { assert, it } from "@effect/vitest"
import { Array as Arr, Effect } from "effect"
import { readFileSync } from "node:fs"
import { exits } from "../src/cli/exits.ts"
import { questions } from "../src/cli/verify/questions.ts"
import { most } from "../src/cli/verify/requests.ts"
import { command, platform } from "./fixtures/cli.ts"

const read = (page: string) => readFileSync(new URL(`../docs/${page}`, import.meta.url), "utf8")

const english = read("going-live.md")
const chinese = read("going-live.zh-CN.md")

it("lists the questions that are not asked, and why", () => {
  const unasked = questions.flatMap((row) => "unasked" in row ? [row] : [])
  const rows = Object.entries(Arr.groupBy(unasked, ({ unasked }) => unasked)).map(([why, rows]) =>
    [rows.map(({ number }) => number).join(", "), why] as const
  )
  const table = rows.map(([numbers, why]) => `| ${numbers} | ${why} |\n`)
  assert.include(english, `| not asked | why |\n| --- | --- |\n${table.join("")}\n`)
  const translated = Array.from(
    /\| 不询问 \| 原因 \|\n.*\n([\s\S]*?)\n\n/.exec(chinese)?.[1]?.matchAll(/^\| (.*?) \|/gm) ?? [],
    ([, numbers]) => numbers
  )
  assert.deepStrictEqual(translated, rows.map(([numbers]) => numbers))
})

it("states how many requests are sent, and the exit code of a host who is not back", () => {
  assert.include(english, `at most ${most} requests`)
  assert.include(english, `exits with ${exits.unknown.code}.`)
})

it.effect("host prints the id of the meeting where the page says", () =>
  Effect.gen(function*() {
    assert.include(english, "`LARK_MEETING_ID` is the `meeting.id` that `host` prints")
    const { stdout } = yield* command("host 123456789 --simulator --json", { env: {} })
    assert.strictEqual(JSON.parse(stdout).meeting.id, "6911188411932033028")
  }).pipe(Effect.provide(platform())))

it.effect("shows a part of what verify prints", () =>
  Effect.gen(function*() {
    const line = "verify 123456789 --other ou_bob --other ou_carol --simulator --yes"
    assert.include(english, `\`npx effect-lark-meetings ${line}\``)
    const { exit, stdout } = yield* command(line, { env: {} })
    assert.strictEqual(exit, 0)
    const shown = /```text\n([\s\S]*?)```/.exec(english)?.[1]?.trim().split("\n") ?? []
    assert.isAbove(shown.length, 1)
    // The log ids differ, and the rest of a long row is left out.
    const withoutIds = (text: string) => text.replaceAll(/simulated\d+/g, "").replace(/, …$/, "")
    for (const row of shown) assert.include(withoutIds(stdout), withoutIds(row))
  }).pipe(Effect.provide(platform())))
