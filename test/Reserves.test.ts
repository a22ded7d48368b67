import { assert, describe, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Option, Redacted } from "effect"
import { Lark, Meetings, MeetingUser, ReserveId, Reserves } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"
import { alice, asUser, bob, called, carol, dave, id, on, stranger } from "./fixtures/World.ts"

const people: ReadonlyArray<Simulator.PersonOptions> = ["ou_alice", "ou_bob", "ou_carol", "ou_dave"].map((user) => ({
  user
}))

const nobody = MeetingUser.openId("ou_nobody")

const tomorrow = Effect.map(DateTime.now, (now) => DateTime.add(now, { days: 1 }))

const apply = (options: Omit<Reserves.ApplyOptions<"open_id">, "endTime"> = {}) =>
  Effect.flatMap(tomorrow, (endTime) => Reserves.apply({ owner: alice, ...options, endTime }))

const applied = Effect.map(
  apply({ topic: "Weekly", hosts: [bob, carol], password: Redacted.make("1234") }),
  ({ reserve }) => reserve
)

const lastBody = Simulator.Simulator.use(({ requests }) => Effect.map(requests, (all) => all.at(-1)?.body))

const tagOf = <A, E extends { readonly _tag: string }, R>(self: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(self), ({ _tag }) => _tag)

