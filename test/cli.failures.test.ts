/**
 * How commands fail: the exit code, the words and the JSON of each kind of error.
 */
import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Schema } from "effect"
import { LarkError } from "effect-lark-meetings"
import type * as Simulator from "effect-lark-meetings/Simulator"
import { exits } from "../src/cli/exits.ts"
import { describe as describeFailure, isFailure } from "../src/cli/failures.ts"
import { command, type Ended, platform, type Surroundings } from "./fixtures/cli.ts"
import { id } from "./fixtures/World.ts"

interface Scenario {
  readonly line: string
  readonly options?: Simulator.Options
  readonly exit: keyof typeof exits
  readonly tag: string
  /** In the words for people. */
  readonly says: RegExp
  readonly effect?: "unknown"
}

const always = (endpoint: Simulator.Endpoint, fault: Simulator.Fault): Simulator.Options => ({
  faults: Array.from({ length: 40 }, (_, nth) => ({ endpoint, nth, fault }))
})

const refusal = (endpoint: Simulator.Endpoint, code: number, msg: string): Simulator.Options =>
  always(endpoint, { _tag: "GarbageBody", status: 400, applied: false, body: JSON.stringify({ code, msg }) })

/** Somebody else becomes host before each swap. */
const rivals: Simulator.Options = {
  rivals: Array.from({ length: 40 }, (_, nth) => ({
    _tag: "BeforeSwap" as const,
    nth,
    host: nth % 2 === 0 ? "ou_carol" : "ou_alice"
  }))
}

const toBob = "make-host 123456789 ou_bob"

