/**
 * The config of the simulator: what it decodes to, what it refuses, and its JSON Schema.
 */
import { assert, describe, it } from "@effect/vitest"
import { Ajv2020 } from "ajv/dist/2020.js"
import { Effect, Exit, Layer, Redacted, Schema } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { configSchema } from "../scripts/config-schema.ts"
import { outcome, requestTenantToken } from "./fixtures/simulated.ts"

const parse = (config: unknown) => Simulator.parseConfig(typeof config === "string" ? config : JSON.stringify(config))

const meeting = { id: "1", host: "ou_alice", participants: ["ou_bob", { user: "ou_carol", status: "left" }] }

/** Each uses other fields. */
const valid: ReadonlyArray<unknown> = [
  {},
  { $schema: "./node_modules/effect-lark-meetings/dist/simulator.schema.json", meetings: [meeting] },
  {
    app: { appId: "cli_a", appSecret: "app-secret", type: "store", tenants: ["t"], ticket: "ticket", expire: 60 },
    otherApps: [{ appId: "cli_b", appSecret: "b" }],
    people: [{ user: { openId: "ou_a", userId: "a" }, email: "a@example.com", status: "frozen" }],
    reserves: [{ owner: "ou_a", id: "7", endsAt: 1_900_000_000_000 }],
    login: { user: "ou_a" },
    conflictCarriesHost: false,
    wrongSecret: 10014
  },
  {
    meetings: [meeting],
    faults: [{ endpoint: "set_host", nth: 0, fault: { _tag: "Throttle", reset: 1, status: 429 } }],
    rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_carol" }, {
      _tag: "At",
      millis: 5,
      host: "ou_carol",
      meetingId: "1"
    }],
    schedule: [
      { _tag: "Reserve", millis: 0, reserveId: "7", owner: "ou_a" },
      { _tag: "Start", millis: 1, meetingId: "2", reserveId: "7" },
      { _tag: "Join", millis: 1, meetingId: "2", user: "ou_a" },
      { _tag: "Push", millis: 1, type: "vc.room.created_v1", event: { room: { id: "1" } } }
    ],
    eventFaults: [{ nth: 1, fault: { _tag: "Twice" } }],
    connectionFaults: [{ nth: 0, fault: { _tag: "Handshake", status: 403 } }]
  },
  {
    webhook: {
      url: "http://127.0.0.1:1/events",
      encryptKey: "key",
      verificationToken: "token",
      resendDelay: "2 minutes"
    },
    longConnection: { pingInterval: 5, reconnectCount: -1 },
    rateLimits: true,
    latency: 5
  },
  { latency: "1.5 seconds" }
]

/** A config, the path of its issue, and what was expected. */
const invalid: ReadonlyArray<readonly [config: unknown, path: string, says: RegExp]> = [
  [[], "", /^Expected an object$/],
  [{ meeting: [] }, "meeting", /^Unknown key\. Known keys: .*\bmeetings\b/],
  [{ meetings: [{ id: "1", hosts: "ou_a" }] }, "meetings[0].hosts", /Known keys: id, host, /],
  [{ meetings: [{ host: "ou_a" }] }, "meetings[0].id", /^Missing$/],
  [{ meetings: [{ id: 1 }] }, "meetings[0].id", /^Expected string$/],
  [{ meetings: [{ id: "1", host: null }] }, "meetings[0].host", /^Expected a user: an open id such as "ou_alice", or/],
  [
    { meetings: [{ id: "1", participants: [7] }] },
    "meetings[0].participants[0]",
    /^Expected a user, or an object with/
  ],
  [{ meetings: [{ id: "1", status: "over" }] }, "meetings[0].status", /"calling" \| "in_progress" \| "ended"/],
  [{ meetings: [{ id: "1", startedAt: 1.5 }] }, "meetings[0].startedAt", /integer/],
  [{ app: "cli_a" }, "app", /^Expected an object$/],
  [{ app: { appId: "cli_a", appSecret: "" } }, "app.appSecret", /length of at least 1/],
  [
    { faults: [{ endpoint: "sethost", nth: 0, fault: { _tag: "DropAfter" } }] },
    "faults[0].endpoint",
    /: set_host, get,/
  ],
  [
    { faults: [{ endpoint: "get", nth: 0, fault: { _tag: "Drop" } }] },
    "faults[0].fault",
    /_tag is one of Delay, DropBefore/
  ],
  [{ faults: [{ endpoint: "get", nth: 0, fault: { _tag: "Delay" } }] }, "faults[0].fault.millis", /^Missing$/],
  [{ faults: [{ endpoint: "get", nth: -1, fault: { _tag: "DropAfter" } }] }, "faults[0].nth", /between 0 and 9999/],
  [{ latency: "5 parsecs" }, "latency", /^Expected a duration: milliseconds, or a text such as "5 minutes"$/],
  [{ latency: -1 }, "latency", /between 0 and/],
  [{ rateLimits: "yes" }, "rateLimits", /^Expected boolean$/],
  [
    { webhook: { url: "localhost:3000/events" } },
    "webhook.url",
    /^Expected an http or https URL, such as http:\/\/127\.0\.0\.1:3000\/events$/
  ],
  [{ webhook: { url: "http://a", deliver: {} } }, "webhook.deliver", /^Unknown key/],
  [{ endpoints: [] }, "endpoints", /^Unknown key/]
]

