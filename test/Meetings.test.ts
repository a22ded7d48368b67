import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Exit, Fiber, Layer, Option, Redacted } from "effect"
import { Cas, Lark, MeetingId, Meetings, MeetingUser, UserToken } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"

const id = MeetingId.make("6911188411932033028")
const alice = MeetingUser.openId("ou_alice")
const bob = MeetingUser.openId("ou_bob")
const carol = MeetingUser.openId("ou_carol")
const dave = MeetingUser.openId("ou_dave")
const stranger = MeetingUser.openId("ou_stranger")
const room = MeetingUser.openId("omm_room", { userType: MeetingUser.UserType.Room })

const meetings: ReadonlyArray<Simulator.MeetingOptions> = [{
  id,
  host: "ou_alice",
  topic: "Weekly",
  participants: ["ou_bob", "ou_carol", "ou_dave", room, { user: "ou_erin", status: "ringing" }]
}]

type World = Lark.Services | Simulator.Simulator

/** Runs against a fresh simulator, with one service for the whole program. */
const on = <A, E>(options: Simulator.Options, program: Effect.Effect<A, E, World>) =>
  program.pipe(
    Effect.provide(Lark.layer(Simulator.defaultApp)),
    Effect.provide(Simulator.layer({ meetings, ...options }))
  )

/** The same, with the clock moved along, for programs that sleep. */
const onClock = <A, E>(options: Simulator.Options, program: Effect.Effect<A, E, World>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(on(options, program))
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  })

const hostNow = Simulator.Simulator.use((simulator) => Effect.map(simulator.host(id), (host) => host?.openId))

/** The meeting endpoints that were called so far, in order. */
const called = Simulator.Simulator.use((simulator) =>
  Effect.map(
    simulator.requests,
    (requests) => requests.flatMap(({ endpoint }) => endpoint === "tenant_access_token" ? [] : [endpoint])
  )
)

