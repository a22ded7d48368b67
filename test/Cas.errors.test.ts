/**
 * Terminal errors, and the errors of the engine.
 */
import { assert, describe, it } from "@effect/vitest"
import { Data, Duration, Effect, Fiber, Redacted, Schedule } from "effect"
import { Cas } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import { isNativeError } from "node:util/types"
import {
  type Answer,
  failure,
  Gone,
  gone,
  lost,
  make as scripted,
  report,
  run,
  throttled,
  unsent,
  withPlain
} from "./fixtures/ScriptedRegister.ts"

const { conflict, conflictWithoutState, ensure, ensureUnless, handover, observed, observedNothing, Policy } = Cas

describe("a terminal error", () => {
  it.effect("that may hide an executed swap leaves the effect unknown", () =>
    Effect.gen(function*() {
      const { register } = scripted([gone])
      const doubtful: Cas.Register<string, Gone> = { ...register, classifyError: () => "uncertain" }
      const error = yield* failure(Cas.run(doubtful, ensure("bob"), { hint: "alice" }))
      assert.strictEqual(error._tag === "Gone" && error.report.effect, "unknown")
    }))

  it.effect("after a lost reply is checked by one read, whose own failure does not replace it", () =>
    Effect.gen(function*() {
      for (const answer of [observed("alice"), observedNothing, unsent, lost, new Gone({ why: "read" })]) {
        const { calls, register } = scripted<string, Gone>([lost, new Gone({ why: "swap" }), answer], { canRead: true })
        const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice" }))
        assert.deepInclude<object>(error, { _tag: "Gone", why: "swap" })
        assert.strictEqual(error._tag === "Gone" && error.report.effect, "unknown")
        assert.lengthOf(calls, 3)
      }
    }))

  it.effect("that may hide an executed swap calls onAbandoned when the check of it is interrupted", () =>
    Effect.gen(function*() {
      const { register } = scripted<string, Gone>([gone, "silence"], { canRead: true })
      const abandoned: Array<unknown> = []
      const fiber = yield* Effect.forkChild(Cas.run({ ...register, classifyError: () => "uncertain" }, ensure("bob"), {
        hint: "alice",
        onAbandoned: (attempt) => Effect.sync(() => void abandoned.push(attempt))
      }))
      yield* TestClock.adjust(1)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(abandoned, [{ expected: "alice", desired: "bob" }])
    }))

  it.effect("after a lost reply ends well where the read shows the goal", () =>
    Effect.gen(function*() {
      for (const intent of [ensure("bob"), Cas.handover("alice", "bob"), Cas.ensureUnless("bob", ["carol"])]) {
        const { register } = scripted<string, Gone>([lost, gone, observed("bob")], { canRead: true })
        const report = yield* run(Cas.run(register, intent, { hint: "alice" }))
        assert.deepInclude<object>(report, { outcome: "converged", effect: "unknown", after: "bob" })
      }
    }))

  it.effect("after no lost reply, or without a read, ends the operation at once", () =>
    Effect.gen(function*() {
      const calm = scripted<string, Gone>([gone], { canRead: true })
      yield* failure(Cas.run(calm.register, ensure("bob"), { hint: "alice" }))
      assert.lengthOf(calm.calls, 1)
      const blind = scripted<string, Gone>([lost, gone])
      const error = yield* failure(Cas.run(blind.register, ensure("bob"), { hint: "alice" }))
      assert.strictEqual(error._tag === "Gone" && error.report.effect, "unknown")
      assert.lengthOf(blind.calls, 2)
    }))

  it.effect.each(["reassert", "stopIfMoved", "neverResend"] as const)(
    "after any earlier swap that may have been applied leaves the effect unknown (%s)",
    (onUnknown) =>
      Effect.gen(function*() {
        const policy = withPlain({ onUnknown })
        const last = new Gone({ why: "last" })
        const scripts: ReadonlyArray<ReadonlyArray<Answer<string, Gone>>> = onUnknown === "neverResend"
          ? [[lost, last]]
          : [
            [lost, last],
            [lost, unsent, last],
            [unsent, lost, last],
            ["silence", last],
            ...onUnknown === "reassert" ? [[lost, conflict("alice"), last], [lost, conflict("carol"), last]] : []
          ]
        for (const script of scripts) {
          const { register } = scripted(script, { canRead: onUnknown === "neverResend" })
          const operation = Cas.run(register, ensure("bob"), { hint: "alice", policy })
          assert.strictEqual((yield* report(operation, "Gone")).effect, "unknown")
        }
        // A candidate that is gone, after one whose swap was lost.
        const { register } = scripted<string, Gone>(onUnknown === "neverResend" ? [lost, last] : [lost, gone, last], {
          canRead: onUnknown === "neverResend"
        })
        const rotation = Cas.run(
          { ...register, classifyError: ({ why }) => why === gone.why ? "unavailable" : undefined },
          Cas.rotate(["bob", "carol"]),
          { hint: "alice", policy }
        )
        assert.strictEqual((yield* report(rotation, "Gone")).effect, "unknown")
      })
  )

  it.effect("claims by its retry no more than the report does", () =>
    Effect.gen(function*() {
      class Denied extends Data.TaggedError("Denied")<object> {
        get retry(): "never" {
          return "never"
        }
      }
      const denied = new Denied()
      const retryOf = (answers: ReadonlyArray<Answer<string, Denied>>) =>
        Effect.map(
          Effect.flip(Cas.run(scripted<string, Denied>(answers).register, ensure("bob"), { hint: "alice" })),
          (error): unknown => error._tag === "Denied" && error.retry
        )
      assert.strictEqual(yield* run(retryOf([denied])), "never")
      assert.strictEqual(yield* run(retryOf([lost, denied])), "unknown")
      assert.strictEqual(denied.retry, "never")
    }))

  it.effect("of a read never leaves the effect unknown", () =>
    Effect.gen(function*() {
      const { register } = scripted([gone], { canRead: true })
      const doubtful: Cas.Register<string, Gone> = { ...register, classifyError: () => "uncertain" }
      const error = yield* failure(Cas.run(doubtful, ensure("bob")))
      assert.strictEqual(error._tag === "Gone" && error.report.effect, "none")
    }))

  it.effect("that two operations share keeps a report for each", () =>
    Effect.gen(function*() {
      const shared = new Gone({ why: "over" })
      const fail = (script: ReadonlyArray<Cas.Outcome<string> | Gone>) =>
        failure(Cas.run(scripted(script).register, ensure("bob"), { hint: "alice", policy: Policy.eager }))
      const first = yield* fail([shared])
      const second = yield* fail([conflict("carol"), shared])
      if (first._tag !== "Gone" || second._tag !== "Gone") return assert.fail("not under its own tag")
      assert.deepStrictEqual([first.report.swaps, second.report.swaps], [1, 2])
      assert.deepStrictEqual([first.why, second.why], ["over", "over"])
      assert.isTrue(second instanceof Gone)
      assert.strictEqual(JSON.parse(JSON.stringify(second)).why, "over")
    }))

  it.effect("that is frozen is left as it is, and reported all the same", () =>
    Effect.gen(function*() {
      const frozen = Object.freeze({ _tag: "Frozen", why: "over" } as const)
      const { register } = scripted<string, typeof frozen>([frozen])
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice" }))
      if (error._tag !== "Frozen") return assert.fail("not under its own tag")
      assert.deepStrictEqual([error.why, error.report.swaps], ["over", 1])
      assert.isFalse("report" in frozen)
    }))

  class Classy extends Data.TaggedError("Classy")<{ readonly code: number; readonly cause: Error }> {
    readonly details = { list: [1, 2] }
    override get message() {
      return `code ${this.code}`
    }
    get isClient() {
      return this.code < 500
    }
  }

  it.effect("is reported on a copy, which otherwise equals the caller's object", () =>
    Effect.gen(function*() {
      const own = new Classy({ code: 403, cause: new Error("why") })
      const register: Cas.Register<string, Classy> = { equals: (a, b) => a === b, swap: () => Effect.fail(own) }
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert(error._tag === "Classy")
      assert.notStrictEqual<unknown>(error, own)
      assert.isFalse("report" in own)
      assert.strictEqual(error.report.outcome, "failed")

      assert.instanceOf(error, Classy)
      assert.instanceOf(error, Error)
      assert.isTrue(isNativeError(error))
      assert.deepStrictEqual([error.message, error.isClient, error.name], ["code 403", true, "Classy"])
      assert.strictEqual(error.stack, own.stack)
      assert.strictEqual(error.cause, own.cause)
      assert.strictEqual(error.details, own.details)
      assert.deepInclude(JSON.parse(JSON.stringify(error)), { _tag: "Classy", code: 403, details: { list: [1, 2] } })
      assert.deepStrictEqual(Object.keys(error).filter((key) => key !== "report"), Object.keys(own))
      // It can be yielded, as every Data.Error can.
      assert.strictEqual(yield* Effect.flip(error), error)
    }))

  it.effect("keeps fields that are objects of other classes, and functions", () =>
    Effect.gen(function*() {
      class Rich extends Data.TaggedError("Rich")<{
        readonly at: Date
        readonly url: URL
        readonly seen: ReadonlyMap<string, number>
        readonly secret: Redacted.Redacted
        readonly again: () => number
      }> {}
      const fields = {
        at: new Date(0),
        url: new URL("http://127.0.0.1/path"),
        seen: new Map([["a", 1]]),
        secret: Redacted.make("hidden"),
        again: () => 7
      }
      const register: Cas.Register<string, Rich> = {
        equals: (a, b) => a === b,
        swap: () => Effect.fail(new Rich(fields))
      }
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert(error._tag === "Rich")
      assert.include<object>(error, fields)
      const { again, at, secret, seen, url } = error
      assert.deepStrictEqual([at.getTime(), url.pathname, seen.get("a"), again()], [0, "/path", 1, 7])
      assert.strictEqual(Redacted.value(secret), "hidden")
      assert.notInclude(`${inspect(error)} ${JSON.stringify(error)}`, "hidden")
    }))

  it.effect("that the platform threw prints as it did", () =>
    Effect.gen(function*() {
      const own = new TypeError("over", { cause: "why" })
      const register: Cas.Register<string, TypeError> = { equals: (a, b) => a === b, swap: () => Effect.fail(own) }
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert.instanceOf(error, TypeError)
      assert.strictEqual(String(error), "TypeError: over")
      assert.include(inspect(error), own.stack ?? "no stack")
      assert.include(inspect(error), "[cause]: 'why'")
    }))

  it.effect("without a prototype or a tag is reported too", () =>
    Effect.gen(function*() {
      const bare: { readonly why: string } = Object.assign(Object.create(null), { why: "over" })
      const { register } = scripted<string, { readonly why: string }>([bare])
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert("why" in error)
      assert.isNull(Object.getPrototypeOf(error))
      assert.deepStrictEqual([error.why, error.report.swaps], ["over", 1])
    }))

  it.effect("that is a primitive passes as it is", () =>
    Effect.gen(function*() {
      const { register } = scripted<string, "over">(["over"])
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert.strictEqual(error, "over")
    }))

  it.effect("is named in the report by its tag, its name or its type", () =>
    Effect.gen(function*() {
      const named = (error: Gone | TypeError | { readonly _tag: number }) =>
        Effect.gen(function*() {
          const register: Cas.Register<string, typeof error> = {
            equals: (a, b) => a === b,
            swap: () => Effect.fail(error)
          }
          const failed = yield* Effect.flip(Cas.run(register, ensure("bob"), { hint: "alice" }))
          return "report" in failed ? failed.report.attempts.map(({ answer }) => answer) : []
        })
      assert.deepStrictEqual(yield* named(new Gone({ why: "over" })), [{ _tag: "Terminal", error: "Gone" }])
      assert.deepStrictEqual(yield* named(new TypeError("over")), [{ _tag: "Terminal", error: "TypeError" }])
      assert.deepStrictEqual(yield* named({ _tag: 7 }), [{ _tag: "Terminal", error: "object" }])
    }))

  it.effect("shows its report like its other properties", () =>
    Effect.gen(function*() {
      const { register } = scripted([new Gone({ why: "over" })])
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice" }))
      assert.include(Object.keys(error), "report")
    }))

  it.effect("can be caught by its tag, with its report", () =>
    Effect.gen(function*() {
      const { register } = scripted([new Gone({ why: "over" })])
      const swaps = yield* Cas.run(register, ensure("bob"), { hint: "alice" }).pipe(
        Effect.map(() => -1),
        Effect.catchTag("Gone", (error) => Effect.succeed(error.report.swaps))
      )
      assert.strictEqual(swaps, 1)
    }))
})

