/**
 * What the endpoints of the simulator beside `get`, `set_host` and `end` refuse, as plain HTTP.
 */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Schema } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import * as simulated from "./fixtures/simulated.ts"
import { urlOf, wire } from "./fixtures/simulatedMeeting.ts"
import { id } from "./fixtures/World.ts"

const ended = "6911188411932033029"
const foreign = "6911188411932033030"

const Briefs = Schema.Struct({
  meeting_briefs: Schema.optionalKey(Schema.Array(Schema.Struct({ id: Schema.String })))
})

const options: Simulator.Options = {
  otherApps: [{ appId: "cli_other", appSecret: "secret", tenants: ["tenant_other"] }],
  people: [
    { user: "ou_bob", busy: true },
    { user: { openId: "ou_far", tenant: "tenant_other" }, email: "far@example.com" }
  ],
  meetings: [
    { id, host: "ou_alice", participants: ["ou_dave", { user: "ou_erin", status: "ringing" }], meetingNo: "123456789" },
    { id: ended, host: "ou_alice", status: "ended" },
    { id: foreign, host: "ou_far", tenant: "tenant_other" }
  ]
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE"

/** The status and code of a request as the app, or as a user. */
const send = (method: Method, url: string, body?: unknown, user?: string) =>
  Effect.gen(function*() {
    const token = user === undefined ? yield* simulated.tenantToken : yield* simulated.userToken(user)
    const request = HttpClientRequest.make(method)(url).pipe(HttpClientRequest.bearerToken(token))
    return simulated.outcome(
      yield* simulated.send(body === undefined ? request : HttpClientRequest.bodyJsonUnsafe(request, body))
    )
  })

type Case = readonly [what: string, send: ReturnType<typeof send>, outcome: [status: number, code: number]]

const table = (cases: ReadonlyArray<Case>, more: Simulator.Options = {}) =>
  it.effect.each(cases)(
    "%s",
    ([, send, outcome]) =>
      simulated.on({ ...options, ...more }, Effect.map(send, (got) => assert.deepStrictEqual(got, outcome)))
  )

const api = `${simulated.open}/open-apis`

describe("list_by_no", () => {
  const list = (query: Readonly<Record<string, string>>) =>
    send(
      "GET",
      `${api}/vc/v1/meetings/list_by_no?${new URLSearchParams({
        meeting_no: "123456789",
        start_time: "0",
        end_time: "1",
        ...query
      })}`
    )
  table([
    ["lists", list({}), [200, 0]],
    ["needs nine digits", list({ meeting_no: id }), [400, 121003]],
    ["needs a start before the end", list({ start_time: "1" }), [400, 121003]],
    ["needs seconds", list({ end_time: "now" }), [400, 121003]],
    ["has at most 50 on a page", list({ page_size: "51" }), [400, 121003]],
    ["has at least one on a page", list({ page_size: "0" }), [400, 121003]],
    ["knows its page tokens", list({ page_token: "x" }), [400, 121003]]
  ])
})

describe("a meeting that ended", () => {
  const day = 86_400
  const list = Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const query = new URLSearchParams({
      meeting_no: "123456789",
      start_time: "0",
      end_time: String(Math.floor(now / 1_000) + 1)
    })
    const { json } = yield* simulated.get(
      `${api}/vc/v1/meetings/list_by_no?${query}`,
      yield* simulated.tenantToken
    )
    const briefs = Schema.decodeUnknownSync(Briefs)(json["data"]).meeting_briefs ?? []
    return briefs.map((brief) => brief.id)
  })
  const read = (meetingId: string) => send("GET", urlOf(meetingId))

  it.effect("is listed and read for ninety days, and one that goes on for longer", () =>
    simulated.on(
      { meetings: [{ id, meetingNo: "123456789" }, { id: ended, meetingNo: "123456789" }] },
      Effect.gen(function*() {
        yield* TestClock.adjust(day * 1_000)
        yield* (yield* Simulator.Simulator).endMeeting(ended)
        yield* TestClock.adjust(90 * day * 1_000)
        assert.sameMembers([...yield* list], [id, ended])
        assert.deepStrictEqual(yield* read(ended), [200, 0])
        yield* TestClock.adjust(1)
        assert.deepStrictEqual([yield* list, yield* read(id), yield* read(ended)], [[id], [200, 0], [404, 121004]])
      })
    ))
})

