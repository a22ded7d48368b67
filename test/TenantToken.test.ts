import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Clock, Context, Effect, Exit, Fiber, Layer, Option, Redacted, Schema, Scope, Tracer } from "effect"
import { LarkConfig, TenantToken } from "effect-lark-meetings"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"

type Mint = Parameters<typeof platform.make>[1]

/** The service, and the platform that issues its tokens. */
const provision = (mint?: Mint) =>
  Effect.gen(function*() {
    const feishu = platform.make(() => ({ status: 404 }), mint)
    const layer = TenantToken.layer.pipe(Layer.provide(LarkConfig.layer(platform.app)), Layer.provide(feishu.layer))
    const service = yield* Effect.provide(TenantToken.TenantToken, yield* Layer.build(layer))
    const text = Effect.map(service.get, Redacted.value)
    return { ...service, text, mints: feishu.mints }
  })

const slowly = (answer: platform.Answer | platform.Lost, time: `${number} ${"seconds" | "minutes"}` = "1 seconds") =>
  Effect.delay(Effect.succeed(answer), time)

const nth = (n: number) => `t-${n + 1}`

describe("a tenant token", () => {
  it.effect("is fetched when it is first needed, and then used without another request", () =>
    Effect.gen(function*() {
      const token = yield* provision()
      assert.strictEqual(token.mints.length, 0)
      for (let i = 0; i < 5; i++) assert.strictEqual(yield* token.text, "t-1")
      yield* TestClock.adjust("89 minutes")
      assert.strictEqual(yield* token.text, "t-1")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(token.mints.length, 1)
    }))

  it.effect("is fetched once for a thousand fibers", () =>
    Effect.gen(function*() {
      const token = yield* provision((n) => slowly(platform.minted(nth(n))))
      const fibers = yield* Effect.forEach(Array.from({ length: 1000 }), () => Effect.forkChild(token.text))
      yield* TestClock.adjust("1 second")
      const texts = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual([...new Set(texts)], ["t-1"])
      assert.strictEqual(token.mints.length, 1)
    }))

  it.effect("is fetched once for fibers that come while it is fetched", () =>
    Effect.gen(function*() {
      const token = yield* provision((n) => slowly(platform.minted(nth(n))))
      const fibers = yield* Effect.forEach(
        Array.from({ length: 9 }, (_, i) => i),
        (i) => Effect.forkChild(Effect.delay(token.text, i * 200))
      )
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual([...new Set(yield* Effect.forEach(fibers, Fiber.join))], ["t-1"])
      assert.strictEqual(token.mints.length, 1)
    }))

  it.effect("is fetched even if some or all of the waiting fibers are interrupted", () =>
    Effect.gen(function*() {
      const token = yield* provision((n) => slowly(platform.minted(nth(n))))
      const [first, second, third] = yield* Effect.all([
        Effect.forkChild(token.text),
        Effect.forkChild(token.text),
        Effect.forkChild(token.text)
      ])
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interruptAll([first, second])
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.join(third), "t-1")

      yield* token.reject(Redacted.make("t-1"))
      const alone = yield* Effect.forkChild(token.text)
      yield* TestClock.adjust("500 millis")
      yield* Fiber.interrupt(alone)
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* token.text, "t-2")
      assert.strictEqual(token.mints.length, 2)
    }))
})

/** The service and the span of the caller, which a mint must not see. */
const Caller = Context.Reference<string>("test/Caller", { defaultValue: () => "none" })

const asFirst = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  self.pipe(Effect.withSpan("caller"), Effect.provideService(Caller, "first"))

const surroundings = Effect.gen(function*() {
  const span = yield* Effect.serviceOption(Tracer.ParentSpan)
  return [yield* Caller, Option.isSome(span) && span.value._tag === "Span" ? span.value.name : "no span"]
})

describe("a mint", () => {
  it.effect("runs without the services of the first caller and without the span that built the layer", () =>
    Effect.gen(function*() {
      const seen: Array<ReadonlyArray<string>> = []
      const mint: Mint = (n) =>
        Effect.map(surroundings, (around) => {
          seen.push(around)
          return platform.minted(nth(n))
        })
      const token = yield* Effect.withSpan(provision(mint), "start")
      yield* asFirst(token.get)
      yield* TestClock.adjust("90 minutes")
      yield* asFirst(token.get)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* token.text, "t-2")
      assert.deepStrictEqual(seen, [["none", "no span"], ["none", "no span"]])
    }))

  it.effect("runs with the services that the layer was built with", () =>
    Effect.gen(function*() {
      const seen: Array<string> = []
      const mint: Mint = (n) =>
        Effect.map(Caller, (caller) => {
          seen.push(caller)
          return platform.minted(nth(n))
        })
      const token = yield* provision(mint).pipe(Effect.provideService(Caller, "layer"))
      yield* token.get
      assert.deepStrictEqual(seen, ["layer"])
    }))
})

