import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Redacted, Schema } from "effect"
import { Lark, type LarkHttp, Meetings, MeetingUser, UserToken } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import * as platform from "./fixtures/http/platform.ts"
import { observe } from "./fixtures/observe.ts"
import { contacts, invite, people, shown, statusOf } from "./fixtures/people.ts"
import { alice, asUser, bob, called, carol, id, meetings, on, onClock } from "./fixtures/World.ts"

describe("invite", () => {
  it.effect("has the right outcome for 25 people, one busy, one absent, and a lost reply on the second ten", () =>
    on(
      {
        people: contacts({ ou_guest3: { busy: true } }, ["ou_guest21"]),
        faults: [{ endpoint: "invite", nth: 1, fault: { _tag: "DropAfter" } }]
      },
      Effect.gen(function*() {
        const outcomes = yield* invite(people)
        assert.deepStrictEqual(
          shown(outcomes),
          people.map(({ id }, nth) =>
            `${id} ${nth === 3 || nth === 21 ? "refused" : nth >= 10 && nth < 20 ? "TransportError" : "done"}`
          )
        )
        // A lost reply is not a refusal: its people may be ringing, and here they are.
        const lost = outcomes[10]
        assert(lost?.outcome === "failed")
        assert.strictEqual(lost.error.retry, "unknown")
        assert.strictEqual(yield* statusOf("ou_guest10"), "ringing")
        assert.deepStrictEqual(yield* called, ["invite", "invite", "invite"])
      })
    ))

  it.effect("has the same outcomes if one busy person fails the request of ten", () =>
    on(
      {
        busyInvitee: "calleeIsBusy",
        people: contacts({ ou_guest3: { busy: true } }, ["ou_guest21"]),
        // The first request is refused; its ten people are sent alone; then the second ten.
        faults: [{ endpoint: "invite", nth: 11, fault: { _tag: "DropAfter" } }]
      },
      Effect.gen(function*() {
        assert.deepStrictEqual(
          shown(yield* invite(people)),
          people.map(({ id }, nth) =>
            `${id} ${
              nth === 3 ? "CalleeIsBusy" : nth === 21 ? "refused" : nth >= 10 && nth < 20 ? "TransportError" : "done"
            }`
          )
        )
        assert.strictEqual((yield* called).length, 13)
      })
    ))

  it.effect("matches results by id and type, in any order, and sends duplicates once", () =>
    on(
      { meetings, people: contacts({ ou_guest1: { busy: true } }), resultOrder: "reversed" },
      Effect.gen(function*() {
        const [first, second] = people
        assert(first !== undefined && second !== undefined)
        const roomWithItsId = MeetingUser.openId(first.id, { userType: MeetingUser.UserType.Room })
        const outcomes = yield* invite([first, second, roomWithItsId, first, second])
        assert.deepStrictEqual(shown(outcomes), ["ou_guest0 done", "ou_guest1 refused", "ou_guest0 refused"])
        const request = (yield* (yield* Simulator.Simulator).requests).find(({ endpoint }) => endpoint === "invite")
        assert.deepStrictEqual(request?.body, {
          invitees: [
            { id: "ou_guest0", user_type: 1 },
            { id: "ou_guest1", user_type: 1 },
            { id: "ou_guest0", user_type: 2 }
          ]
        })
      })
    ))

  it.effect("calls people who then join, and not those who are there", () =>
    on(
      { meetings, people: contacts() },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        assert.deepStrictEqual(shown(yield* invite([people[0]!, bob])), ["ou_guest0 done", "ou_bob done"])
        assert.deepStrictEqual([yield* statusOf("ou_guest0"), yield* statusOf("ou_bob")], ["ringing", "in_meeting"])
        yield* simulator.joinMeeting(id, "ou_guest0")
        assert.strictEqual(yield* statusOf("ou_guest0"), "in_meeting")
      })
    ))

  it.effect("fails if nobody can have been invited", () =>
    Effect.gen(function*() {
      const tag = (options: Simulator.Options, users: ReadonlyArray<MeetingUser.MeetingUser<"open_id">> = people) =>
        on(
          { people: contacts(), ...options },
          Effect.gen(function*() {
            const { _tag } = yield* Effect.flip(invite(users))
            return [_tag, (yield* called).length]
          })
        )
      const meeting = { id, host: "ou_alice" }
      assert.deepStrictEqual(yield* tag({ meetings: [] }), ["MeetingNotExist", 1])
      assert.deepStrictEqual(yield* tag({ meetings: [{ ...meeting, locked: true }] }), ["MeetingIsLocked", 1])
      assert.deepStrictEqual(yield* tag({ meetings: [{ id, host: "ou_bob" }] }), ["OperatorNotInMeeting", 1])
      assert.deepStrictEqual(yield* tag({ meetings: [{ ...meeting, status: "ended" }] }), [
        "MeetingStatusUnexpected",
        1
      ])
      assert.deepStrictEqual(yield* tag({}, [alice]), ["CannotOperateSelf", 1])
      const busy = { busyInvitee: "calleeIsBusy", people: contacts({ ou_guest0: { busy: true } }) } as const
      assert.deepStrictEqual(yield* tag(busy, people.slice(0, 1)), ["CalleeIsBusy", 1])
    }))

  it.effect("invites as many as there is room for", () =>
    on(
      { meetings: [{ id, host: "ou_alice", capacity: 3 }], people: contacts() },
      Effect.map(invite(people.slice(0, 4)), (outcomes) =>
        assert.deepStrictEqual(shown(outcomes), [
          "ou_guest0 done",
          "ou_guest1 done",
          "ou_guest2 ParticipantCountReachLimit",
          "ou_guest3 ParticipantCountReachLimit"
        ]))
    ))

  it.effect("does not let one wrong id stop the others", () =>
    on(
      { people: contacts() },
      Effect.map(invite([people[0]!, alice, people[1]!]), (outcomes) =>
        assert.deepStrictEqual(shown(outcomes), ["ou_guest0 done", "ou_alice CannotOperateSelf", "ou_guest1 done"]))
    ))

  it.effect("sends each person again, alone, after an error that one of them may have caused", () =>
    Effect.forEach(
      [121003, 121005, 122005, 122006, 122007, 99991674, 99992361, 99992402],
      (code) =>
        Effect.gen(function*() {
          const server = platform.make(({ body = "" }) =>
            body.includes("ou_carol") ? platform.failed(400, code) : platform.ok({ invite_results: [] })
          )
          const outcomes = yield* Meetings.invite(id, [bob, carol]).pipe(
            Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-alice"))),
            Effect.provide(Lark.layer(platform.app)),
            Effect.provide(server.layer)
          )
          assert.deepStrictEqual(outcomes.map(({ outcome }) => outcome), ["unreported", "failed"], String(code))
          assert.strictEqual(server.calls.length, 3)
        })
    ))

  it.effect("sends nothing more after a rejected token", () =>
    Effect.gen(function*() {
      const server = platform.make(() => platform.failed(400, 99991668))
      const error = yield* Effect.flip(Meetings.invite(id, people)).pipe(
        Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-alice"))),
        Effect.provide(Lark.layer(platform.app)),
        Effect.provide(server.layer)
      )
      assert.strictEqual(error._tag, "TokenRejected")
      assert.strictEqual(server.calls.length, 1)
    }))

  it.effect("does not fail if each may have been invited: every reply was lost", () =>
    on(
      {
        people: contacts(),
        faults: [0, 1, 2].map((nth) => ({ endpoint: "invite", nth, fault: { _tag: "DropAfter" } }))
      },
      Effect.gen(function*() {
        const outcomes = shown(yield* invite(people))
        assert.deepStrictEqual(outcomes, people.map(({ id }) => `${id} TransportError`))
        assert.strictEqual(yield* statusOf("ou_guest24"), "ringing")
      })
    ))

  it.effect("tells the reasons apart if nobody was invited for several", () =>
    on(
      { busyInvitee: "calleeIsBusy", people: contacts({ ou_guest0: { busy: true } }) },
      Effect.map(invite([alice, people[0]!]), (outcomes) =>
        assert.deepStrictEqual(shown(outcomes), ["ou_alice CannotOperateSelf", "ou_guest0 CalleeIsBusy"]))
    ))

  it.effect("sends the others after a request that may have been executed, but not after a refusal of all", () =>
    Effect.gen(function*() {
      const outcomesAfter = (fault: Simulator.Fault) =>
        on(
          { people: contacts(), faults: [{ endpoint: "invite", nth: 1, fault }] },
          Effect.gen(function*() {
            const outcomes = shown(yield* invite(people))
            return [outcomes[0], outcomes[10], outcomes[20], (yield* called).length]
          })
        )
      assert.deepStrictEqual(yield* outcomesAfter({ _tag: "DropAfter" }), [
        "ou_guest0 done",
        "ou_guest10 TransportError",
        "ou_guest20 done",
        3
      ])
      const denied = JSON.stringify({ code: 122008, msg: "meeting is locked" })
      assert.deepStrictEqual(
        yield* outcomesAfter({ _tag: "GarbageBody", body: denied, status: 400, applied: false }),
        ["ou_guest0 done", "ou_guest10 MeetingIsLocked", "ou_guest20 MeetingIsLocked", 2]
      )
    }))

  it.effect("does nothing for nobody, and refuses users of two kinds", () =>
    on(
      {},
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* invite([]), [])
        const mixed: ReadonlyArray<MeetingUser.MeetingUser> = [bob, MeetingUser.unionId("on_carol")]
        const error = yield* Effect.flip(asUser("ou_alice")(Meetings.invite(id, mixed)))
        assert.strictEqual(error._tag, "InvalidParameter")
        assert.deepStrictEqual(yield* called, [])
      })
    ))

  it.effect("has one span around all its requests", () =>
    Effect.gen(function*() {
      const { requests, spans } = yield* observe(on({ people: contacts() }, invite(people)))
      const own = spans.filter(({ name }) => name === "Meetings.invite")
      assert.deepStrictEqual(own.map(({ attributes }) => attributes.get("lark.meeting_id")), [id])
      assert.strictEqual(requests.filter(({ name }) => name.endsWith("/invite")).length, 3)
    }))

  it.effect("runs as a user only", () =>
    on(
      { people: contacts() },
      Effect.gen(function*() {
        // What the compiler refuses is a defect of those who get around it.
        const untyped = Meetings.invite(id, people) as Effect.Effect<unknown, unknown, LarkHttp.LarkHttp>
        assert.isTrue(Exit.hasDies(yield* Effect.exit(untyped)))
        const wrong = yield* (yield* Simulator.Simulator).userToken("ou_stranger")
        const error = yield* Effect.flip(
          Meetings.invite(id, people).pipe(Lark.asUser(UserToken.fromAccessToken(wrong)))
        )
        assert.strictEqual(error._tag, "OperatorNotInMeeting")
      })
    ))
})

