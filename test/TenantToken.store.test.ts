import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Cause, Context, Effect, Exit, Fiber, Layer, Redacted, Schema } from "effect"
import {
  AppTicket,
  AppToken,
  Lark,
  LarkConfig,
  LarkError,
  MeetingId,
  Meetings,
  type Seal,
  StoreApp,
  TenantToken
} from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { KeyValueStore } from "effect/persistence"
import { TestClock } from "effect/testing"
import { inspect } from "node:util"
import * as platform from "./fixtures/http/platform.ts"
import * as prompt from "./fixtures/http/prompt.ts"
import * as watched from "./fixtures/http/watched.ts"
import * as plainSeal from "./fixtures/plainSeal.ts"
import { id } from "./fixtures/World.ts"

const auth = "/open-apis/auth/v3"
const appPath = `${auth}/app_access_token`
const tenantPath = `${auth}/tenant_access_token`
const resendPath = `${auth}/app_ticket/resend`

const app = { appId: "cli_store", appSecret: Redacted.make("secret-of-the-app") }

const storage = Layer.merge(KeyValueStore.layerMemory, plainSeal.layer)

type Route = (request: platform.Arrived, nth: number) => platform.Reaction

interface Routes {
  readonly app?: Route
  readonly tenant?: Route
  readonly meeting?: Route
}

const fieldsOf = (request: platform.Arrived): Readonly<Record<string, string>> => JSON.parse(request.body ?? "{}")

const appMinted = (token: string): platform.Answer => ({
  body: { code: 0, msg: "ok", app_access_token: token, expire: 7200 }
})

/** A token named after its tenant and the number of the request: `t-tenant_a-1` is from the second request. */
const ofTenant: Route = (request, nth) => platform.minted(`t-${fieldsOf(request)["tenant_key"]}-${nth}`)

/** A store app with a ticket, and the requests that reach the platform. */
const install = (routes: Routes = {}, store: Layer.Layer<KeyValueStore.KeyValueStore | Seal.Seal> = storage) =>
  Effect.gen(function*() {
    const seen = new Map<string, number>()
    const feishu = prompt.make((request) => {
      const nth = seen.get(request.path) ?? 0
      seen.set(request.path, nth + 1)
      switch (request.path) {
        case appPath:
          return (routes.app ?? ((_, nth) => appMinted(`a-${nth}`)))(request, nth)
        case tenantPath:
          return (routes.tenant ?? ofTenant)(request, nth)
        case resendPath:
          return { body: { code: 0, msg: "ok" } }
        default:
          return (routes.meeting ?? (() => platform.ok({ meeting: { id: "1" } })))(request, nth)
      }
    })
    const context = yield* Layer.build(StoreApp.layer(app).pipe(Layer.provide([feishu.layer, store])))
    yield* Effect.provide(AppTicket.AppTicket.use((tickets) => tickets.put(Redacted.make("g-1"))), context)
    const service = yield* Effect.provide(TenantToken.TenantToken, context)
    return {
      get: (tenant: string) => Effect.map(service.get, Redacted.value).pipe(Lark.asTenant(tenant)),
      failure: (tenant: string) => Effect.flip(service.get).pipe(Lark.asTenant(tenant)),
      reject: (tenant: string, token: string) => service.reject(Redacted.make(token)).pipe(Lark.asTenant(tenant)),
      service,
      context,
      calls: feishu.calls,
      to: (path: string) => feishu.calls.filter((call) => call.path === path).map(fieldsOf)
    }
  })

