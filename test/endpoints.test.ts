/**
 * The operations that are one endpoint each: what they send, whose token they carry, and how they fail. The codes are those
 * of the error tables in the documentation.
 */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { DateTime, Effect, Redacted, Stream } from "effect"
import {
  Bot,
  Contacts,
  Lark,
  LarkError,
  type LarkHttp,
  MeetingNo,
  Meetings,
  MeetingUser,
  Recordings,
  ReserveId,
  Reserves,
  UserToken
} from "effect-lark-meetings"
import * as platform from "./fixtures/http/platform.ts"
import { alice, bob, id } from "./fixtures/World.ts"

const no = MeetingNo.make("123456789")
const reserve = ReserveId.make("6911188411932033029")
const range = { from: DateTime.makeUnsafe(0), until: DateTime.makeUnsafe(86_400_000) }

const statuses: Readonly<Record<number, number>> = {
  121001: 500,
  121004: 404,
  121005: 403,
  122002: 404
}

const common = [121001, 121002, 121003] as const
const inMeeting = [...common, 121005, 122001, 122002, 122003] as const
const ofReserve = [...common, 121004, 121005] as const
const ofSettings = [123002, 123003, 123004, 123006] as const

interface Row {
  readonly operation: Effect.Effect<unknown, LarkError.LarkError, LarkHttp.LarkHttp | UserToken.UserToken>
  readonly name: string
  readonly request: string
  /** Whose token it carries, outside of `Lark.asUser` and inside. */
  readonly tokens: "app" | "user" | "either"
  readonly codes: ReadonlyArray<number>
}

/** The error of an only person, whom the request may have reached. */
const ofOne = <E, R>(
  outcomes: Effect.Effect<ReadonlyArray<Meetings.PersonOutcome<"open_id", E>>, E, R>
) => Effect.flatMap(outcomes, ([one]) => one?.outcome === "failed" ? Effect.fail(one.error) : Effect.void)