describe("renewal", () => {
  it.effect("starts in the background in the last half hour, and callers do not wait", () =>
    Effect.gen(function*() {
      const token = yield* provision((n) =>
        n === 0 ? platform.minted("t-1") : slowly(platform.minted(nth(n)), "5 seconds")
      )
      yield* token.get
      yield* TestClock.adjust("90 minutes")
      for (let i = 0; i < 100; i++) assert.strictEqual(yield* token.text, "t-1")
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual(yield* token.text, "t-1")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* token.text, "t-2")
      assert.strictEqual(token.mints.length, 2)
    }))

  it.effect("that fails is repeated every half minute, and callers do not notice", () =>
    Effect.gen(function*() {
      const token = yield* provision((n) =>
        n === 0 || n > 3 ? platform.minted(nth(n)) : n === 1 ? platform.failed(500, 5000) : new platform.Lost("gone")
      )
      yield* token.get
      yield* TestClock.adjust("95 minutes")
      const seen: Array<string> = []
      for (let second = 0; second < 120; second++) {
        seen.push(yield* token.text)
        yield* TestClock.adjust("1 second")
      }
      assert.deepStrictEqual([...new Set(seen)], ["t-1", "t-5"])
      assert.strictEqual(seen.indexOf("t-5"), 91)
      assert.strictEqual(token.mints.length, 5)
    }))

  it.effect("in flight is awaited, not repeated, when the token is no longer usable", () =>
    Effect.gen(function*() {
      const token = yield* provision((n) =>
        n === 0 ? platform.minted("t-1", 20) : slowly(platform.minted("t-2", 20), "9 seconds")
      )
      yield* token.get
      yield* TestClock.adjust("15 seconds")
      assert.strictEqual(yield* token.text, "t-1")
      yield* TestClock.adjust("4 seconds")
      const waiting = yield* Effect.forkChild(token.text)
      yield* TestClock.adjust("4 seconds")
      assert.isUndefined(waiting.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(waiting), "t-2")
      assert.strictEqual(token.mints.length, 2)
    }))

  it.effect("does not happen without a call", () =>
    Effect.gen(function*() {
      const token = yield* provision()
      yield* token.get
      yield* TestClock.adjust("30 days")
      assert.strictEqual(token.mints.length, 1)
      assert.strictEqual(yield* token.text, "t-2")
    }))

  it.effect("that brings the same token with a shorter life is not repeated at once", () =>
    Effect.gen(function*() {
      // The platform does so while more than half an hour is left.
      const token = yield* provision((n) => platform.minted("t-same", n === 0 ? 7200 : 1800))
      yield* token.get
      yield* TestClock.adjust("90 minutes")
      for (let i = 0; i < 60; i++) {
        yield* token.get
        yield* TestClock.adjust("10 seconds")
      }
      assert.strictEqual(token.mints.length, 2)
    }))
})

describe("the margin", () => {
  it.effect("a token is not used in the last minute of its life", () =>
    Effect.gen(function*() {
      const token = yield* provision()
      yield* token.get
      yield* TestClock.adjust(119 * 60_000 - 1)
      assert.strictEqual(yield* token.text, "t-1")
      const late = yield* provision()
      yield* late.get
      yield* TestClock.adjust("119 minutes")
      assert.strictEqual(yield* late.text, "t-2")
    }))

  it.effect("a token with a short life is used for nine tenths of it, counted from the request", () =>
    Effect.gen(function*() {
      for (const expire of [100, 10, 1, "100", 0.5]) {
        const token = yield* provision((n) => platform.minted(nth(n), expire))
        const lifetime = Number(expire) * 1000
        assert.strictEqual(yield* token.text, "t-1")
        yield* TestClock.adjust(lifetime * 0.7)
        assert.strictEqual(yield* token.text, "t-1")
        assert.strictEqual(token.mints.length, 1)
        yield* TestClock.adjust(lifetime * 0.2)
        assert.strictEqual(yield* token.text, "t-2")
      }
    }))

  it.effect("the time of the request counts as part of the life", () =>
    Effect.gen(function*() {
      const token = yield* provision((n) => slowly(platform.minted(nth(n), 100), "9 seconds"))
      const first = yield* Effect.forkChild(token.text)
      yield* TestClock.adjust("9 seconds")
      yield* Fiber.join(first)
      yield* TestClock.adjust("81 seconds")
      const second = yield* Effect.forkChild(token.text)
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(yield* Fiber.join(second), "t-2")
    }))
})

