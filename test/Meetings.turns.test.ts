/** Several clients in one process that share their turns: `Meetings` does not change. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Fiber, Layer, Metric, Schedule, type Scope } from "effect"
import { Cas, Lark, type MeetingId, Meetings, MeetingUser, UserToken } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import type { HttpClient } from "effect/http"
import { counters } from "./fixtures/observe.ts"
import { alice, bob, called, carol, dave, elapse, hostNow, id, meetings, stranger } from "./fixtures/World.ts"

class Pause extends Context.Service<Pause, Duration.Input>()("Pause") {}

/** As many clients as there would be processes. */
const clients = (count: number, app: typeof Simulator.defaultApp = Simulator.defaultApp) =>
  Effect.forEach(
    Array.from({ length: count }),
    () => Effect.map(Layer.build(Layer.fresh(Lark.layer(app))), Context.get(Meetings.Meetings))
  )

const on = <A, E>(
  program: Effect.Effect<A, E, Simulator.Simulator | HttpClient.HttpClient | Scope.Scope>,
  turns: Layer.Layer<never> = Cas.layerTurnsMemory
) =>
  elapse(
    Effect.scoped(program).pipe(
      Effect.provide(Layer.merge(turns, Simulator.layer({ meetings, latency: "20 millis" }))),
      Effect.provideService(Metric.MetricRegistry, new Map())
    )
  )

const goals = [bob, carol, dave]

describe("setHost of several clients with shared turns", () => {
  it.effect("costs one request an operation", () =>
    on(Effect.gen(function*() {
      const pods = yield* clients(5)
      const operations = pods.flatMap((pod, n) =>
        Array.from({ length: 20 }, (_, m) => pod.setHost(id, goals[(n + m) % 3] ?? bob))
      )
      const reports = yield* Effect.all(operations, { concurrency: "unbounded" })
      assert.isTrue(reports.every(({ after }) => after.id.startsWith("ou_")))
      assert.isAtMost((yield* called).length, 102)
      const { [`cas_turns_total{granted}`]: granted = 0 } = counters(yield* Metric.snapshot)
      assert.isAbove(granted, 5)
      assert.isBelow(granted, 50)
    })))

  it.effect("costs more without them", () =>
    on(
      Effect.gen(function*() {
        const pods = yield* clients(5)
        const operations = pods.flatMap((pod, n) =>
          Array.from({ length: 20 }, (_, m) => pod.setHost(id, goals[(n + m) % 3] ?? bob))
        )
        yield* Effect.all(operations, { concurrency: "unbounded" })
        assert.isAbove((yield* called).length, 102)
      }),
      Layer.empty
    ))

  it.effect("takes each intent, policy and user", () =>
    on(Effect.gen(function*() {
      const [one, other] = yield* clients(2)
      assert(one !== undefined && other !== undefined)
      const simulator = yield* Simulator.Simulator
      assert.strictEqual((yield* one.setHost(id, bob)).outcome, "swapped")
      const next = Cas.update((host: MeetingUser.MeetingUser<"open_id">) =>
        host.id === "ou_bob" ? { _tag: "Swap", to: carol } : { _tag: "Keep" }
      )
      assert.deepStrictEqual((yield* other.setHost(id, next, { hint: bob })).after, carol)

      yield* simulator.addRivals([
        { _tag: "BeforeSwap", nth: 0, host: "ou_alice" },
        { _tag: "BeforeSwap", nth: 1, host: "ou_carol" }
      ])
      const conflict = Schedule.modifyDelay(Schedule.recurs(5), () => Pause)
      const contended = other.setHost(id, bob, { policy: Cas.Policy.make({ conflict }) })
      assert.strictEqual((yield* Effect.provideService(contended, Pause, Duration.millis(3))).outcome, "swapped")

      const session = UserToken.fromAccessToken(yield* simulator.userToken("ou_bob"), { user: bob })
      assert.strictEqual((yield* Lark.asUser(session)(one.setHost(id, alice))).effect, "applied")
      assert.strictEqual(yield* hostNow, "ou_alice")

      const refused = yield* Effect.flip(other.setHost(id, Cas.ensureUnless(bob, ({ id }) => id === "ou_alice")))
      assert.strictEqual(refused._tag, "CasRefused")
      const missing = yield* Effect.flip(one.setHost(id, stranger))
      assert.strictEqual(missing._tag, "TargetNotInMeeting")
      assert.strictEqual("report" in missing ? missing.report.effect : undefined, "none")
    })))

  it.effect("calls onAbandoned when it is interrupted, and lets the next client go on at once", () =>
    on(Effect.gen(function*() {
      const [one, other] = yield* clients(2)
      assert(one !== undefined && other !== undefined)
      yield* one.setHost(id, carol)
      const abandoned: Array<string> = []
      const onAbandoned = ({ desired }: { readonly desired: MeetingUser.MeetingUser }) =>
        Effect.sync(() => void abandoned.push(desired.id))
      const fiber = yield* Effect.forkChild(one.setHost(id, bob, { onAbandoned }), { startImmediately: true })
      yield* Effect.sleep("15 millis")
      const next = yield* Effect.forkChild(Effect.timed(other.setHost(id, dave)), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      const [took] = yield* Fiber.join(next)
      assert.deepStrictEqual(abandoned, ["ou_bob"])
      assert.isBelow(Duration.toMillis(took), 2_000)
    })))

  it.effect("names a lane by app, tenant, kind of id and meeting", () => {
    const keys: Array<string> = []
    const turns = Cas.makeTurns(({ key }) => {
      keys.push(key)
      return { answer: Effect.succeed({ _tag: "Skipped" }), end: () => {} }
    })
    const move = (pod: Meetings.Meetings["Service"], meetingId: MeetingId.MeetingId) =>
      Effect.andThen(pod.setHost(meetingId, bob), Effect.exit(pod.setHost(meetingId, MeetingUser.unionId("on_bob"))))
    return on(
      Effect.gen(function*() {
        const [pod] = yield* clients(1)
        assert(pod !== undefined)
        yield* move(pod, id)
        const { appId } = Simulator.defaultApp
        assert.deepStrictEqual(keys, [`${appId}  open_id ${id}`, `${appId}  union_id ${id}`])
      }),
      Layer.succeed(Cas.Turns, turns)
    )
  })

  it.effect("goes on without turns if they break", () =>
    on(
      Effect.gen(function*() {
        const [pod] = yield* clients(1)
        assert(pod !== undefined)
        const reports = yield* Effect.all([pod.setHost(id, bob), pod.setHost(id, carol)], { concurrency: "unbounded" })
        assert.deepStrictEqual(reports.map(({ outcome }) => outcome), ["swapped", "swapped"])
        assert.strictEqual(counters(yield* Metric.snapshot)["cas_turns_total{lost}"], 1)
      }),
      Layer.succeed(Cas.Turns, Cas.makeTurns(() => ({ answer: Effect.die("broken"), end: () => {} })))
    ))
})