describe("invite", () => {
  const invite = (invitees: unknown, user = "ou_alice", meetingId = `${id}`, query = "") =>
    send("PATCH", `${urlOf(meetingId)}/invite${query}`, { invitees }, user)
  const carol = [wire("ou_carol")]
  table([
    ["invites", invite(carol), [200, 0]],
    ["needs a list", invite(undefined), [400, 121003]],
    ["needs somebody", invite([]), [400, 121003]],
    ["needs ids", invite([{ user_type: 1 }]), [400, 121003]],
    ["takes ten at most", invite(Array.from({ length: 11 }, (_, nth) => wire(`ou_${nth}`))), [400, 121003]],
    ["needs a kind of id that exists", invite(carol, "ou_alice", id, "?user_id_type=mail"), [400, 99992402]],
    ["needs a meeting", invite(carol, "ou_alice", "1"), [404, 122002]],
    ["needs a meeting in progress", invite(carol, "ou_alice", ended), [400, 122001]],
    ["needs an operator in the meeting", invite(carol, "ou_carol"), [400, 122003]],
    ["needs an operator who has joined", invite(carol, "ou_erin"), [400, 122003]],
    ["takes any operator in the meeting", invite(carol, "ou_dave"), [200, 0]],
    ["takes no operator among the people", invite([wire("ou_alice")]), [400, 122005]]
  ])
  table([["tells of a busy person in the result", invite([wire("ou_bob")]), [200, 0]]])
  table([["fails for a busy person", invite([wire("ou_bob")]), [400, 122007]]], { busyInvitee: "calleeIsBusy" })
})

describe("kickout", () => {
  const kickout = (kickout_users: unknown, user?: string, meetingId = `${id}`) =>
    send("POST", `${urlOf(meetingId)}/kickout`, { kickout_users }, user)
  const dave = [wire("ou_dave")]
  table([
    ["removes", kickout(dave), [200, 0]],
    ["needs somebody", kickout([]), [400, 121003]],
    ["takes ten at most", kickout(Array.from({ length: 11 }, (_, nth) => wire(`ou_${nth}`))), [400, 121003]],
    ["needs a meeting", kickout(dave, undefined, "1"), [404, 122002]],
    ["needs a meeting of the tenant", kickout(dave, undefined, foreign), [403, 121005]],
    ["needs a meeting in progress", kickout(dave, undefined, ended), [400, 122001]],
    ["needs an operator in the meeting", kickout(dave, "ou_carol"), [400, 122003]],
    ["needs an operator who is host or co-host", kickout([wire("ou_erin")], "ou_dave"), [403, 121005]],
    ["does not remove the host", kickout([wire("ou_alice")]), [403, 121005]],
    ["does not remove the operator", kickout([wire("ou_alice")], "ou_alice"), [400, 122005]]
  ])
})

describe("recordings", () => {
  const recording = (method: Method, operation: string, body?: unknown, user?: string, meetingId = `${id}`) =>
    send(method, `${urlOf(meetingId)}/recording${operation}`, body, user)
  const bob = { permission_objects: [{ id: "ou_bob", type: 1, permission: 1 }] }
  const share = (body: unknown, meetingId?: string) =>
    recording("PATCH", "/set_permission", body, "ou_alice", meetingId)
  table([
    ["start", recording("PATCH", "/start", { timezone: -12 }, "ou_alice"), [200, 0]],
    ["start as a user only", recording("PATCH", "/start"), [400, 99991663]],
    ["start with a time zone that exists", recording("PATCH", "/start", { timezone: 1.5 }, "ou_alice"), [400, 121003]],
    ["start as the host only", recording("PATCH", "/start", undefined, "ou_dave"), [403, 121005]],
    ["stop once they have started", recording("PATCH", "/stop", undefined, "ou_alice"), [400, 122001]],
    ["are read once they are ready", recording("GET", ""), [400, 124002]],
    ["are read of meetings that exist", recording("GET", "", undefined, undefined, "1"), [404, 122002]],
    ["are read in the tenant only", recording("GET", "", undefined, undefined, foreign), [403, 121005]],
    ["are shared with somebody", share({ permission_objects: [] }), [400, 121003]],
    ["are shared to watch", share({ permission_objects: [{ ...bob.permission_objects[0], permission: 2 }] }), [
      400,
      121003
    ]],
    ["are shared with users who exist", share({ permission_objects: [{ id: "ou_x", type: 1, permission: 1 }] }), [
      400,
      121003
    ]],
    ["are shared by granting or revoking", share({ ...bob, action_type: 2 }), [400, 121003]],
    ["are shared of meetings that exist", share(bob, "1"), [404, 122002]],
    ["are shared by the owner of the meeting", share(bob), [403, 121005]]
  ])
})

