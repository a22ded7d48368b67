/**
 * docs/cli.md shows what the commands print, and lists the exit codes and the flags that there are.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { exits } from "../src/cli/exits.ts"
import { command, platform } from "./fixtures/cli.ts"

const page = readFileSync(new URL("../docs/cli.md", import.meta.url), "utf8")

const examples = Array.from(
  page.matchAll(/^```console\n\$ effect-lark-meetings (.*)\n([\s\S]*?)```$/gm),
  ([, line = "", output = ""]) => [line, output] as const
)

describe("docs/cli.md", () => {
  it("has examples", () => {
    assert.isAbove(examples.length, 5)
  })

  it.effect.each(examples)("shows what %s prints", ([line, output]) =>
    Effect.gen(function*() {
      const [args = "", filter] = line.split(" | ")
      const { screen, stderr, stdout } = yield* command(args, { terminal: true, env: {} })
      const filtered = () => `${stderr}\n${JSON.stringify(JSON.parse(stdout), null, 2)}`.trim()
      assert.strictEqual(output, `${filter === "jq" ? filtered() : screen}\n`)
    }).pipe(Effect.provide(platform())))

  it("lists the exit codes", () => {
    const rows = Object.entries(exits).map(([kind, { code, meaning }]) => `| ${code} | \`${kind}\` | ${meaning} |`)
    assert.include(page, `| code | kind | meaning |\n| --- | --- | --- |\n${rows.join("\n")}\n`)
  })

  it.effect("names the commands that there are, and the help the exit codes", () =>
    Effect.gen(function*() {
      const { stdout } = yield* command("--help", { env: {} })
      assert.deepStrictEqual(Object.values(exits).filter(({ meaning }) => !stdout.includes(meaning)), [])
      const [, subcommands = ""] = stdout.split("SUBCOMMANDS\n")
      const names = Array.from(subcommands.matchAll(/^ {2}([\w-]+)/gm), ([, name]) => name)
      const listed = Array.from(page.matchAll(/^\| `([\w-]+)(?: <[^`]*)?` \|/gm), ([, name]) => name)
      assert.isAbove(names.length, 4)
      assert.includeMembers(listed, names)
    }).pipe(Effect.provide(platform())))

  it.effect.each(["bash", "zsh", "fish"])("names completions that exist: %s", (shell) =>
    Effect.gen(function*() {
      const { exit, stdout } = yield* command(`--completions ${shell}`, { env: {} })
      assert.strictEqual(exit, 0)
      assert.include(stdout, "make-host")
      assert.include(stdout, "dry-run")
    }).pipe(Effect.provide(platform())))
})