const rows: Readonly<Record<string, Row>> = {
  "Contacts.findByEmail": {
    operation: Contacts.findByEmail(["a@example.com"]),
    name: "contact.v3.user.batch_get_id",
    request: "POST /open-apis/contact/v3/users/batch_get_id?user_id_type=open_id",
    tokens: "app",
    codes: []
  },
  "Contacts.findByMobile": {
    operation: Contacts.findByMobile(["13800000000"], { idType: "union_id" }),
    name: "contact.v3.user.batch_get_id",
    request: "POST /open-apis/contact/v3/users/batch_get_id?user_id_type=union_id",
    tokens: "app",
    codes: []
  },
  "Contacts.get": {
    operation: Contacts.get(MeetingUser.unionId("on_alice")),
    name: "contact.v3.user.get",
    request: "GET /open-apis/contact/v3/users/on_alice?user_id_type=union_id",
    tokens: "either",
    codes: [40001, 40003, 41012, 41050]
  },
  "Bot.info": {
    operation: Bot.info,
    name: "bot.v3.info.get",
    request: "GET /open-apis/bot/v3/info",
    tokens: "app",
    codes: []
  },
  "Meetings.listByNo": {
    operation: Stream.runCollect(Meetings.listByNo(no, range)),
    name: "vc.v1.meeting.list_by_no",
    request: "GET /open-apis/vc/v1/meetings/list_by_no?meeting_no=123456789&start_time=0&end_time=86400&page_size=50",
    tokens: "either",
    codes: [121001, 121003]
  },
  "Meetings.invite": {
    operation: ofOne(Meetings.invite(id, [bob])),
    name: "vc.v1.meeting.invite",
    request: `PATCH /open-apis/vc/v1/meetings/${id}/invite?user_id_type=open_id`,
    tokens: "user",
    codes: [...inMeeting, 122005, 122006, 122007, 122008]
  },
  "Meetings.kickout": {
    operation: ofOne(Meetings.kickout(id, [bob])),
    name: "vc.v1.meeting.kickout",
    request: `POST /open-apis/vc/v1/meetings/${id}/kickout?user_id_type=open_id`,
    tokens: "either",
    codes: [...inMeeting, 122005]
  },
  "Recordings.start": {
    operation: Recordings.start(id),
    name: "vc.v1.meeting_recording.start",
    request: `PATCH /open-apis/vc/v1/meetings/${id}/recording/start`,
    tokens: "user",
    codes: inMeeting
  },
  "Recordings.stop": {
    operation: Recordings.stop(id),
    name: "vc.v1.meeting_recording.stop",
    request: `PATCH /open-apis/vc/v1/meetings/${id}/recording/stop`,
    tokens: "user",
    codes: inMeeting
  },
  "Recordings.get": {
    operation: Recordings.get(id),
    name: "vc.v1.meeting_recording.get",
    request: `GET /open-apis/vc/v1/meetings/${id}/recording`,
    tokens: "either",
    codes: [...common, 121004, 121005, 122001, 122002, 124002]
  },
  "Recordings.setPermission": {
    operation: Recordings.setPermission(id, "grant", [bob]),
    name: "vc.v1.meeting_recording.set_permission",
    request: `PATCH /open-apis/vc/v1/meetings/${id}/recording/set_permission?user_id_type=open_id`,
    tokens: "user",
    codes: [...common, 121004, 121005, 122002]
  },
  "Reserves.apply": {
    operation: Reserves.apply({ owner: alice }),
    name: "vc.v1.reserve.apply",
    request: "POST /open-apis/vc/v1/reserves/apply?user_id_type=open_id",
    tokens: "either",
    codes: [...common, ...ofSettings]
  },
  "Reserves.update": {
    operation: Reserves.update(reserve, { topic: "Monthly" }),
    name: "vc.v1.reserve.update",
    request: `PUT /open-apis/vc/v1/reserves/${reserve}?user_id_type=open_id`,
    tokens: "either",
    codes: [...ofReserve, ...ofSettings]
  },
  "Reserves.get": {
    operation: Reserves.get(reserve),
    name: "vc.v1.reserve.get",
    request: `GET /open-apis/vc/v1/reserves/${reserve}?user_id_type=open_id`,
    tokens: "either",
    codes: ofReserve
  },
  "Reserves.delete": {
    operation: Reserves.delete(reserve),
    name: "vc.v1.reserve.delete",
    request: `DELETE /open-apis/vc/v1/reserves/${reserve}`,
    tokens: "either",
    codes: ofReserve
  },
  "Reserves.activeMeeting": {
    operation: Reserves.activeMeeting(reserve),
    name: "vc.v1.reserve.get_active_meeting",
    request: `GET /open-apis/vc/v1/reserves/${reserve}/get_active_meeting?user_id_type=open_id`,
    tokens: "either",
    // 121004 is `None`.
    codes: [...common, 121005]
  }
}

const session = UserToken.fromAccessToken(Redacted.make("u-alice"))

const answered = (answer: platform.Answer) => platform.make(() => answer)

const run = (row: Row, { layer }: ReturnType<typeof answered>) =>
  row.operation.pipe(Lark.asUser(session), Effect.provide(Lark.layer(platform.app)), Effect.provide(layer))

/** The tag of each code. */
const tags: Readonly<Record<number, string>> = Object.fromEntries(
  LarkError.table.map(({ code, tag }) => [code, tag])
)

describe.each(Object.entries(rows))("%s", (_, row) => {
  it.effect("sends one request, with the token of its caller", () =>
    Effect.gen(function*() {
      const server = answered(platform.failed(403, 99991401))
      const error = yield* Effect.flip(run(row, server))
      assert.strictEqual(error._tag, "IpDenied")
      const [call] = server.calls
      const { pathname, search } = new URL(call?.url ?? "")
      assert.strictEqual(`${call?.method} ${pathname}${search}`, row.request)
      assert.strictEqual(call?.headers["authorization"], row.tokens === "app" ? "Bearer t-1" : "Bearer u-alice")
      assert.strictEqual(server.calls.length, 1)
    }))

  it.effect("fails with the error of each documented code", () =>
    Effect.forEach(row.codes, (code) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(run(row, answered(platform.failed(statuses[code] ?? 400, code, "no"))))
        assert.deepInclude<object>(error, { _tag: tags[code], code, endpoint: row.name })
      })))

  it.effect("fails with UnknownApiError for a code that is documented for others only", () =>
    Effect.gen(function*() {
      const undocumented = [121006, 122009, 124002, 41050].filter((code) => !row.codes.includes(code))
      for (const code of undocumented) {
        const error = yield* Effect.flip(run(row, answered(platform.failed(400, code))))
        assert.deepInclude<object>(error, { _tag: "UnknownApiError", code })
      }
    }))
})