describe("a failure to get a token", () => {
  const endpoint = "auth.v3.tenant_access_token.internal"

  const refusals: ReadonlyArray<readonly [what: string, reaction: platform.Answer, tag: string]> = [
    ["a wrong secret", platform.failed(200, 10015, "app secret invalid"), "CredentialsRejected"],
    ["an unknown app", platform.failed(200, 99991543, "app not exist"), "CredentialsRejected"],
    ["a missing parameter", platform.failed(400, 10003, "invalid param"), "InvalidRequest"]
  ]

  it.effect.each(refusals)(
    "because of %s is repeated to callers for five seconds without a request",
    ([, reaction, tag]) =>
      Effect.gen(function*() {
        const token = yield* provision((n) => n === 0 ? slowly(reaction) : platform.minted("t-ok"))
        const first = yield* Effect.forEach(
          Array.from({ length: 1000 }),
          () => Effect.forkChild(Effect.flip(token.get))
        )
        yield* TestClock.adjust("1 second")
        for (const error of yield* Effect.forEach(first, Fiber.join)) {
          assert.include<object>(error, { _tag: tag, endpoint })
        }
        yield* TestClock.adjust(4_999)
        for (let i = 0; i < 1000; i++) {
          assert.include<object>(yield* Effect.flip(token.get), { _tag: tag, endpoint })
        }
        assert.strictEqual(token.mints.length, 1)
        yield* TestClock.adjust(1)
        assert.strictEqual(yield* token.text, "t-ok")
      })
  )

  const transientFailures: ReadonlyArray<readonly [what: string, reaction: platform.Reaction, tag: string]> = [
    ["a throttle", platform.failed(429, 99991400), "RateLimited"],
    ["a failure of the platform", platform.failed(500, 5000), "PlatformError"],
    ["a lost connection", new platform.Lost("gone"), "TransportError"],
    ["a gateway's page", { status: 502, body: "<html>" }, "MalformedResponse"],
    // Not a refusal of the platform: the gateway may work again in a second.
    ["a page that is not found", { status: 404, body: "<html>" }, "MalformedResponse"],
    ["a reply without a token", { body: { code: 0, expire: 7200 } }, "MalformedResponse"],
    ["an empty token", platform.minted("", 7200), "MalformedResponse"],
    ["a token that is not a string", { body: { code: 0, tenant_access_token: 5, expire: 7200 } }, "MalformedResponse"],
    ["no expiry", { body: { code: 0, tenant_access_token: "t" } }, "MalformedResponse"],
    ["an expiry that is not a number", platform.minted("t", "soon"), "MalformedResponse"],
    ["an expiry of zero", platform.minted("t", 0), "MalformedResponse"],
    ["a negative expiry", platform.minted("t", -1), "MalformedResponse"],
    ["an infinite expiry", { body: `{"code":0,"tenant_access_token":"t","expire":1e999}` }, "MalformedResponse"]
  ]

  it.effect("by a defect delays the next mint as a lost connection does", () =>
    Effect.gen(function*() {
      const token = yield* provision((n) =>
        n === 0 ? Effect.die(new Error("a broken client")) : platform.minted("t-ok")
      )
      assert.isTrue(Exit.hasDies(yield* Effect.exit(token.get)))
      const waiting = yield* Effect.forkChild(token.text, { startImmediately: true })
      yield* TestClock.adjust(999)
      assert.strictEqual(token.mints.length, 1)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* Fiber.join(waiting), "t-ok")
    }))

  it.effect.each(transientFailures)(
    "because of %s is not repeated: the next callers wait for another mint",
    ([, reaction, tag]) =>
      Effect.gen(function*() {
        const token = yield* provision((n) => n === 0 ? reaction : platform.minted("t-ok"))
        assert.include<object>(yield* Effect.flip(token.get), { _tag: tag, endpoint })
        const waiting = yield* Effect.forEach(Array.from({ length: 1000 }), () => Effect.forkChild(token.text))
        yield* TestClock.adjust(999)
        assert.strictEqual(token.mints.length, 1)
        yield* TestClock.adjust(1)
        assert.deepStrictEqual([...new Set(yield* Effect.forEach(waiting, Fiber.join))], ["t-ok"])
        assert.strictEqual(token.mints.length, 2)
      })
  )

  it.effect("reaches all waiting callers after one request", () =>
    Effect.gen(function*() {
      const token = yield* provision(() => slowly(new platform.Lost("gone")))
      const fibers = yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.forkChild(Effect.flip(token.get)))
      yield* TestClock.adjust("1 second")
      for (const error of yield* Effect.forEach(fibers, Fiber.join)) assert.strictEqual(error._tag, "TransportError")
      assert.strictEqual(token.mints.length, 1)
    }))

  it.effect("delays the next mint by one, two, then four seconds, until one succeeds", () =>
    Effect.gen(function*() {
      const mintedAt: Array<number> = []
      const token = yield* provision((n) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          mintedAt.push(now)
          return n === 6 ? platform.minted("t-short", 10) : new platform.Lost("gone")
        })
      )
      for (let i = 0; i < 66; i++) {
        yield* Effect.forkChild(Effect.ignore(token.get))
        yield* TestClock.adjust("500 millis")
      }
      // The token is used from second 19 to 28; its renewal fails at 26.5.
      assert.deepStrictEqual(mintedAt, [0, 1_000, 3_000, 7_000, 11_000, 15_000, 19_000, 26_500, 28_000, 30_000])
    }))

  const persistent: ReadonlyArray<readonly [what: string, reaction: platform.Answer, seconds: ReadonlyArray<number>]> =
    [
      ["that repeating cannot change is repeated every five seconds", platform.failed(200, 10015), [
        0,
        5,
        10,
        15,
        20,
        25
      ]],
      ["of another kind is repeated every four seconds", platform.failed(500, 5000), [0, 1, 3, 7, 11, 15, 19, 23, 27]],
      ["of a gateway is repeated every four seconds", { status: 404, body: "<html>" }, [0, 1, 3, 7, 11, 15, 19, 23, 27]]
    ]

  it.effect.each(persistent)(
    "%s, for a thousand callers a second",
    ([, reaction, seconds]) =>
      Effect.gen(function*() {
        const mintedAt: Array<number> = []
        const token = yield* provision(() =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            mintedAt.push(now / 1000)
            return reaction
          })
        )
        for (let second = 0; second < 30; second++) {
          for (let i = 0; i < 1000; i++) yield* Effect.forkChild(Effect.ignore(token.get))
          yield* TestClock.adjust("1 second")
        }
        assert.deepStrictEqual(mintedAt, seconds)
      })
  )

  it.effect("because of no answer comes after nine seconds", () =>
    Effect.gen(function*() {
      const token = yield* provision(() => Effect.never)
      const fiber = yield* Effect.forkChild(Effect.flip(token.get))
      yield* TestClock.adjust("9 seconds")
      assert.include<object>(yield* Fiber.join(fiber), { _tag: "TransportError", executed: "unknown" })
    }))
})

