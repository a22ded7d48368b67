/**
 * The mutation score of the engine: the share of small changes to its source that its tests notice. Other sources have one,
 * too, if they are named. `tsx test/mutants/score.ts [seconds] [file …]`, the changes in an order that is random but always
 * the same.
 */
import { readFileSync } from "node:fs"
import { parseSync, type Span, Visitor } from "oxc-parser"
import { forEach } from "./trees.ts"

/** Sources, and the tests that must notice what is changed in them. */
interface Subject {
  readonly files: ReadonlyArray<string>
  readonly tests: ReadonlyArray<string>
}

const engine: Subject = {
  files: [
    "reducer",
    "Queue",
    "Intent",
    "Outcome",
    "RetryBudget",
    "Operation",
    "Recorder",
    "hold",
    "failure",
    "errors",
    "Policy",
    "Report",
    "telemetry"
  ].map((name) => `src/Cas/${name}.ts`),
  tests: [
    "answers",
    "budget",
    "errors",
    "hold",
    "intents",
    "interruption",
    "policy",
    "queue",
    "report",
    "schedules",
    "telemetry",
    "timeout"
  ].map((subject) => `test/Cas.${subject}.test.ts`)
}

const others: ReadonlyArray<Subject> = [
  { files: ["src/Cas/diagram.ts"], tests: ["test/Cas.diagram.test.ts"] },
  {
    files: ["src/Cas/maintain.ts", "src/Cas/rounds.ts"],
    tests: ["test/Cas.maintain.test.ts", "test/Cas.rounds.test.ts"]
  },
  {
    files: ["src/Meetings/people.ts"],
    tests: ["invite", "invite.rateLimits", "kickout", "people.interruption"].map((subject) =>
      `test/Meetings.${subject}.test.ts`
    )
  },
  { files: ["src/Meetings/numbers.ts"], tests: ["test/Meetings.numbers.test.ts"] },
  { files: ["src/Meetings/presence.ts"], tests: ["test/Meetings.keepHost.test.ts", "test/Meetings.watch.test.ts"] },
  {
    files: [
      "src/Events.ts",
      ...["connection", "discover", "frame", "join", "settings"]
        .map((name) => `src/LongConnection/${name}.ts`)
    ],
    tests: ["Events.consumers", "Events.histories", "LongConnection", "LongConnection.frame", "LongConnection.messages"]
      .map((name) => `test/${name}.test.ts`)
  }
]

interface Change extends Span {
  readonly file: string
  readonly by: string
}

const operators: Record<string, ReadonlyArray<string>> = {
  "===": ["!=="],
  "!==": ["==="],
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "+": ["-"],
  "-": ["+"],
  "*": ["/"],
  "/": ["*"]
}