describe("an operation that either may call", () => {
  const operations: ReadonlyArray<Effect.Effect<unknown, unknown, LarkHttp.LarkHttp>> = [
    Contacts.get(alice),
    Stream.runCollect(Meetings.listByNo(no, range)),
    Meetings.kickout(id, [bob]),
    Recordings.get(id),
    Reserves.get(reserve)
  ]

  it.effect("runs as the app outside of asUser", () =>
    Effect.forEach(operations, (operation) =>
      Effect.gen(function*() {
        const server = answered(platform.failed(403, 99991401))
        yield* Effect.ignore(operation).pipe(
          Effect.provide(Lark.layer(platform.app)),
          Effect.provide(server.layer)
        )
        assert.strictEqual(server.calls[0]?.headers["authorization"], "Bearer t-1")
      })))
})

type RequirementsOf<T> = T extends Effect.Effect<infer _A, infer _E, infer R> ? R : never

/** The tags that are documented for the endpoint. */
type DocumentedBy<T> = T extends Effect.Effect<infer _A, infer E extends { readonly _tag: string }, infer _R>
  ? Exclude<E["_tag"], LarkError.GenericError["_tag"]>
  : never

type Common = "InternalError" | "NotSupported" | "ParamError"
type InMeeting =
  | Common
  | "NoPermission"
  | "MeetingStatusUnexpected"
  | "MeetingNotExist"
  | "OperatorNotInMeeting"
type OfReserve = Common | "DataNotExist" | "NoPermission"
type OfSettings = "RecordParamError" | "AssignHostExceedMaxLimit" | "AssignHostError" | "InvalidPassword"

const invite = () => Meetings.invite(id, [bob])
const kickout = () => Meetings.kickout(id, [bob])
const active = () => Meetings.activeByNo(no)
const start = () => Recordings.start(id)
const stop = () => Recordings.stop(id)
const ready = () => Recordings.ready(id)
const setPermission = () => Recordings.setPermission(id, "grant", [bob])
const apply = () => Reserves.apply({ owner: alice })
const update = () => Reserves.update(reserve, {})
const getReserve = () => Reserves.get(reserve)
const deleteReserve = () => Reserves.delete(reserve)
const activeMeeting = () => Reserves.activeMeeting(reserve)
const getPerson = () => Contacts.get(alice)
const find = () => Contacts.findByEmail([])