describe("reject", () => {
  it.effect("drops the current token", () =>
    Effect.gen(function*() {
      const token = yield* provision()
      assert.strictEqual(yield* token.reject(yield* token.get), true)
      assert.strictEqual(yield* token.text, "t-2")
    }))

  it.effect("of an older token, or of one from elsewhere, leaves the current one", () =>
    Effect.gen(function*() {
      const token = yield* provision()
      const old = yield* token.get
      yield* token.reject(old)
      yield* token.get
      for (let i = 0; i < 10; i++) yield* token.reject(old)
      yield* token.reject(Redacted.make("t-from-elsewhere"))
      assert.strictEqual(yield* token.text, "t-2")
      assert.strictEqual(token.mints.length, 2)
    }))

  it.effect("compares the values of the tokens", () =>
    Effect.gen(function*() {
      const token = yield* provision()
      yield* token.get
      yield* token.reject(Redacted.make("t-1", { label: "another" }))
      assert.strictEqual(yield* token.text, "t-2")
    }))

  it.effect("that brings the same token again has no effect for half a minute", () =>
    Effect.gen(function*() {
      // The platform does so while it considers the token valid.
      const token = yield* provision((n) => platform.minted(n < 2 ? "t-same" : nth(n)))
      const same = yield* token.get
      assert.strictEqual(yield* token.reject(same), true)
      assert.strictEqual(yield* token.text, "t-same")
      for (let i = 0; i < 1000; i++) {
        assert.strictEqual(yield* token.reject(same), false)
        assert.strictEqual(yield* token.text, "t-same")
      }
      yield* TestClock.adjust(29_999)
      assert.strictEqual(yield* token.reject(same), false)
      assert.strictEqual(token.mints.length, 2)
      yield* TestClock.adjust(1)
      assert.strictEqual(yield* token.reject(same), true)
      assert.strictEqual(yield* token.text, "t-3")
    }))

  it.effect("during a renewal sends no request of its own", () =>
    Effect.gen(function*() {
      const token = yield* provision((n) => n === 0 ? platform.minted("t-1") : slowly(platform.minted(nth(n))))
      const old = yield* token.get
      yield* TestClock.adjust("100 minutes")
      yield* token.get
      yield* token.reject(old)
      const waiting = yield* Effect.forkChild(token.text)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(waiting), "t-2")
      assert.strictEqual(token.mints.length, 2)
    }))
})

