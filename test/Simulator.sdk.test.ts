import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import * as lark from "@larksuiteoapi/node-sdk"
import { Effect, Schema } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClient, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { asUser, id, nextAppId, rejected, Rejection, server, silent, withSdk } from "./fixtures/sdk.ts"

const alice = { id: "ou_alice", user_type: 1 }
const bob = { id: "ou_bob", user_type: 1 }
const carol = { id: "ou_carol", user_type: 1 }

const path = { meeting_id: id }

describe("the official SDK", () => {
  it.live("reads a meeting", () =>
    withSdk((client) =>
      Effect.gen(function*() {
        const reply = yield* Effect.promise(() =>
          client.vc.v1.meeting.get({ path, params: { with_participants: true, user_id_type: "union_id" } })
        )
        assert.strictEqual(reply.code, 0)
        assert.strictEqual(reply.data?.meeting?.id, id)
        assert.deepStrictEqual(reply.data?.meeting?.host_user, { id: "on_alice", user_type: 1 })
        assert.deepStrictEqual(reply.data?.meeting?.participants?.map((one) => one.id), [
          "on_alice",
          "on_bob",
          "on_carol"
        ])
        const simulator = yield* Simulator.Simulator
        assert.deepStrictEqual((yield* simulator.requests).map((request) => request.endpoint), [
          "tenant_access_token",
          "get"
        ])
      })
    ))

  it.live("moves the host as the app", () =>
    withSdk((client) =>
      Effect.gen(function*() {
        const reply = yield* Effect.promise(() =>
          client.vc.v1.meeting.setHost({ path, data: { host_user: bob, old_host_user: alice } })
        )
        assert.deepStrictEqual(reply, { code: 0, msg: "success", data: { host_user: bob } })
        assert.strictEqual((yield* (yield* Simulator.Simulator).host(id))?.openId, "ou_bob")
      })
    ))

  it.live("gets the host from a conflict", () =>
    withSdk((client) =>
      Effect.gen(function*() {
        const error = yield* rejected(() =>
          client.vc.v1.meeting.setHost({ path, data: { host_user: bob, old_host_user: carol } })
        )
        assert.deepStrictEqual(error.response, { status: 409, data: { code: 121006, data: { host_user: alice } } })
      })
    ))

  it.live("ends the meeting only as the host", () =>
    withSdk((client) =>
      Effect.gen(function*() {
        const asApp = yield* rejected(() => client.vc.v1.meeting.end({ path }))
        assert.strictEqual(asApp.response?.data.code, 99991663)
        const bobToken = yield* asUser("ou_bob")
        const asBob = yield* rejected(() => client.vc.v1.meeting.end({ path }, bobToken))
        assert.deepStrictEqual([asBob.response?.status, asBob.response?.data.code], [403, 121005])

        const aliceToken = yield* asUser("ou_alice")
        const reply = yield* Effect.promise(() => client.vc.v1.meeting.end({ path }, aliceToken))
        assert.deepStrictEqual(reply, { code: 0, msg: "success", data: {} })
        const simulator = yield* Simulator.Simulator
        assert.strictEqual((yield* simulator.meeting(id)).status, "ended")
        assert.deepStrictEqual((yield* simulator.requests).at(-1)?.body, {})
      })
    ))

  it.live("cannot get a token with a wrong secret", () =>
    withSdk(
      (client) =>
        Effect.gen(function*() {
          const error = yield* Effect.flip(Effect.tryPromise(() => client.vc.v1.meeting.get({ path })))
          assert.include(String(error.cause), "10015")
        }),
      { app: { appId: nextAppId(), appSecret: "another" } }
    ))

  it.live("loses its connection, before or after the swap", () =>
    withSdk(
      (client) =>
        Effect.gen(function*() {
          const swap = () => client.vc.v1.meeting.setHost({ path, data: { host_user: bob, old_host_user: alice } })
          const simulator = yield* Simulator.Simulator
          const before = yield* rejected(swap)
          assert.strictEqual(before.code, "ECONNRESET")
          assert.isUndefined(before.response)
          assert.strictEqual((yield* simulator.host(id))?.openId, "ou_alice")
          const after = yield* rejected(swap)
          assert.strictEqual(after.code, "ECONNRESET")
          assert.strictEqual((yield* simulator.host(id))?.openId, "ou_bob")
          const conflict = yield* rejected(swap)
          assert.deepStrictEqual(conflict.response?.data, { code: 121006, data: { host_user: bob } })
        }),
      {
        faults: [
          { endpoint: "set_host", nth: 0, fault: { _tag: "DropBefore" } },
          { endpoint: "set_host", nth: 1, fault: { _tag: "DropAfter" } }
        ]
      }
    ))
})