const expectedHosts = Simulator.Simulator.use((simulator) =>
  Effect.map(
    simulator.requests,
    (requests) =>
      requests.filter((request) => request.endpoint === "set_host").map(({ body }) =>
        JSON.stringify(body).replace(/.*"old_host_user":\{"id":"(\w+)".*/, "$1")
      )
  )
)

const asUser = (user: string, known = true) => <A, E, R>(program: Effect.Effect<A, E, R>) =>
  Effect.flatMap(
    Simulator.Simulator,
    (simulator) =>
      Effect.flatMap(simulator.userToken(user), (token) =>
        Lark.asUser(UserToken.fromAccessToken(token, known ? { user: MeetingUser.openId(user) } : {}))(program))
  )

const fault = (fault: Simulator.Fault, nth = 0, endpoint: Simulator.Endpoint = "set_host"): Simulator.FaultRule => ({
  endpoint,
  nth,
  fault
})

const hostless = (["noData", "nullData", "emptyObject", "emptyId", "noUserType"] as const).map((shape) =>
  ({ _tag: "ConflictWithoutHost", shape }) as const
)

/** Faults after which nobody knows whether the request was executed, and whether it was. */
const lossy: ReadonlyArray<readonly [fault: Simulator.Fault, applied: boolean]> = [
  [{ _tag: "DropBefore" }, false],
  [{ _tag: "DropAfter" }, true],
  [{ _tag: "ServerError", status: 500, applied: false, body: "envelope" }, false],
  [{ _tag: "ServerError", status: 500, applied: true, body: "envelope" }, true],
  [{ _tag: "ServerError", status: 502, applied: true, body: "html" }, true],
  [{ _tag: "ServerError", status: 503, applied: false, body: "html" }, false],
  [{ _tag: "ServerError", status: 504, applied: true, body: "html" }, true],
  [{ _tag: "GarbageBody", body: "{\"code\":0,", status: 200, applied: true }, true],
  [{ _tag: "GarbageBody", body: "[]", status: 200, applied: false }, false],
  [{ _tag: "EmptyBody", status: 200, applied: true }, true],
  [{ _tag: "EmptyBody", status: 502, applied: false }, false],
  [{ _tag: "Delay", millis: 60_000 }, true]
]

describe("swapHost", () => {
  const swap = (expected: MeetingUser.MeetingUser<"open_id">, desired: MeetingUser.MeetingUser<"open_id">) =>
    Meetings.swapHost(id, { expected, desired })

  it.effect("moves the host with one request", () =>
    on(
      {},
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* swap(alice, bob), Cas.appliedWith(bob))
        assert.deepStrictEqual([yield* hostNow, yield* called], ["ou_bob", ["set_host"]])
      })
    ))

  it.effect("answers a conflict with the host that is, and moves nothing", () =>
    on(
      {},
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* swap(bob, carol), Cas.conflict(alice))
        assert.deepStrictEqual([yield* hostNow, yield* called], ["ou_alice", ["set_host"]])
      })
    ))

  it.effect("knows a conflict by its code, even with status 200", () =>
    on(
      { faults: [fault({ _tag: "ConflictAsOk" })] },
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* swap(bob, carol), Cas.conflict(alice))
      })
    ))

  it.effect.each(hostless)(
    "takes a conflict that names nobody ($shape) for one",
    (shape) =>
      on(
        { faults: [fault(shape)] },
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* swap(bob, carol), Cas.conflictWithoutState)
        })
      )
  )

  it.effect.each(lossy)(
    "answers that it does not know after %o",
    ([what, applied]) =>
      onClock(
        { faults: [fault(what)] },
        Effect.gen(function*() {
          const outcome = yield* swap(alice, bob)
          assert.strictEqual(outcome._tag, "Unknown")
          yield* Effect.sleep("1 minute")
          assert.strictEqual(yield* hostNow, applied ? "ou_bob" : "ou_alice")
        })
      )
  )

  it.effect("answers that a throttled request was not sent, and how long to wait", () =>
    Effect.gen(function*() {
      for (const status of [429, 400] as const) {
        const outcome = yield* on({ faults: [fault({ _tag: "Throttle", reset: 7, status })] }, swap(alice, bob))
        assert.deepInclude<object>(outcome, { _tag: "Unsent", after: Option.some(Duration.seconds(7)) })
      }
    }))

  it.effect("answers that nothing was sent while no token can be had", () =>
    Effect.gen(function*() {
      const nothings: ReadonlyArray<Simulator.Fault> = [
        { _tag: "DropAfter" },
        { _tag: "ServerError", status: 502, applied: true, body: "html" },
        { _tag: "ServerError", status: 500, applied: true, body: "envelope" },
        { _tag: "Throttle", reset: 7, status: 429 },
        { _tag: "EmptyBody", status: 200, applied: true }
      ]
      for (const what of nothings) {
        const faults = [fault(what, 0, "tenant_access_token")]
        const [outcome, calls] = yield* on({ faults }, Effect.all([swap(alice, bob), called]))
        assert.strictEqual(outcome._tag, "Unsent")
        assert.deepStrictEqual(calls, [])
      }
    }))

  it.effect("fails with the error of its document", () =>
    on(
      {},
      Effect.gen(function*() {
        const tag = (effect: Effect.Effect<unknown, { readonly _tag: string }, World>) =>
          Effect.map(Effect.flip(effect), (error) => error._tag)
        const nowhere = MeetingId.make("1111111111")
        assert.strictEqual(yield* tag(Meetings.swapHost(nowhere, { expected: alice, desired: bob })), "MeetingNotExist")
        assert.strictEqual(yield* tag(swap(alice, stranger)), "TargetNotInMeeting")
        assert.strictEqual(yield* tag(swap(alice, MeetingUser.openId("ou_erin"))), "ParticipantStatusNotExpected")
        assert.strictEqual(yield* tag(asUser("ou_bob")(swap(bob, carol))), "NoPermission")
        assert.strictEqual(yield* tag(asUser("ou_stranger")(swap(alice, bob))), "OperatorNotInMeeting")
        assert.strictEqual(yield* tag(asUser("ou_alice")(swap(alice, alice))), "CannotOperateSelf")
        yield* asUser("ou_alice")(Meetings.end(id))
        assert.strictEqual(yield* tag(swap(alice, bob)), "MeetingStatusUnexpected")
      })
    ))

  it.effect("refuses users of different kinds of id, even past the compiler, and sends nothing", () =>
    on(
      {},
      Effect.gen(function*() {
        const users: { expected: MeetingUser.MeetingUser; desired: MeetingUser.MeetingUser } = {
          expected: alice,
          desired: MeetingUser.unionId("on_bob")
        }
        const error = yield* Effect.flip(Meetings.swapHost(id, users))
        assert.include<object>(error, { _tag: "InvalidParameter", endpoint: "vc.v1.meeting.set_host", retry: "never" })
        assert.match(error.message, /desired has union_id, the expected host open_id/)
        assert.deepStrictEqual(yield* called, [])
      })
    ))

  it.effect("of a user of another type is another user", () =>
    on(
      {},
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* swap(alice, room), Cas.appliedWith(room))
        const asPerson = MeetingUser.openId("omm_room")
        assert.deepStrictEqual(yield* swap(asPerson, bob), Cas.conflict(room))
      })
    ))
})

