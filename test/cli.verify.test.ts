/**
 * The command `verify`: what it says beforehand, whom it takes, what it prints and writes, and how it ends.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import * as fs from "node:fs"
import * as path from "node:path"
import { questions } from "../src/cli/verify/questions.ts"
import { called, command, credentials, platform, type Surroundings } from "./fixtures/cli.ts"
import { fault } from "./fixtures/faults.ts"
import { temporaryDirectory } from "./fixtures/sessionStores.ts"
import { hostNow, id, room } from "./fixtures/World.ts"

const all = "verify 123456789 --other ou_bob --other carol@example.com --yes"

const now = Date.UTC(2026, 8, 21)

/** In this year: the simulator lists meetings by the times of their starts. */
const on = <A, E, R>(options: Simulator.Options, test: Effect.Effect<A, E, R>) =>
  Effect.andThen(TestClock.setTime(now), Effect.provide(test, platform(options)))

const hosted = (options: Partial<Simulator.MeetingOptions>): Simulator.Options => ({
  meetings: [{ id, meetingNo: "123456789", host: "ou_alice", participants: ["ou_bob", "ou_carol"], ...options }]
})

const answers = (stdout: string): Readonly<Record<string, string>> =>
  Object.fromEntries(Array.from(stdout.matchAll(/^\| ([\w.]+) \| [^|]* \| ([^|]*?) \|/gm), ([, number, answer]) => [
    number,
    answer
  ]))

