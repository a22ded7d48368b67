/**
 * No error, log, span or metric, on any path, holds a token or the app secret.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  DateTime,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Metric,
  Option,
  Redacted,
  References,
  Schema,
  Stream,
  Tracer
} from "effect"
import {
  Cas,
  Lark,
  LarkError,
  Meeting,
  MeetingNo,
  Meetings,
  type MeetingUser,
  ReserveId,
  Reserves,
  SessionStore,
  UndiciHttpClient,
  UserToken
} from "effect-lark-meetings"
import * as Cluster from "effect-lark-meetings/Cluster"
import * as Simulator from "effect-lark-meetings/Simulator"
import { FetchHttpClient, type HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import { text } from "node:stream/consumers"
import { inspect } from "node:util"
import { listen } from "./fixtures/http/listen.ts"
import * as platform from "./fixtures/http/platform.ts"
import { makeTracer } from "./fixtures/observe.ts"
import * as plainSeal from "./fixtures/plainSeal.ts"
import { shown } from "./fixtures/shown.ts"
import { alice, bob, id } from "./fixtures/World.ts"

/** Part of every secret in this file, and of nothing else. */
const mark = "Zq7Xw"

const appSecret = `${mark}-app"secret\\with/all+signs`
const userToken = `u-${mark}"user\\`
const tenantToken = (n: number) => `t-${mark}.tenant-${n}`

const app = { appId: "cli_a", appSecret: Redacted.make(appSecret) }

const asAlice = Lark.asUser(UserToken.fromAccessToken(Redacted.make(userToken), { user: alice }))
const asSomebody = Lark.asUser(UserToken.fromAccessToken(Redacted.make(userToken)))

type Operation = Effect.Effect<unknown, unknown, Lark.Services>

const operations: Readonly<Record<string, Operation>> = {
  get: Meetings.get(id),
  "get as a user": asAlice(Meetings.get(id)),
  swapHost: Meetings.swapHost(id, { expected: alice, desired: bob }),
  "swapHost as a user": asSomebody(Meetings.swapHost(id, { expected: alice, desired: bob })),
  setHost: Meetings.setHost(id, bob),
  "setHost with a hint": Meetings.setHost(id, bob, { hint: alice }),
  "setHost never sent again": Meetings.setHost(id, bob, { policy: Cas.Policy.make({ onUnknown: "neverResend" }) }),
  "setHost as a user": asAlice(Meetings.setHost(id, bob)),
  end: asAlice(Meetings.end(id))
}

const isLarkError = Schema.is(LarkError.LarkError)
const encodeError = Schema.encodeSync(LarkError.LarkError)

const isReport = (value: unknown): value is Cas.Report<MeetingUser.MeetingUser> =>
  typeof value === "object" && value !== null && "attempts" in value && "outcome" in value

const timelines = (value: unknown): ReadonlyArray<string> => {
  const reports = typeof value === "object" && value !== null && "report" in value ? [value, value.report] : [value]
  return reports.filter(isReport).flatMap((report) => Cas.timeline(report))
}

/** Runs a program and collects its exit, logs, spans and metrics as text. */
const observed = <R>(program: Effect.Effect<unknown, unknown, R>) =>
  Effect.gen(function*() {
    const texts: Array<string> = []
    const { spans, tracer } = makeTracer()
    const logger = Logger.make<unknown, void>((options) => {
      const { cause, fiber, logLevel, message } = options
      texts.push(
        logLevel,
        ...shown(message),
        Cause.pretty(cause),
        ...shown(fiber.getRef(References.CurrentLogAnnotations))
      )
      texts.push(Logger.formatJson.log(options), Logger.formatLogFmt.log(options))
    })
    const registry = new Map()
    const fiber = yield* Effect.forkChild(
      Effect.gen(function*() {
        const exit = yield* Effect.exit(Effect.withSpan(program, "caller"))
        if (Exit.isFailure(exit)) yield* Effect.logError("it failed", exit.cause)
        texts.push(...(yield* Metric.snapshot).flatMap(shown))
        return exit
      }).pipe(
        Effect.provide(Logger.layer([logger])),
        Effect.provideService(References.MinimumLogLevel, "All"),
        Effect.provideService(References.MinimumTraceLevel, "All"),
        Effect.provideService(Tracer.Tracer, tracer),
        Effect.provideService(Metric.MetricRegistry, registry)
      )
    )
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("1 second")
    const exit = yield* Fiber.join(fiber)

    texts.push(...shown(exit))
    if (Exit.isFailure(exit)) {
      texts.push(Cause.pretty(exit.cause))
      for (const error of exit.cause.reasons.flatMap((reason) => Cause.isFailReason(reason) ? [reason.error] : [])) {
        texts.push(...shown(error), ...timelines(error))
        if (isLarkError(error)) texts.push(JSON.stringify(encodeError(error)))
      }
    } else {
      texts.push(...shown(exit.value), ...timelines(exit.value))
    }
    for (const { attributes, name, status, ...span } of spans) {
      texts.push(name, ...shown([...attributes]), ...shown("events" in span ? span.events : []))
      if (status._tag === "Ended" && Exit.isFailure(status.exit)) {
        const { cause } = status.exit
        texts.push(Cause.pretty(cause), ...Cause.prettyErrors(cause).flatMap(shown))
      }
    }
    return { exit, spans, texts }
  })

