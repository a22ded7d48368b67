/**
 * The official SDK calls every endpoint of the simulator.
 */
import { assert, describe, it } from "@effect/vitest"
import * as lark from "@larksuiteoapi/node-sdk"
import { Clock, Effect, Schema } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { endpoints } from "../src/Simulator/endpoints.ts"
import { asUser, id, rejected, withSdk as withClient } from "./fixtures/sdk.ts"

const path = { meeting_id: id }
const bob = { id: "ou_bob", user_type: 1 }

const people: ReadonlyArray<Simulator.PersonOptions> = [
  { user: "ou_alice", email: "alice@example.com", mobile: "13800000001" },
  { user: "ou_bob", mobile: "+14155550100" },
  { user: "ou_hidden", email: "hidden@example.com", visible: false }
]

const meetings: ReadonlyArray<Simulator.MeetingOptions> = [
  { id, host: "ou_alice", owner: "ou_alice", meetingNo: "123456789", participants: ["ou_bob", "ou_carol"] }
]

const options = { people, meetings }

/** The method and the path of the endpoint that took a request. */
const rowOf = ({ method, params, path }: Simulator.RequestRecord): string => {
  const isTaken = (row: typeof endpoints[number]) =>
    row.method === method && row.path.replaceAll(/:(\w+)/g, (_, name: string) => params[name] ?? "") === path
  return `${method} ${endpoints.find(isTaken)?.path}`
}

const called = new Set<string>()

const withSdk: typeof withClient = (use, options) =>
  withClient(
    (client) =>
      Effect.tap(use(client), () =>
        Simulator.Simulator.use(({ requests }) =>
          Effect.map(requests, (all) => {
            for (const request of all) called.add(rowOf(request))
          })
        )),
    options
  )

const reply = <A>(call: () => Promise<A>) => Effect.promise(call)

const codeOf = (call: () => Promise<unknown>) =>
  Effect.map(rejected(call), ({ response }) => [response?.status, response?.data.code])

/** Gives Unix seconds, some seconds from now, in a string. */
const fromNow = Effect.map(
  Clock.currentTimeMillis,
  (now) => (seconds: number) => String(Math.floor(now / 1_000) + seconds)
)