describe("setHost knows whom to expect", () => {
  it.effect("from the hint: one request when it is right", () =>
    on(
      {},
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, bob, { hint: alice })
        assert.deepInclude<object>(report, { outcome: "swapped", effect: "applied", swaps: 1, reads: 0, after: bob })
        assert.deepStrictEqual(report.before, Option.some(alice))
        assert.deepStrictEqual(yield* called, ["set_host"])
      })
    ))

  it.effect("from the conflict that answers a wrong hint, at once and without a read", () =>
    on(
      {},
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, bob, { hint: carol })
        assert.deepStrictEqual(yield* expectedHosts, ["ou_carol", "ou_alice"])
        assert.deepStrictEqual(yield* called, ["set_host", "set_host"])
        assert.deepInclude<object>(report, {
          outcome: "swapped",
          waited: Duration.zero,
          conflicts: { fresh: 0, stale: 1 }
        })
      })
    ))

  it.effect("from get when nothing is known", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        assert.deepStrictEqual(yield* called, ["get", "set_host"])
      })
    ))

  it.effect("from what it saw last, so that the next call needs no get", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        yield* Meetings.setHost(id, carol)
        assert.deepStrictEqual(yield* called, ["get", "set_host", "set_host"])
        assert.deepStrictEqual(yield* expectedHosts, ["ou_alice", "ou_bob"])
      })
    ))

  it.effect("from the hint rather than from what it saw last", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        yield* Effect.flatMap(Simulator.Simulator, (simulator) => simulator.moveHost(id, "ou_dave"))
        yield* Meetings.setHost(id, carol, { hint: dave })
        assert.deepStrictEqual(yield* expectedHosts, ["ou_alice", "ou_dave"])
      })
    ))

  it.effect("under each kind of id by itself", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        const report = yield* Meetings.setHost(id, MeetingUser.unionId("on_carol"))
        assert.deepStrictEqual<object>(report.after, MeetingUser.unionId("on_carol"))
        assert.deepStrictEqual(yield* called, ["get", "set_host", "get", "set_host"])
      })
    ))

  it.effect("in each meeting by itself", () =>
    on(
      { meetings: [...meetings, { id: "7000000000000000001", host: "ou_dave", participants: ["ou_carol"] }] },
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        yield* Meetings.setHost(MeetingId.make("7000000000000000001"), carol)
        assert.deepStrictEqual(yield* expectedHosts, ["ou_alice", "ou_dave"])
      })
    ))
})

describe("setHost and a host who is already the one", () => {
  it.effect("reads once and swaps nothing", () =>
    on(
      {},
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, alice)
        assert.deepInclude<object>(report, { outcome: "already", effect: "none", swaps: 0, reads: 1 })
        assert.deepStrictEqual(yield* called, ["get"])
      })
    ))

  it.effect("does not believe a hint that says so", () =>
    on(
      {},
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, bob, { hint: bob })
        assert.deepStrictEqual(yield* called, ["get", "set_host"])
        assert.strictEqual(report.outcome, "swapped")
      })
    ))

  it.effect("ends well when a conflict shows the target", () =>
    on(
      { rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_bob" }] },
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, bob, { hint: alice })
        assert.deepInclude<object>(report, { outcome: "converged", effect: "none", swaps: 1, reads: 0 })
      })
    ))
})