const assertNoSecret = (texts: ReadonlyArray<string>, path: string) => {
  const leak = texts.find((text) => text.includes(mark))
  assert.isUndefined(leak?.slice(Math.max(0, leak.indexOf(mark) - 200), leak.indexOf(mark) + 100), path)
}

const on =
  (layer: Layer.Layer<HttpClient.HttpClient>, options: Partial<Parameters<typeof Lark.layer>[0]> = {}) =>
  (program: Operation) => program.pipe(Effect.provide(Lark.layer({ ...app, ...options })), Effect.provide(layer))

/** The secret that a request holds. */
const secretsIn = (request: platform.Arrived): string =>
  request.headers["authorization"] ?? (request.body?.includes(JSON.stringify(appSecret)) === true ? appSecret : "")

const conflict = (data: unknown) => platform.failed(409, 121006, "data conflict", { data })

/** Without the characters that a header cannot hold. */
const inHeader = (secret: string) => secret.replaceAll(/[^!-~ ]/g, "")

/** Servers that echo the secret of the request. */
const echoes: Readonly<Record<string, (secret: string) => platform.Answer | platform.Lost>> = {
  "in msg": (secret) => platform.failed(400, 121003, `who sends ${secret}?`),
  "in msg, three times": (secret) => platform.failed(500, 121001, `${secret} ${secret} ${secret}`),
  "in msg, in quotes": (secret) => platform.failed(400, 121003, JSON.stringify({ app_secret: secret })),
  "in the msg of a rejected token": (secret) => platform.failed(400, 99991663, `Invalid access token: ${secret}`),
  "in the msg of a wrong credential": (secret) => platform.failed(200, 10015, secret),
  "in the msg of an unknown code": (secret) => platform.failed(400, 424242, secret),
  "in msg as a list": (secret) => ({ status: 400, body: { code: 121003, msg: [secret] } }),
  "in an HTML page": (secret) => ({
    status: 502,
    body: `<html>${secret}</html>`,
    headers: { "content-type": "text/html" }
  }),
  "in an HTML page with status 200": (secret) => ({ body: `<html>${secret}</html>` }),
  "in half an envelope": (secret) => ({ body: `{"code":0,"msg":"${secret}` }),
  "in a list": (secret) => ({ body: [secret] }),
  "in a code": (secret) => ({ status: 400, body: { code: secret, msg: "" } }),
  "in the data of a failure": (secret) => platform.failed(400, 121003, "", { data: { request: secret } }),
  "in the data of a conflict": (secret) => conflict({ request: { secret } }),
  "as the host of a conflict": (secret) => conflict({ host_user: { id: secret.replaceAll(" ", ""), user_type: 1 } }),
  "as the name of a field": (secret) => conflict({ [secret]: 1 }),
  "in the troubleshooter": (secret) =>
    platform.failed(400, 121003, "", { error: { troubleshooter: `https://x/?${secret}` } }),
  "in the log id": (secret) => platform.failed(400, 121003, "", { error: { log_id: secret } }),
  "in the other log id": (secret) => platform.failed(400, 121003, "", { error: { logid: secret } }),
  "in the scopes": (secret) =>
    platform.failed(400, 99991672, "", { error: { permission_violations: [{ subject: secret }, { scope: secret }] } }),
  "in the fields": (secret) => platform.failed(400, 99992402, "", { error: { field_violations: [{ field: secret }] } }),
  "elsewhere in the error": (secret) =>
    platform.failed(400, 121003, "", { error: { message: secret, details: [secret] } }),
  "beside the envelope": (secret) => ({ status: 400, body: { code: 121003, msg: "", [secret]: secret } }),
  "in the log id of the header": (secret) => ({
    ...platform.failed(400, 121003),
    headers: { "x-tt-logid": inHeader(secret) }
  }),
  "in the log ids of the headers": (secret) => ({
    ...platform.failed(400, 121003),
    headers: { "x-tt-logid": ["log-1", inHeader(secret)] }
  }),
  "in the request id of the header": (secret) => ({
    status: 502,
    body: "",
    headers: { "x-request-id": inHeader(secret) }
  }),
  "in the content type": (secret) => ({ status: 502, body: "x", headers: { "content-type": inHeader(secret) } }),
  "in the reset header": (secret) => ({
    ...platform.failed(429, 99991400),
    headers: { "x-ogw-ratelimit-reset": inHeader(secret) }
  }),
  "in what the transport throws": (secret) =>
    new platform.Lost(new TypeError(`Headers.append: "${secret}" is an invalid header value.`)),
  "in the cause of what the transport throws": (secret) =>
    new platform.Lost(new TypeError("fetch failed", { cause: Object.assign(new Error(secret), { code: secret }) })),
  "in what is no error": (secret) =>
    new platform.Lost({ request: { headers: { authorization: secret } }, code: secret })
}

