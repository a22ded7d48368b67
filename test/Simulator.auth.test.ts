/**
 * The endpoints of `auth/v3`, and tenants.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { credentials, get, on, open, outcome, post, type Reply, send } from "./fixtures/simulated.ts"

const auth = `${open}/open-apis/auth/v3`
const store: Simulator.AppOptions = {
  appId: "cli_store",
  appSecret: "store-secret",
  type: "store",
  tenants: ["tenant_a", "tenant_b"],
  ticket: "first-ticket"
}
const ofStore = { app_id: "cli_store", app_secret: "store-secret" }

const customApp = (body: unknown = credentials) => post(`${auth}/app_access_token/internal`, body)
const customTenant = (body: unknown = credentials) => post(`${auth}/tenant_access_token/internal`, body)
const storeApp = (body: unknown = { ...ofStore, app_ticket: "first-ticket" }) => post(`${auth}/app_access_token`, body)
const storeTenant = (app_access_token: unknown, tenant_key: unknown) =>
  post(`${auth}/tenant_access_token`, { app_access_token, tenant_key })
const resend = (body: unknown = credentials) => post(`${auth}/app_ticket/resend`, body)

const text = (reply: Reply, field: string): string => {
  const value = reply.json[field]
  if (typeof value !== "string") throw new Error(`${field} of ${reply.text}`)
  return value
}

const meeting = (id: string) => `${open}/open-apis/vc/v1/meetings/${id}`

describe("app_access_token/internal", () => {
  it.effect("issues the tenant token of the custom app, in two fields", () =>
    on(
      {},
      Effect.gen(function*() {
        // A token that the controls issue is not listed.
        yield* (yield* Simulator.Simulator).userToken("ou_alice")
        const reply = yield* customApp()
        const token = text(reply, "app_access_token")
        assert.match(token, /^t-/)
        assert.deepStrictEqual(reply.json, {
          code: 0,
          msg: "ok",
          app_access_token: token,
          tenant_access_token: token,
          expire: 7200
        })
        assert.strictEqual(text(yield* customTenant(), "tenant_access_token"), token)
        assert.deepStrictEqual(
          (yield* (yield* Simulator.Simulator).tokensMinted).map(({ value, ...minted }) => [
            Redacted.value(value),
            minted
          ]),
          [[token, {
            kind: "tenant",
            appId: "cli_0123456789abcdef",
            tenant: Simulator.defaultTenant,
            issuedAt: 0,
            expiresAt: 7_200_000,
            revoked: false,
            rejections: 0
          }]]
        )
      })
    ))
})

describe("a store app", () => {
  const tenantToken = (key: string) =>
    Effect.flatMap(storeApp(), (app) => Effect.map(storeTenant(app.json["app_access_token"], key), (reply) => reply))

  it.effect("exchanges a ticket for an app token, and that for a tenant token", () =>
    on(
      { app: store },
      Effect.gen(function*() {
        const app = yield* storeApp()
        assert.match(text(app, "app_access_token"), /^a-/)
        assert.deepStrictEqual(Object.keys(app.json), ["code", "msg", "app_access_token", "expire"])
        const a = yield* storeTenant(app.json["app_access_token"], "tenant_a")
        assert.match(text(a, "tenant_access_token"), /^t-/)
        assert.deepStrictEqual(Object.keys(a.json), ["code", "msg", "tenant_access_token", "expire"])
        assert.strictEqual(a.json["expire"], 7200)
        const minted = yield* (yield* Simulator.Simulator).tokensMinted
        assert.deepStrictEqual(minted.map(({ appId, kind, tenant }) => [appId, kind, tenant]), [
          ["cli_store", "app", undefined],
          ["cli_store", "tenant", "tenant_a"]
        ])
      })
    ))

  it.effect("has tokens of its own, issued again while they are valid for half an hour", () =>
    on(
      { app: store, otherApps: [{ ...store, appId: "cli_other" }], meetings: [{ id: "1", tenant: "tenant_a" }] },
      Effect.gen(function*() {
        const all = Effect.gen(function*() {
          const app = text(yield* storeApp(), "app_access_token")
          const other = text(
            yield* storeApp({ ...ofStore, app_id: "cli_other", app_ticket: "first-ticket" }),
            "app_access_token"
          )
          const tokens = yield* Effect.all([
            storeTenant(app, "tenant_a"),
            storeTenant(app, "tenant_b"),
            storeTenant(other, "tenant_a")
          ])
          return [app, other, ...tokens.map((reply) => text(reply, "tenant_access_token"))]
        })
        const first = yield* all
        assert.strictEqual(new Set(first).size, 5)
        yield* TestClock.adjust("90 minutes")
        assert.deepStrictEqual(yield* all, first)
        assert.strictEqual((yield* storeApp()).json["expire"], 1800)
        yield* TestClock.adjust("1 second")
        const second = yield* all
        assert.strictEqual(new Set([...first, ...second]).size, 10)
        for (const token of [first[2], second[2]]) {
          assert.deepStrictEqual(outcome(yield* get(meeting("1"), token)), [200, 0])
        }
        // An old app token works until it expires.
        assert.deepStrictEqual(outcome(yield* storeTenant(first[0], "tenant_a")), [200, 0])
        yield* TestClock.adjust("1799 seconds")
        assert.deepStrictEqual(outcome(yield* storeTenant(first[0], "tenant_a")), [200, 10013])
        assert.deepStrictEqual(outcome(yield* get(meeting("1"), first[2])), [400, 99991663])
        assert.deepStrictEqual(outcome(yield* get(meeting("1"), second[2])), [200, 0])
      })
    ))

  it.effect("sees only the meetings of the tenant of its token", () =>
    Effect.gen(function*() {
      const codes = (options: Simulator.Options) =>
        on(
          {
            app: store,
            meetings: [{ id: "1", tenant: "tenant_a", host: "ou_alice" }, { id: "2", tenant: "tenant_b" }],
            ...options
          },
          Effect.gen(function*() {
            const token = text(yield* tenantToken("tenant_b"), "tenant_access_token")
            const swap = HttpClientRequest.patch(`${meeting("1")}/set_host`).pipe(
              HttpClientRequest.bearerToken(token),
              HttpClientRequest.bodyJsonUnsafe({ host_user: { id: "ou_alice", user_type: 1 } })
            )
            return [
              outcome(yield* get(meeting("2"), token)),
              outcome(yield* get(meeting("1"), token)),
              outcome(yield* send(swap))
            ]
          })
        )
      assert.deepStrictEqual(yield* codes({}), [[200, 0], [403, 121005], [403, 121005]])
      assert.deepStrictEqual(yield* codes({ meetingOfOtherTenant: "notExist" }), [
        [200, 0],
        [404, 121004],
        [404, 122002]
      ])
    }))

  it.effect("loses the tokens of one tenant by rejectTokensOf", () =>
    on(
      { app: store, meetings: [{ id: "1", tenant: "tenant_a" }, { id: "2", tenant: "tenant_b" }] },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const a = text(yield* tenantToken("tenant_a"), "tenant_access_token")
        const b = text(yield* tenantToken("tenant_b"), "tenant_access_token")
        yield* simulator.rejectTokensOf("tenant_a")
        assert.deepStrictEqual(outcome(yield* get(meeting("1"), a)), [400, 99991663])
        assert.deepStrictEqual(outcome(yield* get(meeting("2"), b)), [200, 0])
        assert.notStrictEqual(text(yield* tenantToken("tenant_a"), "tenant_access_token"), a)
        assert.strictEqual(text(yield* tenantToken("tenant_b"), "tenant_access_token"), b)
        assert.deepStrictEqual(
          (yield* simulator.tokensMinted).map(({ rejections, revoked, tenant }) => [tenant, revoked, rejections]),
          [[undefined, false, 0], ["tenant_a", true, 1], ["tenant_b", false, 0], ["tenant_a", false, 0]]
        )
      })
    ))

  it.effect("cannot call meeting endpoints with its app token", () =>
    on(
      { app: store, meetings: [{ id: "1" }] },
      Effect.gen(function*() {
        assert.deepStrictEqual(outcome(yield* get(meeting("1"), text(yield* storeApp(), "app_access_token"))), [
          400,
          99991671
        ])
        const simulator = yield* Simulator.Simulator
        assert.strictEqual((yield* simulator.requests)[1]?.token, "app")
        assert.deepStrictEqual((yield* simulator.tokensMinted).map(({ kind, rejections }) => [kind, rejections]), [
          ["app", 1]
        ])
      })
    ))
})

describe("failures of auth/v3 come with HTTP 200", () => {
  const wrong = { ...credentials, app_secret: "wrong" }
  const unknown = { ...credentials, app_id: "cli_unknown" }
  const stopped = { app: { ...Simulator.defaultApp, stopped: true } }
  const cases: ReadonlyArray<
    readonly [string, Simulator.Options, ReturnType<typeof customApp>, number]
  > = [
    ...([["app_access_token/internal", customApp], ["tenant_access_token/internal", customTenant], [
      "app_ticket/resend",
      resend
    ], [
      "app_access_token",
      (body: unknown) => storeApp(typeof body === "object" ? { ...body, app_ticket: "first-ticket" } : body)
    ]] as const).flatMap(([name, ask]) =>
      ([
        ["no body", {}, ask(null), 10003],
        ["a body that is not an object", {}, ask([]), 10003],
        ["no secret", {}, ask({ app_id: "cli_0123456789abcdef" }), 10003],
        ["an empty secret", {}, ask({ ...credentials, app_secret: "" }), 10003],
        ["a secret that is not a string", {}, ask({ ...credentials, app_secret: 1 }), 10003],
        ["an unknown app", {}, ask(unknown), 99991543],
        ["an unknown app, otherwise", { unknownApp: 10014 }, ask(unknown), 10014],
        ["a wrong secret", {}, ask(wrong), 10015],
        ["a wrong secret, otherwise", { wrongSecret: 10014 }, ask(wrong), 10014],
        ["a stopped app", stopped, ask(credentials), 10014]
      ] as const).map(([what, options, request, code]) => [`${name}: ${what}`, options, request, code] as const)
    ),
    ["app_access_token/internal: a store app", { app: store }, customApp(ofStore), 10012],
    ["tenant_access_token/internal: a store app", { app: store }, customTenant(ofStore), 10013],
    ["app_access_token: no ticket", { app: store }, storeApp(ofStore), 10003],
    [
      "app_access_token: a custom app",
      { app: { ...Simulator.defaultApp, ticket: "first-ticket" } },
      storeApp({ ...credentials, app_ticket: "first-ticket" }),
      10012
    ],
    ["app_access_token: a wrong ticket", { app: store }, storeApp({ ...ofStore, app_ticket: "other" }), 10012],
    [
      "app_access_token: another app's ticket",
      { app: store, otherApps: [{ ...store, appId: "cli_other", ticket: "its-ticket" }] },
      storeApp({ ...ofStore, app_ticket: "its-ticket" }),
      10012
    ],
    ["app_ticket/resend: a custom app", {}, resend(), 10016],
    ["tenant_access_token: no tenant", { app: store }, storeTenant("a-x", ""), 10003],
    ["tenant_access_token: an unknown app token", { app: store }, storeTenant("a-x", "tenant_a"), 10013],
    [
      "tenant_access_token: an unknown app token, otherwise",
      { app: store, invalidAppToken: 20014 },
      storeTenant("a-x", "tenant_a"),
      20014
    ],
    [
      "tenant_access_token: a tenant token in place of an app token",
      { app: store, otherApps: [{ ...Simulator.defaultApp, tenants: ["tenant_a"] }] },
      Effect.flatMap(customApp(), (app) => storeTenant(app.json["app_access_token"], "tenant_a")),
      10013
    ],
    [
      "tenant_access_token: not installed there",
      { app: store },
      Effect.flatMap(storeApp(), (app) => storeTenant(app.json["app_access_token"], "tenant_c")),
      10013
    ]
  ]

  for (const [name, options, request, code] of cases) {
    it.effect(`${name}: ${code}`, () =>
      on(
        options,
        Effect.gen(function*() {
          const reply = yield* request
          assert.deepStrictEqual(outcome(reply), [200, code])
          assert.deepStrictEqual(Object.keys(reply.json), ["code", "msg"])
        })
      ))
  }
})

describe("a ticket", () => {
  it.effect("is accepted after a newer one was pushed, or not, as configured", () =>
    Effect.gen(function*() {
      const codes = (olderTicketAccepted: boolean) =>
        on(
          { app: store, olderTicketAccepted },
          Effect.gen(function*() {
            const before = outcome(yield* storeApp())
            yield* (yield* Simulator.Simulator).appTicketEvent({ ticket: undefined })
            return [before, outcome(yield* storeApp())]
          })
        )
      assert.deepStrictEqual(yield* codes(true), [[200, 0], [200, 0]])
      assert.deepStrictEqual(yield* codes(false), [[200, 0], [200, 10012]])
    }))
})
