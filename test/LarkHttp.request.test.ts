import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import { Lark, LarkHttp, Meetings, MeetingUser, UserToken } from "effect-lark-meetings"
import * as platform from "./fixtures/http/platform.ts"
import { alice, bob, id } from "./fixtures/World.ts"

const asAlice = Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-alice")))
const get = Meetings.get(id)
const swapHost = Meetings.swapHost(id, { expected: alice, desired: bob })
const end = asAlice(Meetings.end(id))
const meeting = platform.ok({ meeting: { id } })

describe.each(platform.clients)("through %s,", (client) => {
  const on = (feishu: ReturnType<typeof platform.make>) => <A, E>(program: Effect.Effect<A, E, Lark.Services>) =>
    program.pipe(Effect.provide(Lark.layer(platform.app)), Effect.provide(feishu.through(client)))

  describe("a request", () => {
    it.effect("of get names users by open_id by default", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => meeting)
        yield* on(feishu)(get)
        assert.deepStrictEqual(feishu.calls, [{
          method: "GET",
          url: `https://open.feishu.cn/open-apis/vc/v1/meetings/${id}?user_id_type=open_id`,
          path: `/open-apis/vc/v1/meetings/${id}`,
          query: { user_id_type: "open_id" },
          headers: { accept: "application/json", "accept-encoding": "identity", authorization: "Bearer t-1" },
          body: undefined
        }])
      }))

    it.effect("of get has the parameters of its options, and no others", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => meeting)
        yield* on(feishu)(Effect.all([
          Meetings.get(id, { withParticipants: true }),
          Meetings.get(id, { withAbility: true, idType: "union_id" }),
          Meetings.get(id, { withParticipants: false, idType: "user_id" })
        ]))
        assert.deepStrictEqual(feishu.calls.map((call) => call.query), [
          { user_id_type: "open_id", with_participants: "true" },
          { user_id_type: "union_id", with_meeting_ability: "true" },
          { user_id_type: "user_id", with_participants: "false" }
        ])
      }))

    it.effect("of set_host has both users, under their kind of id", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => platform.ok({}))
        const room = { userType: MeetingUser.UserType.Room }
        yield* on(feishu)(Effect.all([
          swapHost,
          Meetings.swapHost(id, { expected: MeetingUser.unionId("on_1"), desired: MeetingUser.unionId("on_2", room) }),
          Meetings.swapHost(id, { expected: MeetingUser.userId("1"), desired: MeetingUser.userId("2") }),
          Meetings.setHost(id, MeetingUser.userId("2"), { hint: MeetingUser.userId("1") })
        ]))
        assert.deepStrictEqual(feishu.calls[0], {
          method: "PATCH",
          url: `https://open.feishu.cn/open-apis/vc/v1/meetings/${id}/set_host?user_id_type=open_id`,
          path: `/open-apis/vc/v1/meetings/${id}/set_host`,
          query: { user_id_type: "open_id" },
          headers: {
            accept: "application/json",
            "accept-encoding": "identity",
            authorization: "Bearer t-1",
            "content-type": "application/json",
            "content-length": "91"
          },
          body: `{"host_user":{"id":"ou_bob","user_type":1},"old_host_user":{"id":"ou_alice","user_type":1}}`
        })
        assert.deepStrictEqual(feishu.calls.slice(1).map((call) => [call.query["user_id_type"], call.body]), [
          ["union_id", `{"host_user":{"id":"on_2","user_type":2},"old_host_user":{"id":"on_1","user_type":1}}`],
          ["user_id", `{"host_user":{"id":"2","user_type":1},"old_host_user":{"id":"1","user_type":1}}`],
          ["user_id", `{"host_user":{"id":"2","user_type":1},"old_host_user":{"id":"1","user_type":1}}`]
        ])
      }))

    it.effect("of end has the user's token, and no query, body or content type", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => platform.ok({}))
        yield* on(feishu)(end)
        assert.deepStrictEqual(feishu.calls, [{
          method: "PATCH",
          url: `https://open.feishu.cn/open-apis/vc/v1/meetings/${id}/end`,
          path: `/open-apis/vc/v1/meetings/${id}/end`,
          query: {},
          headers: { accept: "application/json", "accept-encoding": "identity", authorization: "Bearer u-alice" },
          body: undefined
        }])
        assert.deepStrictEqual(feishu.mints, [])
      }))

    it.effect("for a token has the app id and secret in its body, and no token", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => meeting)
        yield* on(feishu)(get)
        assert.deepStrictEqual(feishu.mints, [{
          method: "POST",
          url: "https://open.feishu.cn/open-apis/auth/v3/tenant_access_token/internal",
          path: "/open-apis/auth/v3/tenant_access_token/internal",
          query: {},
          headers: {
            accept: "application/json",
            "accept-encoding": "identity",
            "content-type": "application/json",
            "content-length": "54"
          },
          body: `{"app_id":"cli_test","app_secret":"secret-of-the-app"}`
        }])
      }))

    it.effect("has the user's token inside asUser, the app's outside, where either is accepted", () =>
      Effect.gen(function*() {
        const feishu = platform.make(({ method }) => method === "GET" ? meeting : platform.ok({}))
        yield* on(feishu)(Effect.all([asAlice(Effect.all([get, swapHost])), get, swapHost]))
        assert.deepStrictEqual(feishu.calls.map((call) => call.headers["authorization"]), [
          "Bearer u-alice",
          "Bearer u-alice",
          "Bearer t-1",
          "Bearer t-1"
        ])
      }))

    it.effect("has no trace id, even from a traced caller", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => meeting)
        yield* Effect.withSpan(on(feishu)(Effect.all([get, end, swapHost])), "caller")
        for (const { headers } of [...feishu.calls, ...feishu.mints]) {
          assert.deepStrictEqual(Object.keys(headers).filter((name) => /trace|b3|baggage/i.test(name)), [])
        }
      }))

    it.effect("has a path that no path parameter can change", () =>
      Effect.gen(function*() {
        const feishu = platform.make(() => platform.ok({}))
        const endpoint = LarkHttp.endpoint({
          name: "reserve.get",
          method: "GET",
          path: "/vc/v1/reserves/:reserve_id/x/:b",
          token: "either",
          errors: [],
          data: Schema.Unknown
        })
        const call = (reserve_id: string, b: string) =>
          on(feishu)(LarkHttp.LarkHttp.use((lark) => lark.call(endpoint, { params: { reserve_id, b } })))
        yield* call("../../x?y=1#", "a/b c")
        yield* call("%2e%2e", "%2F;:b@&=+$,")
        yield* call(":b", "..\\..")
        assert.deepStrictEqual(feishu.calls.map((call) => call.url.slice("https://open.feishu.cn/open-apis".length)), [
          "/vc/v1/reserves/..%2F..%2Fx%3Fy%3D1%23/x/a%2Fb%20c",
          "/vc/v1/reserves/%252e%252e/x/%252F%3B%3Ab%40%26%3D%2B%24%2C",
          "/vc/v1/reserves/%3Ab/x/..%5C.."
        ])
        for (
          const [value, reason] of [["", /empty/], [".", /dots/], ["..", /dots/], ["\ud800", /surrogate/]] as const
        ) {
          const error = yield* Effect.flip(call("a", value))
          assert.include<object>(error, {
            _tag: "InvalidParameter",
            endpoint: "reserve.get",
            parameter: "b",
            kind: "caller"
          })
          assert.match(error.message, reason)
        }
        assert.strictEqual(feishu.calls.length, 3)
      }))
  })
})
