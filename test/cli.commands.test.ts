/**
 * What the commands of the command line print, for people and for programs, and what they send.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { called, command, credentials, platform } from "./fixtures/cli.ts"
import { hostNow, id } from "./fixtures/World.ts"

const meeting = { id, number: "123456789", topic: "Weekly" }
const [alice, bob, carol] = ["alice", "bob", "carol"].map((name) => ({ id: `ou_${name}`, name }))

describe("host", () => {
  it.effect.each(["123456789", "123 456 789", "123-456-789", id])(
    "says who is host of %s",
    (meeting) =>
      Effect.gen(function*() {
        const { exit, stderr, stdout } = yield* command(["host", meeting])
        assert.strictEqual(stdout, `alice (ou_alice) is host of "Weekly" (123456789).`)
        assert.strictEqual(stderr, "")
        assert.strictEqual(exit, 0)
      }).pipe(Effect.provide(platform()))
  )

  it.effect("prints one JSON document", () =>
    Effect.gen(function*() {
      const { exit, stderr, stdout } = yield* command("host 123456789 --json")
      assert.deepStrictEqual(JSON.parse(stdout), { command: "host", ok: true, exit: 0, meeting, host: alice })
      assert.notInclude(stdout, "\n")
      assert.strictEqual(stderr, "")
      assert.strictEqual(exit, 0)
    }).pipe(Effect.provide(platform())))

  it.effect("shows the id of a person whose name the app may not read", () =>
    Effect.gen(function*() {
      const { stdout } = yield* command("host 123456789 --json")
      assert.deepStrictEqual(JSON.parse(stdout).host, { id: "ou_alice", name: null })
    }).pipe(Effect.provide(platform({ people: [{ user: "ou_alice", visible: false }] }))))

  it.effect("prints a hostile topic as text", () =>
    Effect.gen(function*() {
      const { stdout } = yield* command("host 123456789")
      assert.strictEqual(stdout, `alice (ou_alice) is host of "a [31mb c" (123456789).`)
    }).pipe(Effect.provide(platform({
      meetings: [{ id, meetingNo: "123456789", host: "ou_alice", topic: "a\u001b[31mb\u202ec" }]
    }))))
})

describe("who", () => {
  it.effect("lists the host, those in the meeting, those who are called and those who left", () =>
    Effect.gen(function*() {
      const { stdout } = yield* command("who 123456789")
      assert.deepStrictEqual(stdout.split("\n"), [
        `"Weekly" (123456789): 4 in the meeting, 1 ringing, 1 left`,
        "  alice  ou_alice  host",
        "  bob    ou_bob",
        "  carol  ou_carol",
        "  -      omm_room  room",
        "  erin   ou_erin   ringing",
        "  dave   ou_dave   left"
      ])
    }).pipe(Effect.provide(platform())))

  it.effect("has the state and the kind of each in JSON", () =>
    Effect.gen(function*() {
      const { stdout } = yield* command("who 123456789 --json")
      const { participants, ...rest } = JSON.parse(stdout)
      assert.deepStrictEqual(rest, { command: "who", ok: true, exit: 0, meeting, hasEnded: false })
      assert.deepStrictEqual(participants[0], {
        ...alice,
        kind: "user",
        state: "inMeeting",
        isHost: true,
        isCohost: false,
        isExternal: false,
        joinedAt: "1970-01-02T00:00:00.000Z",
        leftAt: null
      })
      assert.deepStrictEqual(participants.map(({ kind, state }: Record<string, string>) => `${kind} ${state}`), [
        "user inMeeting",
        "user inMeeting",
        "user inMeeting",
        "room inMeeting",
        "user ringing",
        "user left"
      ])
    }).pipe(
      Effect.provide(platform()),
      // A meeting that began in 1970 at midnight has no time.
      (test) => Effect.andThen(TestClock.adjust("1 day"), test)
    ))

  it.effect("asks for no other name after the answer that the app lacks the scope, and says so", () =>
    Effect.gen(function*() {
      const { exit, stderr, stdout } = yield* command("who 123456789")
      assert.include(stdout, "  -  ou_alice  host\n")
      assert.include(stderr, "contact:contact.base:readonly")
      assert.strictEqual(exit, 0)
    }).pipe(Effect.provide(platform({
      faults: Array.from({ length: 5 }, (_, nth) => ({
        endpoint: "contact_user" as const,
        nth,
        fault: {
          _tag: "GarbageBody" as const,
          status: 400,
          applied: false,
          body: JSON.stringify({ code: 99991672, msg: "Access denied. One of the following scopes is required" })
        }
      }))
    }))))
})

describe("make-host", () => {
  it.effect.each(["bob@example.com", "ou_bob"])("makes %s host", (person) =>
    Effect.gen(function*() {
      const { exit, stderr, stdout } = yield* command(["make-host", "123456789", person])
      assert.strictEqual(
        stdout,
        `bob (ou_bob) is host of "Weekly" (123456789) now; before, it was alice (ou_alice).`
      )
      assert.strictEqual(stderr, "")
      assert.strictEqual(exit, 0)
      assert.strictEqual(yield* hostNow, "ou_bob")
      assert.deepStrictEqual(yield* called, ["list_by_no", "get", "set_host"])
    }).pipe(Effect.provide(platform())))

  it.effect("changes nothing if the person is host already", () =>
    Effect.gen(function*() {
      const { exit, stdout } = yield* command("make-host 123456789 ou_alice")
      assert.strictEqual(stdout, `alice (ou_alice) is host of "Weekly" (123456789) already. Nothing was changed.`)
      assert.strictEqual(exit, 0)
      assert.notInclude(yield* called, "set_host")
    }).pipe(Effect.provide(platform())))

  it.effect("says in JSON what it did, request by request", () =>
    Effect.gen(function*() {
      const { stdout } = yield* command("make-host 123456789 bob@example.com --json --timeline")
      const { report: { attempts, ...counts }, timeline, ...rest } = JSON.parse(stdout)
      assert.deepStrictEqual(rest, {
        command: "make-host",
        ok: true,
        exit: 0,
        meeting,
        host: bob,
        previous: carol,
        outcome: "swapped",
        effect: "applied"
      })
      assert.deepStrictEqual(counts, {
        swaps: 3,
        reads: 0,
        freshConflicts: 1,
        staleConflicts: 1,
        waitedMillis: 0,
        elapsedMillis: 300
      })
      assert.deepStrictEqual(attempts[1], {
        request: "swap",
        expected: "ou_dave",
        desired: "ou_bob",
        isFresh: true,
        answer: "conflict",
        host: "ou_carol",
        error: null,
        sent: true,
        waitedMillis: 0,
        atMillis: 100,
        tookMillis: 100
      })
      assert.strictEqual(timeline.length, 4)
    }).pipe(Effect.provide(platform({
      latency: "100 millis",
      rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_dave" }, { _tag: "BeforeSwap", nth: 1, host: "ou_carol" }]
    }))))

  const contended = platform({
    latency: "100 millis",
    rivals: [{ _tag: "BeforeSwap", nth: 0, host: "ou_dave" }, { _tag: "BeforeSwap", nth: 1, host: "ou_carol" }],
    faults: [{ endpoint: "set_host", nth: 2, fault: { _tag: "Throttle", reset: 2, status: 429 } }]
  })

  it.effect("says on a terminal what it meets while it waits", () =>
    Effect.gen(function*() {
      const { stderr } = yield* command("make-host 123456789 ou_bob", { terminal: true })
      assert.match(
        stderr,
        new RegExp([
          "^conflict: dave is host; trying again",
          "conflict: carol is host; trying again",
          "the request was not executed \\(RateLimited\\); trying again in 2s( \\d+ms)?$"
        ].join("\n"))
      )
    }).pipe(Effect.provide(contended)))

  it.effect("is silent on stderr where that is no terminal", () =>
    Effect.gen(function*() {
      const { exit, stderr } = yield* command("make-host 123456789 ou_bob")
      assert.strictEqual(stderr, "")
      assert.strictEqual(exit, 0)
    }).pipe(Effect.provide(contended)))

  it.effect("claims nothing after a lost reply", () =>
    Effect.gen(function*() {
      const { exit, stdout } = yield* command("make-host 123456789 ou_bob")
      assert.strictEqual(
        stdout,
        `bob (ou_bob) is host of "Weekly" (123456789) now. Whether this command did it cannot be told: a reply was lost.`
      )
      assert.strictEqual(exit, 0)
    }).pipe(Effect.provide(platform({ faults: [{ endpoint: "set_host", nth: 0, fault: { _tag: "DropAfter" } }] }))))
})

describe("--dry-run", () => {
  const sent = Simulator.Simulator.use(({ requests }) =>
    Effect.map(
      requests,
      (requests) =>
        requests.filter(({ endpoint }) => endpoint === "set_host" || endpoint === "end").map((
          { body, method, path }
        ) => ({
          method,
          path,
          body
        }))
    )
  )

  it.effect("says exactly what make-host sends without it", () =>
    Effect.gen(function*() {
      const line = "make-host 123456789 bob@example.com --json"
      const { exit, stdout } = yield* command(`${line} --dry-run`)
      const { requests, ...rest } = JSON.parse(stdout)
      assert.deepStrictEqual(rest, { command: "make-host", ok: true, exit: 0, meeting, effect: "none", dryRun: true })
      assert.strictEqual(exit, 0)
      assert.deepStrictEqual(yield* sent, [])
      assert.strictEqual(yield* hostNow, "ou_alice")

      yield* command(line)
      const { method, url, body } = requests[0]
      assert.strictEqual(requests.length, 1)
      const { pathname } = new URL(url)
      assert.deepStrictEqual(yield* sent, [{ method, path: pathname, body }])
    }).pipe(Effect.provide(platform())))

  it.effect("prints the request for people", () =>
    Effect.gen(function*() {
      const { stdout } = yield* command("make-host 123456789 ou_bob --dry-run")
      assert.deepStrictEqual(stdout.split("\n"), [
        "Nothing was changed. Without --dry-run this would be sent:",
        `  PATCH https://open.feishu.cn/open-apis/vc/v1/meetings/${id}/set_host?user_id_type=open_id`,
        `  {"host_user":{"id":"ou_bob","user_type":1},"old_host_user":{"id":"ou_alice","user_type":1}}`
      ])
    }).pipe(Effect.provide(platform())))

  it.effect("says that nothing would be sent if the person is host already", () =>
    Effect.gen(function*() {
      const { stdout } = yield* command("make-host 123456789 ou_alice --dry-run")
      assert.strictEqual(stdout, "Nothing would be sent: it is as it should be already.")
    }).pipe(Effect.provide(platform())))

  it.effect("ends no meeting, and says what would end it", () =>
    Effect.gen(function*() {
      const { stdout } = yield* command(`end ${id} --simulator --dry-run --json`)
      assert.deepStrictEqual(JSON.parse(stdout).requests, [{
        method: "PATCH",
        url: `https://open.feishu.cn/open-apis/vc/v1/meetings/${id}/end`,
        body: null
      }])
    }).pipe(Effect.provide(platform())))
})

describe("--simulator", () => {
  it.effect.each(["host", "who", "end"])(
    "runs %s with nothing set up, and sends nothing",
    (name) =>
      Effect.gen(function*() {
        const { exit, stderr } = yield* command(`${name} 123456789 --simulator`, { env: {} })
        assert.strictEqual(stderr, "")
        assert.strictEqual(exit, 0)
        assert.deepStrictEqual(yield* called, [])
      }).pipe(Effect.provide(platform()))
  )

  it.effect("shows a conflict", () =>
    Effect.gen(function*() {
      const { stdout } = yield* command("make-host 123456789 bob@example.com --simulator --timeline", { env: {} })
      assert.match(stdout, /stale conflict, it is ou_carol.*\n.*applied/)
    }).pipe(Effect.provide(platform())))

  it.effect("takes the app of a simulator at a URL, and no credentials", () =>
    Effect.gen(function*() {
      const line = "host 123456789 --simulator=http://127.0.0.1:8787"
      const { exit } = yield* command(line, { env: { ...credentials, LARK_APP_SECRET: "wrong" } })
      assert.strictEqual(exit, 0)
      const requests = yield* Simulator.Simulator.use(({ requests }) => requests)
      assert.deepStrictEqual([...new Set(requests.map(({ host }) => host))], ["127.0.0.1:8787"])
    }).pipe(Effect.provide(platform())))
})

it.effect("no output has a secret", () =>
  Effect.gen(function*() {
    const secrets = [credentials.LARK_APP_SECRET]
    const screens = Array<string>()
    for (
      const line of [
        "host 123456789",
        "who 123456789 --json",
        "make-host 123456789 ou_bob --timeline",
        "make-host 123456789 ou_bob --dry-run --json",
        "make-host 123456789 ou_nobody --timeline --json",
        `end ${id} --simulator`
      ]
    ) {
      screens.push((yield* command(line, { terminal: true })).screen)
    }
    const minted = yield* Simulator.Simulator.use(({ tokensMinted }) => tokensMinted)
    assert.isAbove(minted.length, 0)
    secrets.push(...minted.map(({ value }) => Redacted.value(value)))
    assert.deepStrictEqual(secrets.filter((secret) => screens.join("\n").includes(secret)), [])
  }).pipe(Effect.provide(platform())))