describe("setHost and rivals", () => {
  it.effect("uses the host of every conflict at once", () =>
    on(
      {
        rivals: [
          { _tag: "BeforeSwap", nth: 0, host: "ou_carol" },
          { _tag: "BeforeSwap", nth: 1, host: "ou_dave" },
          { _tag: "BeforeSwap", nth: 2, host: "ou_alice" }
        ]
      },
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, bob)
        assert.deepStrictEqual(yield* expectedHosts, ["ou_alice", "ou_carol", "ou_dave", "ou_alice"])
        assert.deepStrictEqual(yield* called, ["get", "set_host", "set_host", "set_host", "set_host"])
        assert.deepInclude<object>(report, { outcome: "swapped", conflicts: { fresh: 3, stale: 0 } })
        assert.strictEqual(yield* hostNow, "ou_bob")
      })
    ))

  it.effect.each(hostless)(
    "asks get once when a conflict names nobody ($shape)",
    (shape) =>
      onClock(
        { faults: [fault(shape)] },
        Effect.gen(function*() {
          const report = yield* Meetings.setHost(id, bob, { hint: carol })
          assert.deepStrictEqual(yield* called, ["set_host", "get", "set_host"])
          assert.deepInclude<object>(report, { outcome: "swapped", reads: 1, swaps: 2 })
        })
      )
  )

  it.effect("knows a conflict by its code, even with status 200", () =>
    on(
      { faults: [fault({ _tag: "ConflictAsOk" })] },
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob, { hint: carol })
        assert.deepStrictEqual(yield* called, ["set_host", "set_host"])
      })
    ))

  it.effect("hands over from the one host only", () =>
    on(
      {},
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.setHost(id, Cas.handover(carol, bob)))
        assert.deepInclude<object>(error, { _tag: "CasRefused", reason: "Changed", actual: alice })
        assert.strictEqual(yield* hostNow, "ou_alice")
      })
    ))

  it.effect("leaves a protected host alone", () =>
    on(
      {},
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.setHost(id, Cas.ensureUnless(bob, [alice])))
        assert.deepInclude<object>(error, { _tag: "CasRefused", reason: "Protected" })
        assert.deepStrictEqual(yield* called, ["get"])
      })
    ))

  it.effect("of a meeting without a host says that nobody is known", () =>
    on(
      { meetings: [{ id, participants: ["ou_bob"] }] },
      Effect.gen(function*() {
        assert.strictEqual((yield* Effect.flip(Meetings.setHost(id, bob)))._tag, "CasConflictWithoutState")
      })
    ))
})