describe("the token of a tenant", () => {
  it.effect("is issued for the app token, which is issued for the ticket, once for all tenants", () =>
    Effect.gen(function*() {
      const store = yield* install()
      assert.strictEqual(yield* store.get("tenant_a"), "t-tenant_a-0")
      assert.strictEqual(yield* store.get("tenant_b"), "t-tenant_b-1")
      assert.strictEqual(yield* store.get("tenant_a"), "t-tenant_a-0")
      assert.deepStrictEqual(store.to(appPath), [
        { app_id: "cli_store", app_secret: "secret-of-the-app", app_ticket: "g-1" }
      ])
      assert.deepStrictEqual(store.to(tenantPath), [
        { app_access_token: "a-0", tenant_key: "tenant_a" },
        { app_access_token: "a-0", tenant_key: "tenant_b" }
      ])
      assert.strictEqual(store.calls.length, 3)
    }))

  it.effect("is fetched once in each of fifty tenants for a thousand fibers", () =>
    Effect.gen(function*() {
      const slowly = (answer: Route): Route => (request, nth) =>
        Effect.delay(Effect.sync(() => answer(request, nth)), "1 second").pipe(
          Effect.flatMap((reaction) => Effect.isEffect(reaction) ? reaction : Effect.succeed(reaction))
        )
      const store = yield* install({ app: slowly((_, nth) => appMinted(`a-${nth}`)), tenant: slowly(ofTenant) })
      const tenants = Array.from({ length: 50 }, (_, i) => `tenant_${i}`)
      const fibers = yield* Effect.forEach(
        Array.from({ length: 1000 }, (_, i) => tenants[i % 50] ?? ""),
        (tenant) => Effect.forkChild(Effect.map(store.get(tenant), (token) => [tenant, token] as const))
      )
      yield* prompt.settled
      yield* TestClock.adjust("2 seconds")
      const tokens = new Map(yield* Effect.forEach(fibers, Fiber.join))
      for (const [tenant, token] of tokens) assert.match(token, new RegExp(`^t-${tenant}-`))
      assert.deepStrictEqual([store.to(appPath).length, store.to(tenantPath).length], [1, 50])
    }))

  it.effect("is fetched without the services of the first caller", () =>
    Effect.gen(function*() {
      const Caller = Context.Reference<string>("test/Caller", { defaultValue: () => "none" })
      const seen: Array<string> = []
      const seeing = <A>(what: string, answer: A) =>
        Effect.map(Caller, (caller) => {
          seen.push(`${what}: ${caller}`)
          return answer
        })
      const watching = Layer.effect(
        KeyValueStore.KeyValueStore,
        Effect.map(KeyValueStore.KeyValueStore, (store) => ({
          ...store,
          get: (key: string) => Effect.flatMap(seeing("store", key), store.get)
        }))
      )
      const store = yield* install({
        app: (_, nth) => seeing("app", appMinted(`a-${nth}`)),
        tenant: (request, nth) => seeing("tenant", platform.minted(`t-${fieldsOf(request)["tenant_key"]}-${nth}`))
      }, Layer.provideMerge(watching, storage))
      assert.strictEqual(yield* Effect.provideService(store.get("tenant_a"), Caller, "first"), "t-tenant_a-0")
      assert.strictEqual(yield* Effect.provideService(store.get("tenant_b"), Caller, "first"), "t-tenant_b-1")
      assert.deepStrictEqual(seen, ["store: none", "app: none", "tenant: none", "tenant: none"])
    }))

  it.effect("is dropped when it was not used for two hours", () =>
    Effect.gen(function*() {
      const store = yield* install({
        tenant: (request, nth) => platform.minted(`t-${fieldsOf(request)["tenant_key"]}-${nth}`, 86_400)
      })
      yield* store.get("tenant_idle")
      yield* store.get("tenant_busy")
      for (let minute = 0; minute < 120; minute += 10) {
        yield* TestClock.adjust("10 minutes")
        assert.strictEqual(yield* store.get("tenant_busy"), "t-tenant_busy-1")
      }
      assert.strictEqual(yield* store.get("tenant_idle"), "t-tenant_idle-2")
    }))

  it.effect("is kept for the ten thousand tenants that were used last", () =>
    Effect.gen(function*() {
      const feishu = prompt.make(ofTenant)
      let isIssued = true
      const missing = new LarkError.AppTicketMissing({ endpoint: "stub", reason: "none", resend: "failed" })
      const layer = StoreApp.layerTenantToken.pipe(Layer.provide([
        feishu.layer,
        LarkConfig.layer(app),
        Layer.succeed(AppToken.AppToken, {
          get: Effect.suspend(() => isIssued ? Effect.succeed(Redacted.make("a-1")) : Effect.fail(missing)),
          reject: () => Effect.succeed(false)
        })
      ]))
      const { get } = yield* Effect.provide(TenantToken.TenantToken, yield* Layer.build(layer))
      const textOf = (tenant: string) => Effect.map(get, Redacted.value).pipe(Lark.asTenant(tenant))
      // Tenants without a token, which take less time.
      const passBy = (from: number, to: number) =>
        Effect.gen(function*() {
          isIssued = false
          for (let i = from; i < to; i++) yield* Effect.ignore(textOf(`passer-by ${i}`))
          isIssued = true
          yield* TestClock.adjust(1)
        })

      yield* textOf("tenant_early")
      yield* passBy(1, 1_000)
      yield* textOf("tenant_later")
      yield* passBy(1_001, 10_000)
      assert.strictEqual(yield* textOf("tenant_early"), "t-tenant_early-0")
      yield* passBy(10_000, 10_999)
      // 9,999 others were used after `tenant_later`.
      assert.strictEqual(yield* textOf("tenant_later"), "t-tenant_later-1")
      assert.strictEqual(yield* textOf("tenant_early"), "t-tenant_early-0")
      yield* passBy(11_000, 20_999)
      assert.strictEqual(yield* textOf("tenant_early"), "t-tenant_early-0")
      assert.strictEqual(yield* textOf("tenant_later"), "t-tenant_later-2")
    }))
})