describe("kind and retry", () => {
  const transient = { hint: "alice", policy: Policy.make({ ...Policy.once, onUnknown: "neverResend" }) } as const

  it.effect.each(
    [
      ["a conflict schedule that ended", [conflict("carol"), conflict("dave")], ensure("bob"), {
        hint: "alice",
        policy: Policy.make({ conflict: Schedule.recurs(0) })
      }, ["CasExhausted", "conflict", "wait"]],
      ["a bound on swaps, after a conflict", [conflict("carol")], ensure("bob"), {
        hint: "alice",
        policy: Policy.make({ maxSwaps: 1 })
      }, ["CasExhausted", "conflict", "wait"]],
      ["an unsent swap", [unsent], ensure("bob"), transient, ["CasExhausted", "platform", "wait"]],
      ["a lost reply", [lost], ensure("bob"), { hint: "alice", policy: Policy.once }, [
        "CasExhausted",
        "platform",
        "unknown"
      ]],
      ["a lost reply that must not be sent again", [lost], ensure("bob"), transient, [
        "CasIndeterminate",
        "platform",
        "unknown"
      ]],
      ["a refusal", [conflict("carol")], handover("alice", "bob"), {}, ["CasRefused", "conflict", "never"]],
      ["a refusal after a lost reply", [lost, conflict("carol")], handover("alice", "bob"), {}, [
        "CasRefused",
        "conflict",
        "unknown"
      ]],
      ["a third value after a lost reply", [lost, conflict("carol")], ensureUnless("bob", []), { hint: "alice" }, [
        "CasSuperseded",
        "conflict",
        "unknown"
      ]],
      ["a hidden value", [conflictWithoutState], ensure("bob"), { hint: "alice" }, [
        "CasConflictWithoutState",
        "setup",
        "unknown"
      ]],
      ["a value that was never seen", [], ensure("bob"), {}, ["CasConflictWithoutState", "setup", "never"]],
      ["contradictions", [conflict("alice"), conflict("alice"), conflict("alice")], ensure("bob"), { hint: "alice" }, [
        "CasInconsistentRegister",
        "setup",
        "never"
      ]],
      ["an invalid policy", [], ensure("bob"), { policy: Policy.make({ maxSwaps: 0 }) }, [
        "CasInvalidPolicy",
        "caller",
        "never"
      ]]
    ] as const
  )("of %s", ([, script, intent, options, expected]) =>
    Effect.gen(function*() {
      const register: Cas.Register<string> = scripted<string, never>(script).register
      const error = yield* failure(Cas.run(register, intent, options))
      assert.deepStrictEqual<ReadonlyArray<string>>([error._tag, error.kind, error.retry], expected)
    }))

  it.effect("come with the wait that the last answer asked for, if it did", () =>
    Effect.gen(function*() {
      const retryAfter = (...script: ReadonlyArray<Answer<string, never>>) =>
        Effect.map(
          failure(Cas.run(scripted<string, never>(script).register, ensure("bob"), {
            hint: "alice",
            policy: withPlain({ maxSwaps: 2 })
          })),
          (error) => error._tag === "CasExhausted" && error.retryAfter
        )
      assert.deepStrictEqual(yield* retryAfter(throttled("1 second"), throttled("2 seconds")), Duration.seconds(2))
      assert.deepStrictEqual(yield* retryAfter(unsent, Cas.unknown("503", Duration.seconds(3))), Duration.seconds(3))
      assert.strictEqual(yield* retryAfter(throttled("1 second"), conflict("carol")), undefined)
    }))
})

