/**
 * Endpoints that an application adds to the simulator.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClientRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { credentials, get, open, outcome, post, send } from "./fixtures/simulated.ts"

const base = `${open}/open-apis/example/v1`

const meetings: ReadonlyArray<Simulator.MeetingOptions> = [
  { id: "1", host: "ou_alice", participants: ["ou_bob", "ou_carol"] }
]

/** Shows what a handler is given. */
const show = <const Name extends string, Rule extends Simulator.TokenRule>(name: Name, token: Rule) =>
  Simulator.endpoint({
    name,
    method: "POST",
    path: "/open-apis/example/v1/:kind/things/:thing_id",
    token,
    handle: ({ body, json, operator, params, query }) => Simulator.success({ body, json, operator, params, query })
  })

/** Moves the host as `set_host` does, but without conditions. */
const seize = Simulator.endpoint({
  name: "seize",
  method: "PUT",
  path: "/open-apis/example/v1/meetings/:meeting_id/seize",
  token: "either",
  swaps: true,
  handle: ({ params, query }) =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const host = yield* simulator.host(params.meeting_id)
      if (host?.openId !== query["from"]) {
        return Simulator.failure(121006, { host_user: { id: host?.openId, user_type: 1 } })
      }
      yield* simulator.moveHost(params.meeting_id, "ou_bob")
      return Simulator.success({})
    })
})

const seizeFrom = (from: string) =>
  Effect.gen(function*() {
    const token = yield* (yield* Simulator.Simulator).userToken("ou_alice")
    return yield* send(
      HttpClientRequest.put(`${base}/meetings/1/seize`, { urlParams: { from } }).pipe(
        HttpClientRequest.bearerToken(token)
      )
    )
  })

const tenantToken = Effect.map(
  post(`${open}/open-apis/auth/v3/tenant_access_token/internal`, credentials),
  ({ json }) => String(json["tenant_access_token"])
)

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