describe("without a tenant", () => {
  it.effect("no request is sent", () =>
    Effect.gen(function*() {
      const { calls, context, reject, service } = yield* install()
      const missing = { _tag: "InvalidTenant", reason: "missing" }
      assert.include<object>(yield* Effect.flip(service.get), missing)
      assert.include<object>(
        yield* Effect.flip(Effect.provide(Meetings.get(id), context)),
        missing
      )
      for (const key of ["", "  ", "\n"]) {
        assert.include<object>(yield* Effect.flip(Lark.asTenant(key)(service.get)), {
          _tag: "InvalidTenant",
          reason: "empty"
        })
        assert.strictEqual(yield* reject(key, "t-1"), false)
      }
      assert.strictEqual(yield* service.reject(Redacted.make("t-1")), false)
      assert.deepStrictEqual(calls, [])
    }))
})

describe("a rejected token", () => {
  it.effect("is dropped in its tenant only", () =>
    Effect.gen(function*() {
      const store = yield* install()
      yield* store.get("tenant_a")
      yield* store.get("tenant_b")
      assert.strictEqual(yield* store.reject("tenant_a", "t-tenant_b-1"), true)
      assert.strictEqual(yield* store.get("tenant_a"), "t-tenant_a-0")
      assert.strictEqual(yield* store.reject("tenant_a", "t-tenant_a-0"), true)
      assert.strictEqual(yield* store.get("tenant_a"), "t-tenant_a-2")
      assert.strictEqual(yield* store.get("tenant_b"), "t-tenant_b-1")
    }))

  it.effect("is replaced and the call repeated in the tenant of the call", () =>
    Effect.gen(function*() {
      const bearers: Array<string | undefined> = []
      const { context, to } = yield* install({
        meeting: ({ headers }) => {
          bearers.push(headers["authorization"])
          return headers["authorization"] === "Bearer t-tenant_a-0"
            ? platform.failed(400, 99991663)
            : platform.ok({ meeting: { id: "1" } })
        }
      })
      const call = Effect.provide(Meetings.get(id), context)
      yield* Lark.asTenant("tenant_a")(call)
      yield* Lark.asTenant("tenant_b")(call)
      yield* Lark.asTenant("tenant_a")(call)
      assert.deepStrictEqual(bearers, [
        "Bearer t-tenant_a-0",
        "Bearer t-tenant_a-1",
        "Bearer t-tenant_b-2",
        "Bearer t-tenant_a-1"
      ])
      assert.strictEqual(to(appPath).length, 1)
    }))
})

