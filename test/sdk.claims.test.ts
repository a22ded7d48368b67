/**
 * What the README says that the official SDK does, row by row, against the simulator on a port.
 */
import { assert, describe, it } from "@effect/vitest"
import * as lark from "@larksuiteoapi/node-sdk"
import { Effect, Fiber } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpServer } from "effect/http"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import { createRequire } from "node:module"
import { inspect } from "node:util"
import { listen } from "./fixtures/http/listen.ts"
import { id, nextAppId, silent, withSdk } from "./fixtures/sdk.ts"

const alice = { id: "ou_alice", user_type: 1 }
const bob = { id: "ou_bob", user_type: 1 }
const carol = { id: "ou_carol", user_type: 1 }
const path = { meeting_id: id }

const require = createRequire(import.meta.url)
const source = readFileSync(require.resolve("@larksuiteoapi/node-sdk"), "utf8")

type Measure = Effect.Effect<void, unknown>

const reply = <A>(call: () => Promise<A>) => Effect.promise(call)

/** What a call throws: an `AxiosError`, or the error of the socket. */
const thrown = (call: () => Promise<unknown>, name = "AxiosError") =>
  Effect.map(Effect.flip(Effect.tryPromise(call)), ({ cause }) => {
    assert.propertyVal(cause, "name", name)
    return cause
  })

const swap = (client: lark.Client, from = alice) => () =>
  client.vc.v1.meeting.setHost({ path, data: { host_user: bob, old_host_user: from } })

const requestsTo = (endpoint: string) =>
  Effect.flatMap(
    Simulator.Simulator,
    ({ requests }) => Effect.map(requests, (all) => all.filter((request) => request.endpoint === endpoint))
  )