describe("an added endpoint", () => {
  it.effect("gets the parameters, the body and the operator", () =>
    Effect.gen(function*() {
      const thing = show("thing", "user")
      const reply = yield* Effect.gen(function*() {
        const token = yield* (yield* Simulator.Simulator).userToken("ou_bob")
        return yield* send(
          HttpClientRequest.post(`${base}/a%2Fb/things/19`, { urlParams: { user_id_type: "open_id" } }).pipe(
            HttpClientRequest.bearerToken(token),
            HttpClientRequest.bodyJsonUnsafe({ deep: [1] })
          )
        )
      }).pipe(Effect.provide(Simulator.layer({ endpoints: [thing] })))
      assert.deepStrictEqual(reply.json, {
        code: 0,
        msg: "success",
        data: {
          body: `{"deep":[1]}`,
          json: { deep: [1] },
          operator: {
            _tag: "User",
            user: {
              openId: "ou_bob",
              unionId: "on_bob",
              userId: "bob",
              userType: 1,
              tenant: Simulator.defaultTenant,
              name: "bob"
            }
          },
          params: { kind: "a/b", thing_id: "19" },
          query: { user_id_type: "open_id" }
        }
      })
    }))

  it.effect("takes the tokens of its rule, and no others", () =>
    Effect.gen(function*() {
      const codes = (token: Simulator.TokenRule) =>
        Effect.gen(function*() {
          const user = yield* (yield* Simulator.Simulator).userToken("ou_bob")
          const ask = (headers = {}) => Effect.map(post(`${base}/a/things/1`, {}, headers), outcome)
          return [
            yield* ask(),
            yield* ask(bearer(yield* tenantToken)),
            yield* Effect.map(
              send(
                HttpClientRequest.post(`${base}/a/things/1`).pipe(HttpClientRequest.bearerToken(user))
              ),
              outcome
            )
          ]
        }).pipe(Effect.provide(Simulator.layer({ endpoints: [show("thing", token)] })))
      assert.deepStrictEqual(yield* codes("none"), [[200, 0], [200, 0], [200, 0]])
      assert.deepStrictEqual(yield* codes("app"), [[400, 99991661], [200, 0], [400, 99991668]])
      assert.deepStrictEqual(yield* codes("user"), [[400, 99991661], [400, 99991663], [200, 0]])
      assert.deepStrictEqual(yield* codes("either"), [[400, 99991661], [200, 0], [200, 0]])
    }))

  it.effect("is faulty by its name, also after the start", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const ask = Effect.flatMap(tenantToken, (token) => post(`${base}/a/things/1`, {}, bearer(token)))
      assert.deepStrictEqual(outcome(yield* ask), [429, 99991400])
      assert.deepStrictEqual(outcome(yield* ask), [503, 121001])
      assert.deepStrictEqual(outcome(yield* ask), [400, 99991663])
      assert.deepStrictEqual(outcome(yield* ask), [200, 0])
      yield* simulator.addFaults<"thing">([{ endpoint: "thing", nth: 0, fault: { _tag: "DropAfter" } }])
      assert.strictEqual(yield* Effect.flip(ask), "TransportError")
      const last = (yield* simulator.requests).at(-1)
      assert.deepStrictEqual([last?.endpoint, last?.params, last?.fault?._tag, last?.executed?.code, last?.reply], [
        "thing",
        { kind: "a", thing_id: "1" },
        "DropAfter",
        0,
        undefined
      ])
    }).pipe(Effect.provide(Simulator.layer({
      endpoints: [show("thing", "app")],
      faults: [
        { endpoint: "thing", nth: 0, fault: { _tag: "Throttle", reset: 1, status: 429 } },
        { endpoint: "thing", nth: 1, fault: { _tag: "ServerError", status: 503, applied: false, body: "envelope" } },
        { endpoint: "thing", nth: 2, fault: { _tag: "RejectToken", status: 400 } }
      ]
    }))))

  it.effect("has its own internal error", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(outcome(yield* get(`${base}/person`)), [500, 40003])
    }).pipe(Effect.provide(Simulator.layer({
      endpoints: [Simulator.endpoint({
        name: "person",
        method: "GET",
        path: "/open-apis/example/v1/person",
        token: "none",
        internalError: (status) => Simulator.json(status, { code: 40003, msg: "internal error" }),
        handle: () => Simulator.success({})
      })],
      faults: [{
        endpoint: "person",
        nth: 0,
        fault: { _tag: "ServerError", status: 500, applied: false, body: "envelope" }
      }]
    }))))

  it.effect("swaps among rivals, and conflict faults apply", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const hidden = yield* seizeFrom("ou_alice")
      assert.deepStrictEqual(hidden.json, { code: 121006, msg: "data conflict" })
      assert.deepStrictEqual(outcome(yield* seizeFrom("ou_carol")), [200, 0])
      assert.strictEqual((yield* simulator.host("1"))?.openId, "ou_carol")
      assert.deepStrictEqual((yield* simulator.writes).map(({ after, by }) => [after.openId, by]), [
        ["ou_carol", "rival"],
        ["ou_bob", "control"],
        ["ou_carol", "rival"]
      ])
    }).pipe(Effect.provide(Simulator.layer({
      meetings,
      endpoints: [seize],
      rivals: [
        { _tag: "BeforeSwap", nth: 0, host: "ou_carol" },
        { _tag: "AfterSwap", nth: 1, host: "ou_carol" }
      ],
      faults: [{ endpoint: "seize", nth: 0, fault: { _tag: "ConflictWithoutHost", shape: "noData" } }]
    }))))

  it.effect("that does not swap is no moment for rivals, and conflict faults do nothing", () =>
    Effect.gen(function*() {
      const conflict = Simulator.endpoint({
        name: "conflict",
        method: "DELETE",
        path: "/open-apis/example/v1/conflict",
        token: "none",
        handle: () => Simulator.failure(121006, { host_user: { id: "ou_bob", user_type: 1 } })
      })
      const reply = yield* Effect.gen(function*() {
        const reply = yield* send(HttpClientRequest.delete(`${base}/conflict`))
        assert.deepStrictEqual(yield* (yield* Simulator.Simulator).writes, [])
        return reply
      }).pipe(Effect.provide(Simulator.layer({
        meetings,
        endpoints: [conflict],
        rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_carol" }],
        faults: [{ endpoint: "conflict", nth: 0, fault: { _tag: "ConflictAsOk" } }]
      })))
      assert.deepStrictEqual(outcome(reply), [409, 121006])
    }))

  it.effect("is limited on its own, unless it says otherwise", () =>
    Effect.gen(function*() {
      const requests = (endpoints: ReadonlyArray<Simulator.EndpointRow<string, Simulator.Simulator>>) =>
        Effect.gen(function*() {
          const headers = bearer(yield* tenantToken)
          const many = Effect.forEach(Array.from({ length: 51 }), () => post(`${base}/a/things/1`, {}, headers))
          const statuses = (yield* many).map(({ status }) => status)
          yield* TestClock.adjust("1 second")
          return [statuses.filter((status) => status === 429).length, (yield* many)[0]?.status]
        }).pipe(Effect.provide(Simulator.layer({ endpoints, rateLimits: true })))
      assert.deepStrictEqual(yield* requests([show("thing", "app")]), [1, 200])
      assert.deepStrictEqual(yield* requests([{ ...show("thing", "app"), limits: [] }]), [0, 200])
      assert.deepStrictEqual(yield* requests([show("thing", "none")]), [0, 200])
      const limits = [{ requests: 40, window: "1 minute" }] as const
      assert.deepStrictEqual(yield* requests([{ ...show("thing", "app"), limits }]), [11, 429])
    }))

  it.effect("of the meetings of a number is limited to 100 requests a minute", () =>
    Effect.gen(function*() {
      const token = yield* tenantToken
      const list = get(
        `${open}/open-apis/vc/v1/meetings/list_by_no?meeting_no=123456789&start_time=0&end_time=1`,
        token
      )
      for (let index = 0; index < 100; index++) {
        assert.strictEqual((yield* list).status, 200)
        yield* TestClock.adjust("100 millis")
      }
      const { headers, status } = yield* list
      assert.deepStrictEqual(
        [status, headers["x-ogw-ratelimit-limit"], headers["x-ogw-ratelimit-reset"]],
        [429, "100", "50"]
      )
      yield* TestClock.adjust("50 seconds")
      assert.strictEqual((yield* list).status, 200)
    }).pipe(Effect.provide(Simulator.layer({ rateLimits: true }))))

  it.effect("is limited apart from other endpoints and other operators", () =>
    Effect.gen(function*() {
      const tenant = yield* tenantToken
      const user = Redacted.value(
        yield* (yield* Simulator.Simulator).userToken({ openId: "ou_zoe", tenant: "tenant_other" })
      )
      const statuses = (path: string, token: string) =>
        Effect.map(
          Effect.forEach(Array.from({ length: 50 }), () => get(`${open}${path}`, token)),
          (replies) => [...new Set(replies.map(({ status }) => status))]
        )
      assert.deepStrictEqual(yield* statuses("/a", tenant), [200])
      assert.deepStrictEqual(yield* statuses("/b", tenant), [200])
      assert.deepStrictEqual(yield* statuses("/a", user), [200])
      assert.deepStrictEqual(yield* statuses("/a", tenant), [429])
      const info = "/open-apis/authen/v1/user_info"
      assert.deepStrictEqual([yield* statuses(info, user), yield* statuses(info, user)], [[200], [200]])
    }).pipe(Effect.provide(Simulator.layer({
      endpoints: (["/a", "/b"] as const).map((path) =>
        Simulator.endpoint({ name: path, method: "GET", path, token: "either", handle: () => Simulator.success({}) })
      ),
      rateLimits: true
    }))))

  it.effect("shares its name with another path", () =>
    Effect.gen(function*() {
      const at = (path: `/${string}`) =>
        Simulator.endpoint({ name: "twice", method: "GET", path, token: "none", handle: () => Simulator.success({}) })
      const statuses = yield* Effect.all([get(`${open}/a`), get(`${open}/b`), get(`${open}/a`)]).pipe(
        Effect.map((replies) => replies.map(({ status }) => status)),
        Effect.provide(Simulator.layer({
          endpoints: [at("/a"), at("/b")],
          faults: [{ endpoint: "twice", nth: 1, fault: { _tag: "EmptyBody", status: 504, applied: true } }]
        }))
      )
      assert.deepStrictEqual(statuses, [200, 504, 200])
    }))

  it.effect("cannot take the place of another, and its name must be known to a fault rule", () =>
    Effect.gen(function*() {
      const dies = (layer: Layer.Layer<Simulator.Simulator>) =>
        Effect.map(Effect.flip(Effect.sandbox(Effect.scoped(Layer.build(layer)))), String)
      const taken = Simulator.endpoint({
        name: "mine",
        method: "GET",
        path: "/open-apis/authen/v1/user_info",
        token: "none",
        handle: () => Simulator.success({})
      })
      assert.match(yield* dies(Simulator.layer({ endpoints: [taken] })), /GET \/open-apis\/authen\/v1\/user_info/)
      const unknown = Simulator.layer<"typo">({ faults: [{ endpoint: "typo", nth: 0, fault: { _tag: "DropBefore" } }] })
      assert.match(yield* dies(unknown), /no endpoint typo/)
    }))
})

