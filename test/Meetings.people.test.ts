import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Exit, Fiber, Layer, Option, Redacted, Scheduler, Schema } from "effect"
import { Lark, type LarkError, type LarkHttp, Meetings, MeetingUser, RateLimits, UserToken } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"
import { observe } from "./fixtures/observe.ts"
import { alice, asUser, bob, called, carol, dave, elapse, id, meetings, on, onClock, room } from "./fixtures/World.ts"

const people = Array.from({ length: 25 }, (_, nth) => MeetingUser.openId(`ou_guest${nth}`))

/** Their contacts, all but those who are absent. */
const contacts = (
  options: Readonly<Record<string, Partial<Simulator.PersonOptions>>> = {},
  absent: ReadonlyArray<string> = []
): ReadonlyArray<Simulator.PersonOptions> =>
  people.filter(({ id }) => !absent.includes(id)).map(({ id }) => ({ user: id, ...options[id] }))

type Outcome = Meetings.PersonOutcome<MeetingUser.IdType, LarkError.Classified>

const shown = (outcomes: ReadonlyArray<Outcome>) =>
  outcomes.map((one) => `${one.user.id} ${one.outcome === "failed" ? one.error._tag : one.outcome}`)

const invite = (users: Iterable<MeetingUser.MeetingUser<"open_id">>) => asUser("ou_alice")(Meetings.invite(id, users))

const statusOf = (user: string) =>
  Simulator.Simulator.use((simulator) =>
    Effect.map(
      simulator.meeting(id),
      ({ participants }) => participants.find((one) => one.user.openId === user)?.status
    )
  )

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

/** When each `invite` was sent, in milliseconds after the first. */
const invitedAt = Simulator.Simulator.use((simulator) =>
  Effect.map(simulator.requests, (requests) => {
    const times = requests.flatMap(({ at, endpoint }) => endpoint === "invite" ? [at] : [])
    return times.map((at) => at - (times[0] ?? 0))
  })
)

/** An answer of 429 to each of these requests. */
const throttled = (reset: number, ...nths: ReadonlyArray<number>) =>
  nths.map((nth) => ({ endpoint: "invite", nth, fault: { _tag: "Throttle", reset, status: 429 } }) as const)

describe("a request that a rate limit refused", () => {
  it.effect("is sent again after the wait that the platform asks for, and nobody is lost", () =>
    Effect.forEach(["without RateLimits", "with RateLimits"], (how) =>
      elapse(
        Effect.gen(function*() {
          const outcomes = yield* invite(people)
          assert.deepStrictEqual(shown(outcomes), people.map(({ id }) => `${id} done`))
          const [first, limited, again, ...others] = yield* invitedAt
          assert.deepStrictEqual([first, others.length], [0, 2])
          // The second 429 came without a wait.
          assert.approximately(again! - limited!, 30_000, 100, how)
          assert.approximately(others[0]! - again!, 1_000, 100, how)
          assert.approximately(others[1]!, others[0]!, 100, how)
        }).pipe(
          Effect.provide(Lark.layer(Simulator.defaultApp)),
          Effect.provide(how === "with RateLimits" ? RateLimits.layerMemory : Layer.empty),
          Effect.provide(Simulator.layer({
            meetings,
            people: contacts(),
            faults: [...throttled(30, 1), ...throttled(0, 2)]
          }))
        )
      )))

  it.effect("is sent again until its waits exceed a minute; those after it are not sent", () =>
    onClock(
      { people: contacts(), faults: throttled(25, 1, 2, 3, 4, 5) },
      Effect.gen(function*() {
        assert.deepStrictEqual(
          shown(yield* invite(people)),
          people.map(({ id }, nth) => `${id} ${nth < 10 ? "done" : "RateLimited"}`)
        )
        assert.deepStrictEqual(yield* invitedAt, [0, 0, 25_000, 50_000])
      })
    ))

  it.effect("waits at most a minute for each request, not for all together", () =>
    onClock(
      { people: contacts(), faults: throttled(50, 0, 2, 4) },
      Effect.gen(function*() {
        assert.deepStrictEqual(shown(yield* invite(people)), people.map(({ id }) => `${id} done`))
        assert.deepStrictEqual(yield* invitedAt, [0, 50_000, 50_000, 100_000, 100_000, 150_000])
      })
    ))

  it.effect("fails the call after a minute if nobody was invited", () =>
    onClock(
      { people: contacts(), faults: throttled(3_600, 0, 1) },
      Effect.gen(function*() {
        assert.strictEqual((yield* Effect.flip(invite(people)))._tag, "RateLimited")
        // No answer makes a call wait for more than a minute.
        assert.deepStrictEqual(yield* invitedAt, [0, 60_000])
      })
    ))

  it.effect("ends the call among people who are sent alone, too", () =>
    onClock(
      {
        busyInvitee: "calleeIsBusy",
        people: contacts({ ou_guest0: { busy: true } }),
        faults: throttled(60, 3, 4)
      },
      Effect.gen(function*() {
        assert.deepStrictEqual(
          shown(yield* invite(people)),
          people.map(({ id }, nth) => `${id} ${nth === 0 ? "CalleeIsBusy" : nth === 1 ? "done" : "RateLimited"}`)
        )
        assert.strictEqual((yield* called).length, 5)
      })
    ))
})

