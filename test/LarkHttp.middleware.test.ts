/**
 * Clients that an application has changed: nothing is claimed that the last answer alone does not prove.
 */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Option, Redacted } from "effect"
import { Cas, Lark, Meetings, UserToken } from "effect-lark-meetings"
import { HttpClient, HttpClientError, HttpClientRequest } from "effect/http"
import * as platform from "./fixtures/http/platform.ts"
import { alice, bob, id } from "./fixtures/World.ts"

type Client = HttpClient.HttpClient

const end = Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-alice")))(Meetings.end(id))
const swapHost = Meetings.swapHost(id, { expected: alice, desired: bob })
const setHost = Meetings.setHost(id, bob, { hint: alice, policy: { ...Cas.Policy.once, onUnknown: "neverResend" } })

const reset = new platform.Lost(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }))
const refused = new platform.Lost(Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" }))
const conflict = platform.failed(409, 121006, "data conflict", {
  data: { host_user: { id: "ou_carol", user_type: 1 } }
})

describe.each(platform.clients)("through %s,", (client) => {
  const through = <A, E>(
    change: (client: Client) => Client,
    answer: (nth: number) => platform.Reaction,
    program: Effect.Effect<A, E, Lark.Services>
  ) => {
    const feishu = platform.make((_, nth) => answer(nth))
    const changed = Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, change))
    return program.pipe(
      Effect.provide(Lark.layer(platform.app)),
      Effect.provide(changed),
      Effect.provide(feishu.through(client)),
      Effect.map((value) => ({ value, calls: feishu.calls }))
    )
  }

  describe("a client that sends a request again", () => {
    const again = (client: Client): Client => HttpClient.retryTransient(client, { times: 1 })

    const seconds: ReadonlyArray<readonly [what: string, second: platform.Reaction]> = [
      ["is not connected", refused],
      ["is refused", platform.failed(403, 121005, "no permission")],
      ["is throttled", platform.failed(429, 99991400, "limit")],
      ["has its token rejected", platform.failed(400, 99991663, "invalid token")],
      ["meets a conflict", conflict],
      ["gets a page", { status: 403, body: "<html>" }]
    ]

    it.effect.each(seconds)("claims nothing where the second %s", ([, second]) =>
      Effect.gen(function*() {
        const answers = (nth: number) => nth === 0 ? reset : second

        const ended = yield* through(again, answers, Effect.flip(end))
        assert.include<object>(ended.value, { retry: "unknown" })
        assert.isAtLeast(ended.calls.length, 2)
        assert.include(ended.value.message, "may have been executed")

        const swapped = yield* Effect.exit(through(again, answers, swapHost))
        if (Exit.isSuccess(swapped)) assert.strictEqual(swapped.value.value._tag, "Unknown")
        else assert.include<object>(yield* Effect.flip(swapped), { retry: "unknown" })

        const set = yield* through(again, answers, Effect.flip(setHost))
        assert.include<object>(set.value, { retry: "unknown" })
        assert.strictEqual("report" in set.value && set.value.report.effect, "unknown")
      }))

    it.effect("claims nothing where its first answer was a page", () =>
      Effect.gen(function*() {
        const answers = (nth: number): platform.Answer =>
          nth === 0 ? { status: 503, body: "<html>" } : platform.failed(403, 121005, "no permission")
        const { calls, value } = yield* through(again, answers, Effect.flip(setHost))
        assert.lengthOf(calls, 2)
        assert.strictEqual("report" in value && value.report.effect, "unknown")
      }))

    it.effect("claims nothing after it was down, either", () =>
      Effect.gen(function*() {
        const answers = (nth: number) => nth < 2 ? refused : nth === 2 ? reset : platform.failed(403, 121005, "no")
        const program = Effect.all([Effect.flip(end), Effect.flip(end)])
        const { calls, value } = yield* through(again, answers, program)
        assert.lengthOf(calls, 4)
        assert.deepStrictEqual(value.map(({ _tag, retry }) => [_tag, retry]), [
          ["TransportError", "unknown"],
          ["TransportError", "unknown"]
        ])
      }))

    it.effect("claims nothing where that happens in each call", () =>
      Effect.gen(function*() {
        const answers = (nth: number) => nth % 2 === 0 ? reset : platform.failed(403, 121005, "no permission")
        const program = Effect.replicateEffect(Effect.flip(setHost), 3)
        const { calls, value } = yield* through(again, answers, program)
        assert.lengthOf(calls, 6)
        for (const error of value) assert.strictEqual("report" in error && error.report.effect, "unknown")
      }))

    it.effect("claims what it proves in each of the retries of a caller", () =>
      Effect.gen(function*() {
        const retried = Effect.retry(end, { times: 2 })
        const { calls, value } = yield* through(again, () => platform.failed(403, 121005), Effect.flip(retried))
        assert.lengthOf(calls, 3)
        assert.include<object>(value, { _tag: "NoPermission", retry: "never" })
      }))

    it.effect("succeeds where the second is acknowledged", () =>
      Effect.gen(function*() {
        const { value } = yield* through(again, (nth) => nth === 0 ? reset : platform.ok({}), setHost)
        assert.deepInclude<object>(value, { outcome: "swapped", effect: "applied" })
      }))

    it.effect("fails a read as its last answer says", () =>
      Effect.gen(function*() {
        const answers = (nth: number) => nth === 0 ? reset : platform.failed(403, 121005, "no permission")
        const { value } = yield* through(again, answers, Effect.flip(Meetings.get(id)))
        assert.include<object>(value, { _tag: "NoPermission", retry: "never" })
      }))
  })

  const harmless: ReadonlyArray<readonly [what: string, change: (client: Client) => Client]> = [
    ["fails at a status", HttpClient.filterStatusOk],
    ["fails at some statuses", HttpClient.filterStatus((status) => status < 400)],
    ["adds a header", HttpClient.mapRequest(HttpClientRequest.setHeader("x-request", "1"))],
    ["looks at failures", HttpClient.tapError(() => Effect.void)],
    ["is made of another", (client) => HttpClient.make((request) => client.execute(request))],
    ["would send a lost request again", (client) => HttpClient.retryTransient(client, { times: 3 })]
  ]

  it.effect.each(harmless)(
    "a client that %s gets a conflict as a conflict, and a success",
    ([, change]) =>
      Effect.gen(function*() {
        const { value: outcome } = yield* through(change, () => conflict, swapHost)
        assert.strictEqual(outcome._tag, "Conflict")
        const { value: report } = yield* through(
          change,
          (nth) => nth === 0 ? conflict : platform.ok({}),
          Meetings.setHost(id, bob, { hint: alice })
        )
        assert.deepInclude<object>(report, { outcome: "swapped", effect: "applied", swaps: 2 })
      })
  )

  it.effect("a client that makes another failure of all of them still fails with a TransportError", () =>
    Effect.gen(function*() {
      const change = (client: Client): Client =>
        HttpClient.transform(client, (_, request) =>
          Effect.fail(
            new HttpClientError.HttpClientError({
              reason: new HttpClientError.TransportError({ request, description: "no" })
            })
          ))
      const { value } = yield* through(change, () => reset, Effect.flip(end))
      assert.include<object>(value, { _tag: "TransportError", executed: "unknown" })
    }))

  it.effect("a client that dies or throws ends the call with its defect, and the swap is unknown", () =>
    Effect.gen(function*() {
      const broken = new Error("broken client")
      const dies = (client: Client): Client =>
        HttpClient.transform(client, (effect, { method }) => method === "PATCH" ? Effect.die(broken) : effect)
      const throws = (client: Client): Client =>
        HttpClient.transform(client, (effect, { method }) => {
          if (method === "PATCH") throw broken
          return effect
        })
      for (const change of [dies, throws]) {
        const abandoned: Array<string> = []
        const exit = yield* Effect.exit(through(
          change,
          () => platform.ok({}),
          Meetings.setHost(id, bob, {
            hint: alice,
            onAbandoned: (_, effect) => Effect.sync(() => void abandoned.push(effect))
          })
        ))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        assert.strictEqual(
          Option.getOrUndefined(Exit.getCause(exit))?.reasons.find(Cause.isDieReason)?.defect,
          broken
        )
        assert.deepStrictEqual(abandoned, ["unknown"])
      }
    }))
})