/** What only the code knows to be wrong: a JSON Schema cannot say it. */
const inconsistent: typeof invalid = [
  [
    { meetings: [{ id: "1", participants: ["ou_a", { openId: "ou_a", userType: 2 }, { user: { openId: "ou_a" } }] }] },
    "meetings[0].participants[2]",
    /^Listed already, as participants\[0\]$/
  ],
  [{ meetings: [meeting, meeting] }, "meetings[1].id", /^Taken by meetings\[0\]$/],
  [
    { rivals: [{ _tag: "At", millis: 0, host: "ou_a" }] },
    "rivals[0].meetingId",
    /^Needs a meeting, and there is none$/
  ],
  [
    { meetings: [meeting], rivals: [{ _tag: "At", millis: 0, host: "ou_a", meetingId: "2" }] },
    "rivals[0].meetingId",
    /^No such meeting\. Meetings: 1$/
  ],
  [{ schedule: [{ _tag: "End", millis: 0 }] }, "schedule[0].meetingId", /^Needs a meeting/],
  [
    { schedule: [{ _tag: "Start", millis: 0, meetingId: "1", reserveId: "7" }] },
    "schedule[0].reserveId",
    /^No such res/
  ],
  [{ meetings: [{ id: "1", reserveId: "7" }] }, "meetings[0].reserveId", /^No such reservation/]
]