describe.each(platform.clients)("through %s, no echoed secret is shown", (client) => {
  const cases = Object.entries(echoes)

  it.effect.each(cases)("%s, by a meeting endpoint", ([how, echo]) =>
    Effect.gen(function*() {
      for (const [name, operation] of Object.entries(operations)) {
        const feishu = platform.make((request) => echo(secretsIn(request)), (n) => platform.minted(tenantToken(n)))
        const { texts } = yield* observed(on(feishu.through(client))(operation))
        assertNoSecret(texts, `${name}, ${how}`)
      }
    }))

  it.effect.each(cases)("%s, by the token endpoint", ([how, echo]) =>
    Effect.gen(function*() {
      for (const [name, operation] of Object.entries(operations)) {
        const feishu = platform.make(() => platform.ok({}), (_, request) => echo(secretsIn(request)))
        const { texts } = yield* observed(on(feishu.through(client))(operation))
        assertNoSecret(texts, `${name}, ${how}`)
      }
    }))

  it.effect("by the second answer, with the token that the first answer rejected", () =>
    Effect.gen(function*() {
      const feishu = platform.make(
        (_, n) => n === 0 ? platform.failed(400, 99991663) : platform.failed(400, 99991663, `${tenantToken(0)} again`),
        (n) => platform.minted(tenantToken(n))
      )
      const { texts } = yield* observed(on(feishu.through(client))(Meetings.get(id)))
      assertNoSecret(texts, "get")
    }))
})

describe.each(platform.clients)("through %s, no secret in an incomplete token answer is shown", (client) => {
  const halves: ReadonlyArray<readonly [what: string, answer: platform.Answer]> = [
    ["no lifetime", { body: { code: 0, tenant_access_token: tenantToken(1) } }],
    ["a list of tokens", { body: { code: 0, tenant_access_token: [tenantToken(1)], expire: 7200 } }],
    ["a failure beside the token", {
      body: { code: 10013, msg: "", tenant_access_token: tenantToken(1), expire: 7200 }
    }],
    ["a broken body", { body: `{"code":0,"tenant_access_token":"${tenantToken(1)}"` }],
    ["a status of failure", { status: 500, body: { code: 0, tenant_access_token: tenantToken(1), expire: 7200 } }],
    ["a token as its lifetime", { body: { code: 0, tenant_access_token: "t", expire: tenantToken(1) } }]
  ]
  it.effect.each(halves)("%s", ([what, answer]) =>
    Effect.gen(function*() {
      for (const [name, operation] of Object.entries(operations)) {
        const { texts } = yield* observed(
          on(platform.make(() => platform.ok({}), () => answer).through(client))(operation)
        )
        assertNoSecret(texts, `${name}, ${what}`)
      }
    }))
})

const faults: ReadonlyArray<Simulator.Fault> = [
  { _tag: "Delay", millis: 60_000 },
  { _tag: "DropBefore" },
  { _tag: "DropAfter" },
  { _tag: "Late", millis: 1_000 },
  { _tag: "ServerError", status: 500, applied: false, body: "envelope" },
  { _tag: "ServerError", status: 502, applied: true, body: "html" },
  { _tag: "Throttle", reset: 1, status: 429 },
  { _tag: "RejectToken", status: 400 },
  { _tag: "ConflictWithoutHost", shape: "noData" },
  { _tag: "ConflictAsOk" },
  { _tag: "GarbageBody", body: "garbage", status: 200, applied: true },
  { _tag: "EmptyBody", status: 502, applied: false }
]