describe("apply", () => {
  it.effect("reserves a meeting, with a number and a link", () =>
    on(
      { people },
      Effect.gen(function*() {
        const { invalidHosts, reserve } = yield* apply({
          topic: "Weekly",
          hosts: [bob],
          password: Redacted.make("1234")
        })
        assert.isTrue(ReserveId.isReserveId(reserve.id))
        const no = Option.getOrThrow(reserve.meetingNo)
        assert.strictEqual(reserve.url, `https://vc.feishu.cn/j/${no}`)
        assert.deepStrictEqual(reserve.password, Option.some(Redacted.make("1234")))
        assert.strictEqual(DateTime.toEpochMillis(Option.getOrThrow(reserve.endTime)), 86_400_000)
        assert.include(Option.getOrThrow(reserve.appLink), "{?}")
        assert.deepStrictEqual(reserve.settings, Option.none())
        assert.deepStrictEqual(invalidHosts, [])
      })
    ))

  it.effect("sends what is given, and nothing else", () =>
    on(
      { people },
      Effect.gen(function*() {
        yield* apply()
        assert.deepStrictEqual(yield* lastBody, { end_time: "86400", owner_id: "ou_alice", meeting_settings: {} })
        yield* apply({
          topic: "Weekly",
          permissions: [{
            action: Reserves.Action.Join,
            checkers: [{ field: Reserves.CheckField.UserId, mode: Reserves.CheckMode.Deny, values: ["ou_dave"] }]
          }],
          initialType: Reserves.InitialType.Call,
          meetingConnect: true,
          callee: { mainAddress: "+86-02187654321", nickname: "Dave" },
          autoRecord: false,
          hosts: [bob],
          password: Redacted.make("")
        })
        assert.deepStrictEqual(yield* lastBody, {
          end_time: "86400",
          owner_id: "ou_alice",
          meeting_settings: {
            topic: "Weekly",
            action_permissions: [{
              permission: 3,
              permission_checkers: [{ check_field: 1, check_mode: 2, check_list: ["ou_dave"] }]
            }],
            meeting_initial_type: 2,
            meeting_connect: true,
            call_setting: {
              callee: { user_type: 6, pstn_sip_info: { nickname: "Dave", main_address: "+86-02187654321" } }
            },
            auto_record: false,
            assign_host_list: [{ id: "ou_bob", user_type: 1 }],
            password: ""
          }
        })
        yield* apply({ callee: { id: "ou_dave" } })
        assert.deepInclude(yield* lastBody, {
          meeting_settings: { call_setting: { callee: { id: "ou_dave", user_type: 6 } } }
        })
      })
    ))

  it.effect("names the hosts that the platform ignored", () =>
    on(
      { people },
      Effect.gen(function*() {
        const { invalidHosts, reserve } = yield* apply({ hosts: [bob, nobody] })
        assert.deepStrictEqual(invalidHosts, [nobody])
        const { settings } = yield* Reserves.get(reserve.id)
        assert.deepStrictEqual(Option.getOrThrow(settings).hosts, [bob])
      })
    ))

  it.effect("fails as documented", () =>
    on(
      { people },
      Effect.gen(function*() {
        assert.strictEqual(yield* tagOf(Reserves.apply({ owner: alice })), "ParamError")
        assert.strictEqual(yield* tagOf(apply({ owner: undefined })), "ParamError")
        assert.strictEqual(yield* tagOf(apply({ owner: stranger })), "ParamError")
        assert.strictEqual(yield* tagOf(apply({ password: Redacted.make("12") })), "InvalidPassword")
        assert.strictEqual(yield* tagOf(apply({ initialType: 2, autoRecord: true })), "RecordParamError")
        const eleven = Array.from({ length: 11 }, (_, nth) => MeetingUser.openId(`ou_${nth}`))
        assert.strictEqual(yield* tagOf(apply({ hosts: eleven })), "AssignHostExceedMaxLimit")
        const late = DateTime.add(yield* DateTime.now, { days: 31 })
        assert.strictEqual(yield* tagOf(Reserves.apply({ owner: alice, endTime: late })), "ParamError")
      })
    ))

  it.effect("fails for an unknown host, if the platform does not ignore it", () =>
    on(
      { people, unknownHost: "assignHostError" },
      Effect.map(tagOf(apply({ hosts: [nobody] })), (tag) => assert.strictEqual(tag, "AssignHostError"))
    ))

  it.effect("refuses the nickname of a callee without a telephone number, and sends nothing", () =>
    on(
      { people },
      Effect.gen(function*() {
        const { id: reserveId } = yield* applied
        const before = yield* called
        for (const callee of [{ nickname: "Dave" }, { id: "ou_dave", nickname: "Dave", mainAddress: "" }]) {
          for (const call of [apply({ callee }), Reserves.update(reserveId, { callee })]) {
            const error = yield* Effect.flip(call)
            assert(error._tag === "InvalidParameter")
            assert.strictEqual(error.parameter, "callee")
            assert.include(error.message, "only with a mainAddress")
          }
        }
        assert.deepStrictEqual(yield* called, before)
        // As `get` returns a callee without a telephone.
        yield* apply({ callee: { id: "ou_dave", nickname: "", mainAddress: "" } })
        assert.deepInclude(yield* lastBody, {
          meeting_settings: { call_setting: { callee: { id: "ou_dave", user_type: 6 } } }
        })
      })
    ))

  it.effect("refuses a time that is invalid, by its name, and sends nothing", () =>
    on(
      { people },
      Effect.gen(function*() {
        const { id: reserveId } = yield* applied
        const before = yield* called
        const endTime = DateTime.addDuration(yield* DateTime.now, Duration.infinity)
        for (const call of [Reserves.apply({ owner: alice, endTime }), Reserves.update(reserveId, { endTime })]) {
          const error = yield* Effect.flip(call)
          assert(error._tag === "InvalidParameter")
          assert.strictEqual(`${error.parameter} ${error.reason}`, "endTime is not a valid time")
        }
        assert.deepStrictEqual(yield* called, before)
      })
    ))

  it.effect("names users by the kind of their ids, and refuses two kinds", () =>
    on(
      { people },
      Effect.gen(function*() {
        const owner = MeetingUser.unionId("on_alice")
        const hosts = [MeetingUser.unionId("on_bob"), MeetingUser.unionId("on_nobody")]
        const { invalidHosts } = yield* Reserves.apply({ owner, hosts, endTime: yield* tomorrow })
        assert.deepStrictEqual(invalidHosts, hosts.slice(1))
        const mixed: Reserves.ApplyOptions = { owner, hosts: [bob], endTime: yield* tomorrow }
        assert.strictEqual(yield* tagOf(Reserves.apply(mixed)), "InvalidParameter")
      })
    ))

  it.effect("takes the user's own, inside asUser", () =>
    on(
      { people },
      Effect.gen(function*() {
        const { reserve } = yield* asUser("ou_bob")(apply({ owner: undefined }))
        assert.deepStrictEqual((yield* asUser("ou_bob")(Reserves.get(reserve.id))).owner, Option.some(bob))
        assert.strictEqual(yield* tagOf(asUser("ou_carol")(Reserves.get(reserve.id))), "NoPermission")
        assert.strictEqual(yield* tagOf(Reserves.get(reserve.id)), "NoPermission")
      })
    ))

  it.effect("fails if the answer names no reservation", () =>
    Effect.gen(function*() {
      for (const data of [{}, { reserve: {} }, { reserve: { id: "123456789" } }]) {
        const tag = yield* tagOf(apply()).pipe(
          Effect.provide(Lark.layer(platform.app)),
          Effect.provide(platform.make(() => platform.ok(data)).layer)
        )
        assert.strictEqual(tag, "MalformedResponse")
      }
    }))
})

