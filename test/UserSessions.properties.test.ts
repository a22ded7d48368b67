/**
 * Under any schedule of calls, rejections, faults and crashes no refresh token is sent twice without need, and no session is
 * lost unless the platform had refreshed it for a process that died.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Clock, Effect, Fiber, Redacted, Schema } from "effect"
import { MeetingUser } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as OAuthServer from "./fixtures/OAuthServer.ts"
import * as SessionWorld from "./fixtures/SessionWorld.ts"

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const [users, slots] = [3, 3]

const Who = { process: upTo(slots - 1), user: upTo(users - 1) }

const Step = Schema.TaggedUnion({
  Get: { ...Who, fibers: upTo(3) },
  GetAndGiveUp: { ...Who, after: upTo(3_000) },
  Reject: Who,
  Login: Who,
  Remove: Who,
  Wait: { millis: Schema.Union([upTo(300), upTo(20_000), upTo(60_000), upTo(9_000_000)]) },
  Kill: { process: upTo(slots - 1) },
  Freeze: { process: upTo(slots - 1), millis: Schema.Union([upTo(20_000), upTo(200_000)]) },
  Fault: { fault: OAuthServer.Fault },
  StoreFault: { fault: Schema.Literals(["unavailable", "unknownBefore", "unknownAfter"]), times: upTo(6) }
})
type Step = typeof Step.Type

const Weighted = Arbitrary.array(Arbitrary.schema(Step), { maxLength: 40 })

const claimTime = 30_000

/** Milliseconds of a refresh, half of it each way. */
const latency = 600

interface Served {
  readonly token: string
  readonly process: string
  readonly at: number
}

const userOf = (index: number) => MeetingUser.openId(`ou_${index}`)

/** Milliseconds before expiry in which an access token is not used. */
const margin = (lifetime: number) => Math.min(60_000, lifetime / 10)