describe("an app token that is refused", () => {
  it.effect.each([10013, 99991664, 20014])(
    "with %s is replaced once, and the tenant token is issued",
    (code) =>
      Effect.gen(function*() {
        const store = yield* install({
          tenant: (request, nth) =>
            fieldsOf(request)["app_access_token"] === "a-0" ? platform.failed(200, code) : ofTenant(request, nth)
        })
        assert.strictEqual(yield* store.get("tenant_a"), "t-tenant_a-1")
        assert.deepStrictEqual([store.to(appPath).length, store.to(tenantPath).length], [2, 2])
        assert.strictEqual(yield* store.get("tenant_b"), "t-tenant_b-2")
        assert.deepStrictEqual([store.to(appPath).length, store.to(tenantPath).length], [2, 3])
      })
  )

  it.effect("is not replaced again for the same tenant, and other tenants are not affected", () =>
    Effect.gen(function*() {
      const store = yield* install({
        // The platform returns the same token while more than half an hour is left.
        app: () => appMinted("a-same"),
        tenant: (request, nth) =>
          fieldsOf(request)["tenant_key"] === "tenant_gone" ? platform.failed(200, 10013) : ofTenant(request, nth)
      })
      yield* store.get("tenant_a")
      const refused = { _tag: "CredentialsRejected", code: 10013, endpoint: "auth.v3.tenant_access_token.create" }
      for (let i = 0; i < 100; i++) assert.include<object>(yield* store.failure("tenant_gone"), refused)
      assert.deepStrictEqual([store.to(appPath).length, store.to(tenantPath).length], [2, 3])
      // The same app token was issued again, so it is not dropped for half a minute.
      yield* TestClock.adjust("5 seconds")
      assert.include<object>(yield* store.failure("tenant_gone"), refused)
      assert.deepStrictEqual([store.to(appPath).length, store.to(tenantPath).length], [2, 4])
      assert.strictEqual(yield* store.get("tenant_a"), "t-tenant_a-0")
    }))

  it.effect("appears in no error, even if the platform repeats it", () =>
    Effect.gen(function*() {
      const store = yield* install({
        app: () => appMinted("a-secret"),
        tenant: () => platform.failed(200, 10013, "who sends a-secret?")
      })
      const error = yield* store.failure("tenant_a")
      const shown = [String(error), JSON.stringify(error), inspect(error, { depth: 20, showHidden: true })].join()
      assert.include(shown, "who sends <redacted>?")
      assert.notInclude(shown, "a-secret")
    }))

  it.effect("because of the app secret fails with its own error, repeated for five seconds", () =>
    Effect.gen(function*() {
      const store = yield* install({
        app: (_, nth) => nth === 0 ? platform.failed(200, 10015) : appMinted("a-1")
      })
      const refused = { _tag: "CredentialsRejected", code: 10015, endpoint: "auth.v3.app_access_token.create" }
      for (const tenant of ["tenant_a", "tenant_b"]) {
        for (let i = 0; i < 100; i++) assert.include<object>(yield* store.failure(tenant), refused)
      }
      assert.deepStrictEqual([store.to(appPath).length, store.to(tenantPath).length], [1, 0])
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual(yield* store.get("tenant_a"), "t-tenant_a-0")
    }))
})

describe("a ticket that is missing", () => {
  it.effect("fails every call with AppTicketMissing, and no call is sent without a token", () =>
    Effect.gen(function*() {
      const feishu = prompt.make(() => ({ body: { code: 0, msg: "ok" } }))
      const context = yield* Layer.build(StoreApp.layer(app).pipe(Layer.provide([feishu.layer, storage])))
      const call = Effect.provide(Meetings.get(id), context)
      const fibers = yield* Effect.forEach(
        Array.from({ length: 1000 }, (_, i) => `tenant_${i % 50}`),
        (tenant) => Effect.forkChild(Effect.flip(Lark.asTenant(tenant)(call)))
      )
      yield* prompt.settled
      yield* TestClock.adjust("2 seconds")
      for (const error of yield* Effect.forEach(fibers, Fiber.join)) {
        assert.include<object>(error, { _tag: "AppTicketMissing", reason: "none", resend: "requested" })
      }
      assert.deepStrictEqual(feishu.calls.map(({ path }) => path), [resendPath])
      // The failure is not repeated: the ticket is used at once.
      yield* Effect.provide(AppTicket.AppTicket.use((tickets) => tickets.put(Redacted.make("g-1"))), context)
      yield* Effect.ignore(Lark.asTenant("tenant_1")(call))
      assert.deepStrictEqual(feishu.calls.map(({ path }) => path), [resendPath, appPath])
    }))
})

/** Long enough for every token to be renewed, some of them twice. */
const hours = 4
const meetingPath = "/open-apis/vc/v1/meetings/"
const meetingOf = (tenant: number) => MeetingId.make(`69111884119320330${String(tenant).padStart(2, "0")}`)

const between = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))
const Moment = between(0, hours * 3_600_000)

interface Size {
  readonly tenants: number
  readonly callers: number
  /** The least number of callers, and ten times the least number of each kind of fault. */
  readonly least: number
}

const planFor = ({ callers, least, tenants }: Size) => {
  const Tenant = between(0, tenants - 1)
  const Nth = between(0, callers)
  const ills = { minLength: least / 10, maxLength: callers }
  return {
    callers: Arbitrary.array(
      Arbitrary.schema(
        Schema.Struct({ tenant: Tenant, at: Moment, times: between(1, 4), every: between(0, 3_600_000) })
      ),
      { minLength: least, maxLength: callers }
    ),
    revocations: Arbitrary.array(Arbitrary.schema(Schema.Struct({ tenant: Tenant, at: Moment })), ills),
    faults: Arbitrary.array(
      Arbitrary.schema(
        Schema.Struct({
          endpoint: Schema.Literals(["tenant_access_token", "app_access_token", "get"]),
          nth: Nth,
          what: Schema.Literals(["slow", "very slow", "lost", "reply lost", "down", "busy", "rejected once"])
        })
      ),
      ills
    ),
    /** The requests for a tenant token that are answered as if the app token were invalid. */
    refusals: Arbitrary.array(Arbitrary.schema(Nth), ills),
    expire: Arbitrary.schema(between(60, 7200)),
    latency: Arbitrary.schema(between(0, 2_000))
  }
}