describe("update", () => {
  it.effect("leaves what it does not name, and clears what is empty", () =>
    on(
      { people },
      Effect.gen(function*() {
        const { id: reserveId } = yield* applied
        const settings = Effect.map(Reserves.get(reserveId), (reserve) => Option.getOrThrow(reserve.settings))

        yield* Reserves.update(reserveId, { autoRecord: true })
        assert.deepStrictEqual(yield* lastBody, { meeting_settings: { auto_record: true } })
        assert.deepInclude(yield* settings, { topic: "Weekly", hosts: [bob, carol], autoRecord: true })

        const { reserve } = yield* Reserves.update(reserveId, { topic: "", hosts: [], password: Redacted.make("") })
        assert.deepStrictEqual(reserve.password, Option.none())
        assert.deepInclude(yield* settings, { topic: "", hosts: [], autoRecord: true })
      })
    ))

  it.effect("renews, and sends no settings with that", () =>
    on(
      { people },
      Effect.gen(function*() {
        const before = yield* applied
        const endTime = DateTime.add(yield* DateTime.now, { days: 30, milliseconds: 999 })
        const { invalidHosts, reserve } = yield* Reserves.update(before.id, { endTime })
        assert.deepStrictEqual(yield* lastBody, { end_time: String(30 * 86_400) })
        assert.deepStrictEqual(invalidHosts, [])
        assert.deepStrictEqual(reserve.id, before.id)
        assert.deepStrictEqual(reserve.meetingNo, before.meetingNo)
        assert.deepStrictEqual(reserve.expireStatus, Option.some(Reserves.ExpireStatus.Valid))
        assert.deepStrictEqual(reserve.appLink, Option.none())
      })
    ))

  it.effect("names the hosts that the platform ignored", () =>
    on(
      { people },
      Effect.gen(function*() {
        const { id: reserveId } = yield* applied
        const { invalidHosts } = yield* Reserves.update(reserveId, { hosts: [dave, nobody] })
        assert.deepStrictEqual(invalidHosts, [nobody])
      })
    ))

  it.effect("clears nothing where empty values are ignored", () =>
    on(
      { people, emptyInUpdate: "ignored" },
      Effect.gen(function*() {
        const { id: reserveId } = yield* applied
        const { reserve } = yield* Reserves.update(reserveId, { topic: "", hosts: [], password: Redacted.make("") })
        assert.deepStrictEqual(reserve.password, Option.some(Redacted.make("1234")))
      })
    ))
})