const run = (steps: ReadonlyArray<Step>, lifetime: number) =>
  Effect.gen(function*() {
    const world = yield* SessionWorld.make({ lifetime, latency, storeLatency: 20 })
    const killed = new Map<string, number>()
    const frozen: Array<{ readonly name: string; readonly from: number; to: number }> = []
    const storeFaultsAt: Array<number> = []
    const served: Array<Served> = []
    const rejected = new Set<string>()
    const wrong: Array<string> = []
    const logins = new Map<number, string | undefined>()

    let started = 0
    const startOne = Effect.suspend(() => world.start(`process ${started++}`))
    const processes = yield* Effect.all(Array.from({ length: slots }, () => startOne))
    const processOf = (slot: number) => processes[slot] ?? assert.fail()

    world.hooks.before = () =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        if (world.storeFaults.length > 0) storeFaultsAt.push(now)
      })

    const get = Effect.fnUntraced(function*(process: SessionWorld.Process, user: number) {
      const token = Redacted.value(yield* process.get(userOf(user)).get)
      const at = yield* Clock.currentTimeMillis
      served.push({ token, process: process.name, at })
      if (rejected.has(`${process.name} ${token}`)) wrong.push(`${token} was rejected by ${process.name}`)
      return token
    })
    const fork = <A, E>(self: Effect.Effect<A, E>) => Effect.forkChild(Effect.exit(self), { startImmediately: true })

    const login = (process: SessionWorld.Process, user: number) =>
      Effect.gen(function*() {
        const grant = yield* world.login
        const name = Redacted.value(grant.accessToken).split(".")[1]
        yield* process.save(userOf(user), grant)
        logins.set(user, name)
      })

    const perform = (step: Step): Effect.Effect<unknown> => {
      switch (step._tag) {
        case "Get":
          return Effect.forEach(Array.from({ length: step.fibers + 1 }), () =>
            fork(get(processOf(step.process), step.user)))
        case "GetAndGiveUp":
          return Effect.flatMap(fork(get(processOf(step.process), step.user)), (fiber) =>
            Effect.forkChild(Effect.delay(Fiber.interrupt(fiber), step.after)))
        case "Reject": {
          const process = processOf(step.process)
          return fork(Effect.gen(function*() {
            const token = yield* get(process, step.user)
            const issuedAt = (world.expiries.get(token) ?? 0) - lifetime * 1_000
            const isFresh = !token.endsWith(".0") && (yield* Clock.currentTimeMillis) < issuedAt + 30_000
            const isDropped = yield* process.get(userOf(step.user)).reject(Redacted.make(token))
            if (isDropped && !isFresh) {
              rejected.add(`${process.name} ${token}`)
            }
            yield* get(process, step.user)
          }))
        }
        case "Login":
          return fork(login(processOf(step.process), step.user))
        case "Remove":
          return fork(Effect.andThen(
            Effect.sync(() =>
              logins.set(step.user, undefined)
            ),
            processOf(step.process).remove(userOf(step.user))
          ))
        case "Wait":
          return TestClock.adjust(step.millis)
        case "Kill": {
          const process = processOf(step.process)
          return Effect.gen(function*() {
            killed.set(process.name, yield* Clock.currentTimeMillis)
            yield* process.freeze
            processes[step.process] = yield* startOne
          })
        }
        case "Freeze": {
          const process = processOf(step.process)
          return Effect.gen(function*() {
            const from = yield* Clock.currentTimeMillis
            const time = { name: process.name, from, to: Number.POSITIVE_INFINITY }
            frozen.push(time)
            yield* process.freeze
            yield* Effect.forkChild(Effect.gen(function*() {
              yield* Effect.sleep(step.millis)
              if (killed.has(process.name)) {
                return
              }
              yield* process.thaw
              time.to = yield* Clock.currentTimeMillis
            }))
          })
        }
        case "Fault":
          return Effect.sync(() =>
            world.faults.push(step.fault)
          )
        case "StoreFault":
          return Effect.sync(() => world.storeFaults.push(...Array.from({ length: step.times }, () => step.fault)))
      }
    }

    for (const user of [0, 1]) {
      const fiber = yield* fork(login(processOf(0), user))
      while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("10 millis")
    }
    for (const step of steps) yield* perform(step)

    // No more faults, and frozen processes resume.
    world.faults.length = 0
    world.storeFaults.length = 0
    yield* TestClock.adjust("5 minutes")
    yield* TestClock.adjust("3 hours")

    /** Whether the process died after it had sent this request, which arrives all the same. */
    const isKilledSince = ({ at, by }: OAuthServer.Use) =>
      (killed.get(by) ?? Number.NEGATIVE_INFINITY) >= at - latency / 2
    const uses = world.uses.filter(({ fault }) => fault === undefined || OAuthServer.isUncertain(fault))
    for (const [index, use] of uses.entries()) {
      const next = uses.slice(index + 1).find(({ refreshToken }) => refreshToken === use.refreshToken)
      if (next === undefined) continue
      const what = `${use.refreshToken} was sent by ${use.by} at ${use.at} and by ${next.by} at ${next.at}`
      if (next.at - use.at < claimTime - 1_000) wrong.push(`${what}: too soon`)
      const isExcused = OAuthServer.isUncertain(use.fault)
        || isKilledSince(use)
        || frozen.some(({ from, name, to }) => name === use.by && from <= next.at && to >= use.at)
        || storeFaultsAt.some((at) => at >= use.at && at <= next.at)
      if (!isExcused) wrong.push(`${what}: without need`)
    }

    const stored = new Map<string, number>()
    for (const [index, { kind, outcome, value }] of world.operations.entries()) {
      if (kind !== "swap" || outcome === "failed" || outcome === "Conflict") continue
      for (const [token] of value.matchAll(/access\.login\d+\.\d+/g)) {
        if (!stored.has(token)) stored.set(token, index)
      }
    }
    for (const { process, token } of served) {
      if (!stored.has(token)) wrong.push(`${process} served ${token}, which was never stored`)
    }
    for (const { at, process, token } of served) {
      const expiry = world.expiries.get(token)
      if (expiry === undefined || at >= expiry - margin(lifetime * 1_000)) {
        wrong.push(`${process} served ${token} at ${at}, which expires at ${expiry}`)
      }
    }

    const fresh = yield* startOne
    for (let user = 0; user < users; user++) {
      const fiber = yield* Effect.forkChild(Effect.result(get(fresh, user)), { startImmediately: true })
      yield* TestClock.adjust("2 minutes")
      const result = yield* Effect.suspend(() =>
        fiber.pollUnsafe() ?? Effect.die(new Error(`user ${user} never gets a result`))
      )
      const name = logins.get(user)
      if (result._tag === "Success") {
        if (name !== undefined && result.success.split(".")[1] !== name && !isContested(steps, user)) {
          wrong.push(`user ${user} has ${result.success}, not of ${name}`)
        }
        continue
      }
      const error = result.failure
      if (error._tag !== "ReauthorizationRequired") {
        wrong.push(`user ${user} ends with ${error._tag}`)
      } else if (error.reason === "noSession") {
        if (name !== undefined && !isContested(steps, user)) wrong.push(`the session of user ${user} is gone`)
      } else {
        const rotation = world.uses.findLast(({ isRotation, refreshToken }) =>
          isRotation && refreshToken.startsWith(`refresh.${name}.`)
        )
        const isUnavoidable = rotation !== undefined
          && ((rotation.fault?.endsWith("After") ?? false) || isKilledSince(rotation))
        if (!isUnavoidable && !isContested(steps, user)) {
          wrong.push(`the session of user ${user} was lost without need: ${JSON.stringify(rotation)}`)
        }
      }
    }
    return { wrong, uses: world.uses.length }
  })

/** Overlapping logins and removals may take effect in any order. */
const isContested = (steps: ReadonlyArray<Step>, user: number) =>
  steps.some((step) => (step._tag === "Login" || step._tag === "Remove") && step.user === user)

describe("user sessions", () => {
  it.effect.prop(
    "survive any schedule of faults and crashes",
    { steps: Weighted, lifetime: Schema.Literals([60, 600, 7_200]) },
    ({ lifetime, steps }) =>
      Effect.gen(function*() {
        const { wrong } = yield* Effect.scoped(run(steps, lifetime))
        assert.strictEqual(wrong.join("\n"), "")
      }),
    { arbitrary: { runs: 100 }, timeout: 300_000 }
  )
})