describe("setHost and requests that go wrong", () => {
  it.effect.each(lossy)(
    "goes on until the host is the one, after %o",
    ([what]) =>
      onClock(
        { faults: [fault(what)] },
        Effect.gen(function*() {
          const report = yield* Meetings.setHost(id, bob, { hint: alice })
          assert.strictEqual(yield* hostNow, "ou_bob")
          assert.strictEqual(report.outcome === "swapped" ? report.effect : "unknown", report.effect)
          assert.isAbove(report.attempts.length, 1)
          assert.strictEqual(report.attempts[0]?.answer._tag, "Unknown")
        })
      )
  )

  it.effect("tells an applied swap whose reply was lost from one that was not applied", () =>
    Effect.gen(function*() {
      const after = (what: Simulator.Fault) =>
        onClock({ faults: [fault(what)] }, Meetings.setHost(id, bob, { hint: alice }))
      assert.deepInclude<object>(yield* after({ _tag: "DropAfter" }), { outcome: "converged", effect: "unknown" })
      assert.deepInclude<object>(yield* after({ _tag: "DropBefore" }), { outcome: "swapped", effect: "applied" })
    }))

  it.effect("never calls a failing server's answer unsent, nor a lost reply", () =>
    Effect.gen(function*() {
      for (const [what] of lossy) {
        const error = yield* onClock(
          { faults: [fault(what)] },
          Effect.flip(Meetings.setHost(id, bob, { hint: alice, policy: Cas.Policy.once }))
        )
        assert.strictEqual(error._tag, "CasExhausted")
        assert.strictEqual("report" in error && error.report.effect, "unknown", JSON.stringify(what))
      }
    }))

  it.effect("waits as long as a throttle asks for, and no shorter", () =>
    Effect.gen(function*() {
      for (const status of [429, 400] as const) {
        const fiber = yield* Effect.forkChild(on(
          { faults: [fault({ _tag: "Throttle", reset: 7, status })] },
          Effect.zip(Meetings.setHost(id, bob, { hint: alice }), called)
        ))
        yield* TestClock.adjust("6999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 second")
        const [report, calls] = yield* Fiber.join(fiber)
        assert.isAtLeast(Duration.toMillis(report.waited), 7_000)
        assert.isBelow(Duration.toMillis(report.waited), 7_250)
        assert.deepStrictEqual(calls, ["set_host", "set_host"])
        assert.strictEqual(report.effect, "applied")
      }
    }))

  it.effect("waits as long as a gateway asks for that answers 429 in words of its own", () =>
    Effect.gen(function*() {
      for (const body of ["slow down", platform.envelope(424242, "slow down")]) {
        const throttled = { status: 429, body, headers: { "retry-after": "7" } }
        const feishu = platform.make((_, nth) => nth === 0 ? throttled : platform.ok({}))
        const fiber = yield* Effect.forkChild(
          Meetings.setHost(id, bob, { hint: alice }).pipe(
            Effect.provide(Lark.layer(platform.app)),
            Effect.provide(feishu.layer)
          )
        )
        yield* TestClock.adjust("6999 millis")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 second")
        assert.deepInclude<object>(yield* Fiber.join(fiber), { outcome: "swapped", effect: "applied", swaps: 2 })
      }
    }))

  it.effect("gives up at once on a throttle that outlasts its deadline", () =>
    on(
      { faults: [fault({ _tag: "Throttle", reset: 3_600, status: 429 })] },
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.setHost(id, bob, { hint: alice }))
        assert.include<object>(error, { _tag: "CasExhausted", limit: "deadline" })
        assert.strictEqual("report" in error && error.report.effect, "none")
      })
    ))

  it.effect("does not notice that its token was rejected on the way", () =>
    Effect.gen(function*() {
      for (const status of [400, 200] as const) {
        yield* on(
          { faults: [fault({ _tag: "RejectToken", status })] },
          Effect.gen(function*() {
            const report = yield* Meetings.setHost(id, bob, { hint: alice })
            assert.deepInclude<object>(report, { outcome: "swapped", effect: "applied", swaps: 1 })
            assert.deepStrictEqual(yield* called, ["set_host", "set_host"])
            assert.strictEqual((yield* Simulator.Simulator.use((simulator) => simulator.tokensMinted)).length, 2)
          })
        )
      }
    }))

  it.effect("reads again when a read goes wrong", () =>
    onClock(
      { faults: [fault({ _tag: "DropAfter" }, 0, "get")] },
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, bob)
        assert.deepInclude<object>(report, { outcome: "swapped", reads: 2, swaps: 1 })
      })
    ))

  it.effect("fails with the error of the document, with the report", () =>
    on(
      {},
      Effect.gen(function*() {
        const absent = yield* Effect.flip(Meetings.setHost(id, stranger, { hint: alice }))
        assert.include<object>(absent, { _tag: "TargetNotInMeeting", code: 122004 })
        assert.deepInclude<object>("report" in absent ? absent.report : {}, {
          outcome: "failed",
          effect: "none",
          swaps: 1
        })
        const nowhere = yield* Effect.flip(Meetings.setHost(MeetingId.make("1111111111"), bob))
        assert.include<object>(nowhere, { _tag: "DataNotExist", code: 121004 })
        assert.deepInclude<object>("report" in nowhere ? nowhere.report : {}, { effect: "none", reads: 1, swaps: 0 })
      })
    ))

  it.effect("refuses a senseless policy before anything is sent", () =>
    on(
      {},
      Effect.gen(function*() {
        const senseless: ReadonlyArray<Partial<Cas.Policy<unknown>>> = [
          { maxSwaps: -1 },
          { maxSwaps: 0 },
          { maxSwaps: 1.5 },
          { maxSwaps: Number.NaN },
          { maxSwaps: Number.POSITIVE_INFINITY },
          { deadline: -1 },
          { deadline: 0 },
          { attemptTimeout: -1 },
          { attemptTimeout: Number.NaN },
          { minAttempt: -1 },
          { minAttempt: Number.POSITIVE_INFINITY }
        ]
        for (const options of senseless) {
          const error = yield* Effect.flip(Meetings.setHost(id, bob, { policy: Cas.Policy.make(options) }))
          assert.strictEqual(error._tag, "CasInvalidPolicy", JSON.stringify(options))
          assert.include(error.message, Object.keys(options)[0] ?? "")
        }
        assert.deepStrictEqual(yield* Simulator.Simulator.use((simulator) => simulator.requests), [])
      })
    ))
})