const scenarios: ReadonlyArray<Scenario> = [
  { line: "host 12345", exit: "usage", tag: "InvalidMeetingId", says: /it has 5 digits.*\n.*9 digits/ },
  { line: "host ../../x?y#", exit: "usage", tag: "InvalidMeetingId", says: /not all of them digits/ },
  { line: "make-host 123456789 bob", exit: "usage", tag: "InvalidPerson", says: /"bob" is neither.*\n.*ou_/ },
  {
    line: "make-host 123456789",
    exit: "usage",
    tag: "MissingArgument",
    says: /person\nRun `effect-lark-meetings make-host --help`/
  },
  { line: `${toBob} --timeout 10`, exit: "usage", tag: "InvalidValue", says: /a duration with its unit/ },
  { line: `${toBob} --simulator=ftp://x`, exit: "usage", tag: "InvalidValue", says: /an http or https URL/ },
  { line: "hots 123456789", exit: "usage", tag: "UnknownSubcommand", says: /Did you mean this\? host\n/ },
  { line: "host 123456789 --app-secret", exit: "usage", tag: "UnrecognizedOption", says: /--app-secret/ },

  {
    line: "end 123456789",
    exit: "notAllowed",
    tag: "NotLoggedIn",
    says: /Nobody is logged in.\nRun `effect-lark-meetings login`/
  },
  { line: "host 123456789 --as user", exit: "notAllowed", tag: "NotLoggedIn", says: /login/ },
  {
    line: "host 123456789",
    options: refusal("list_by_no", 99991672, "Access denied"),
    exit: "notAllowed",
    tag: "MissingScope",
    says: /Access denied \[99991672\].*\nGrant the app the missing scope/
  },
  {
    line: toBob,
    options: refusal("set_host", 121005, "no permission"),
    exit: "notAllowed",
    tag: "NoPermission",
    says: /no permission \[121005\] \(vc\.v1\.meeting\.set_host, HTTP 400/
  },
  {
    line: "host 123456789",
    options: { app: { appId: "cli_0123456789abcdef", appSecret: "another" } },
    exit: "notAllowed",
    tag: "CredentialsRejected",
    says: /Check LARK_APP_SECRET/
  },

  { line: "host 987654321", exit: "notFound", tag: "NoActiveMeeting", says: /number 987654321.*\n.*by its id/ },
  { line: "host 6911188411932033029", exit: "notFound", tag: "DataNotExist", says: /data not exist \[121004\]/ },
  { line: "make-host 123456789 zoe@example.com", exit: "notFound", tag: "PersonNotFound", says: /zoe@example\.com/ },
  {
    line: `host ${id}`,
    options: { meetings: [{ id }] },
    exit: "notFound",
    tag: "NoHost",
    says: /has no host/
  },

  {
    line: `host ${id}`,
    options: { meetings: [{ id, host: "ou_alice", status: "ended" }] },
    exit: "refused",
    tag: "MeetingEnded",
    says: /has ended/
  },
  {
    line: "make-host 123456789 ou_zoe",
    exit: "refused",
    tag: "TargetNotInMeeting",
    says: /has to join the meeting first/
  },
  { line: "make-host 123456789 ou_erin", exit: "refused", tag: "ParticipantStatusNotExpected", says: /has to join/ },

  { line: toBob, options: rivals, exit: "contended", tag: "CasExhausted", says: /--timeout/ },
  {
    line: `${toBob} --timeout 500ms`,
    options: { latency: "100 millis", ...always("set_host", { _tag: "Late", millis: 60_000 }) },
    exit: "unknown",
    tag: "CasExhausted",
    says: /may have taken effect/,
    effect: "unknown"
  },
  {
    line: toBob,
    options: {
      faults: [
        { endpoint: "set_host", nth: 0, fault: { _tag: "DropAfter" } },
        ...Array.from({ length: 40 }, (_, nth) => ({
          endpoint: "set_host" as const,
          nth: nth + 1,
          fault: { _tag: "DropBefore" as const }
        }))
      ]
    },
    exit: "unknown",
    tag: "CasExhausted",
    says: /may have taken effect\. Look with `effect-lark-meetings host`/,
    effect: "unknown"
  },

  {
    line: "host 123456789",
    options: always("list_by_no", { _tag: "DropBefore" }),
    exit: "unavailable",
    tag: "TransportError",
    says: /No reply/
  },
  {
    line: "who 123456789 --timeout 50ms",
    options: { latency: "1 second" },
    exit: "unavailable",
    tag: "TimedOut",
    says: /within 50ms/
  },
  {
    line: "make-host 123456789 ou_bob --timeout 50ms",
    options: { latency: "1 second" },
    exit: "unavailable",
    tag: "TimedOut",
    says: /within 50ms/
  },
  {
    line: "host 123456789",
    options: always("get", { _tag: "Throttle", reset: 3, status: 429 }),
    exit: "unavailable",
    tag: "RateLimited",
    says: /Wait 3s, and run it again/
  },
  {
    line: toBob,
    options: always("set_host", { _tag: "Throttle", reset: 60, status: 429 }),
    exit: "unavailable",
    tag: "CasExhausted",
    says: /--timeout/
  }
]

describe.each(scenarios)("$exit: $line ($tag)", (scenario) => {
  const { code } = exits[scenario.exit]

  const run = (json: string) => command(`${scenario.line}${json}`).pipe(Effect.provide(platform(scenario.options)))

  it.effect("exits with its code, and says on stderr what happened and what to do next", () =>
    Effect.gen(function*() {
      const ended: Ended = yield* run("")
      assert.strictEqual(ended.exit, code, ended.screen)
      assert.strictEqual(ended.stdout, "")
      assert.match(ended.stderr, /^error: /)
      assert.match(ended.stderr, scenario.says)
      assert.notMatch(ended.stderr, /Effect|Cas|Meetings\.|Lark\.|asUser|\bat .*\.ts/)
    }))

  it.effect("prints one JSON document instead", () =>
    Effect.gen(function*() {
      const ended = yield* run(" --json")
      assert.strictEqual(ended.exit, code, ended.screen)
      assert.strictEqual(ended.stderr, "")
      const { error, ...rest } = JSON.parse(ended.stdout)
      assert.strictEqual(rest.ok, false)
      assert.strictEqual(rest.exit, code)
      assert.strictEqual(error.kind, scenario.exit)
      assert.strictEqual(error.tag, scenario.tag)
      assert.isAbove(error.message.length, 10)
      if ("effect" in rest) assert.strictEqual(rest.effect, scenario.effect ?? "none")
      else assert.strictEqual(scenario.exit, "usage")
    }))
})

it.effect("the report of a failed make-host is in its JSON, and its timeline on stderr", () =>
  Effect.gen(function*() {
    const { stdout } = yield* command(`${toBob} --json --timeline`)
    const { report, timeline } = JSON.parse(stdout)
    assert.isAbove(report.swaps, 2)
    assert.strictEqual(report.attempts.length, report.swaps)
    assert.strictEqual(timeline.length > report.swaps, true)
  }).pipe(Effect.provide(platform(rivals))))

it.effect("--timeout is the time of the whole command", () =>
  Effect.gen(function*() {
    const { exit, stdout } = yield* command(`${toBob} --json --timeout 2s`)
    const { report } = JSON.parse(stdout)
    assert.strictEqual(exit, exits.unknown.code)
    // Three requests come before: for the token, the number and the meeting.
    assert.strictEqual(report.elapsedMillis, 500)
  }).pipe(Effect.provide(platform({ ...rivals, latency: "500 millis" }))))

it.effect("the timeline of a failed make-host is on stderr", () =>
  Effect.gen(function*() {
    const { stderr, stdout } = yield* command(`${toBob} --timeline`)
    assert.strictEqual(stdout, "")
    assert.match(stderr, /^error: .*\n.*\n {2,}[\d.]+ ms {2}swap /)
  }).pipe(Effect.provide(platform(rivals))))

it("what to do next is said for people, for every code of the platform", () => {
  const decode = Schema.decodeUnknownSync(LarkError.LarkError)
  const said = LarkError.table.flatMap(({ code, tag }) => {
    const fields = { code, msg: "a message", status: 400, endpoint: "an.endpoint", reason: "refused" }
    const error = decode({ _tag: tag, ...fields })
    return isFailure(error) ? [[`${tag} ${code}`, describeFailure(error).next] as const] : []
  })
  assert.isAbove(said.length, 60)
  const words = /\b[A-Z]\w+\.[a-z]|\b(?:msg|retryAfter|violations)\b|endpoint|page/
  assert.deepStrictEqual(said.filter(([, next]) => next === undefined || words.test(next)), [])
})

it.effect("only a terminal with colors gets colors", () =>
  Effect.gen(function*() {
    const label = Effect.fnUntraced(function*(around: Surroundings) {
      return (yield* command("host 1", around)).stderr.split(" ")[0]
    })
    assert.strictEqual(yield* label({ terminal: true, color: true }), "\u001b[31merror:\u001b[0m")
    assert.strictEqual(yield* label({ terminal: true }), "error:")
    assert.strictEqual(yield* label({ color: true }), "error:")
  }).pipe(Effect.provide(platform())))

describe("an interruption", () => {
  const test = Effect.fnUntraced(function*(interruptedAfter: Duration.Input, isJson = false) {
    return yield* command(isJson ? `${toBob} --json` : toBob, { interruptedAfter })
  }, Effect.provide(platform({ latency: "1 second" })))

  it.effect("before a change says that nothing was changed", () =>
    Effect.gen(function*() {
      const { exit, stderr } = yield* test("1 second")
      assert.strictEqual(stderr, "error: Interrupted. Nothing was changed.")
      assert.strictEqual(exit, exits.interrupted.code)
    }))

  it.effect("of a change says that it may have been executed", () =>
    Effect.gen(function*() {
      const { exit, stdout } = yield* test("3500 millis", true)
      const { effect, error } = JSON.parse(stdout)
      assert.deepStrictEqual([effect, error.kind], ["unknown", "interrupted"])
      assert.strictEqual(exit, exits.interrupted.code)
    }))
})