describe("a config", () => {
  it.effect.each(valid)("is accepted by the layer: %j", (json) =>
    Effect.gen(function*() {
      const config = yield* parse(json)
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(Effect.scoped(Layer.build(Simulator.layer(config))))))
      // Encoded again it is the same, except that secrets and durations have one form.
      assert.deepStrictEqual(yield* parse(yield* Schema.encodeEffect(Simulator.Config)(config)), config)
    }))

  it.effect.each([...invalid, ...inconsistent])(
    "is refused: %j at %s",
    ([config, path, says]) =>
      Effect.gen(function*() {
        const { _tag, issues } = yield* Effect.flip(parse(config))
        assert.strictEqual(_tag, "SimulatorConfigError")
        assert.deepStrictEqual(issues.map((issue) => issue.path), [path])
        assert.match(issues[0]?.message ?? "", says)
      })
  )

  it.effect("is refused with all issues at once, each on its line", () =>
    Effect.gen(function*() {
      const { message } = yield* Effect.flip(parse({ latency: "x", meetings: [{ id: 1, hots: "" }] }))
      assert.deepStrictEqual(message.split("\n").map((line) => line.split(":")[0]), [
        "meetings[0].hots",
        "meetings[0].id",
        "latency"
      ])
    }))

  it.effect("is refused with the first 20 of many issues, and their number", () =>
    Effect.gen(function*() {
      const { issues } = yield* Effect.flip(parse({ meetings: Array.from({ length: 50_000 }, () => 7) }))
      assert.deepStrictEqual(issues.slice(19), [
        { path: "meetings[19]", message: "Expected an object" },
        { path: "", message: "and 49980 more issues" }
      ])
    }))

  it.effect("is refused with the first 20 of many meetings that there are", () =>
    Effect.gen(function*() {
      const meetings = Array.from({ length: 1_000 }, (_, index) => ({ id: String(index) }))
      const rivals = [{ _tag: "At", millis: 0, host: "ou_a", meetingId: "none" }]
      const { issues: [issue] } = yield* Effect.flip(parse({ meetings, rivals }))
      assert.match(issue?.message ?? "", /^No such meeting\. Meetings: 0, 1, .*, 18, 19 and 980 more$/)
    }))

  // In quadratic time it would take minutes.
  it.effect("of 200,000 meetings and 100,000 people is read and started", () =>
    Effect.gen(function*() {
      const meetings = Array.from({ length: 200_000 }, (_, index) => ({
        id: String(index),
        host: `ou_${index % 100_000}`
      }))
      const config = yield* parse({ meetings })
      yield* Effect.scoped(Layer.build(Simulator.layer(config)))
    }))

  it.effect("decodes secrets, which the platform takes, and shows none of them", () =>
    Effect.gen(function*() {
      const config = yield* parse({
        app: { appId: "cli_a", appSecret: "Zq7Xw" },
        webhook: { url: "http://a", encryptKey: "Zq7Xw" }
      })
      assert.notInclude(JSON.stringify(config), "Zq7Xw")
      assert.isTrue(Redacted.isRedacted(config.webhook?.encryptKey))
      const reply = yield* Effect.provide(
        requestTenantToken({ app_id: "cli_a", app_secret: "Zq7Xw" }),
        Simulator.layer(config)
      )
      assert.deepStrictEqual(outcome(reply), [200, 0])
    }))

  it.effect.each([
    `{ "app": { "appSecret": "Zq7Xw" `,
    `{ "app": { "appSecret": Zq7Xw } }`,
    `{ "app": { "appSecret": ["Zq7Xw"] } }`,
    `{ "app": { "appId": "cli_a", "appSecret": "Zq7Xw", "secret": "Zq7Xw" } }`,
    `{ "app": "Zq7Xw" }`
  ])("that is refused never shows a secret: %s", (text) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(parse(text))
      assert.notInclude(`${error.message} ${JSON.stringify(error)} ${String(error)}`, "Zq7Xw")
    }))

  it.effect.each([
    ["__proto__", `{ "meetings": [{ "id": "1", "host": { "openId": "a", "__proto__": {} } }] }`],
    ["deep arrays", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
    [
      "deep objects",
      `{ "schedule": [{ "_tag": "Push", "millis": 0, "type": "t", "event": ${"{\"a\":".repeat(99)}1${
        "}".repeat(99)
      } }] }`
    ],
    ["numbers without bound", `{ "latency": 1e999 }`],
    ["no text at all", ""]
  ])("is refused safely: %s", ([, text]) => Effect.asVoid(Effect.flip(parse(text))))

  it.effect.prop("is never a defect", { json: Schema.Json }, ({ json }) =>
    Effect.exit(parse(json)).pipe(
      Effect.map((exit) => assert.isTrue(Exit.isSuccess(exit) || !Exit.hasDies(exit)))
    ))
})

describe("the JSON Schema of a config", () => {
  const document = configSchema()
  const validate = new Ajv2020({ allErrors: true, strict: false }).compile(document)

  it.each(valid)("accepts %j", (config) => {
    assert.isTrue(validate(config), JSON.stringify(validate.errors))
  })

  it.each(invalid)("refuses %j", (config, path) => {
    assert.isFalse(validate(config))
    const pointers = (validate.errors ?? []).map(({ instancePath, params }) =>
      [instancePath, params["additionalProperty"] ?? params["missingProperty"] ?? []].flat().join("/")
    )
    assert.include(pointers, path === "" ? "" : `/${path.replaceAll(/\[(\d+)\]/g, ".$1").replaceAll(".", "/")}`)
  })

  it("describes every key", () => {
    const { Config, ...parts } = document.$defs
    const options = Schema.decodeUnknownSync(
      Schema.Struct({ properties: Schema.Record(Schema.String, Schema.Unknown) })
    )
    const { properties } = options(Config)
    assert.isAbove(Object.keys(properties).length, 40)
    const undescribed = Object.entries(properties).filter(([, value]) =>
      !JSON.stringify(value).includes("\"description\"")
    )
    assert.deepStrictEqual(undescribed.map(([key]) => key), [])
    assert.deepStrictEqual(
      Object.keys(parts).filter((name) => !JSON.stringify(parts[name]).includes("\"description\"")),
      []
    )
  })
})