describe("names of endpoints", () => {
  it("are those of the simulator's own table", () => {
    assert.deepStrictEqual(Simulator.Endpoint.literals, [
      "set_host",
      "get",
      "end",
      "list_by_no",
      "invite",
      "kickout",
      "subscription",
      "unsubscription",
      "recording_start",
      "recording_stop",
      "recording_get",
      "recording_set_permission",
      "reserve_apply",
      "reserve_update",
      "reserve_get",
      "reserve_delete",
      "reserve_active_meeting",
      "batch_get_id",
      "contact_user",
      "bot_info",
      "tenant_access_token",
      "app_access_token",
      "app_ticket_resend",
      "long_connection",
      "authorize",
      "oauth_token",
      "oidc_token",
      "user_info"
    ])
    assert.isFalse(Schema.is(Simulator.FaultRule)({ endpoint: "thing", nth: 0, fault: { _tag: "DropBefore" } }))
  })

  it("are literals to the compiler", () => {
    const thing = show("thing", "none")
    const fault = { _tag: "DropBefore" } as const
    Simulator.layer({ endpoints: [thing], faults: [{ endpoint: "thing", nth: 0, fault }] })
    Simulator.layer({ endpoints: [thing, seize], faults: [{ endpoint: "seize", nth: 0, fault }] })
    // @ts-expect-error -- no such endpoint
    Simulator.layer({ endpoints: [thing], faults: [{ endpoint: "thin", nth: 0, fault }] })
    // @ts-expect-error -- it was not added
    Simulator.layer({ faults: [{ endpoint: "thing", nth: 0, fault }] })
    const rule: Simulator.FaultRule = { endpoint: "get", nth: 0, fault }
    // @ts-expect-error -- no such endpoint
    const typo: Simulator.FaultRule = { endpoint: "gte", nth: 0, fault }
    assert.notStrictEqual<string>(rule.endpoint, typo.endpoint)
    Simulator.endpoint({
      name: "thing",
      method: "GET",
      path: "/:id",
      token: "none",
      // @ts-expect-error -- a handler has the parameters of its path only
      handle: ({ params }) => Simulator.success({ id: params.id, meeting: params.meeting_id })
    })
    Simulator.endpoint({
      name: "thing",
      method: "GET",
      path: "/",
      token: "app",
      // @ts-expect-error -- the operator follows from the token rule
      handle: ({ operator }) => Simulator.success({ tenant: operator.tenant, user: operator.user })
    })
  })
})