const endpoints = ["get", "set_host", "end", "tenant_access_token"] as const

describe("no secret is shown by the simulator or its client", () => {
  it.effect.each([undefined, ...faults])("with the fault %o", (fault) =>
    Effect.gen(function*() {
      for (const persistent of [false, true]) {
        const nths = persistent ? [0, 1, 2, 3, 4, 5] : [0]
        const rules = fault === undefined
          ? []
          : endpoints.flatMap((endpoint) => nths.map((nth) => ({ endpoint, nth, fault })))
        const meetings = [{ id, host: "ou_alice", participants: ["ou_bob"] }]
        const simulated = Simulator.layer({
          app,
          meetings,
          faults: rules,
          rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_carol" }]
        })
        let tokens: ReadonlyArray<string> = []
        const program = Effect.gen(function*() {
          const simulator = yield* Simulator.Simulator
          const token = yield* simulator.userToken("ou_alice")
          const asHost = Lark.asUser(UserToken.fromAccessToken(token, { user: alice }))
          const exits = yield* Effect.all([
            Effect.exit(Meetings.get(id)),
            Effect.exit(Meetings.swapHost(id, { expected: alice, desired: bob })),
            Effect.exit(Meetings.setHost(id, bob)),
            Effect.exit(asHost(Meetings.setHost(id, bob))),
            Effect.exit(asHost(Meetings.end(id)))
          ])
          const minted = yield* simulator.tokensMinted
          tokens = [token, ...minted.map((record) => record.value)].map(Redacted.value)
          return { exits, minted, requests: yield* simulator.requests, writes: yield* simulator.writes }
        })
        const { exit, texts } = yield* observed(
          program.pipe(Effect.provide(Lark.layer(app)), Effect.provide(simulated))
        )
        assertNoSecret(texts, JSON.stringify(fault))
        if (Exit.isFailure(exit)) return assert.fail(Cause.pretty(exit.cause))
        assert.isAbove(tokens.length, 0)
        for (const token of tokens) {
          assert.isUndefined(texts.find((text) => text.includes(token)), JSON.stringify(fault))
        }
      }
    }))
})

describe("no password of a meeting is shown", () => {
  const password = `${mark}-password`
  const reserveId = ReserveId.make("6911188411932033029")
  const withPassword = { password: Redacted.make(password) }
  const range = { from: DateTime.makeUnsafe(0), until: DateTime.makeUnsafe(86_400_000) }
  const byNo = Meetings.listByNo(MeetingNo.make("123456789"), range)

  /** By what they call, and whether they send the password. */
  const calls: Readonly<Record<string, readonly [call: Operation, sends: boolean]>> = {
    "Meetings.get": [Meetings.get(id), false],
    "Meetings.listByNo": [Stream.runCollect(byNo), false],
    "Reserves.apply": [Reserves.apply({ owner: alice, ...withPassword }), true],
    "Reserves.update": [Reserves.update(reserveId, withPassword), true],
    "Reserves.get": [Reserves.get(reserveId), false],
    "Reserves.activeMeeting": [Reserves.activeMeeting(reserveId), false],
    "Reserves.apply that is refused here": [
      Reserves.apply({ owner: alice, ...withPassword, callee: { nickname: "Dave" } }),
      false
    ]
  }

  const answered = platform.ok({
    has_more: false,
    meeting: { id, password },
    meeting_briefs: [{ id, password }],
    reserve: { id: reserveId, password }
  })

  const answers: Readonly<Record<string, platform.Answer | platform.Lost>> = {
    "a success that holds it": answered,
    "a refusal": platform.failed(400, 123006, "invalid password"),
    "a refusal with the answer of a success": platform.failed(400, 123006, "", { data: answered.body }),
    "no reply": new platform.Lost(new TypeError("fetch failed")),
    "half a reply": { body: JSON.stringify(answered.body).slice(0, -3) },
    "a success of another shape": platform.ok({ reserve: password, meeting: password, meeting_briefs: password })
  }

  it.effect.each(Object.entries(answers))("by %s", ([how, answer]) =>
    Effect.gen(function*() {
      for (const [name, [call, sends]] of Object.entries(calls)) {
        const feishu = platform.make(() => answer, (n) => platform.minted(tenantToken(n)))
        const { texts } = yield* observed(on(feishu.layer)(call))
        assertNoSecret(texts, `${name}, ${how}`)
        assert.strictEqual(feishu.calls.some(({ body }) => body?.includes(password) === true), sends, name)
        assert.isFalse(feishu.calls.some(({ url }) => url.includes(mark)), name)
      }
    }))

  it.effect.each<readonly [string, platform.Answer | platform.Lost]>([
    ["a refusal", platform.failed(400, 123006, `invalid password ${password}`, { data: { password } })],
    ["a proxy", { status: 502, headers: { "x-request-id": password, "content-type": password }, body: "" }],
    ["a transport", new platform.Lost(new TypeError(`cannot send {"password":"${password}"}`))]
  ])("by %s that repeats the request", ([how, answer]) =>
    Effect.gen(function*() {
      for (const [name, [call, sends]] of Object.entries(calls)) {
        if (!sends) continue
        const { texts } = yield* observed(on(platform.make(() => answer).layer)(call))
        assertNoSecret(texts, `${name}, ${how}`)
      }
    }))

  it.effect("and those who read it can use it", () =>
    Effect.gen(function*() {
      const feishu = platform.make(() => answered)
      const meeting = yield* on(feishu.layer)(Meetings.get(id)).pipe(
        Effect.flatMap(Schema.decodeUnknownEffect(Meeting.Meeting))
      )
      assert.deepStrictEqual(Option.map(meeting.password, Redacted.value), Option.some(password))
    }))
})

