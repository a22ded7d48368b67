import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Cause, Duration, Effect, Exit, Fiber, Option, Schema } from "effect"
import { Cas, Lark, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { id } from "./fixtures/World.ts"
import { type Call, conflict, linearize, maybe, read, swap, write } from "./linearizable.ts"

/** The participants. Each contender makes another one of the first three host. */
const contended = ["ou_alice", "ou_bob", "ou_carol"] as const
const people = [...contended, "ou_dave", "ou_erin"] as const
const Person = Schema.Literals(people)
type Person = typeof Person.Type

/** The endpoints that are called here. */
const paths: Readonly<Partial<Record<Simulator.RequestRecord["endpoint"], string>>> = {
  set_host: `/open-apis/vc/v1/meetings/${id}/set_host`,
  get: `/open-apis/vc/v1/meetings/${id}`,
  tenant_access_token: "/open-apis/auth/v3/tenant_access_token/internal"
}

/** A fault of one of the first six requests of an endpoint that is called here. */
const nearby = ({ endpoint, fault, nth }: Simulator.FaultRule): Simulator.FaultRule => ({
  endpoint: endpoint in paths ? endpoint : "set_host",
  nth: nth % 6,
  fault
})

const Faults = Arbitrary.array(
  Arbitrary.map(Arbitrary.schema(Simulator.FaultRule), nearby),
  { maxLength: 6 }
)

/** Rivals as the simulator describes them, but of this meeting, and soon. */
const Rivals = Arbitrary.array(
  Arbitrary.map(
    Arbitrary.all({ rival: Arbitrary.schema(Simulator.Rival), host: Arbitrary.schema(Person) }),
    ({ host, rival }): Simulator.Rival =>
      rival._tag === "At"
        ? { _tag: "At", millis: rival.millis % 3_000, host }
        : { _tag: rival._tag, nth: rival.nth % 8, host }
  ),
  { maxLength: 6 }
)

const Contender = Schema.Struct({
  // The clock waits for what it wakes, not for what began before it was set.
  start: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 500 })),
  goal: Schema.TaggedUnion({
    Ensure: {},
    Handover: { from: Person },
    EnsureUnless: { guarded: Schema.Array(Person).check(Schema.isMaxLength(2)) }
  }),
  hint: Schema.optionalKey(Person),
  policy: Schema.Literals(["standard", "eager", "thrifty", "once"]),
  onUnknown: Schema.optionalKey(Schema.Literals(["reassert", "stopIfMoved", "neverResend"]))
})
type Contender = typeof Contender.Type

const user = (person: Person) => MeetingUser.openId(person)

const setHost = ({ goal, hint, onUnknown, policy }: Contender, target: Person) => {
  const intent = goal._tag === "Ensure"
    ? Cas.ensure(user(target))
    : goal._tag === "Handover"
    ? Cas.handover(user(goal.from), user(target))
    : Cas.ensureUnless(user(target), goal.guarded.map(user))
  return Meetings.setHost(id, intent, {
    hint: hint === undefined ? undefined : user(hint),
    policy: { ...Cas.Policy[policy], onUnknown }
  })
}

type Report = Cas.Report<MeetingUser.MeetingUser> | Cas.FailureReport<MeetingUser.MeetingUser>

const reportOf = (exit: Effect.Success<ReturnType<typeof contend>>): Report => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return error === undefined || error._tag === "CasInvalidPolicy" ? assert.fail(`${exit}`) : error.report
}

const contend = (contender: Contender, target: Person) =>
  Effect.exit(Effect.delay(setHost(contender, target), contender.start))

/** What a report claims of each of its requests, in milliseconds since the simulator started. */
const claims = (report: Report, started: number): ReadonlyArray<Call<string>> => [
  ...(report.outcome === "already"
    ? [read<string>(report.after.id, { start: started, end: started + Duration.toMillis(report.elapsed) })]
    : []),
  ...report.attempts.flatMap((attempt) => {
    const start = started + Duration.toMillis(attempt.at)
    const window = { start, end: start + Duration.toMillis(attempt.took) }
    const { answer } = attempt
    if (answer._tag === "Observed") return Option.toArray(answer.value).map(({ id }) => read<string>(id, window))
    if (attempt._tag === "Read") return []
    switch (answer._tag) {
      case "Applied":
        return [swap(attempt.expected.id, attempt.desired.id, window)]
      case "Conflict":
        return [conflict(attempt.expected.id, Option.getOrUndefined(answer.actual)?.id, window)]
      case "Terminal":
        // What is not in the platform's own words may come from something in between.
        return answer.error === "MalformedResponse" || answer.error === "UnknownApiError"
          ? [maybe(attempt.expected.id, attempt.desired.id, start)]
          : []
      case "Unknown":
        return [maybe(attempt.expected.id, attempt.desired.id, start)]
      default:
        return []
    }
  })
]

const Body = Schema.Struct({ host_user: Schema.Struct({ id: Schema.String }) })
const targetOf = (request: Simulator.RequestRecord) => Schema.decodeUnknownSync(Body)(request.body).host_user.id

describe("setHost through the whole library, under faults and rivals", () => {
  it.effect.prop("reports the truth, and the history of the meeting is linearizable", {
    faults: Faults,
    rivals: Rivals,
    initial: Person,
    contenders: Schema.Array(Contender).check(Schema.isMinLength(1), Schema.isMaxLength(3)),
    latency: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 400 }))
  }, ({ contenders, faults, initial, latency, rivals }) =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const fibers = yield* Effect.forEach(
        contenders,
        (contender, i) => Effect.forkChild(contend(contender, contended[i]!))
      )
      // Until the last operation has ended and the last late request has landed.
      yield* TestClock.adjust("2 hours")
      const reports = (yield* Effect.forEach(fibers, Fiber.join)).map(reportOf)

      const requests = yield* simulator.requests
      const writes = yield* simulator.writes
      for (const { endpoint, method, path } of requests) {
        assert.strictEqual(path, paths[endpoint])
        assert.strictEqual(method, endpoint === "set_host" ? "PATCH" : endpoint === "get" ? "GET" : "POST")
      }

      reports.forEach((report, i) => {
        const target = contended[i]!
        const sent = requests.filter((request) => request.endpoint === "set_host" && targetOf(request) === target)
        const ours = writes.filter(({ request }) => sent.some(({ index }) => index === request))
        if (report.effect === "none") assert.deepStrictEqual(ours.filter(({ before }) => before?.openId !== target), [])
        if (report.effect === "applied") assert.isNotEmpty(ours)
        if (report.outcome === "failed") return
        // Only what another operation of the queue saw can end one without a request.
        assert.isTrue(report.attempts.length > 0 || (report.outcome === "already" && reports.length > 1))
        const isOurs = ours.some(({ before }) => before?.openId === Option.getOrUndefined(report.before)?.id)
        const wasThere = initial === target || writes.some(({ after }) => after.openId === target)
        assert.isTrue(report.outcome === "swapped" ? isOurs : wasThere)
      })

      const others = writes.filter(({ by }) => by !== "request").map(({ after, at }) =>
        write(after.openId, { start: at, end: at })
      )
      const ours = reports.flatMap((report, i) => claims(report, contenders[i]!.start))
      assert.isDefined(linearize<string>(initial, [...others, ...ours]))
    }).pipe(
      Effect.provide(Lark.layer(Simulator.defaultApp)),
      Effect.provide(
        Simulator.layer({ meetings: [{ id, host: initial, participants: people }], faults, rivals, latency })
      )
    ), { arbitrary: { runs: 200 }, timeout: 300_000 })
})