describe("verify", () => {
  it.effect("says what it will do, and prints a table of all questions", () =>
    on(
      {},
      Effect.gen(function*() {
        const { exit, stderr, stdout } = yield* command(all)
        assert.strictEqual(exit, 0)
        const [title, ...plan] = stderr.split("\n")
        assert.match(title ?? "", /^verify asks about "Weekly" \(123456789\)/)
        assert.include(stderr, "It makes ou_bob and ou_carol host for moments, and in the end ou_alice again.")
        assert.include(stderr, `by hand: effect-lark-meetings make-host ${id} ou_alice\n`)
        assert.strictEqual(plan.at(-1), "ou_alice is host.")
        assert.strictEqual(yield* hostNow, "ou_alice")

        assert.sameMembers(Object.keys(answers(stdout)), questions.map(({ number }) => number))
        assert.include(
          stdout,
          "| 5.1 | May the app move the host of this meeting? | yes | vc.v1.meeting.set_host 200 0 "
        )
        const unasked = questions.flatMap((question) => "unasked" in question ? [question] : [])
        assert.isAbove(unasked.length, 15)
        for (const { number, unasked: why } of unasked) {
          assert.strictEqual(answers(stdout)[number], `not answered: ${why}`)
        }
        assert.strictEqual(answers(stdout)["S.j"], "not answered: it needs the login of a user who is in the meeting")
        assert.notInclude(yield* called, "end")
      })
    ))

  it.effect("prints one JSON document", () =>
    on(
      {},
      Effect.gen(function*() {
        const { stderr, stdout } = yield* command(`${all} --json`)
        const { behavior, command: name, exit, hostIsBack, ok, questions: rows } = JSON.parse(stdout)
        assert.deepStrictEqual([name, ok, exit, hostIsBack], ["verify", true, 0, true])
        assert.deepStrictEqual(
          rows.map(({ number }: { number: string }) => number),
          questions.map(({ number }) => number)
        )
        const row = rows.find(({ number }: { number: string }) => number === "4.1")
        assert.match(row.evidence[0].logId, /^simulated\d{12}$/)
        assert.deepStrictEqual(row, {
          number: "4.1",
          question: "What does set_host answer if host_user and old_host_user are both the host?",
          answer: "success: the host stays",
          notAnswered: null,
          evidence: [{ ...row.evidence[0], endpoint: "vc.v1.meeting.set_host", status: 200, code: 0 }]
        })
        assert.include(behavior, { targetIsHost: "success", wrongSecret: 10015 })
        assert.include(stderr, "verify asks")
      })
    ))

  it.effect("prints no token, no name, and no id of a person", () =>
    on(
      {},
      Effect.gen(function*() {
        const text = yield* command(all)
        const json = yield* command(`${all} --json`)
        const tokens = (yield* Simulator.Simulator.use(({ tokensMinted }) => tokensMinted)).map(({ value }) => value)
        assert.isAbove(tokens.length, 0)
        const secrets = [credentials.LARK_APP_SECRET, ...tokens.map(Redacted.value)]
        for (const secret of secrets) {
          for (const { screen } of [text, json]) assert.notInclude(screen, secret)
        }
        for (const word of ["alice", "bob", "carol", "Weekly", id, "123456789"]) {
          for (const { stdout } of [text, json]) assert.notInclude(stdout, word)
        }
      })
    ))

  it.effect("asks only what reading answers if nobody is named", () =>
    on(
      { userIdScope: false },
      Effect.gen(function*() {
        const { exit, stderr, stdout } = yield* command("verify 123456789 --yes")
        assert.strictEqual(exit, 0)
        assert.include(stderr, "It does not move the host role: nobody was named with --other.")
        assert.deepInclude(answers(stdout), {
          "2.1": "not answered: nobody was named with --other",
          "12.1": "error.log_id",
          "12.2": "objects with subject, type",
          "13.2": "10015, CredentialsRejected",
          "S.c": "no: 99991672, MissingScope",
          "V.3.3": "yes"
        })
        assert.notInclude(yield* called, "set_host")
      })
    ))

  it.effect.each(
    [
      [{ host: undefined }, "the meeting has no host", "14.1", "absent"],
      [{ host: room }, "the host is not a user, but a room or a telephone", "14.2", "an empty id and a user_type"],
      [
        { participants: ["ou_bob", "ou_carol", { user: "ou_alice", status: "left" }] },
        "the host is not in the meeting",
        "S.c",
        "yes"
      ]
    ] as const
  )("does not move the role if it could not put it back: %#", ([options, why, number, answer]) =>
    on(
      hosted(options),
      Effect.gen(function*() {
        const { exit, stdout } = yield* command(all)
        assert.strictEqual(exit, 0)
        assert.strictEqual(answers(stdout)["2.1"], `not answered: ${why}`)
        assert.strictEqual(answers(stdout)[number], answer)
        assert.notInclude(yield* called, "set_host")
      })
    ))

  it.effect.each([
    ["--other ou_alice", "ou_alice is the host."],
    ["--other ou_dave", "ou_dave is not in the meeting."],
    ["--other ou_erin", "ou_erin is not in the meeting."],
    ["--other ou_zoe", "ou_zoe is not in the meeting."],
    ["--other ou_bob --other bob@example.com", "bob@example.com is named twice."]
  ])("takes nobody who cannot be host: %s", ([others, why]) =>
    on(
      {},
      Effect.gen(function*() {
        const { exit, stderr } = yield* command(`verify 123456789 --yes ${others}`)
        assert.strictEqual(stderr, `error: ${why}\nName somebody else who is in the meeting, and not its host.`)
        assert.strictEqual(exit, 5)
        assert.notInclude(yield* called, "set_host")
      })
    ))

  it.effect("takes no meeting that has ended", () =>
    on(
      hosted({ status: "ended" }),
      Effect.gen(function*() {
        assert.strictEqual((yield* command(`verify ${id} --yes`)).exit, 5)
      })
    ))

  it.effect.each<readonly [string, Surroundings, boolean]>([
    ["yes on a terminal", { terminal: true, typed: "y" }, true],
    ["yes, in a word", { terminal: true, typed: "Yes" }, true],
    ["no on a terminal", { terminal: true, typed: "n" }, false],
    ["nothing on a terminal", { terminal: true, typed: "" }, false],
    ["no terminal", {}, false]
  ])("sends nothing before it is confirmed: %s", ([, around, isConfirmed]) =>
    on(
      {},
      Effect.gen(function*() {
        const { exit, stderr } = yield* command(all.replace(" --yes", ""), around)
        assert.include(stderr, "verify asks about")
        assert.strictEqual(exit, isConfirmed ? 0 : 2)
        const endpoints = yield* called
        if (isConfirmed) assert.include(endpoints, "set_host")
        else assert.deepStrictEqual(endpoints, ["list_by_no", "get"])
      })
    ))

  it.effect("writes a file that the simulator takes", () =>
    Effect.gen(function*() {
      const file = path.join(yield* temporaryDirectory, "behavior.json")
      const options: Simulator.BehaviorOptions = { targetIsHost: "cannotOperateSelf", conflictStatus: 200 }
      const { stdout } = yield* on(
        options,
        Effect.provide(command([...all.split(" "), "--owner", "user", "--behavior", file]), NodeFileSystem.layer)
      )
      assert.include(stdout, `${file} makes the simulator answer likewise in 12 respects.`)
      const written = yield* Simulator.parseConfig(fs.readFileSync(file, "utf8"))
      assert.include(written, { ...options, tenantTokenMayMoveAnyHost: true })
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("sends nothing if that file cannot be written", () =>
    on(
      {},
      Effect.gen(function*() {
        const { exit, stderr } = yield* Effect.provide(
          command([...all.split(" "), "--behavior", "/nowhere/behavior.json"]),
          NodeFileSystem.layer
        )
        assert.match(stderr, /error: \/nowhere\/behavior.json cannot be written \(NotFound\)\.\nCheck --behavior\.$/)
        assert.strictEqual(exit, 2)
        assert.notInclude(yield* called, "set_host")
      })
    ))

  it.effect("puts the host back when it is interrupted or takes too long", () =>
    on(
      {},
      Effect.gen(function*() {
        const interrupted = yield* command(all, { interruptedAfter: "8 seconds" })
        assert.match(interrupted.stderr, /ou_alice is host\.\nerror: Interrupted\. Nothing was changed\.$/)
        assert.strictEqual(interrupted.exit, 130)
        assert.include(yield* called, "set_host")
        const late = yield* command(`${all} --timeout 8s`)
        assert.match(late.stderr, /ou_alice is host\.\nerror: No result within 8s\./)
        assert.strictEqual(late.exit, 8)
        assert.strictEqual(yield* hostNow, "ou_alice")
      })
    ))

  it.effect("says loudly that the host is not back, and how to do it by hand", () =>
    on(
      { faults: Array.from({ length: 200 }, (_, nth) => fault({ _tag: "DropBefore" }, nth + 1)) },
      Effect.gen(function*() {
        const { exit, stderr, stdout } = yield* command(all)
        assert.include(stderr, "THE HOST ROLE IS NOT BACK WITH ou_alice: CasExhausted.")
        assert.include(stderr, `Put it back by hand: effect-lark-meetings make-host ${id} ou_alice`)
        assert.strictEqual(answers(stdout)["5.1"], "yes")
        assert.strictEqual(exit, 7)
      })
    ))

  it.effect("says to programs, too, that the host is not back", () =>
    on(
      { rivals: [{ _tag: "AfterSwap", nth: 2, host: "ou_carol" }] },
      Effect.gen(function*() {
        const { stderr, stdout } = yield* command("verify 123456789 --other ou_bob --yes --json")
        const { exit, hostIsBack, ok } = JSON.parse(stdout)
        assert.deepStrictEqual([ok, exit, hostIsBack], [false, 7, false])
        assert.include(stderr, "somebody who was not named became host, and verify left it so")
      })
    ))

  it.effect("says that a request may still take effect", () =>
    on(
      { faults: [fault({ _tag: "DropAfter" })] },
      Effect.gen(function*() {
        const { exit, stderr } = yield* command(all)
        assert.include(
          stderr,
          `ou_alice is host.\nA set_host had no answer, and can still take effect. Look again in a`
        )
        assert.strictEqual(exit, 0)
      })
    ))
})