describe("the types", () => {
  it("have the documented codes", () => {
    expectTypeOf<DocumentedBy<ReturnType<typeof invite>>>().toEqualTypeOf<
      InMeeting | "CannotOperateSelf" | "ParticipantCountReachLimit" | "CalleeIsBusy" | "MeetingIsLocked"
    >()
    expectTypeOf<DocumentedBy<ReturnType<typeof kickout>>>().toEqualTypeOf<InMeeting | "CannotOperateSelf">()
    expectTypeOf<DocumentedBy<ReturnType<typeof active>>>().toEqualTypeOf<OfReserve>()
    expectTypeOf<DocumentedBy<ReturnType<typeof start>>>().toEqualTypeOf<InMeeting>()
    expectTypeOf<DocumentedBy<ReturnType<typeof stop>>>().toEqualTypeOf<InMeeting>()
    expectTypeOf<DocumentedBy<ReturnType<typeof ready>>>().toEqualTypeOf<
      OfReserve | "MeetingStatusUnexpected" | "MeetingNotExist" | "RecordProcessing"
    >()
    expectTypeOf<DocumentedBy<ReturnType<typeof setPermission>>>().toEqualTypeOf<OfReserve | "MeetingNotExist">()
    expectTypeOf<DocumentedBy<ReturnType<typeof apply>>>().toEqualTypeOf<Common | OfSettings>()
    expectTypeOf<DocumentedBy<ReturnType<typeof update>>>().toEqualTypeOf<OfReserve | OfSettings>()
    expectTypeOf<DocumentedBy<ReturnType<typeof getReserve>>>().toEqualTypeOf<OfReserve>()
    expectTypeOf<DocumentedBy<ReturnType<typeof deleteReserve>>>().toEqualTypeOf<OfReserve>()
    expectTypeOf<DocumentedBy<ReturnType<typeof activeMeeting>>>().toEqualTypeOf<Exclude<OfReserve, "DataNotExist">>()
    expectTypeOf<DocumentedBy<ReturnType<typeof getPerson>>>().toEqualTypeOf<
      "ContactParamError" | "ContactInternalError" | "UserIdInvalid" | "NoUserAuthority"
    >()
    expectTypeOf<DocumentedBy<ReturnType<typeof find>>>().toEqualTypeOf<never>()
    expectTypeOf<DocumentedBy<typeof Bot.info>>().toEqualTypeOf<never>()
    expectTypeOf<Exclude<Meetings.ListByNoError, LarkError.GenericError>["_tag"]>().toEqualTypeOf<
      "InternalError" | "ParamError"
    >()
  })

  it("say who may call", () => {
    type AsUser = LarkHttp.LarkHttp | UserToken.UserToken
    expectTypeOf<RequirementsOf<ReturnType<typeof invite>>>().toEqualTypeOf<AsUser>()
    expectTypeOf<RequirementsOf<ReturnType<typeof start>>>().toEqualTypeOf<AsUser>()
    expectTypeOf<RequirementsOf<ReturnType<typeof stop>>>().toEqualTypeOf<AsUser>()
    expectTypeOf<RequirementsOf<ReturnType<typeof setPermission>>>().toEqualTypeOf<AsUser>()
    expectTypeOf<RequirementsOf<ReturnType<typeof kickout>>>().toEqualTypeOf<LarkHttp.LarkHttp>()
    expectTypeOf<RequirementsOf<ReturnType<typeof active>>>().toEqualTypeOf<LarkHttp.LarkHttp>()
    expectTypeOf<RequirementsOf<ReturnType<typeof ready>>>().toEqualTypeOf<LarkHttp.LarkHttp>()
    expectTypeOf<RequirementsOf<ReturnType<typeof apply>>>().toEqualTypeOf<LarkHttp.LarkHttp>()
    expectTypeOf<RequirementsOf<ReturnType<typeof find>>>().toEqualTypeOf<LarkHttp.LarkHttp>()
    expectTypeOf<RequirementsOf<typeof Bot.info>>().toEqualTypeOf<LarkHttp.LarkHttp>()
  })

  it("refuse programs that cannot work", () => {
    type AsApp = Effect.Effect<unknown, unknown, Lark.Services>
    expectTypeOf(kickout).returns.toExtend<AsApp>()
    expectTypeOf(invite).returns.not.toExtend<AsApp>()
    expectTypeOf(start).returns.not.toExtend<AsApp>()
    const refused = () => [
      // @ts-expect-error a meeting number is not a meeting id
      Meetings.invite(no, [bob]),
      // @ts-expect-error a reserve id is not a meeting id
      Recordings.get(reserve),
      // @ts-expect-error a meeting id is not a reserve id
      Reserves.get(id),
      // @ts-expect-error a meeting id is not a meeting number
      Meetings.activeByNo(id),
      // @ts-expect-error two kinds of id
      Meetings.invite<"open_id">(id, [bob, MeetingUser.unionId("on_carol")]),
      // @ts-expect-error what an update cannot change
      Reserves.update(reserve, { meetingConnect: true })
    ]
    expectTypeOf(refused).toBeFunction()
  })

  it("name users by the kind of id that was asked for", () => {
    const found = (numbers: ReadonlyArray<string>) => Contacts.findByMobile(numbers, { idType: "user_id" })
    expectTypeOf<Effect.Success<ReturnType<typeof found>>>().toEqualTypeOf<ReadonlyArray<Contacts.Match<"user_id">>>()
    const two = () => Contacts.findByEmail(["a@example.com", "b@example.com"])
    type Match = Contacts.Match<"open_id">
    expectTypeOf<Effect.Success<ReturnType<typeof two>>>().toEqualTypeOf<readonly [Match, Match]>()
    const invited = () => Meetings.invite(id, [MeetingUser.unionId("on_bob")])
    expectTypeOf<Effect.Success<ReturnType<typeof invited>>[number]["user"]>().toEqualTypeOf<
      MeetingUser.MeetingUser<"union_id">
    >()
  })
})