const changesOf = (file: string): ReadonlyArray<Change> => {
  const source = readFileSync(file, "utf8")
  const changes: Array<Change> = []
  const ignored: Array<Span> = []
  const replace = ({ end, start }: Span, by: string) => changes.push({ file, start, end, by })
  const ignore = (node: Span) => ignored.push(node)
  const text = ({ end, start }: Span) => source.slice(start, end)
  const condition = ({ test }: { readonly test: Span }) => {
    replace(test, "true")
    replace(test, "false")
  }
  new Visitor({
    ImportDeclaration: ignore,
    TSInterfaceDeclaration: ignore,
    TSTypeAliasDeclaration: ignore,
    TSTypeAnnotation: ignore,
    TSTypeParameterDeclaration: ignore,
    TSTypeParameterInstantiation: ignore,
    // Broken promises of the code to itself, which no test can reach.
    ThrowStatement: ignore,
    // A changed tag is noticed at once, and the compiler would have seen it.
    Property: (node) => {
      if (text(node.key) === "_tag") ignore(node)
    },
    SwitchCase: ({ test }) => {
      if (test !== null) ignore(test)
    },
    BinaryExpression: ({ left, operator, right }) => {
      if (right.type === "Literal" && typeof right.value === "string") ignore(right)
      for (const other of operators[operator] ?? []) replace({ start: left.end, end: right.start }, ` ${other} `)
    },
    LogicalExpression: ({ left, operator, right, ...whole }) => {
      if (operator === "??") {
        replace(whole, `(${text(left)})`)
        replace(whole, `(${text(right)})`)
      } else replace({ start: left.end, end: right.start }, operator === "&&" ? " || " : " && ")
    },
    ConditionalExpression: condition,
    IfStatement: condition,
    UnaryExpression: ({ argument, operator, ...whole }) => {
      if (operator === "!" || operator === "-") replace(whole, text(argument))
    },
    Literal: (node) => {
      if (typeof node.value === "boolean") replace(node, String(!node.value))
      if (typeof node.value === "number") replace(node, String(node.value + 1))
      if (typeof node.value === "string") replace(node, node.value === "" ? "\"?\"" : "\"\"")
    },
    ExpressionStatement: (node) => {
      replace(node, ";")
    },
    ObjectExpression: ({ properties }) => {
      for (const property of properties) replace(property, "...{}")
    },
    ArrayExpression: ({ elements, ...whole }) => {
      if (elements.length > 0) replace(whole, "[]")
      for (const element of elements) if (element?.type === "SpreadElement") replace(element, "...[]")
    },
    MemberExpression: (node) => {
      if (text(node) === "Math.max") replace(node, "Math.min")
      if (text(node) === "Math.min") replace(node, "Math.max")
    }
  }).visit(parseSync(file, source).program)
  return changes.filter(({ end, start }) => !ignored.some((span) => span.start <= start && end <= span.end))
}

const shuffled = <A>(items: ReadonlyArray<A>): ReadonlyArray<A> => {
  let seed = 1
  const next = () => (seed = (seed * 48_271) % 2_147_483_647)
  return items.map((item) => ({ item, place: next() })).toSorted((a, b) => a.place - b.place).map(({ item }) => item)
}

const [seconds = "900", ...only] = process.argv.slice(2)
const files = only.length > 0 ? only : engine.files
/** Those of the engine, unless another subject has the file. */
const testsOf = (file: string) => (others.find((subject) => subject.files.includes(file)) ?? engine).tests
const tests = [...new Set(files.flatMap(testsOf))]
const changes = files.flatMap(changesOf)
const until = performance.now() + Number(seconds) * 1_000
const tried: Array<Change & { readonly survived: boolean }> = []

await forEach(shuffled(changes), async (tree) => {
  if (await tree.test(...tests) !== 0) throw new Error("the tests are not green")
}, async (tree, change) => {
  if (performance.now() > until) return
  const { by, end, file, start } = change
  const code = await tree.changed(
    file,
    (source) => source.slice(0, start) + by + source.slice(end),
    () => tree.test(...testsOf(file), "--bail=1", "--reporter=dot", "--no-isolate", "--no-file-parallelism")
  )
  const survived = code === 0
  tried.push({ ...change, survived })
  console.error(`${tried.length} of ${changes.length}: ${survived ? "survived" : "killed"}`)
})

for (const file of files) {
  const source = readFileSync(file, "utf8")
  const here = tried.filter((change) => change.file === file)
  const survivors = here.filter(({ survived }) => survived).toSorted((a, b) => a.start - b.start)
  const killed = here.length - survivors.length
  const percent = here.length === 0 ? "-" : (100 * killed / here.length).toFixed(1)
  const all = changes.filter((change) => change.file === file).length
  console.log(`${file}: ${percent} % (${killed} of ${here.length} killed, ${all} in all)`)
  for (const { by, end, start } of survivors) {
    const line = source.slice(0, start).split("\n").length
    console.log(`  ${line}: ${source.slice(start, end).replaceAll(/\s+/g, " ")}  =>  ${by}`)
  }
}
