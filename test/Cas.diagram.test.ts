/**
 * Reports as sequence diagrams, read by Mermaid itself.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Fiber, Option, Schema } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import mermaid from "mermaid"
import * as FaultyRegister from "./fixtures/FaultyRegister.ts"
import { everything, few, fork, intentOf, policyOf, reportOf, Scenario, Value } from "./fixtures/Scenario.ts"
import { Gone, lost, make as scripted, plain, report, run, unsent, withPlain } from "./fixtures/ScriptedRegister.ts"

const { applied, conflict, conflictWithoutState, ensure, observed } = Cas

/** What Mermaid keeps of a sequence diagram. */
const Parsed = Schema.Struct({
  type: Schema.Literal("sequence"),
  db: Schema.Struct({ actors: Schema.Array(Schema.String), messages: Schema.Array(Schema.String) })
})

// Loads the parser of these diagrams.
await mermaid.parse("sequenceDiagram")

/** The participants and the texts of a diagram, as a page shows them. Fails if the diagram is not valid. */
const parse = (text: string) =>
  Effect.promise(async () => {
    const { db, type } = await mermaid.mermaidAPI.getDiagramFromText(text)
    // The declared type is that of all kinds of diagrams; the schema checks what comes of it.
    const { getActorKeys, getMessages } = db as {
      readonly getActorKeys: () => ReadonlyArray<string>
      readonly getMessages: () => ReadonlyArray<{ readonly message: string }>
    }
    const actors = getActorKeys.call(db)
    const messages = getMessages.call(db).map(({ message }) =>
      // Mermaid's own form of `#59;` until it draws the text.
      message.replaceAll(/ﬂ°°(\d+)¶ß/g, (_, code: string) => String.fromCodePoint(Number(code)))
    )
    return Schema.decodeUnknownSync(Parsed)({ type, db: { actors, messages } }).db
  })

/** The values that others have set, as a diagram says. */
const othersIn = (text: string) => Array.from(text.matchAll(/others->>register: has set (.*)/g), ([, value]) => value)

/** Runs a generated operation to its end. */
const play = Effect.fnUntraced(function*({ canRead, goal, hint, network, rules }: Scenario) {
  const register = yield* FaultyRegister.make(network)
  const policy = policyOf(rules, { conflicts: [], transients: [] })
  const fiber = yield* fork(Effect.exit(Cas.run(register.as("us", { canRead }), intentOf(goal), { hint, policy })))
  yield* TestClock.adjust(everything)
  return { report: reportOf(yield* Fiber.join(fiber)), writes: register.writes }
})