describe("the errors of setHost speak of the meeting", () => {
  it.effect("when nobody on the list can become host", () =>
    on(
      {},
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.setHost(id, Cas.rotate([stranger]), { hint: alice }))
        assert.match(error.message, /^Nobody on the list is in the meeting; nothing was changed/)
      })
    ))

  it.effect("when the host is protected", () =>
    on(
      {},
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.setHost(id, Cas.ensureUnless(bob, () => true)))
        assert.match(error.message, /^The host in place is protected; nothing was changed/)
      })
    ))

  it.effect("when the meeting has no host", () =>
    on(
      { meetings: [{ id, participants: ["ou_bob"] }] },
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.setHost(id, bob))
        assert.match(error.message, /^The meeting has no host, or the app may not see who it is; nothing was changed/)
      })
    ))

  it.effect("when a user is not the host", () =>
    on(
      {},
      Effect.gen(function*() {
        const error = yield* Effect.flip(asUser("ou_bob")(Meetings.setHost(id, carol, { hint: alice })))
        assert.match(error.message, /Only the host can move the host role/)
      })
    ))

  it.effect("when time ran out, with the error of the last request as the cause", () =>
    onClock(
      { faults: Array.from({ length: 9 }, (_, nth) => fault({ _tag: "DropBefore" }, nth)) },
      Effect.gen(function*() {
        const error = yield* Effect.flip(Meetings.setHost(id, bob, { hint: alice, budget: undefined }))
        if (error._tag !== "CasExhausted" || error.cause?._tag !== "TransportError") return assert.fail(error.message)
        assert.strictEqual(error.cause.executed, "unknown")
      })
    ))
})

describe("what setHost saw last", () => {
  it.effect("is forgotten when the effect is unknown", () =>
    onClock(
      { faults: [fault({ _tag: "DropAfter" })] },
      Effect.gen(function*() {
        const report = yield* Meetings.setHost(id, bob, { hint: alice })
        assert.strictEqual(report.effect, "unknown")
        yield* Meetings.setHost(id, carol)
        assert.deepStrictEqual(yield* called, ["set_host", "set_host", "get", "set_host"])
      })
    ))

  it.effect("is forgotten when the call fails", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        yield* Effect.flip(Meetings.setHost(id, stranger))
        yield* Meetings.setHost(id, carol)
        assert.deepStrictEqual(yield* called, ["get", "set_host", "set_host", "get", "set_host"])
      })
    ))

  it.effect("is forgotten when the call is interrupted", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        const simulator = yield* Simulator.Simulator
        yield* simulator.addFaults([fault({ _tag: "Delay", millis: 5_000 })])
        const fiber = yield* Effect.forkChild(Meetings.setHost(id, carol))
        yield* TestClock.adjust("1 second")
        yield* Fiber.interrupt(fiber)
        assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(fiber)))
        yield* TestClock.adjust("10 seconds")
        yield* Meetings.setHost(id, dave)
        assert.deepStrictEqual(yield* called, ["get", "set_host", "set_host", "get", "set_host"])
      })
    ))

  it.effect("costs one conflict when a human moved the host meanwhile", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* Meetings.setHost(id, bob)
        yield* Effect.flatMap(Simulator.Simulator, (simulator) => simulator.moveHost(id, "ou_dave"))
        yield* Meetings.setHost(id, carol)
        assert.deepStrictEqual(yield* called, ["get", "set_host", "set_host", "set_host"])
      })
    ))
})