describe("the official SDK, for a store app", () => {
  const encryptKey = "encrypt-key"
  const verificationToken = "verification-token"

  /** A webhook as the SDK builds it. */
  const dispatcher = Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly close: () => void }>((resume) => {
      const events = new lark.EventDispatcher({ encryptKey, verificationToken, logger: silent })
      const http = createServer(lark.adaptDefault("/events", events, { autoChallenge: true }))
      http.listen(0, "127.0.0.1", () => {
        const address = http.address()
        const port = typeof address === "object" && address !== null ? address.port : 0
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}/events`, close: () => http.close() }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

  it.live("receives a pushed ticket, and reads the meeting of a tenant", () =>
    Effect.gen(function*() {
      const { url } = yield* dispatcher
      const appId = nextAppId()
      yield* withSdk(
        () =>
          Effect.gen(function*() {
            const simulator = yield* Simulator.Simulator
            assert.isTrue(yield* simulator.verifyUrl)
            yield* simulator.pushTicket
            assert.deepStrictEqual((yield* simulator.pushes)[1]?.attempts.map(({ status }) => status), [200])

            const domain = yield* HttpServer.addressFormattedWith(Effect.succeed)
            const client = new lark.Client({
              appId,
              appSecret: "secret",
              appType: lark.AppType.ISV,
              domain,
              logger: silent
            })
            const read = (tenant: string) =>
              Effect.tryPromise(() => client.vc.v1.meeting.get({ path }, lark.withTenantKey(tenant)))
            assert.strictEqual((yield* read("tenant_a")).data?.meeting?.id, id)
            assert.isTrue(Schema.is(Schema.Struct({ cause: Rejection }))(yield* Effect.flip(read("tenant_b"))))
            assert.deepStrictEqual(
              (yield* simulator.requests).map(({ endpoint, reply }) => [endpoint, reply?.code]),
              [
                ["app_access_token", 0],
                ["tenant_access_token", 0],
                ["get", 0],
                ["app_access_token", 0],
                ["tenant_access_token", 0],
                ["get", 121005]
              ]
            )
          }),
        {
          app: { appId, appSecret: "secret", type: "store", tenants: ["tenant_a", "tenant_b"] },
          meetings: [{ id, tenant: "tenant_a" }],
          webhook: { url, encryptKey, verificationToken, deliver: (yield* HttpClient.HttpClient).execute }
        }
      )
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerNodeHttp)))
})

describe("any client", () => {
  it.live("gets plain text for an unknown path, and for an invalid one", () =>
    Effect.gen(function*() {
      const base = yield* HttpServer.addressFormattedWith(Effect.succeed)
      for (const unknown of ["/", "//[", `/open-apis/vc/v1/meetings/${"9".repeat(5000)}`, "/open-apis/%zz"]) {
        const reply = yield* Effect.promise(() => fetch(base + unknown))
        assert.strictEqual(reply.status, 404)
        assert.strictEqual(yield* Effect.promise(() => reply.text()), "404 page not found")
      }
    }).pipe(Effect.provide(server())))
})