/** A fault for each of five requests. */
const faults = ["none", "DropBefore", "DropAfter", "Throttle", "ServerError"] as const

const faultOf: Readonly<Record<(typeof faults)[number], Simulator.Fault | undefined>> = {
  none: undefined,
  DropBefore: { _tag: "DropBefore" },
  DropAfter: { _tag: "DropAfter" },
  Throttle: { _tag: "Throttle", reset: 20, status: 429 },
  ServerError: { _tag: "ServerError", status: 500, applied: true, body: "envelope" }
}

describe("under any faults", () => {
  it.effect.prop(
    "every person has one outcome, and it is true",
    [
      Schema.Array(Schema.Literals(faults)).check(Schema.isMaxLength(5)),
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 25 })),
      Schema.Literals(["failed", "calleeIsBusy"])
    ],
    ([planned, count, busyInvitee]) =>
      onClock(
        {
          busyInvitee,
          people: contacts({ ou_guest4: { busy: true }, ou_guest13: { busy: true } }, ["ou_guest17"]),
          faults: planned.flatMap((name, nth) => {
            const fault = faultOf[name]
            return fault === undefined ? [] : [{ endpoint: "invite", nth, fault }]
          })
        },
        Effect.gen(function*() {
          const asked = people.slice(0, count)
          const result = yield* Effect.result(invite(asked))
          const isInvited = (user: MeetingUser.MeetingUser) =>
            Effect.map(statusOf(user.id), (status) => status !== undefined)
          if (result._tag === "Failure") {
            for (const user of asked) assert.isFalse(yield* isInvited(user))
            return
          }
          assert.deepStrictEqual(result.success.map(({ user }) => user.id), asked.map(({ id }) => id))
          for (const one of result.success) {
            const invited = yield* isInvited(one.user)
            if (one.outcome === "done") assert.isTrue(invited)
            if (one.outcome === "refused") assert.isFalse(invited)
            if (one.outcome === "failed" && one.error.retry !== "unknown") assert.isFalse(invited)
            assert.notStrictEqual(one.outcome, "unreported")
          }
        })
      ),
    { arbitrary: { runs: 60 } }
  )
})