const measures: Record<string, Measure> = {
  "`set_host` conflict (409, 121006)": withSdk((client) =>
    Effect.gen(function*() {
      yield* thrown(swap(client, carol))
      const resolved = yield* reply(swap(client, carol))
      assert.strictEqual(resolved.code, 121006)
    }), { faults: [{ endpoint: "set_host", nth: 1, fault: { _tag: "ConflictAsOk" } }] }),

  "lost reply of a `set_host`": withSdk((client) =>
    Effect.gen(function*() {
      assert.propertyVal(yield* thrown(swap(client), "Error"), "code", "ECONNRESET")
      assert.strictEqual((yield* requestsTo("set_host")).length, 1)
    }), { faults: [{ endpoint: "set_host", nth: 0, fault: { _tag: "DropAfter" } }] }),

  "errors": withSdk((client) =>
    Effect.gen(function*() {
      yield* thrown(() => client.vc.v1.meeting.get({ path: { meeting_id: "6911188411932033029" } }))
      const data = { grant_type: "authorization_code", code: "none" }
      assert.isAbove((yield* reply(() => client.authen.v1.oidcAccessToken.create({ data }))).code ?? 0, 0)
    })
  ),

  "ten calls at once with a cold cache": withSdk((client) =>
    Effect.gen(function*() {
      yield* Effect.replicateEffect(reply(() => client.vc.v1.meeting.get({ path })), 10, { concurrency: "unbounded" })
      assert.strictEqual((yield* requestsTo("tenant_access_token")).length, 10)
    })
  ),

  "token rejected by the server": withSdk((client) =>
    Effect.gen(function*() {
      yield* thrown(() => client.vc.v1.meeting.get({ path }))
      yield* thrown(() => client.vc.v1.meeting.get({ path }))
      assert.strictEqual((yield* requestsTo("tenant_access_token")).length, 1)
    }), { faults: [{ endpoint: "get", nth: 0, fault: { _tag: "RejectToken", status: 400 } }] }),

  "two refreshes with one refresh token": withSdk((client) =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const query = new URLSearchParams({
        client_id: client.appId,
        response_type: "code",
        redirect_uri: "http://127.0.0.1/callback"
      })
      const callback = yield* simulator.authorize(`https://accounts.feishu.cn/authorize?${query}`, "ou_bob")
      const code = callback.searchParams.get("code") ?? ""
      const { v1 } = client.authen
      const first = yield* reply(() => v1.oidcAccessToken.create({ data: { grant_type: "authorization_code", code } }))
      const data = { grant_type: "refresh_token", refresh_token: first.data?.refresh_token ?? "" }
      assert.strictEqual((yield* reply(() => v1.oidcRefreshAccessToken.create({ data }))).code, 0)
      assert.strictEqual((yield* reply(() => v1.oidcRefreshAccessToken.create({ data }))).code, 20038)
    })
  ),

  "a store app without a ticket": Effect.suspend(() => {
    const appId = nextAppId()
    return withSdk(() =>
      Effect.gen(function*() {
        const domain = yield* HttpServer.addressFormattedWith(Effect.succeed)
        const client = new lark.Client({
          appId,
          appSecret: "secret",
          appType: lark.AppType.ISV,
          domain,
          logger: silent
        })
        yield* thrown(() => client.vc.v1.meeting.get({ path }, lark.withTenantKey("tenant_a")))
        const [request] = yield* requestsTo("get")
        assert.strictEqual(request?.reply?.code, 99991661)
      }), { app: { appId, appSecret: "secret", type: "store", tenants: ["tenant_a"] }, meetings: [{ id }] })
  }),

  "events sent to a webhook": Effect.gen(function*() {
    assert.include(source, "return computedSignature === signature")
    const handled: Array<unknown> = []
    const events = new lark.EventDispatcher({ verificationToken: "v", logger: silent })
      .register({ "vc.meeting.join_meeting_v1": (data) => void handled.push(data) })
    const unsigned = { schema: "2.0", header: { event_type: "vc.meeting.join_meeting_v1", token: "v" }, event: {} }
    yield* Effect.promise(() => events.invoke(Object.assign(Object.create({ headers: {} }), unsigned)))
    assert.strictEqual(handled.length, 1)
  }),

  "server that never answers": Effect.scoped(Effect.gen(function*() {
    assert.strictEqual(lark.defaultHttpInstance.defaults.timeout, 0)
    const domain = yield* listen(createServer(() => {}))
    const client = new lark.Client({ appId: nextAppId(), appSecret: "secret", domain, logger: silent })
    const call = yield* Effect.forkChild(Effect.promise(() => client.vc.v1.meeting.get({ path })))
    yield* Effect.sleep("1 second")
    assert.isUndefined(call.pollUnsafe())
    yield* Fiber.interrupt(call)
  })),

  "rate limit": withSdk((client) =>
    Effect.gen(function*() {
      assert.deepNestedPropertyVal(yield* thrown(swap(client)), "response.status", 429)
      assert.strictEqual((yield* requestsTo("set_host")).length, 1)
    }), { faults: [{ endpoint: "set_host", nth: 0, fault: { _tag: "Throttle", reset: 1, status: 429 } }] }),

  "secrets": withSdk((client) =>
    Effect.gen(function*() {
      assert.match(inspect(yield* thrown(swap(client, carol)), { depth: 9 }), /Bearer t-/)
      const logs: Array<unknown> = []
      const logger = { ...silent, error: (...log: ReadonlyArray<unknown>) => void logs.push(log) }
      // The port of no server.
      const another = new lark.Client({ appId: nextAppId(), appSecret: "s3cret", domain: "http://127.0.0.1:1", logger })
      yield* Effect.ignore(Effect.tryPromise(() => another.vc.v1.meeting.get({ path })))
      assert.include(inspect(logs, { depth: 9 }), "s3cret")
    })
  ),

  "`meeting_id` of `../../x?y=1#`": withSdk((client) =>
    Effect.gen(function*() {
      const meeting_id = "../../x?y=1#"
      yield* thrown(() => client.vc.v1.meeting.get({ path: { meeting_id } }))
      const { requests } = yield* Simulator.Simulator
      assert.strictEqual((yield* requests).at(-1)?.path, "/open-apis/vc/x")
    })
  ),

  "`end` without a user token": withSdk((client) =>
    Effect.gen(function*() {
      assert.deepNestedPropertyVal(
        yield* thrown(() => client.vc.v1.meeting.end({ path })),
        "response.data.code",
        99991663
      )
    })
  ),

  "mixing `open_id` and `union_id`": withSdk((client) =>
    thrown(() =>
      client.vc.v1.meeting.setHost({
        path,
        params: { user_id_type: "union_id" },
        data: { host_user: { id: "on_bob", user_type: 1 }, old_host_user: alice }
      })
    )
  ),

  "a test double": Effect.sync(() =>
    assert.deepStrictEqual(Object.keys(lark).filter((name) => /mock|fake|simul/i.test(name)), [])
  ),

  "runtime dependencies": Effect.sync(() => {
    const manifest = readFileSync(require.resolve("@larksuiteoapi/node-sdk/package.json"), "utf8")
    const { dependencies } = JSON.parse(manifest)
    assert.strictEqual(Object.keys(dependencies).length, 7)
  })
}

/** What the long connection does is read in its source, and Simulator.longConnection.test.ts uses it. */
const read = ["long connection"]

describe("the official SDK, as the README says", () => {
  it("is measured in every row", () => {
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
    const [, table = ""] = readme.split("| | official SDK | here |")
    const rows = Array.from((table.split("\n\n")[0] ?? "").matchAll(/^\| (?!---)(.+?) \|/gm), ([, row]) => row)
    assert.deepStrictEqual(rows.filter((row = "") => !read.includes(row)), Object.keys(measures))
  })

  for (const [row, measure] of Object.entries(measures)) it.live(row, () => measure, 20_000)
})