describe("messages", () => {
  const refusing = (
    words: Cas.Words | undefined,
    intent: Cas.Intent<string> = handover("alice", "bob")
  ) => {
    const { register } = scripted<string, never>([conflict("carol")])
    return Effect.map(
      failure(Cas.run({ ...register, words }, intent, { hint: "alice" })),
      ({ message }) => message.split(";")[0]
    )
  }
  const rule = Cas.update<string>((value) =>
    value === "alice"
      ? { _tag: "Swap", to: "bob" }
      : { _tag: "Refuse", reason: "Locked", detail: `${value} is locked` }
  )

  it.effect("of a refusal are the intent's own words, the register's, or the engine's", () =>
    Effect.gen(function*() {
      const words = { value: "the host", refusals: { Changed: "Somebody else is host", Locked: "no" } }
      assert.strictEqual(yield* refusing(undefined), "handover refuses the value in place: Changed")
      assert.strictEqual(
        yield* refusing({ value: "the host" }),
        "handover refuses the host in place: Changed"
      )
      assert.strictEqual(yield* refusing(words), "Somebody else is host")
      assert.strictEqual(yield* refusing(words, rule), "carol is locked")
      assert.strictEqual(
        yield* refusing({}, ensureUnless("bob", ["carol"])),
        "ensureUnless refuses the value in place: Protected"
      )
      const nameless = Cas.update<string>((value) =>
        value === "alice" ? { _tag: "Swap", to: "bob" } : { _tag: "Refuse", reason: "Locked" }
      )
      assert.strictEqual(yield* refusing({ value: "the host" }, nameless), "update refuses the host in place: Locked")
    }))

  it.effect("of a hidden value are the register's words, where it has any", () =>
    Effect.gen(function*() {
      const { register } = scripted<string, never>([])
      const message = (words?: Cas.Words) =>
        Effect.map(failure(Cas.run({ ...register, words }, ensure("bob"))), (error) => error.message)
      assert.match(
        yield* message(),
        /^No conflict and no read shows the value; nothing was changed after 0 swaps and 0/
      )
      assert.match(
        yield* message({ hidden: "The meeting has no host" }),
        /^The meeting has no host; nothing was changed/
      )
    }))

  it.effect("of every error speak of the value in the register's words", () =>
    Effect.gen(function*() {
      const messageOf = (
        script: ReadonlyArray<Answer<string, never>>,
        settings: Parameters<typeof withPlain>[0] = {},
        options: Cas.Options<string> = { hint: "alice" },
        intent: Cas.Intent<string> = ensure("bob")
      ) =>
        Effect.map(
          failure(Cas.run({ ...scripted<string, never>(script).register, words: { value: "the host" } }, intent, {
            ...options,
            policy: withPlain(settings)
          })),
          ({ message }) => message.split(";")[0]
        )
      const same = conflict("alice")
      assert.deepStrictEqual(
        yield* Effect.all([
          messageOf([conflict("carol"), conflict("dave")], { conflict: Schedule.recurs(0) }),
          messageOf([unsent], { transient: Schedule.recurs(0) }),
          messageOf([unsent], {}, { hint: "alice", budget: Cas.makeRetryBudget({ ratio: 0.1, reserve: 0 }) }),
          messageOf([conflict("carol")], { maxSwaps: 1 }),
          messageOf(["silence"], { deadline: "1 second" }),
          messageOf([conflict("carol")], {}, {}, handover("alice", "bob")),
          messageOf([lost, conflict("carol")], { onUnknown: "stopIfMoved" }),
          messageOf([lost], { onUnknown: "neverResend" }),
          messageOf([conflictWithoutState]),
          messageOf([same, same, same])
        ]),
        [
          "Gave up on the host: the conflict schedule of the policy ended",
          "Gave up on the host: the transient schedule of the policy ended (connection refused)",
          "Gave up on the host: the retry budget is used up (connection refused)",
          "Gave up on the host: the policy allows 1 swap",
          "Gave up on the host: the deadline of 1 s passed during an attempt (no answer before the deadline of 1 s)",
          "handover refuses the host in place: Changed",
          "A reply was lost, and the host has changed since",
          "A reply was lost, and the policy does not swap the host again",
          "No conflict and no read shows the host",
          "Three conflicts in a row show the host to be what was expected"
        ]
      )
    }))

  it.effect("of operations in a queue do so too", () =>
    Effect.gen(function*() {
      const queue = Cas.makeQueue<string, string>()
      const stuck: Cas.Register<string> = {
        equals: (a, b) => a === b,
        swap: () => Effect.never,
        words: { value: "the host" }
      }
      const policy = withPlain({ deadline: "1 second", transient: Schedule.recurs(0) })
      const call = (to: string, options: Cas.QueueOptions<string> = {}) =>
        Effect.forkChild(Effect.flip(queue.run("key", stuck, handover("alice", to), options)), {
          startImmediately: true
        })
      const head = yield* call("bob")
      const late = yield* call("carol", { policy })
      const earlier = yield* call("dave")
      yield* TestClock.adjust("1 second")
      yield* call("erin", { latest: true })
      assert.deepStrictEqual(
        (yield* Fiber.joinAll([late, earlier])).map(({ message }) => message.split(";")[0]),
        [
          "Gave up on the host: the deadline of 1 s passed in the queue",
          "A later operation on the host replaced this one in the queue"
        ]
      )
      yield* Fiber.interrupt(head)
    }))

  it.effect("count in the singular and the plural", () =>
    Effect.gen(function*() {
      const { register } = scripted([conflict("carol"), observed("carol")])
      const policy = Policy.make({ maxSwaps: 1 })
      const error = yield* failure(Cas.run(register, ensure("bob"), { hint: "alice", policy }))
      assert.strictEqual(
        error.message,
        "Gave up on the value: the policy allows 1 swap; nothing was changed after 1 swap and 0 reads. "
          + "Call again, or with wider bounds."
      )
    }))

  it.effect("say that the deadline passed during an attempt, and what the attempt waited for", () =>
    Effect.gen(function*() {
      const policy = Policy.make({ deadline: "8 seconds", attemptTimeout: "1 minute" })
      const inFlight = yield* failure(
        Cas.run(scripted(["silence"]).register, ensure("bob"), { hint: "alice", policy })
      )
      assert.include(
        inFlight.message,
        "Gave up on the value: the deadline of 8 s passed during an attempt (no answer before the deadline of 8 s); "
          + "a swap may have taken effect after 1 swap and 0 reads."
      )
      const held: Cas.Register<string> = { equals: (a, b) => a === b, swap: () => Cas.hold(Effect.never) }
      const unsent = yield* failure(Cas.run(held, ensure("bob"), { hint: "alice", policy }))
      assert.include(
        unsent.message,
        "Gave up on the value: the deadline of 8 s passed during an attempt (held back, for a token or a rate limit, up to "
          + "the deadline of 8 s); nothing was changed after 0 swaps and 0 reads."
      )
    }))
})
