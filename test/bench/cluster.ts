/**
 * Pods on one tenant: real processes, a PostgreSQL and a Redis, and the simulator on a port. Prints each figure beside its goal;
 * that of turns goes to docs/figures, too. Times depend on the machine, ratios within a run less so.
 * `npm run bench:cluster -- --part turns --rounds 5`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { writeFigure } from "./cluster/figure.ts"
import type { Row } from "./cluster/pods.ts"
import { quota } from "./cluster/quota.ts"
import { tokens } from "./cluster/tokens.ts"
import { turns } from "./cluster/turns.ts"
import { table } from "./table.ts"

const goalOf = ({ atLeast, atMost }: Row) =>
  atMost !== undefined ? `<= ${atMost}` : atLeast !== undefined ? `>= ${atLeast}` : ""

const isMet = ({ atLeast = -Infinity, atMost = Infinity, measured }: Row) => measured <= atMost && measured >= atLeast

const show = (rows: ReadonlyArray<Row>) =>
  Console.log(`\n${
    table(
      ["what", "measured", "goal", ""],
      rows.map((row) => [
        row.what,
        `${row.measured.toFixed(2)} ${row.unit ?? ""}`.trim(),
        goalOf(row),
        goalOf(row) === "" ? "" : isMet(row) ? "met" : "MISSED"
      ])
    )
  }\n`)

const command = Command.make("cluster", {
  part: Flag.Literals("part", ["all", "turns", "tokens", "quota"]).pipe(
    Flag.withDefault("all"),
    Flag.withDescription("what to measure")
  ),
  rounds: Flag.Int("rounds").pipe(Flag.withDefault(5), Flag.withDescription("how often turns are measured")),
  operations: Flag.Int("operations").pipe(
    Flag.withDefault(2_500),
    Flag.withDescription("how many operations share the limits")
  )
}, ({ operations, part, rounds }) =>
  Effect.gen(function*() {
    if (part === "all" || part === "turns") {
      const rows = yield* turns(rounds)
      yield* show(rows)
      yield* Console.log(`Written: ${yield* Effect.promise(() => writeFigure(rows))}`)
    }
    if (part === "all" || part === "tokens") yield* show(yield* tokens)
    if (part === "all" || part === "quota") yield* show(yield* quota(operations))
  })).pipe(Command.withDescription("Measures what pods save and pay by sharing turns, tokens and limits."))

command.pipe(
  Command.run({ version: "0.1.0" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain
)