describe("a diagram", () => {
  it.effect("shows each request with its answer, the waits, what others set, and the end", () =>
    Effect.gen(function*() {
      const { register } = scripted([
        { after: 20, say: observed("alice") },
        { after: 40, say: conflict("carol") },
        { after: 10, say: lost },
        { after: 9.5, say: conflict("dave") },
        { after: 12, say: applied }
      ], { canRead: true })
      const text = Cas.diagram(yield* run(Cas.run(register, ensure("bob"), { policy: plain })))
      assert.deepStrictEqual(text.split("\n"), [
        "sequenceDiagram",
        "  participant caller",
        "  participant register",
        "  participant others as somebody else",
        "  caller->>register: read, at 0.0 ms",
        "  register-->>caller: it is alice, took 20 ms",
        "  others->>register: has set carol",
        "  caller->>register: swap alice -> bob, at 20 ms",
        "  register-->>caller: conflict, it is carol, took 40 ms",
        "  Note over caller: wait 100 ms",
        "  caller-)register: swap carol -> bob, at 160 ms",
        "  Note over caller,register: unknown, may have been executed (connection lost), took 10 ms",
        "  Note over caller: wait 50 ms",
        "  others->>register: has set dave",
        "  caller->>register: swap carol -> bob, at 220 ms",
        "  register-->>caller: stale conflict, it is dave, took 9.5 ms",
        "  caller->>register: swap dave -> bob, at 230 ms",
        "  register-->>caller: applied, took 12 ms",
        "  Note over caller,register: swapped, now bob<br/>4 swaps, 1 read, 1 fresh conflict, 1 stale<br/>"
        + "waited 150 ms of 242 ms, effect applied"
      ])
      assert.deepStrictEqual((yield* parse(text)).actors, ["caller", "register", "others"])
    }))

  it.effect("of a failure shows what was not executed, and what failed", () =>
    Effect.gen(function*() {
      const { register } = scripted([conflictWithoutState, unsent, new Gone({ why: "over" })], { canRead: true })
      const failed = yield* report(Cas.run(register, ensure("bob"), { hint: "alice", policy: plain }), "Gone")
      const text = Cas.diagram(failed)
      assert.deepStrictEqual(text.split("\n").slice(3), [
        "  caller->>register: swap alice -> bob, at 0.0 ms",
        "  register-->>caller: stale conflict, current value not shown, took 0.0 ms",
        "  caller-xregister: read, at 0.0 ms",
        "  Note over caller,register: not executed (connection refused), took 0.0 ms",
        "  Note over caller: wait 50 ms",
        "  caller-)register: read, at 50 ms",
        "  Note over caller,register: failed#58; Gone, took 0.0 ms",
        "  Note over caller,register: failed<br/>1 swap, 2 reads, 0 fresh conflicts, 1 stale<br/>"
        + "waited 50 ms of 50 ms, effect unknown"
      ])
      yield* parse(text)
    }))

  it.effect("shows a request that never left as a note, not as an arrow", () =>
    Effect.gen(function*() {
      const register: Cas.Register<string> = { equals: (a, b) => a === b, swap: () => Cas.hold(Effect.never) }
      const exhausted = yield* Effect.flip(Cas.run(register, ensure("bob"), { hint: "alice", policy: Cas.Policy.once }))
        .pipe(run)
      if (exhausted._tag !== "CasExhausted") return assert.fail(exhausted._tag)
      const text = Cas.diagram(exhausted.report)
      assert.notInclude(text, "->>")
      assert.include((yield* parse(text)).messages[0], "swap alice -> bob, at 0.0 ms<br/>not sent, not executed")
    }))

  it.effect("of an operation that never began is valid", () =>
    Effect.gen(function*() {
      const { actors, messages } = yield* parse(Cas.diagram(Cas.neverBegan))
      assert.deepStrictEqual(actors, ["caller", "register"])
      assert.lengthOf(messages, 1)
    }))

  it.effect("of many attempts shows the first and the last eight, and how many were between", () =>
    Effect.gen(function*() {
      const script = Array.from({ length: 29 }, (_, index) => conflict(`v${index}`))
      const { register } = scripted([...script, applied])
      const policy = withPlain({ maxSwaps: 32, deadline: "1 hour" })
      const done = yield* run(Cas.run(register, ensure("bob"), { hint: "v", policy }))
      const { messages } = yield* parse(Cas.diagram(done))
      const swapped = messages.flatMap((message) =>
        /^swap (\w+)|^(.*) not shown/.exec(message)?.slice(1, 3).join("") ?? []
      )
      const values = ["v", ...script.map(({ actual }) => Option.getOrThrow(actual))]
      assert.deepStrictEqual(swapped, [...values.slice(0, 8), "14 attempts", ...values.slice(-8)])
      const short = yield* parse(Cas.diagram({ ...done, attempts: done.attempts.slice(0, 16) }))
      assert.lengthOf(short.messages.filter((message) => message.startsWith("swap ")), 16)
    }))
})

describe("what others set", () => {
  const drawn = (
    script: ReadonlyArray<Cas.Outcome<string> | Cas.Observation<string>>,
    intent: Cas.Intent<string>,
    options: Cas.Options<string> = {},
    equals = (a: string, b: string) => a === b
  ) => {
    const { register } = scripted(script, { canRead: true })
    const ran = run(Cas.run({ ...register, equals }, intent, { policy: plain, ...options }))
    return Effect.map(ran, (report) => othersIn(Cas.diagram(report)))
  }

  it.effect("is a value that came back, too", () =>
    Effect.gen(function*() {
      const script = [observed("alice"), conflict("carol"), conflict("alice"), applied]
      assert.deepStrictEqual(yield* drawn(script, ensure("bob")), ["carol", "alice"])
    }))

  it.effect("is not the value in place of a wrong hint: it may always have been there", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* drawn([conflict("carol"), applied], ensure("bob"), { hint: "alice" }), [])
    }))

  it.effect("is not the target of an earlier swap, which may have been sent twice", () =>
    Effect.gen(function*() {
      const script = [observed("alice"), conflict("bob"), applied]
      assert.deepStrictEqual(yield* drawn(script, Cas.rotate(["bob", "carol"])), [])
    }))

  it.effect("is not the target, even if it looks different", () =>
    Effect.gen(function*() {
      const sameLetters = (a: string, b: string) => a.toLowerCase() === b.toLowerCase()
      assert.deepStrictEqual(yield* drawn([observed("alice"), conflict("BOB")], ensure("bob"), {}, sameLetters), [])
    }))

  it.effect("is a value in place of the one that the queue passed on", () =>
    Effect.gen(function*() {
      const { register } = scripted([{ after: 10, say: applied }, conflict("dave"), applied])
      const queue = Cas.makeQueue<string, string>()
      const first = queue.run("key", register, ensure("bob"), { hint: "alice" })
      const [, second] = yield* run(
        Effect.all([first, queue.run("key", register, ensure("carol"))], { concurrency: 2 })
      )
      assert.deepStrictEqual(othersIn(Cas.diagram(second)), ["dave"])
    }))
})