describe("as a user", () => {
  it.effect("who is known, the host is expected to be that user: one request", () =>
    on(
      {},
      Effect.gen(function*() {
        const report = yield* asUser("ou_alice")(Meetings.setHost(id, bob))
        assert.deepInclude<object>(report, { outcome: "swapped", swaps: 1, reads: 0 })
        const requests = yield* Simulator.Simulator.use((simulator) => simulator.requests)
        assert.deepStrictEqual(requests.map((request) => [request.endpoint, request.token]), [["set_host", "user"]])
      })
    ))

  it.effect("who is known, another host seen ends it without another call", () =>
    Effect.gen(function*() {
      // A platform that compares before it checks who asks.
      const conflict = platform.failed(409, 121006, "data conflict", {
        data: { host_user: { id: "ou_carol", user_type: 1 } }
      })
      const feishu = platform.make(() => conflict)
      const session = UserToken.fromAccessToken(Redacted.make("u-alice"), { user: alice })
      const error = yield* Meetings.setHost(id, bob).pipe(
        Lark.asUser(session),
        Effect.provide(Lark.layer(platform.app)),
        Effect.provide(feishu.layer),
        Effect.flip
      )
      assert.deepInclude<object>(error, { _tag: "CasRefused", reason: "OperatorNotHost", actual: carol })
      assert.strictEqual(feishu.calls.length, 1)
    }))

  it.effect("who is known, a host seen by get ends it without a swap", () =>
    on(
      {},
      Effect.gen(function*() {
        const error = yield* Effect.flip(asUser("ou_bob")(Meetings.setHost(id, Cas.handover(alice, carol))))
        assert.deepInclude<object>(error, { _tag: "CasRefused", reason: "OperatorNotHost", actual: alice })
        assert.deepStrictEqual(yield* called, ["get"])
      })
    ))

  it.effect("who is known, a conflict that shows the target still ends well", () =>
    Effect.gen(function*() {
      const conflict = platform.failed(409, 121006, "data conflict", {
        data: { host_user: { id: "ou_bob", user_type: 1 } }
      })
      const session = UserToken.fromAccessToken(Redacted.make("u-alice"), { user: alice })
      const report = yield* Meetings.setHost(id, bob).pipe(
        Lark.asUser(session),
        Effect.provide(Lark.layer(platform.app)),
        Effect.provide(platform.make(() => conflict).layer)
      )
      assert.deepInclude<object>(report, { outcome: "converged", effect: "none", swaps: 1 })
    }))

  it.effect("whose own lost swap took the role away, the operation ends well", () =>
    onClock(
      { faults: [fault({ _tag: "DropAfter" })] },
      Effect.gen(function*() {
        const report = yield* asUser("ou_alice")(Meetings.setHost(id, bob))
        assert.deepInclude<object>(report, { outcome: "converged", effect: "unknown", swaps: 2, reads: 1 })
        assert.deepStrictEqual(report.attempts.map(({ answer }) => answer._tag), ["Unknown", "Terminal", "Observed"])
      })
    ))

  it.effect("whose role somebody else took after a lost swap, the refusal stands, and the effect is unknown", () =>
    onClock(
      {
        faults: [fault({ _tag: "DropAfter" })],
        rivals: [{ _tag: "AfterSwap", nth: 0, host: "ou_carol" }]
      },
      Effect.gen(function*() {
        const error = yield* Effect.flip(asUser("ou_alice")(Meetings.setHost(id, bob)))
        assert.include<object>(error, { _tag: "NoPermission" })
        assert.deepInclude<object>("report" in error ? error.report : {}, { effect: "unknown", swaps: 2, reads: 1 })
      })
    ))

  it.effect("who is not known, the platform refuses who is not host", () =>
    on(
      {},
      Effect.gen(function*() {
        const error = yield* Effect.flip(asUser("ou_bob", false)(Meetings.setHost(id, carol)))
        assert.include<object>(error, { _tag: "NoPermission", code: 121005 })
        assert.deepStrictEqual(yield* called, ["get", "set_host"])
      })
    ))

  it.effect("named by another kind of id, the operation goes by its own kind", () =>
    on(
      {},
      Effect.gen(function*() {
        const report = yield* asUser("ou_alice")(Meetings.setHost(id, MeetingUser.unionId("on_bob")))
        assert.strictEqual(report.outcome, "swapped")
      })
    ))
})

