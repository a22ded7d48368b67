/**
 * Whom `keepHost` makes host, whom it leaves alone, and what ends it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Queue, Result, Schedule, Stream } from "effect"
import { Cas, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { fault } from "./fixtures/faults.ts"
import { alice, asUser, bob, called, carol, dave, hostNow, id, on } from "./fixtures/World.ts"

const start = Effect.fnUntraced(function*<A, E extends { readonly _tag: string }, E2, R>(
  stream: Stream.Stream<Result.Result<Cas.Report<A>, E>, E2, R>
) {
  const emitted: Array<string> = []
  const fiber = yield* Effect.forkChild(
    Stream.runForEach(
      stream,
      (one) => Effect.sync(() => emitted.push(Result.isSuccess(one) ? one.success.outcome : one.failure._tag))
    )
  )
  yield* TestClock.adjust(1)
  return { emitted, fiber }
})

const chair = alice
const deputy = bob
const inTurn = Cas.prefer([chair, deputy])
const poll = { poll: Schedule.spaced("10 seconds"), retry: Schedule.spaced("5 seconds") }

/** Carol is host, dave is there; the chair and the deputy are not. */
const meetings = [{ id, host: carol, participants: [dave] }]

const simulated = <A>(use: (simulator: Simulator.Simulator["Service"]) => Effect.Effect<A>) =>
  Effect.tap(Simulator.Simulator.use(use), () => TestClock.adjust("10 seconds"))
const joins = (user: MeetingUser.MeetingUser<"open_id">) => simulated((simulator) => simulator.joinMeeting(id, user))
const leaves = (user: MeetingUser.MeetingUser<"open_id">) => simulated((simulator) => simulator.leaveMeeting(id, user))