describe("no secret is shown by processes that share tokens", () => {
  type Store = Effect.Success<typeof SessionStore.SessionStore>

  /** What the store does with a value that holds a token: the seal of this test leaves it readable. */
  const stores: Readonly<Record<string, (store: Store) => Store>> = {
    "works": (store) => store,
    "dies with the value": (store) => ({ ...store, swap: (_, __, value) => Effect.die(new Error(value)) }),
    "throws the value": (store) => ({
      ...store,
      swap: (_, __, value) => {
        throw new Error(value)
      }
    }),
    "has a cause with the value": (store) => ({
      ...store,
      swap: (_, __, value) => Effect.succeed(Cas.unknown(new Error(value)))
    }),
    "answers with garbage": (store) => ({
      ...store,
      get: () => Effect.succeedSome({ version: 1, value: `${mark} no record` })
    })
  }

  it.effect.each(Object.keys(stores))("through a store that %s", (how) =>
    Effect.gen(function*() {
      const wrapped = Layer.effect(
        SessionStore.SessionStore,
        Effect.map(SessionStore.SessionStore, stores[how] ?? assert.fail())
      )
      const storage = Layer.merge(plainSeal.layer, Layer.provide(wrapped, SessionStore.layerMemory))
      const feishu = platform.make(
        (request, n) => n < 2 ? platform.failed(400, 99991663, `invalid: ${secretsIn(request)}`) : platform.ok({}),
        (n) => platform.minted(tenantToken(n))
      )
      const pod = Lark.layer(app).pipe(Layer.provide(Cluster.layerTokens), Layer.provide([storage, feishu.layer]))
      const { texts } = yield* observed(Effect.provide(
        Effect.all([Effect.exit(Meetings.get(id)), Effect.exit(Meetings.setHost(id, bob))]),
        pod
      ))
      assert.isTrue(texts.some((text) => text.includes("lark_shared_tokens_total")))
      assertNoSecret(texts, how)
    }))
})

describe("no secret is shown by a real transport", () => {
  const transports: ReadonlyArray<readonly [name: string, layer: Layer.Layer<HttpClient.HttpClient>]> = [
    ["undici", NodeHttpClient.layerUndici],
    ["undici's dispatcher", UndiciHttpClient.layer(NodeHttpClient.makeDispatcher)],
    ["node:http", NodeHttpClient.layerNodeHttp],
    ["fetch", FetchHttpClient.layer]
  ]

  /** Tokens that no header can hold; some transports repeat them in their errors. */
  const unsendable = [`u-${mark}\nx: y`, `u-${mark}\r\n`, `u-${mark}\0`, `u-${mark}\u{1F511}`, `u-${mark}\u007f`]

  it.live.each(transports)("%s, that cannot connect", ([, transport]) =>
    Effect.gen(function*() {
      for (const name of ["get", "swapHost", "end"]) {
        const operation = operations[name] ?? Effect.die(name)
        const exit = yield* Effect.exit(on(transport, { baseUrl: "http://127.0.0.1:1" })(operation))
        assertNoSecret([...shown(exit), ...(Exit.isFailure(exit) ? [Cause.pretty(exit.cause)] : [])], name)
      }
    }))

  it.effect.each(transports)(
    "%s, given a token with characters that no header can hold",
    ([, transport]) =>
      Effect.gen(function*() {
        for (const token of unsendable) {
          const session = { ...UserToken.fromAccessToken(Redacted.make(token)), user: Option.none() }
          const { exit, spans, texts } = yield* observed(
            on(transport, { baseUrl: "http://127.0.0.1:1" })(Lark.asUser(session)(Meetings.end(id)))
          )
          if (Exit.isSuccess(exit)) return assert.fail("no server is running")
          assert.isFalse(Exit.hasDies(exit), Cause.pretty(exit.cause))
          assert.include(Cause.pretty(exit.cause), "characters that a header cannot hold")
          assert.strictEqual(spans.filter((span) => span.kind === "client").length, 0)
          assertNoSecret(texts, JSON.stringify(token))
        }
      })
  )
})