describe("end", () => {
  const status = Simulator.Simulator.use((simulator) => Effect.map(simulator.meeting(id), (meeting) => meeting.status))

  it.effect("ends the meeting for its host, with one request", () =>
    on(
      {},
      Effect.gen(function*() {
        yield* asUser("ou_alice")(Meetings.end(id))
        assert.deepStrictEqual([yield* status, yield* called], ["ended", ["end"]])
      })
    ))

  it.effect("fails with the error of its document", () =>
    on(
      {},
      Effect.gen(function*() {
        const tagAs = (user: string, meetingId = id) =>
          Effect.map(Effect.flip(asUser(user)(Meetings.end(meetingId))), (error) => error._tag)
        assert.strictEqual(yield* tagAs("ou_bob"), "NoPermission")
        assert.strictEqual(yield* tagAs("ou_stranger"), "OperatorNotInMeeting")
        assert.strictEqual(yield* tagAs("ou_alice", MeetingId.make("1111111111")), "MeetingNotExist")
        yield* asUser("ou_alice")(Meetings.end(id))
        assert.strictEqual(yield* tagAs("ou_alice"), "MeetingStatusUnexpected")
      })
    ))

  it.effect.each(lossy)(
    "is sent once, even after %o",
    ([what, applied]) =>
      onClock(
        { faults: [fault(what, 0, "end")] },
        Effect.gen(function*() {
          const error = yield* Effect.flip(asUser("ou_alice")(Meetings.end(id)))
          assert.strictEqual(error.retry, "unknown")
          assert.include(error.message, error._tag === "InternalError" ? "Try again" : "may have been executed")
          yield* Effect.sleep("1 minute")
          assert.deepStrictEqual([yield* status, yield* called], [applied ? "ended" : "in_progress", ["end"]])
        })
      )
  )

  it.effect("without a user's token cannot be reached by an app that forces its way", () =>
    on(
      {},
      Effect.gen(function*() {
        const service = yield* Meetings.Meetings
        // What a program without types may do.
        const forced = service.end(id) as Effect.Effect<void>
        assert.isTrue(Cause.hasDies(yield* Effect.flip(Effect.sandbox(forced))))
        assert.deepStrictEqual(yield* called, [])
      })
    ))
})

describe("a service of many operations", () => {
  it.effect("keeps two front doors apart, each with its own platform", () =>
    Effect.gen(function*() {
      const world = () => Layer.provideMerge(Lark.layer(Simulator.defaultApp), Simulator.layer({ meetings }))
      const host = Effect.andThen(Meetings.setHost(id, bob), hostNow).pipe(Effect.provide(Layer.fresh(world())))
      const untouched = hostNow.pipe(Effect.provide(Layer.fresh(world())))
      assert.deepStrictEqual(yield* Effect.all([host, untouched]), ["ou_bob", "ou_alice"])
    }))

  it.effect("leaves one host, whoever asks at once", () =>
    onClock(
      {},
      Effect.gen(function*() {
        const reports = yield* Effect.all(
          [bob, carol, dave, room].map((user) => Meetings.setHost(id, user, { hint: alice })),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(reports.filter((report) => report.effect === "applied").length, 4)
        const writes = yield* Simulator.Simulator.use((simulator) => simulator.writes)
        assert.strictEqual(writes.length, 4)
        assert.strictEqual(writes.at(-1)?.after.openId, yield* hostNow)
      })
    ))
})
