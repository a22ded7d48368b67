import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Lark, Meetings, MeetingUser } from "effect-lark-meetings"
import * as platform from "./fixtures/http/platform.ts"
import { people, shown, statusOf } from "./fixtures/people.ts"
import { alice, asUser, bob, called, carol, dave, id, on, room } from "./fixtures/World.ts"

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