describe("reservations", () => {
  const apply = (settings: unknown, rest: Readonly<Record<string, unknown>> = {}, user?: string) =>
    send("POST", `${api}/vc/v1/reserves/apply`, {
      owner_id: "ou_alice",
      end_time: "3600",
      meeting_settings: settings,
      ...rest
    }, user)
  const hosts = (count: number) =>
    Array.from({ length: count }, (_, nth) => ({ user_type: 1, id: nth === 0 ? "ou_bob" : `ou_${nth}` }))
  const other = (method: Method, operation = "", body?: unknown) =>
    send(method, `${api}/vc/v1/reserves/7000000000000000001${operation}`, body)
  table([
    ["are applied for", apply({}), [200, 0]],
    ["need settings", apply(undefined), [400, 121003]],
    ["need an end", apply({}, { end_time: undefined }), [400, 121003]],
    ["need no end for a call", apply({ meeting_initial_type: 2 }, { end_time: undefined }), [200, 0]],
    ["need an end in seconds", apply({}, { end_time: 3_600 }), [400, 121003]],
    ["need an end that is not past", apply({}, { end_time: "0" }), [400, 121003]],
    ["end in 30 days at most", apply({}, { end_time: String(30 * 86_400 + 1) }), [400, 121003]],
    ["need an owner as the app", apply({}, { owner_id: undefined }), [400, 121003]],
    ["need no owner as a user", apply({}, { owner_id: undefined }, "ou_bob"), [200, 0]],
    ["need the id of an owner", apply({}, { owner_id: { toString: 1, valueOf: 1 } }), [400, 121003]],
    ["need the ids of hosts", apply({ assign_host_list: [{ id: { toString: 1, valueOf: 1 } }] }), [400, 121003]],
    ["need hosts that are named", apply({ assign_host_list: [{ user_type: 1 }] }), [400, 121003]],
    ["need an owner of the tenant", apply({}, { owner_id: "ou_far" }), [400, 121003]],
    ["record no calls", apply({ meeting_initial_type: 2, auto_record: true }), [400, 123002]],
    ["take ten hosts", apply({ assign_host_list: hosts(10) }), [200, 0]],
    ["take no more", apply({ assign_host_list: hosts(11) }), [400, 123003]],
    ["take a password of four digits", apply({ password: "1234" }), [200, 0]],
    ["take no password", apply({ password: "" }), [200, 0]],
    ["take digits as the password", apply({ password: "12345a" }), [400, 123006]],
    ["take nine digits at most", apply({ password: "1234567890" }), [400, 123006]],
    ["are read if they exist", other("GET"), [404, 121004]],
    ["are changed if they exist", other("PUT", "", {}), [404, 121004]],
    ["are deleted if they exist", other("DELETE"), [404, 121004]],
    ["have meetings if they exist", other("GET", "/get_active_meeting"), [404, 121004]]
  ])
})

describe("contacts", () => {
  const find = (body: unknown, query = "", user?: string) =>
    send("POST", `${api}/contact/v3/users/batch_get_id${query}`, body, user)
  const emails = (count: number) => Array.from({ length: count }, (_, nth) => `${nth}@example.com`)
  const get = (user: string, query = "") => send("GET", `${api}/contact/v3/users/${user}${query}`)
  table([
    ["are found fifty at a time", find({ emails: emails(50) }), [200, 0]],
    ["are found no more at a time", find({ emails: emails(51) }), [400, 99992402]],
    ["are found by texts", find({ mobiles: [13800000001] }), [400, 99992402]],
    ["are found by something", find({}), [400, 40001]],
    ["are found by apps only", find({ emails: emails(1) }, "", "ou_alice"), [400, 99991668]],
    ["are read", get("ou_alice"), [200, 0]],
    ["are read by any kind of id", get("on_alice", "?user_id_type=union_id"), [200, 0]],
    ["are read by the id of that kind", get("on_alice"), [400, 41012]],
    ["are read in the tenant only", get("ou_far"), [400, 41012]]
  ])
  const noScope = { userIdScope: false }
  table([
    ["are found by user_id with its scope only", find({ emails: emails(1) }, "?user_id_type=user_id"), [400, 99991672]],
    ["are read by user_id with its scope only", get("alice", "?user_id_type=user_id"), [400, 99991672]]
  ], noScope)

  it.effect("of another tenant are not found", () =>
    simulated.on(
      options,
      Effect.gen(function*() {
        const { json } = yield* simulated.post(
          `${api}/contact/v3/users/batch_get_id`,
          { emails: ["far@example.com"] },
          { authorization: `Bearer ${yield* simulated.tenantToken}` }
        )
        assert.deepStrictEqual(json["data"], { user_list: [{ email: "far@example.com" }] })
      })
    ))
})

describe("the service", () => {
  it.effect("lets people join and leave, and locks, starts and ends meetings", () =>
    simulated.on(
      options,
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const state = Effect.map(simulator.meeting(id), ({ host, locked, participants, status }) => [
          host?.openId,
          participants.map((one) => `${one.user.openId} ${one.status}`).join(),
          locked,
          status
        ])
        yield* simulator.joinMeeting(id, "ou_erin")
        yield* simulator.joinMeeting(id, "ou_frank")
        yield* simulator.leaveMeeting(id, "ou_alice")
        yield* simulator.lock(id, true)
        assert.deepStrictEqual(yield* state, [
          "ou_alice",
          "ou_alice left,ou_dave in_meeting,ou_erin in_meeting,ou_frank in_meeting",
          true,
          "in_progress"
        ])
        yield* simulator.endMeeting(id)
        assert.strictEqual((yield* simulator.meeting(id)).status, "ended")
        yield* simulator.startMeeting({ id: "6911188411932033031", host: "ou_alice", meetingNo: "123456789" })
        assert.strictEqual((yield* simulator.host("6911188411932033031"))?.openId, "ou_alice")
      })
    ))

  it.effect("dies at a reservation that does not exist", () =>
    simulated.on(
      {},
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const exit = yield* Effect.exit(simulator.startMeeting({ id, reserveId: "1" }))
        assert.include(String(exit), "no reservation 1")
      })
    ))
})