describe("the official SDK", () => {
  it.live("finds people by e-mail and mobile, and reads them", () =>
    withSdk((client) =>
      Effect.gen(function*() {
        const found = yield* reply(() =>
          client.contact.v3.user.batchGetId({
            data: { emails: ["ALICE@example.com", "hidden@example.com"], mobiles: ["13800000001", "+14155550100"] },
            params: { user_id_type: "union_id" }
          })
        )
        assert.deepStrictEqual(found.data?.user_list?.map(({ email, mobile, user_id }) => [email ?? mobile, user_id]), [
          ["ALICE@example.com", "on_alice"],
          ["hidden@example.com", undefined],
          ["13800000001", "on_alice"],
          ["+14155550100", "on_bob"]
        ])
        const alice = yield* reply(() => client.contact.v3.user.get({ path: { user_id: "ou_alice" } }))
        assert.deepInclude(alice.data?.user, { name: "alice", open_id: "ou_alice", union_id: "on_alice" })
        const get = (user_id: string) => codeOf(() => client.contact.v3.user.get({ path: { user_id } }))
        assert.deepStrictEqual(yield* get("ou_hidden"), [400, 41050])
        assert.deepStrictEqual(yield* get("ou_nobody"), [400, 41012])
      }), options))

  it.live("reads the bot", () =>
    withSdk((client) =>
      Effect.gen(function*() {
        // It has no method of its own.
        const info = yield* reply(() => client.request({ method: "GET", url: "/open-apis/bot/v3/info" }))
        assert.deepInclude(info.bot, { app_name: "Simulated app", activate_status: 2 })
        assert.isUndefined(info.data)
      })
    ))

  it.live("lists the meetings of a number, page by page", () =>
    withSdk(
      (client) =>
        Effect.gen(function*() {
          const inSeconds = yield* fromNow
          const page = (page_token?: string) =>
            reply(() =>
              client.vc.v1.meeting.listByNo({
                params: {
                  meeting_no: "123456789",
                  start_time: inSeconds(-60),
                  end_time: inSeconds(60),
                  page_size: 1,
                  ...(page_token === undefined ? {} : { page_token })
                }
              })
            )
          const first = yield* page()
          assert.isTrue(first.data?.has_more)
          const second = yield* page(first.data?.page_token)
          assert.deepStrictEqual([second.data?.has_more, second.data?.page_token], [false, undefined])
          const ids = [first, second].flatMap(({ data }) => data?.meeting_briefs?.map((brief) => brief.id))
          assert.sameMembers(ids, [id, "6911188411932033029"])
        }),
      { meetings: [...meetings, { id: "6911188411932033029", meetingNo: "123456789", status: "ended" }] }
    ))

  it.live("invites people and removes them", () =>
    withSdk((client) =>
      Effect.gen(function*() {
        const alice = yield* asUser("ou_alice")
        const hidden = { id: "ou_hidden", user_type: 1 }
        const nobody = { id: "ou_nobody", user_type: 1 }
        const invited = yield* reply(() =>
          client.vc.v1.meeting.invite({ path, data: { invitees: [hidden, nobody] } }, alice)
        )
        assert.deepStrictEqual(invited.data?.invite_results, [{ ...hidden, status: 1 }, { ...nobody, status: 2 }])
        const asApp = yield* codeOf(() => client.vc.v1.meeting.invite({ path, data: { invitees: [hidden] } }))
        assert.deepStrictEqual(asApp, [400, 99991663])

        const removed = yield* reply(() =>
          client.vc.v1.meeting.kickout({ path, data: { kickout_users: [bob, nobody, bob] } })
        )
        assert.deepStrictEqual(removed.data?.kickout_results, [{ ...bob, result: 1 }, { ...nobody, result: 2 }])
        const none = yield* codeOf(() => client.vc.v1.meeting.kickout({ path, data: { kickout_users: [] } }))
        assert.deepStrictEqual(none, [400, 121003])
      }), options))

  it.live("records, and shares the recording", () =>
    withSdk((client) =>
      Effect.gen(function*() {
        const alice = yield* asUser("ou_alice")
        const recording = client.vc.v1.meetingRecording
        assert.strictEqual((yield* reply(() => recording.start({ path, data: { timezone: 8 } }, alice))).code, 0)
        assert.deepStrictEqual(yield* codeOf(() => recording.start({ path }, alice)), [400, 122001])
        assert.strictEqual((yield* reply(() => recording.stop({ path }, alice))).code, 0)
        assert.deepStrictEqual(yield* codeOf(() => recording.get({ path })), [400, 124002])
        yield* reply(() => client.vc.v1.meeting.end({ path }, alice))
        const ready = yield* reply(() => recording.get({ path }))
        assert.include(ready.data?.recording?.url, "/minutes/")
        const grant = { permission_objects: [{ id: "ou_bob", type: 1, permission: 1 }], action_type: 0 }
        assert.strictEqual((yield* reply(() => recording.setPermission({ path, data: grant }, alice))).code, 0)
        const meeting = yield* (yield* Simulator.Simulator).meeting(id)
        assert.deepStrictEqual(meeting.recording?.viewers, ["user ou_bob"])
      }), options))

  it.live("reserves a meeting, changes it, finds it in progress, and deletes it", () =>
    withSdk((client) =>
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const { reserve } = client.vc.v1
        const inSeconds = yield* fromNow
        const applied = yield* reply(() =>
          reserve.apply({
            data: {
              owner_id: "ou_alice",
              end_time: inSeconds(3_600),
              meeting_settings: { topic: "Weekly", assign_host_list: [bob, { user_type: 1, id: "ou_nobody" }] }
            }
          })
        )
        assert.deepStrictEqual(applied.data?.reserve_correction_check_info, { invalid_host_id_list: ["ou_nobody"] })
        const at = { path: { reserve_id: applied.data?.reserve?.id ?? "" } }
        const updated = yield* reply(() => reserve.update({ ...at, data: { meeting_settings: { topic: "" } } }))
        assert.strictEqual(updated.data?.reserve?.expire_status, 1)
        assert.isFalse("app_link" in (updated.data?.reserve ?? {}))
        const read = yield* reply(() => reserve.get({ ...at, params: { user_id_type: "union_id" } }))
        assert.deepStrictEqual(read.data?.reserve?.reserve_user_id, "on_alice")
        assert.deepStrictEqual(read.data?.reserve?.meeting_settings, {
          topic: "",
          assign_host_list: [{ user_type: 1, id: "on_bob" }]
        })

        assert.deepStrictEqual(yield* codeOf(() => reserve.getActiveMeeting(at)), [404, 121004])
        yield* simulator.startMeeting({
          id: "6911188411932033030",
          reserveId: at.path.reserve_id,
          host: "ou_bob"
        })
        const active = yield* reply(() => reserve.getActiveMeeting(at))
        assert.deepStrictEqual(active.data?.meeting?.host_user, bob)
        assert.strictEqual((yield* reply(() => reserve.delete(at))).code, 0)
        assert.deepStrictEqual(yield* codeOf(() => reserve.get(at)), [404, 121004])
        assert.deepStrictEqual(yield* simulator.reserves, [])
      }), options))

  it.live("cannot ask for a ticket as a custom app", () =>
    withSdk((client) =>
      Effect.gen(function*() {
        const data = { app_id: client.appId, app_secret: client.appSecret }
        const resent = yield* reply(() => client.auth.v3.appTicket.resend({ data }))
        assert.strictEqual(resent.code, 10016)
      })
    ))

  it.live("logs users in by the older endpoints", () =>
    withSdk((client) =>
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const login = (user: string) =>
          Effect.gen(function*() {
            const query = new URLSearchParams({
              client_id: client.appId,
              response_type: "code",
              redirect_uri: "http://127.0.0.1/callback"
            })
            const callback = yield* simulator.authorize(`https://accounts.feishu.cn/authorize?${query}`, user)
            return callback.searchParams.get("code") ?? ""
          })
        const { v1 } = client.authen
        const byCode = (code: string) => ({ data: { grant_type: "authorization_code", code } })
        const byToken = (refresh_token = "") => ({ data: { grant_type: "refresh_token", refresh_token } })

        const code = yield* login("ou_bob")
        const first = yield* reply(() => v1.oidcAccessToken.create(byCode(code)))
        assert.include(first.data, { token_type: "Bearer", expires_in: 7_200, refresh_expires_in: 604_800 })
        assert.strictEqual((yield* reply(() => v1.oidcAccessToken.create(byCode(code)))).code, 20003)
        const second = yield* reply(() => v1.oidcRefreshAccessToken.create(byToken(first.data?.refresh_token)))
        const again = yield* reply(() => v1.oidcRefreshAccessToken.create(byToken(first.data?.refresh_token)))
        assert.strictEqual(again.code, 20038)
        const token = lark.withUserAccessToken(second.data?.access_token ?? "")
        assert.strictEqual((yield* reply(() => v1.userInfo.get({}, token))).data?.open_id, "ou_bob")

        const carol = byCode(yield* login("ou_carol"))
        const historic = yield* reply(() => v1.accessToken.create(carol))
        assert.include(historic.data, { open_id: "ou_carol", name: "carol" })
        const renewed = yield* reply(() => v1.refreshAccessToken.create(byToken(historic.data?.refresh_token)))
        assert.include(renewed.data, { open_id: "ou_carol" })

        const data = { grant_type: "refresh_token", code: yield* login("ou_bob") }
        const wrong = yield* reply(() => v1.oidcAccessToken.create({ data }))
        assert.strictEqual(wrong.code, 20036)
      })
    ))

  it.live("reads whose token it has", () =>
    withSdk((client) =>
      Effect.gen(function*() {
        const alice = yield* asUser("ou_alice")
        const info = yield* reply(() => client.authen.v1.userInfo.get({}, alice))
        assert.strictEqual(info.data?.open_id, "ou_alice")
      })
    ))

  it.live("subscribes to the events of meetings of a user", () =>
    withSdk((client) =>
      Effect.gen(function*() {
        const { meeting } = client.vc.v1
        const alice = yield* asUser("ou_alice")
        const data = { event_type: "vc.meeting.participant_meeting_ended_v1" }
        assert.strictEqual((yield* reply(() => meeting.subscription({ data }, alice))).code, 0)
        assert.strictEqual((yield* reply(() => meeting.unsubscription({ data }, alice))).code, 0)
        const unknown = yield* codeOf(() => meeting.subscription({ data: { event_type: "ended" } }, alice))
        assert.deepStrictEqual(unknown, [400, 121003])
      })
    ))

  it.live("reads a meeting, moves its host, and ends it", () =>
    withSdk((client) =>
      Effect.gen(function*() {
        const { meeting } = client.vc.v1
        assert.strictEqual((yield* reply(() => meeting.get({ path }))).data?.meeting?.id, id)
        assert.deepStrictEqual((yield* reply(() => meeting.setHost({ path, data: { host_user: bob } }))).data, {
          host_user: bob
        })
        const asBob = yield* asUser("ou_bob")
        assert.strictEqual((yield* reply(() => meeting.end({ path }, asBob))).code, 0)
      }), options))

  it.live("gets the tokens of a custom app and of a store app", () =>
    withSdk((client) =>
      Effect.gen(function*() {
        const { appAccessToken, tenantAccessToken } = client.auth.v3
        const custom = { data: { app_id: client.appId, app_secret: client.appSecret } }
        assert.strictEqual((yield* reply(() => appAccessToken.internal(custom))).code, 0)
        assert.strictEqual((yield* reply(() => tenantAccessToken.internal(custom))).code, 0)

        const store = { app_id: "cli_store", app_secret: "secret", app_ticket: "ticket" }
        const ofStore: unknown = yield* reply(() => appAccessToken.create({ data: store }))
        const { app_access_token } = Schema.decodeUnknownSync(Schema.Struct({ app_access_token: Schema.String }))(
          ofStore
        )
        const ofTenant = yield* reply(() =>
          tenantAccessToken.create({ data: { app_access_token, tenant_key: "tenant_a" } })
        )
        assert.strictEqual(ofTenant.code, 0)
      }), {
      otherApps: [{ appId: "cli_store", appSecret: "secret", type: "store", ticket: "ticket", tenants: ["tenant_a"] }]
    }))

  it("has called every endpoint of the simulator", () => {
    const uncalled = endpoints.map(({ method, path }) => `${method} ${path}`).filter((row) => !called.has(row))
    assert.sameMembers(uncalled, [
      // Called by the SDK's `WSClient`, which has tests of its own.
      "POST /callback/ws/endpoint",
      // The page of a login is for browsers.
      "GET /open-apis/authen/v1/authorize",
      // The SDK has no methods for OAuth.
      "POST /open-apis/authen/v2/oauth/token",
      "POST /oauth/v3/token"
    ])
  })
})