type Plan = {
  readonly [K in keyof ReturnType<typeof planFor>]: ReturnType<typeof planFor>[K] extends Arbitrary.Arbitrary<infer A> ?
    A
    : never
}

const faultOf = (what: Plan["faults"][number]["what"]): Simulator.Fault => {
  switch (what) {
    case "slow":
      return { _tag: "Delay", millis: 4_000 }
    case "very slow":
      return { _tag: "Delay", millis: 20_000 }
    case "lost":
      return { _tag: "DropBefore" }
    case "reply lost":
      return { _tag: "DropAfter" }
    case "down":
      return { _tag: "ServerError", status: 502, applied: false, body: "html" }
    case "busy":
      return { _tag: "Throttle", reset: 1, status: 429 }
    case "rejected once":
      return { _tag: "RejectToken", status: 400, revoked: false }
  }
}

const isMint = ({ path }: watched.Exchange) => path === appPath || path === tenantPath
const identityOf = ({ path, sent }: watched.Exchange) => path === appPath ? "the app" : String(sent["tenant_key"])
const succeeded = ({ answer }: watched.Exchange) => answer["code"] === 0
const carries = (exchange: watched.Exchange, token: string) =>
  exchange.bearer === token || exchange.sent["app_access_token"] === token
const refusedAppToken = ({ answer, path }: watched.Exchange) => path === tenantPath && answer["code"] === 10013
const rejected = (exchange: watched.Exchange) => exchange.answer["code"] === 99991663 || refusedAppToken(exchange)

/** When a token may be used and renewed, by what the client knew when it arrived. */
const grantOf = ({ answer, endedAt = Number.POSITIVE_INFINITY, path, startedAt }: watched.Exchange) => {
  const life = Number(answer["expire"]) * 1_000
  return {
    token: String(answer[path === appPath ? "app_access_token" : "tenant_access_token"]),
    issuedAt: endedAt,
    usableUntil: startedAt + life - Math.min(60_000, life / 10),
    renewFrom: startedAt + life - Math.min(1_800_000, life / 4),
    freshUntil: startedAt + 30_000
  }
}

const mintsWrong = (identity: string, exchanges: ReadonlyArray<watched.Exchange>): ReadonlyArray<string> => {
  const wrong: Array<string> = []
  const mints = exchanges.filter((exchange) => isMint(exchange) && identityOf(exchange) === identity)
  mints.forEach((mint, i) => {
    const at = mint.startedAt
    const previous = mints[i - 1]
    if (previous === undefined) return
    const { endedAt = Number.POSITIVE_INFINITY } = previous
    if (at < endedAt) wrong.push(`${identity}: two mints at ${at}`)
    if (!succeeded(previous) && !refusedAppToken(previous) && at < endedAt + 1_000) {
      wrong.push(`${identity}: a mint at ${at}, right after one that failed`)
    }
    const grants = mints.slice(0, i).filter(succeeded).map(grantOf)
    const last = grants.at(-1)
    // The life of a token counts from when it was needed; the app token may have had to be minted first.
    if (last === undefined || at >= Math.min(last.renewFrom, last.usableUntil) - 9_500) return
    const isRejected = exchanges.some((exchange) =>
      carries(exchange, last.token) && rejected(exchange)
      && exchange.endedAt !== undefined && exchange.endedAt >= last.issuedAt && exchange.endedAt <= at
    )
    if (!isRejected) wrong.push(`${identity}: a mint at ${at} without need`)
    const isInsisted = grants.at(-2)?.token === last.token
    if (isInsisted && grants.length > 1 && at < last.freshUntil) {
      wrong.push(`${identity}: a mint at ${at} for a token that was just issued again`)
    }
  })
  return wrong
}