describe.concurrent("no secret is printed by a process that ends with", () => {
  const run = (env: Readonly<Record<string, string>>) =>
    Effect.promise(async (signal) => {
      const child = spawn(process.execPath, ["--import", "tsx", "examples/01-set-host.ts"], {
        cwd: new URL("..", import.meta.url),
        env: { ...process.env, ...env, NO_COLOR: "1" },
        stdio: ["ignore", "pipe", "pipe"],
        signal
      })
      const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")])
      return { code, printed: stdout + stderr }
    })

  const answer = (response: ServerResponse, body: unknown) => response.end(JSON.stringify(body))

  /** Answers with everything that the request holds. */
  const refusing = (code: number): RequestListener => async (request, response) => {
    const msg = `${inspect(request.headers)} ${await text(request)}`
    answer(response, { code, msg })
  }

  /** Issues a token, and passes other requests to the listener. */
  const minting = (listener: RequestListener): RequestListener => (request, response) =>
    request.url?.includes("tenant_access_token") === true
      ? answer(response, { code: 0, msg: "ok", tenant_access_token: tenantToken(1), expire: 7200 })
      : listener(request, response)

  const hangUp = ({ socket }: IncomingMessage) => socket.destroy()

  const endings: ReadonlyArray<readonly [how: string, says: RegExp, platform: RequestListener]> = [
    ["a secret that is refused", /CredentialsRejected: \[10014\].*"app_secret":"<redacted>"/s, refusing(10014)],
    ["a token that is refused", /TokenRejected: \[99991663\].*Bearer <redacted>/s, minting(refusing(99991663))],
    ["a connection that is lost", /TransportError: UND_ERR_SOCKET/, minting(hangUp)]
  ]

  it.live.each(endings)("%s", ([how, says, platform]) =>
    Effect.gen(function*() {
      const { code, printed } = yield* run({
        LARK_APP_ID: "cli_a",
        LARK_APP_SECRET: appSecret,
        LARK_BASE_URL: yield* listen(createServer(platform)),
        LARK_MEETING_ID: id,
        LARK_NEW_HOST: bob.id
      })
      assert.strictEqual(code, 1, printed)
      assertNoSecret([printed], how)
      assert.match(printed, says)
    }))
})

describe("the test itself", () => {
  it.effect("sees logs, spans, metrics and errors", () =>
    Effect.gen(function*() {
      const counter = Metric.counter(`counted ${mark}-metric`)
      const program = Effect.gen(function*() {
        yield* Effect.logTrace(`${mark}-log`)
        yield* Effect.annotateCurrentSpan("attribute", `${mark}-attribute`)
        yield* Metric.update(counter, 1)
        return yield* Effect.fail(`${mark}-message`)
      })
      const { spans, texts } = yield* observed(Effect.withSpan(program, `${mark}-name`))
      assert.isAbove(spans.length, 1)
      for (const part of ["log", "attribute", "metric", "message", "name"]) {
        assert.isDefined(texts.find((text) => text.includes(`${mark}-${part}`)), part)
      }
    }))

  it.effect("sees the span of every request", () =>
    Effect.gen(function*() {
      const { spans } = yield* observed(
        on(platform.make(() => platform.ok({ meeting: { id } })).layer)(Meetings.get(id))
      )
      assert.deepStrictEqual(spans.map((span) => span.name), [
        "caller",
        "Meetings.get",
        "POST /open-apis/auth/v3/tenant_access_token/internal",
        "GET /open-apis/vc/v1/meetings/:meeting_id"
      ])
    }))
})