describe("a diagram of any operation", () => {
  it.effect.prop(
    "shows as set by others only what others have set",
    [Scenario],
    ([scenario]) =>
      Effect.gen(function*() {
        const { report, writes } = yield* play(scenario)
        const theirs = writes.flatMap(({ by, to }) => by === "us" ? [] : [to])
        for (const value of othersIn(Cas.diagram(report))) assert.include(theirs, value)
      }),
    { arbitrary: { runs: 300 } }
  )

  it.effect.prop("shows each value that took the place of the expected one, unless a swap may have put it there", [
    Scenario
  ], ([scenario]) =>
    Effect.gen(function*() {
      const { report } = yield* play(scenario)
      const swaps = report.attempts.filter((attempt) => attempt._tag === "Swap")
      const rivals = swaps.filter(({ answer, fresh }, index) =>
        fresh && answer._tag === "Conflict"
        && Option.exists(answer.actual, (value) => swaps.slice(0, index + 1).every(({ desired }) => desired !== value))
      )
      assert.isAtLeast(othersIn(Cas.diagram(report)).length, report.attempts.length > 16 ? 0 : rivals.length)
    }), { arbitrary: { runs: 300 } })

  const words =
    "end ; # #59; #quot; %% %%{init:{}}%% style : wrap: \" ` $$ <br/> <b/onload='x'> &lt; \\n ->> -) @{ } ﬂ°°59¶ß ﬂ ° 😀"
      .split(" ")
  const lines = ["", "Note over caller: x\n", "participant x\n", "loop x\n", "else\n", "end\n"].map((line) =>
    `\n${line}`
  )
  const pieces = [...words, ...lines, "\r", "\u2028", "\ud83d"]

  const Hostile = Arbitrary.map(
    Arbitrary.schema(few(Schema.Union([Schema.String, Schema.Literals(pieces)]), 6)),
    (parts) => parts.join("")
  )

  it.effect.prop(
    "is valid and shows the values, whatever they are",
    { scenario: Scenario, texts: Arbitrary.all(Value.literals.map(() => Hostile)) },
    ({ scenario, texts }) =>
      Effect.gen(function*() {
        const { report } = yield* play(scenario)
        // Different, for values with the same text count as equal; and short, for long ones are cut.
        const textOf = (value: Value) =>
          `${Array.from(texts[Value.literals.indexOf(value)] ?? "").slice(0, 30).join("")} ${value}`
        const drawn = Cas.diagram(report, textOf)
        // Mermaid draws HTML.
        assert.notMatch(drawn, /<(?!br\/>)/)
        const { actors, messages } = yield* parse(drawn)
        const plain = Cas.diagram(report)
        assert.deepStrictEqual(actors, plain.match(/(?<=participant )\w+/g))
        assert.deepStrictEqual(
          messages,
          plain.match(/(?<=: ).*/g)?.map((message) =>
            Value.literals.reduce(
              (text, value) => text.replaceAll(new RegExp(`\\b${value}\\b`, "g"), () => textOf(value)),
              message.replaceAll("#58;", ":")
            )
          )
        )
      }),
    { arbitrary: { runs: 60 } }
  )

  it.effect.prop("stays below what Mermaid draws, however long the values and errors are", [Scenario, Hostile], (
    [scenario, text]
  ) =>
    Effect.gen(function*() {
      const { report: { attempts, ...rest } } = yield* play(scenario)
      const long = `${text}${"😀".repeat(5_000)}`
      const many = Array.from({ length: 20 }, () =>
        attempts.map((attempt) =>
          attempt.answer._tag === "Unknown" ? { ...attempt, answer: Cas.unknown(long) } : attempt
        )).flat()
      const drawn = Cas.diagram({ ...rest, attempts: many }, (value) =>
        `${value}${long}`)
      assert.isBelow(drawn.length, 50_000)
      yield* parse(drawn)
    }), { arbitrary: { runs: 50 } })

  it.effect("cuts a long value so that the rest of its line stays", () =>
    Effect.gen(function*() {
      const { register } = scripted([applied])
      const [from, to] = ["a".repeat(41), "b".repeat(40)]
      const text = Cas.diagram(yield* run(Cas.run(register, ensure(to), { hint: from })))
      assert.include(text, `swap ${"a".repeat(39)}… -> ${to}, at 0.0 ms`)
    }))

  it.effect.prop("is valid whatever the error says", [Hostile], ([message]) =>
    Effect.gen(function*() {
      const { register } = scripted([Cas.unknown(new Error(message)), new Gone({ why: "over" })])
      const failed = yield* report(Cas.run(register, ensure("bob"), { hint: "alice", policy: plain }), "Gone")
      assert.lengthOf((yield* parse(Cas.diagram(failed))).messages, 6)
    }))
})