describe("when its scope ends", () => {
  it.effect("waiting and later callers are interrupted", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const token = yield* Scope.provide(provision(() => Effect.never), scope)
      const waiting = yield* Effect.forkChild(Effect.exit(token.get))
      yield* TestClock.adjust("1 second")
      yield* Scope.close(scope, Exit.void)
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.join(waiting)))
      const late = yield* Effect.forkChild(Effect.exit(token.get))
      yield* TestClock.adjust("1 minute")
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.join(late)))
    }))
})

const Millis = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

const Step = Schema.TaggedUnion({
  Get: { fibers: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 })) },
  GetAndGiveUp: { after: Millis(3_000) },
  RejectLast: {},
  RejectOld: {},
  Wait: { millis: Schema.Union([Millis(10_000), Millis(3_600_000)]) }
})

const MintAnswer = Schema.Struct({
  delay: Millis(9_000),
  expire: Schema.Union([
    Schema.Int.check(Schema.isBetween({ minimum: 100, maximum: 7200 })),
    Schema.Literals([7200, "fail", "lose"])
  ])
})

describe("under any schedule of gets, rejections, failures and slow mints", () => {
  it.effect.prop(
    "one mint at a time, only when needed, and no token past its margin",
    {
      steps: Arbitrary.array(Arbitrary.schema(Step), { maxLength: 40 }),
      answers: Arbitrary.array(Arbitrary.schema(MintAnswer), { minLength: 1, maxLength: 10 })
    },
    ({ answers, steps }) =>
      Effect.gen(function*() {
        const wrong: Array<string> = []
        let inFlight = 0
        let failedAt = Number.NEGATIVE_INFINITY
        let current: string | undefined
        const issued = new Map<string, { readonly usableUntil: number; readonly renewFrom: number }>()

        const mint = (n: number) =>
          Effect.gen(function*() {
            const askedAt = yield* Clock.currentTimeMillis
            const known = current === undefined ? undefined : issued.get(current)
            const isUsable = known !== undefined && askedAt < known.usableUntil
            if (isUsable && askedAt < known.renewFrom) wrong.push(`${nth(n)} is not needed yet`)
            if (isUsable && askedAt < failedAt + 30_000) wrong.push(`${nth(n)} comes too soon after a failure`)
            if (++inFlight > 1) wrong.push(`${nth(n)} is minted beside another`)
            const { delay, expire } = answers[n % answers.length] ?? { delay: 0, expire: 7200 }
            yield* Effect.sleep(delay)
            inFlight--
            if (typeof expire === "string") {
              failedAt = yield* Clock.currentTimeMillis
              return expire === "fail" ? platform.failed(200, 10013) : new platform.Lost("gone")
            }
            const life = expire * 1000
            current = nth(n)
            issued.set(current, {
              usableUntil: askedAt + life - Math.min(60_000, life / 10),
              renewFrom: askedAt + life - Math.min(1_800_000, life / 4)
            })
            return platform.minted(current, expire)
          })

        const token = yield* provision(mint)
        const seen: Array<string> = []
        const got = Effect.gen(function*() {
          const text = yield* token.text
          const now = yield* Clock.currentTimeMillis
          if (now >= (issued.get(text)?.usableUntil ?? 0)) wrong.push(`${text} is past its margin`)
          seen.push(text)
        }).pipe(Effect.catchTag(["CredentialsRejected", "TransportError"], () => Effect.void))

        const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
        for (const step of steps) {
          switch (step._tag) {
            case "Get":
              for (let i = 0; i < step.fibers; i++) fibers.push(yield* Effect.forkChild(got))
              break
            case "GetAndGiveUp":
              fibers.push(yield* Effect.forkChild(Effect.timeoutOption(got, step.after)))
              break
            case "RejectLast":
            case "RejectOld": {
              const text = step._tag === "RejectOld" ? seen[0] : seen.at(-1)
              if (text === undefined) break
              yield* token.reject(Redacted.make(text))
              if (text === current) current = undefined
              break
            }
            case "Wait":
              yield* TestClock.adjust(step.millis)
          }
        }
        yield* TestClock.adjust("1 minute")
        for (const fiber of fibers) yield* Fiber.join(fiber)
        assert.deepStrictEqual(wrong, [])
      }),
    { arbitrary: { runs: 200 } }
  )
})