describe("get and delete", () => {
  it.effect("read and remove a reservation", () =>
    on(
      { people },
      Effect.gen(function*() {
        const { id: reserveId, meetingNo } = yield* applied
        const reserve = yield* Reserves.get(reserveId, { idType: "union_id" })
        assert.deepStrictEqual(reserve.meetingNo, meetingNo)
        assert.deepStrictEqual(reserve.owner, Option.some(MeetingUser.unionId("on_alice")))
        assert.deepStrictEqual(reserve.password, Option.none())
        yield* TestClock.adjust("2 days")
        assert.deepStrictEqual(
          (yield* Reserves.get(reserveId)).expireStatus,
          Option.some(Reserves.ExpireStatus.Expired)
        )
        yield* Reserves.delete(reserveId)
        assert.strictEqual(yield* tagOf(Reserves.get(reserveId)), "DataNotExist")
        assert.strictEqual(yield* tagOf(Reserves.delete(reserveId)), "DataNotExist")
      })
    ))

  it.effect("read what they do not know, and settings of other shapes", () =>
    Effect.gen(function*() {
      const reserveId = ReserveId.make("6911188411932033029")
      const get = (reserve: unknown) =>
        Reserves.get(reserveId).pipe(
          Effect.provide(Lark.layer(platform.app)),
          Effect.provide(platform.make(() => platform.ok({ reserve })).layer)
        )
      const bare = yield* get({ expire_status: 0, end_time: "", meeting_no: "12" })
      assert.deepInclude(bare, { id: reserveId, expireStatus: Option.some(0), settings: Option.none() })
      assert.deepStrictEqual([bare.endTime, bare.meetingNo], [Option.none(), Option.none()])
      const { settings } = yield* get({
        meeting_settings: {
          action_permissions: [{ permission: 9, permission_checkers: [{ check_list: ["a", 1] }] }, null],
          assign_host_list: [{ id: "ou_bob" }, { id: "" }],
          call_setting: { callee: { user_type: 6, pstn_sip_info: { main_address: "1" } } }
        }
      })
      assert.deepInclude(Option.getOrThrow(settings), {
        permissions: [{ action: 9, checkers: [{ field: 0, mode: 0, values: ["a"] }] }],
        hosts: [bob],
        callee: { id: "", nickname: "", mainAddress: "1" }
      })
    }))
})

describe("activeMeeting", () => {
  it.effect("is the meeting in progress of a reservation, which its number finds, too", () =>
    Effect.forEach(["dataNotExist", "empty"] as const, (noActiveMeeting) =>
      on(
        { people, noActiveMeeting, meetings: [] },
        Effect.gen(function*() {
          const simulator = yield* Simulator.Simulator
          const { id: reserveId, meetingNo } = yield* applied
          assert.isTrue(Option.isNone(yield* Reserves.activeMeeting(reserveId)))
          yield* simulator.startMeeting({ id, reserveId, host: "ou_bob" })
          const found = Option.getOrThrow(yield* Reserves.activeMeeting(reserveId, { withParticipants: true }))
          assert.deepInclude(found, { id, topic: "Weekly", meetingNo, hostUser: Option.some(bob) })
          assert.strictEqual(found.participants.length, 1)
          const byNo = yield* Meetings.activeByNo(Option.getOrThrow(meetingNo))
          assert.strictEqual(Option.getOrThrow(byNo).id, id)
          yield* simulator.endMeeting(id)
          assert.isTrue(Option.isNone(yield* Reserves.activeMeeting(reserveId)))
        })
      )))

  it.effect("is none for a reservation that does not exist, and fails otherwise", () =>
    on(
      { people },
      Effect.gen(function*() {
        assert.isTrue(Option.isNone(yield* Reserves.activeMeeting(ReserveId.make("6911188411932033029"))))
        const { id: reserveId } = yield* applied
        assert.strictEqual(yield* tagOf(asUser("ou_dave")(Reserves.activeMeeting(reserveId))), "NoPermission")
        assert.deepStrictEqual(yield* called, ["reserve_active_meeting", "reserve_apply", "reserve_active_meeting"])
      })
    ))
})