describe("an interruption", () => {
  const abandonedAfter = (duration: Duration.Input, options: Simulator.Options) =>
    on(
      { people: contacts(), ...options },
      Effect.gen(function*() {
        const abandoned: Array<string> = []
        const ids = (users: ReadonlyArray<MeetingUser.MeetingUser>) => users.map(({ id }) => id).join()
        const onAbandoned: Meetings.PeopleOptions<"open_id", Meetings.InviteError>["onAbandoned"] = (known) =>
          Effect.sync(() => abandoned.push(shown(known.outcomes).join(), ids(known.uncertain), ids(known.unsent)))
        const inviting = asUser("ou_alice")(Meetings.invite(id, people.slice(0, 22), { onAbandoned }))
        const fiber = yield* Effect.forkChild(Effect.timeoutOption(inviting, duration))
        yield* TestClock.adjust("1 hour")
        const result = yield* Fiber.join(fiber)
        return { abandoned, isSome: Option.isSome(result) }
      })
    )
  const some = (from: number, to: number, outcome = "") => people.slice(from, to).map(({ id }) => id + outcome).join()

  it.effect("tells what is known of each person: answered, perhaps executed, not sent", () =>
    Effect.gen(function*() {
      // Each request takes two seconds.
      const cut = yield* abandonedAfter("3 seconds", { latency: "2 seconds" })
      assert.isFalse(cut.isSome)
      assert.deepStrictEqual(cut.abandoned, [some(0, 10, " done"), some(10, 20), some(20, 22)])
    }))

  it.effect("knows that a request which waits for a rate limit was not executed", () =>
    Effect.gen(function*() {
      const { abandoned } = yield* abandonedAfter("10 seconds", { faults: throttled(30, 1) })
      assert.deepStrictEqual(abandoned, [some(0, 10, " done"), "", some(10, 22)])
    }))

  it.effect("knows the outcomes of people who were sent alone", () =>
    Effect.gen(function*() {
      const { abandoned } = yield* abandonedAfter("5 seconds", {
        busyInvitee: "calleeIsBusy",
        people: contacts({ ou_guest0: { busy: true } }),
        latency: "2 seconds"
      })
      assert.deepStrictEqual(abandoned, ["ou_guest0 CalleeIsBusy", some(1, 2), some(2, 22)])
    }))

  it.effect("that does not come is not reported", () =>
    Effect.gen(function*() {
      const ended = yield* abandonedAfter("1 hour", { latency: "2 seconds" })
      assert.deepStrictEqual(ended, { abandoned: [], isSome: true })
    }))

  it.effect("at any step never takes people for unsent whose request may have been executed", () =>
    Effect.gen(function*() {
      const wrong: Array<string> = []
      let isCut = true
      for (let steps = 0; isCut; steps++) {
        isCut = false
        const lost = platform.make(() => new platform.Lost(new TypeError("terminated")))
        const kicking = Meetings.kickout(id, people.slice(0, 3), {
          onAbandoned: ({ unsent }) =>
            Effect.sync(() => {
              isCut = true
              const sent = lost.calls.map(({ body }) => body).join()
              wrong.push(...unsent.flatMap(({ id }) => sent.includes(`"${id}"`) ? [`${id} after ${steps} steps`] : []))
            })
        }).pipe(Effect.provide(Lark.layer(platform.app)), Effect.provide(lost.layer))
        const slow = Effect.provideService(kicking, Scheduler.MaxOpsBeforeYield, 3)
        const fiber = yield* Effect.forkChild(slow, { startImmediately: true })
        while (lost.calls.length === 0) yield* Effect.yieldNow
        for (let step = 0; step < steps; step++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      }
      assert.deepStrictEqual(wrong, [])
    }))

  it.effect("does not wait for onAbandoned, and a defect is reported, too", () =>
    Effect.gen(function*() {
      const known: Array<number> = []
      const broken = platform.make((_, nth) => nth === 0 ? platform.ok({}) : Effect.die("broken"))
      const exit = yield* Meetings.kickout(id, people, {
        onAbandoned: ({ outcomes, uncertain, unsent }) =>
          Effect.andThen(
            Effect.sync(() => known.push(outcomes.length, uncertain.length, unsent.length)),
            Effect.never
          )
      }).pipe(Effect.exit, Effect.provide(Lark.layer(platform.app)), Effect.provide(broken.layer))
      assert.isTrue(Exit.hasDies(exit))
      assert.deepStrictEqual(known, [10, 10, 5])
    }))
})

const kickout = (users: ReadonlyArray<MeetingUser.MeetingUser<"open_id">>) => Meetings.kickout(id, users)

describe("kickout", () => {
  it.effect("removes people as the app, with an outcome for each", () =>
    Effect.forEach(["failed", "targetNotInMeeting"] as const, (absentTarget) =>
      on(
        { absentTarget },
        Effect.gen(function*() {
          const outcomes = yield* kickout([bob, people[0]!, room, bob])
          assert.deepStrictEqual(shown(outcomes), [
            "ou_bob done",
            absentTarget === "failed" ? "ou_guest0 refused" : "ou_guest0 UnknownApiError",
            "omm_room done"
          ])
          assert.deepStrictEqual([yield* statusOf("ou_bob"), yield* statusOf("ou_carol")], ["left", "in_meeting"])
        })
      )))

  it.effect("runs as a user who is host or co-host", () =>
    on(
      {
        meetings: [{ id, host: "ou_alice", participants: ["ou_bob", "ou_dave", { user: "ou_carol", isCohost: true }] }]
      },
      Effect.gen(function*() {
        assert.deepStrictEqual(shown(yield* asUser("ou_carol")(kickout([bob]))), ["ou_bob done"])
        assert.strictEqual((yield* Effect.flip(asUser("ou_dave")(kickout([carol]))))._tag, "NoPermission")
        assert.strictEqual((yield* Effect.flip(asUser("ou_carol")(kickout([carol]))))._tag, "CannotOperateSelf")
        assert.strictEqual((yield* Effect.flip(asUser("ou_carol")(kickout([alice]))))._tag, "NoPermission")
        assert.deepStrictEqual(shown(yield* asUser("ou_alice")(kickout([carol, dave]))), [
          "ou_carol done",
          "ou_dave done"
        ])
      })
    ))

  it.effect("removes the others if the host is among them, and stops if nobody may be removed", () =>
    on(
      { meetings: [{ id, host: "ou_alice", participants: ["ou_dave", ...people.map(({ id }) => id)] }] },
      Effect.gen(function*() {
        const outcomes = yield* kickout([people[0]!, alice, people[1]!])
        assert.deepStrictEqual(shown(outcomes), ["ou_guest0 done", "ou_alice NoPermission", "ou_guest1 done"])
        assert.strictEqual((yield* called).length, 4)
        assert.strictEqual((yield* Effect.flip(asUser("ou_dave")(kickout(people))))._tag, "NoPermission")
        assert.strictEqual((yield* called).length, 4 + 11)
      })
    ))

  it.effect("reads ids that come as numbers", () =>
    Effect.gen(function*() {
      const users = ["123", "6911188411932033028"].map((id) => MeetingUser.userId(id))
      const outcomes = yield* on(
        {
          meetings: [{
            id,
            participants: users.map(({ id }) => ({ openId: `ou_${id}`, userId: id }))
          }],
          resultIds: "number"
        },
        Meetings.kickout(id, [...users, MeetingUser.userId("456")])
      )
      assert.deepStrictEqual(shown(outcomes), ["123 done", "6911188411932033028 done", "456 refused"])
    }))
})

/** The outcomes of bob and carol under an answer. */
const outcomesOf = (data: unknown) =>
  Effect.map(
    Meetings.kickout(id, [bob, carol]).pipe(
      Effect.provide(Lark.layer(platform.app)),
      Effect.provide(platform.make(() => platform.ok(data)).layer)
    ),
    (outcomes) => outcomes.map(({ outcome }) => outcome)
  )

describe("an answer", () => {
  const result = (id: unknown, result: unknown, user_type: unknown = 1) => ({ id, user_type, result })

  it.effect("that leaves people out leaves them unreported", () =>
    Effect.gen(function*() {
      for (const data of [{}, null, { kickout_results: null }, { kickout_results: [null, 7, {}] }]) {
        assert.deepStrictEqual(yield* outcomesOf(data), ["unreported", "unreported"], JSON.stringify(data))
      }
      assert.deepStrictEqual(yield* outcomesOf({ kickout_results: [result("ou_carol", 1)] }), ["unreported", "done"])
    }))

  it.effect("with a result that is not documented is neither done nor refused", () =>
    Effect.map(
      outcomesOf({ kickout_results: [result("ou_bob", 3), result("ou_carol", "1")] }),
      (outcomes) => assert.deepStrictEqual(outcomes, ["unreported", "unreported"])
    ))

  it.effect("is matched by type, unless it names none", () =>
    Effect.gen(function*() {
      const other = { kickout_results: [result("ou_bob", 1, 2), result("ou_carol", 2, undefined)] }
      assert.deepStrictEqual(yield* outcomesOf(other), ["unreported", "refused"])
    }))

  it.effect("is never matched by position if an id is missing", () =>
    Effect.map(
      outcomesOf({ kickout_results: [result(1, 1)] }),
      (outcomes) => assert.deepStrictEqual(outcomes, ["unreported", "unreported"])
    ))
})

describe("an answer with ids that are numbers", () => {
  const removed = (ids: ReadonlyArray<string>, results: string) =>
    Effect.map(
      Meetings.kickout(id, ids.map((id) => MeetingUser.userId(id))).pipe(
        Effect.provide(Lark.layer(platform.app)),
        Effect.provide(
          platform.make(() => ({ body: `{"code":0,"msg":"","data":{"kickout_results":[${results}]}}` })).layer
        )
      ),
      shown
    )
  const result = (id: string, result: number) => `{"id":${id},"user_type":1,"result":${result}}`

  it.effect("is matched by the number, in any order", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* removed(["1001", "1002"], `${result("1002", 2)},${result("1001", 1)}`),
        ["1001 done", "1002 refused"]
      )
      const long = ["6911188411932033028", "7011188411932033028"]
      assert.deepStrictEqual(
        yield* removed(long, `${result("7011188411932033028", 2)},${result("6911188411932033028", 1)}`),
        ["6911188411932033028 done", "7011188411932033028 refused"]
      )
    }))

  it.effect("is not matched if the number may name either of two", () =>
    Effect.gen(function*() {
      const two = ["6911188411932033000", "6911188411932033028"]
      assert.deepStrictEqual(
        yield* removed(two, result("6911188411932033028", 1)),
        ["6911188411932033000 unreported", "6911188411932033028 unreported"]
      )
      assert.deepStrictEqual(
        yield* removed(two, `${result(two[1]!, 2)},${result(two[0]!, 1)}`),
        ["6911188411932033000 unreported", "6911188411932033028 unreported"]
      )
    }))
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
