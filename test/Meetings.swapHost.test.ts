import { assert, describe, it } from "@effect/vitest"
import { Cause, Duration, Effect, Layer, Option } from "effect"
import { Cas, Lark, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { fault, hostless, lossy } from "./fixtures/faults.ts"
import {
  alice,
  asUser,
  bob,
  called,
  carol,
  dave,
  hostNow,
  id,
  meetings,
  on,
  onClock,
  room,
  stranger,
  type World
} from "./fixtures/World.ts"

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

  it.effect("answers a conflict with the current host, and changes nothing", () =>
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
    "answers a conflict without a host ($shape) as a conflict",
    (shape) =>
      on(
        { faults: [fault(shape)] },
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* swap(bob, carol), Cas.conflictWithoutState)
        })
      )
  )

  it.effect.each(lossy)(
    "answers Unknown after %o",
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

  it.effect("answers Unsent after a throttle, with the wait", () =>
    Effect.gen(function*() {
      for (const status of [429, 400] as const) {
        const outcome = yield* on({ faults: [fault({ _tag: "Throttle", reset: 7, status })] }, swap(alice, bob))
        assert.deepInclude<object>(outcome, { _tag: "Unsent", after: Option.some(Duration.seconds(7)) })
      }
    }))

  it.effect("answers Unsent without a token", () =>
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

  it.effect("fails with each documented error", () =>
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
        assert.match(error.message, /desired has union_id, but this call names users by open_id/)
        assert.deepStrictEqual(yield* called, [])
      })
    ))

  it.effect("refuses the user of an intent that turns out to be of another kind of id", () =>
    on(
      {},
      Effect.gen(function*() {
        const intent = Cas.update<MeetingUser.MeetingUser>(() => ({ _tag: "Swap", to: MeetingUser.unionId("on_bob") }))
        const hint: MeetingUser.MeetingUser = alice
        const error = yield* Effect.flip(Meetings.setHost(id, intent, { hint }))
        assert.strictEqual(error._tag, "InvalidParameter")
        assert.strictEqual(error.report.effect, "none")
        assert.deepStrictEqual(yield* called, [])
      })
    ))

  it.effect("takes users of the same id and another type for different users", () =>
    on(
      {},
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* swap(alice, room), Cas.appliedWith(room))
        const asPerson = MeetingUser.openId("omm_room")
        assert.deepStrictEqual(yield* swap(asPerson, bob), Cas.conflict(room))
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

  it.effect("fails with each documented error", () =>
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

  it.effect("without a user, past the compiler, is a defect", () =>
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

describe("the service", () => {
  it.effect("is separate for two layers, each with its own platform", () =>
    Effect.gen(function*() {
      const world = () => Layer.provideMerge(Lark.layer(Simulator.defaultApp), Simulator.layer({ meetings }))
      const host = Effect.andThen(Meetings.setHost(id, bob), hostNow).pipe(Effect.provide(Layer.fresh(world())))
      const untouched = hostNow.pipe(Effect.provide(Layer.fresh(world())))
      assert.deepStrictEqual(yield* Effect.all([host, untouched]), ["ou_bob", "ou_alice"])
    }))

  it.effect("leaves one host after concurrent operations", () =>
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