describe("keepHost", () => {
  it.effect("makes the chair host while she is there, else the deputy, and nobody if neither is", () =>
    on(
      { meetings },
      Effect.gen(function*() {
        const { emitted, fiber } = yield* start(Meetings.keepHost(id, inTurn, poll))
        const hosts = [yield* hostNow]
        for (const step of [joins(deputy), joins(chair), leaves(chair), joins(chair), leaves(chair), leaves(deputy)]) {
          yield* step
          hosts.push(yield* hostNow)
        }
        assert.deepStrictEqual(hosts, ["ou_carol", "ou_bob", "ou_alice", "ou_bob", "ou_alice", "ou_bob", "ou_bob"])
        assert.deepStrictEqual(emitted, Array.from({ length: 5 }, () => "swapped"))
        yield* Fiber.interrupt(fiber)
      })
    ))

  it.effect("asks for nothing but snapshots while the intent holds, and for one set_host to re-establish it", () =>
    on(
      { meetings },
      Effect.gen(function*() {
        const { fiber } = yield* start(Meetings.keepHost(id, inTurn, poll))
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(yield* called, ["get", "get", "get"])
        yield* joins(deputy)
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual((yield* called).slice(3), ["get", "set_host", "get"])
        yield* Fiber.interrupt(fiber)
      })
    ))

  it.effect("takes a user for an intent, and waits for her", () =>
    on(
      { meetings },
      Effect.gen(function*() {
        const { emitted, fiber } = yield* start(Meetings.keepHost(id, chair, poll))
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual(yield* hostNow, "ou_carol")
        yield* joins(chair)
        assert.deepStrictEqual([yield* hostNow, emitted], ["ou_alice", ["swapped"]])
        yield* Fiber.interrupt(fiber)
      })
    ))

  it.effect("moves nobody whom the intent protects, and nobody in a meeting that has not begun", () =>
    on(
      { meetings: [{ id, host: carol, participants: [alice, bob], status: "calling" }] },
      Effect.gen(function*() {
        const { emitted, fiber } = yield* start(Meetings.keepHost(id, chair, poll))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual([yield* hostNow, emitted], ["ou_carol", []])
      })
    ).pipe(Effect.andThen(on(
      { meetings: [{ id, host: carol, participants: [alice] }] },
      Effect.gen(function*() {
        const { emitted, fiber } = yield* start(Meetings.keepHost(id, Cas.ensureUnless(alice, [carol]), poll))
        yield* TestClock.adjust("1 minute")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual([yield* hostNow, emitted], ["ou_carol", []])
      })
    ))))

  it.effect("looks at once when an event wakes it", () =>
    on(
      { meetings },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const events = yield* Queue.unbounded<string>()
        const { fiber } = yield* start(
          Meetings.keepHost(id, chair, { poll: Schedule.spaced("1 hour"), wake: Stream.fromQueue(events) })
        )
        yield* simulator.joinMeeting(id, chair)
        yield* Queue.offer(events, "JoinMeeting")
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* hostNow, "ou_alice")
        yield* Fiber.interrupt(fiber)
      })
    ))

  it.effect("does not move the chair if she became host after the snapshot in which she was absent", () =>
    on(
      { meetings: [{ id, host: carol, participants: [deputy] }], latency: "2 seconds" },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const { fiber } = yield* start(Meetings.keepHost(id, inTurn, poll))
        // The token, the snapshot, and half of the way of set_host.
        yield* TestClock.adjust("4500 millis")
        yield* simulator.moveHost(id, chair)
        yield* TestClock.adjust("20 seconds")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual((yield* simulator.writes).map(({ by }) => by), ["control"])
        assert.include(yield* called, "set_host")
      })
    ))

  it.effect("goes on when the target left in the meantime, and when replies are lost", () =>
    on(
      {
        meetings: [{ id, host: carol, participants: [chair] }],
        latency: "2 seconds",
        faults: [fault({ _tag: "DropBefore" }, 1, "get")]
      },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const { emitted, fiber } = yield* start(Meetings.keepHost(id, chair, poll))
        yield* TestClock.adjust("4500 millis")
        yield* simulator.leaveMeeting(id, chair)
        yield* TestClock.adjust("20 seconds")
        yield* joins(chair)
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(emitted, ["ParticipantStatusNotExpected", "TransportError", "swapped"])
      })
    ))

  it.effect("keeps the wait that a throttled set_host asks for, longer than an operation lasts", () =>
    on(
      {
        meetings: [{ id, host: carol, participants: [chair] }],
        faults: [0, 1].map((nth) => fault({ _tag: "Throttle", reset: 45, status: 429 }, nth, "set_host"))
      },
      Effect.gen(function*() {
        const { emitted, fiber } = yield* start(Meetings.keepHost(id, chair))
        yield* TestClock.adjust("2 minutes")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(emitted, ["CasExhausted", "CasExhausted", "swapped"])
        const { requests } = yield* Simulator.Simulator
        const moves = (yield* requests).filter(({ endpoint }) => endpoint === "set_host").map(({ at }) => at)
        assert.deepStrictEqual(moves, [0, 45_000, 90_000])
      })
    ))

  it.effect("tries whom it wants if the platform lists nobody", () =>
    on(
      { meetings: [{ id, host: carol, participants: [chair] }] },
      Effect.gen(function*() {
        const meetings = yield* Meetings.Meetings
        const hidden = Meetings.Meetings.of({
          ...meetings,
          get: (...args) => Effect.map(meetings.get(...args), (meeting) => ({ ...meeting, participants: [] }))
        })
        const keeping = Meetings.keepHost(id, inTurn, poll)
        const { emitted, fiber } = yield* start(Stream.provideService(keeping, Meetings.Meetings, hidden))
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual([emitted, yield* hostNow], [["swapped"], "ou_alice"])
      })
    ))

  it.effect("ends with the meeting", () =>
    on(
      { meetings },
      Effect.gen(function*() {
        const { fiber } = yield* start(Meetings.keepHost(id, inTurn, poll))
        yield* simulated((simulator) => simulator.endMeeting(id))
        assert.deepStrictEqual(fiber.pollUnsafe(), Exit.void)
      })
    ))

  it.effect("ends with a meeting that ends between the snapshot and the move", () =>
    on(
      { meetings: [{ id, host: carol, participants: [chair] }], latency: "2 seconds" },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const { emitted, fiber } = yield* start(Meetings.keepHost(id, chair, poll))
        yield* TestClock.adjust("4500 millis")
        yield* simulator.endMeeting(id)
        yield* TestClock.adjust("20 seconds")
        assert.deepStrictEqual([emitted, fiber.pollUnsafe()], [["MeetingStatusUnexpected"], Exit.void])
      })
    ))

  it.effect("fails with what no retry can change: the meeting does not exist, or the app has no right to it", () =>
    on(
      { meetings: [{ id, host: carol, owner: carol, participants: [chair] }], tenantTokenMayMoveAnyHost: false },
      Effect.gen(function*() {
        const other = MeetingId.make("6911188411932033029")
        const missing = yield* Effect.flip(Stream.runDrain(Meetings.keepHost(other, chair, poll)))
        assert.strictEqual(missing._tag, "DataNotExist")
        const denied = yield* Effect.flip(Stream.runDrain(Meetings.keepHost(id, chair, poll)))
        assert.strictEqual(denied._tag, "NoPermission")
        const { emitted, fiber } = yield* start(Meetings.keepHost(id, chair, { ...poll, ends: () => false }))
        yield* TestClock.adjust("9 seconds")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(emitted, ["NoPermission", "NoPermission"])
      })
    ))

  it.effect("fails with an invalid policy before a set_host is sent", () =>
    on(
      { meetings: [{ id, host: carol, participants: [chair] }] },
      Effect.gen(function*() {
        const policy = Cas.Policy.make({ maxSwaps: 0 })
        const error = yield* Effect.flip(Stream.runDrain(Meetings.keepHost(id, chair, { ...poll, policy })))
        assert.strictEqual(error._tag, "CasInvalidPolicy")
        assert.deepStrictEqual(yield* called, ["get"])
      })
    ))

  it.effect("moves the role as the user who is the host, and fails once she is not", () =>
    on(
      { meetings: [{ id, host: dave, participants: [chair] }] },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        yield* asUser("ou_dave")(Effect.gen(function*() {
          const { emitted, fiber } = yield* start(Meetings.keepHost(id, chair, poll))
          yield* simulator.moveHost(id, carol)
          yield* TestClock.adjust("10 seconds")
          assert.deepStrictEqual(emitted, ["swapped"])
          assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "NoPermission")
        }))
      })
    ))

  it.effect("needs no named user: an update decides on every host", () =>
    on(
      { meetings: [{ id, host: carol, participants: [chair] }] },
      Effect.gen(function*() {
        const awayFromCarol = Cas.update<MeetingUser.MeetingUser<"open_id">>((host) =>
          MeetingUser.equals(host, carol) ? { _tag: "Swap", to: chair } : { _tag: "Keep" }
        )
        const { emitted, fiber } = yield* start(Meetings.keepHost(id, awayFromCarol, poll))
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual([emitted, yield* hostNow], [["swapped"], "ou_alice"])
      })
    ))

  it.effect("leaves a host alone to whom the intent would move the role", () =>
    on(
      { meetings: [{ id, host: carol, participants: [chair] }] },
      Effect.gen(function*() {
        const same = Cas.update<MeetingUser.MeetingUser<"open_id">>((host) => ({ _tag: "Swap", to: host }))
        const { emitted, fiber } = yield* start(Meetings.keepHost(id, same, poll))
        yield* TestClock.adjust("10 seconds")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual([emitted, yield* called], [[], ["get", "get"]])
      })
    ))

  it.effect("goes on after a refusal that may not be repeated in the next round", () =>
    Effect.forEach([122001, 122003, 122004, 122005, 122009], (code) =>
      on(
        {
          meetings: [{ id, host: carol, participants: [chair] }],
          faults: [fault({ _tag: "GarbageBody", body: JSON.stringify({ code, msg: "" }), status: 400, applied: false })]
        },
        Effect.gen(function*() {
          const { emitted, fiber } = yield* start(Meetings.keepHost(id, chair, poll))
          yield* TestClock.adjust("10 seconds")
          yield* Fiber.interrupt(fiber)
          assert.deepStrictEqual([emitted.length, emitted.at(-1)], [2, "swapped"], String(code))
        })
      )))

  it.effect("reports that a meeting has no host in each round, and goes on", () =>
    Effect.forEach(
      [
        ["a user", chair],
        ["a list", inTurn],
        ["an update", Cas.update((host) => ({ _tag: MeetingUser.equals(host, chair) ? "Keep" : "Swap", to: chair }))]
      ] as const satisfies ReadonlyArray<readonly [string, Parameters<typeof Meetings.keepHost<"open_id">>[1]]>,
      ([how, goal]) =>
        on(
          { meetings: [{ id, participants: [chair] }] },
          Effect.gen(function*() {
            const { emitted, fiber } = yield* start(Meetings.keepHost(id, goal, poll))
            yield* TestClock.adjust("10 seconds")
            yield* simulated((simulator) => simulator.moveHost(id, carol))
            yield* Fiber.interrupt(fiber)
            assert.deepStrictEqual(
              emitted,
              [...Array.from({ length: 3 }, () => "CasConflictWithoutState"), "swapped"],
              how
            )
          })
        )
    ))

  it.effect("fails with the error of a meeting without a host when retry ends", () =>
    on(
      { meetings: [{ id, participants: [chair] }] },
      Effect.gen(function*() {
        const retry = Schedule.spaced("5 seconds").pipe(Schedule.upTo({ times: 2 }))
        const { emitted, fiber } = yield* start(Meetings.keepHost(id, chair, { retry }))
        yield* TestClock.adjust("1 minute")
        const error = yield* Effect.flip(Fiber.join(fiber))
        assert.include(error.message, "no host")
        assert.include(error.message, "try again later")
        assert.deepStrictEqual([error._tag, emitted.length], ["CasConflictWithoutState", 2])
      })
    ))

  it.effect("names users by the kind that an update is written for", () =>
    on(
      { meetings: [{ id, host: carol, participants: [chair] }] },
      Effect.gen(function*() {
        const unionChair = MeetingUser.unionId("on_alice")
        const forChair = Cas.update<MeetingUser.MeetingUser<"union_id">>((host) =>
          MeetingUser.equals(host, unionChair) ? { _tag: "Keep" } : { _tag: "Swap", to: unionChair }
        )
        const { emitted, fiber } = yield* start(Meetings.keepHost(id, forChair, { ...poll, idType: "union_id" }))
        yield* TestClock.adjust("20 seconds")
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual([emitted, yield* hostNow], [["swapped"], "ou_alice"])
      })
    ))

  it.effect("gives up after maxMoves moves that a rival loop undid", () =>
    on(
      { meetings: [{ id, host: carol, participants: [chair, dave] }] },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const rival = Effect.forever(Effect.andThen(Effect.sleep("3 seconds"), simulator.moveHost(id, dave)))
        yield* Effect.forkChild(rival)
        const { emitted, fiber } = yield* start(Meetings.keepHost(id, chair, { ...poll, maxMoves: 4 }))
        yield* TestClock.adjust("5 minutes")
        const error = yield* Effect.flip(Fiber.join(fiber))
        assert.strictEqual(error._tag === "CasContested" && error.actual.id, "ou_dave")
        assert.deepStrictEqual(emitted, Array.from({ length: 4 }, () => "swapped"))
      })
    ))
})