const usesWrong = (exchanges: ReadonlyArray<watched.Exchange>): ReadonlyArray<string> =>
  exchanges.flatMap((exchange) => {
    const { bearer, path, sent, startedAt } = exchange
    const isCall = path.startsWith(meetingPath)
    if (!isCall && path !== tenantPath) return []
    const identity = isCall ? `tenant_${Number(path.slice(-2))}` : "the app"
    const token = isCall ? bearer : sent["app_access_token"]
    const grant = exchanges.filter((mint) =>
      isMint(mint) && identityOf(mint) === identity && succeeded(mint)
      && mint.endedAt !== undefined && mint.endedAt <= startedAt
    ).map(grantOf).findLast((grant) => grant.token === token)
    return grant === undefined
      ? [`${path} at ${startedAt} without a token of ${identity}`]
      : startedAt >= grant.usableUntil
      ? [`${path} at ${startedAt} with a token past its margin`]
      : []
  })

const run = (tenants: number, { callers, expire, faults, latency, refusals, revocations }: Plan) =>
  Effect.gen(function*() {
    const keys = Array.from({ length: tenants }, (_, i) => `tenant_${i}`)
    const exchanges: Array<watched.Exchange> = []
    let requests = 0
    const simulated = Simulator.layer({
      app: { ...app, type: "store", tenants: keys, ticket: "g-1", expire },
      meetings: keys.map((tenant, i) => ({ id: meetingOf(i), tenant })),
      faults: faults.map(({ endpoint, nth, what }) => ({ endpoint, nth, fault: faultOf(what) })),
      latency
    })
    const network = watched.layer(
      exchanges,
      ({ path }) =>
        path === tenantPath && refusals.includes(requests++)
          ? { code: 10013, msg: "get tenant_access_token failed" }
          : undefined
    )
    const context = yield* Layer.build(
      StoreApp.layer(app).pipe(Layer.provide([storage, network]), Layer.provideMerge(simulated))
    )
    const program = Effect.gen(function*() {
      yield* AppTicket.AppTicket.use((tickets) => tickets.put(Redacted.make("g-1")))
      const simulator = yield* Simulator.Simulator
      for (const { at, tenant } of revocations) {
        yield* Effect.forkChild(Effect.delay(simulator.rejectTokensOf(`tenant_${tenant}`), at))
      }
      return yield* Effect.forEach(
        callers,
        ({ at, every, tenant, times }) =>
          Effect.exit(Lark.asTenant(`tenant_${tenant}`)(Meetings.get(meetingOf(tenant)))).pipe(
            Effect.tap(Effect.sleep(every)),
            Effect.replicateEffect(times),
            // The clock waits for the fibers it wakes, not for those that started before it was moved.
            Effect.delay(at + 1),
            Effect.forkChild
          )
      )
    })
    const fibers = yield* Effect.provide(program, context)
    yield* TestClock.adjust(`${hours * 3} hours`)
    const exits = (yield* Effect.forEach(fibers, Fiber.join)).flat()
    return { exchanges, exits, identities: ["the app", ...keys] }
  })

const tags = [
  "TransportError",
  "MalformedResponse",
  "RateLimited",
  "TokenRejected",
  "CredentialsRejected",
  "PlatformError",
  "InternalError"
]

const examine = ({ exchanges, exits, identities }: Effect.Success<ReturnType<typeof run>>) => {
  const unexpected = exits.flatMap((exit) =>
    Exit.isSuccess(exit)
      ? []
      : exit.cause.reasons.map((reason) => Cause.isFailReason(reason) ? reason.error._tag : reason._tag)
        .filter((tag) => !tags.includes(tag))
  )
  const wrong = [
    ...unexpected,
    ...identities.flatMap((identity) => mintsWrong(identity, exchanges)),
    ...usesWrong(exchanges)
  ]
  assert.strictEqual(wrong.join("\n"), "")
}

describe("with slow and failing token endpoints, and tokens rejected at random moments", () => {
  it.effect.prop(
    "one mint at a time for each identity, one for each rejection, and no token past its margin",
    planFor({ tenants: 3, callers: 12, least: 0 }),
    (plan) => Effect.map(run(3, plan), examine),
    { arbitrary: { runs: 60 }, timeout: 300_000 }
  )

  it.effect.prop(
    "the same for a thousand fibers in fifty tenants",
    planFor({ tenants: 50, callers: 1000, least: 1000 }),
    (plan) =>
      Effect.map(run(50, plan), (ran) => {
        assert.isAbove(ran.exits.filter(Exit.isSuccess).length, 1000)
        examine(ran)
      }),
    { arbitrary: { runs: 1, maxShrinks: 0 }, timeout: 300_000 }
  )
})
