/**
 * An endpoint of an application's own, end to end: one declaration, one accessor, one row of the simulator.
 */
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Duration, Effect, Layer, Schema } from "effect"
import { Lark, LarkError, LarkHttp, MeetingId, RateLimits, UserToken } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { codesTable } from "../scripts/errors-page.ts"
import { observe } from "./fixtures/observe.ts"
import { elapse, id } from "./fixtures/World.ts"

/**
 * The title is taken. Code 129001 (HTTP 409, `title taken`).
 */
export class TitleTaken extends LarkError.ApiError("TitleTaken", {
  kind: "conflict",
  advice: "Choose another title.",
  codes: [129001]
}) {}

const rename_ = LarkHttp.endpoint({
  name: "vc.v1.meeting.rename",
  span: "Example.rename",
  method: "PATCH",
  path: "/vc/v1/meetings/:meeting_id/rename",
  token: "user",
  errors: [TitleTaken, LarkError.MeetingNotExist],
  limits: [{ requests: 2, window: Duration.seconds(1) }],
  data: Schema.Struct({ title: Schema.String })
})

const rename = (meetingId: MeetingId.MeetingId, title: string) =>
  LarkHttp.call(rename_, { params: { meeting_id: meetingId }, body: { title } })

const row = Simulator.endpoint({
  name: "rename",
  method: "PATCH",
  path: "/open-apis/vc/v1/meetings/:meeting_id/rename",
  token: "user",
  handle: ({ json, params }) =>
    params.meeting_id !== id
      ? Simulator.failure(122002)
      : json?.["title"] === "Weekly"
      ? Simulator.json(409, { code: 129001, msg: "title taken" })
      : Simulator.success({ title: json?.["title"] })
})

type World = Lark.Services | Simulator.Simulator

const on =
  (options: Pick<Simulator.Options<"rename">, "faults"> = {}, limits: Layer.Layer<never> = Layer.empty) =>
  <A, E>(program: Effect.Effect<A, E, World | UserToken.UserToken>) =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const token = yield* simulator.userToken("ou_alice")
      return yield* Lark.asUser(UserToken.fromAccessToken(token))(program)
    }).pipe(
      Effect.provide(Layer.provide(Lark.layer(Simulator.defaultApp), limits)),
      Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice" }], endpoints: [row], ...options }))
    )

describe("an endpoint of one's own", () => {
  it.effect("answers what it declares", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* on()(rename(id, "Monthly")), { title: "Monthly" })
      expectTypeOf(rename(id, "Monthly")).toEqualTypeOf<
        Effect.Effect<
          { readonly title: string },
          TitleTaken | LarkError.MeetingNotExist | LarkError.GenericError,
          LarkHttp.LarkHttp | UserToken.UserToken
        >
      >()
    }))

  it.effect("fails with the errors that it declares, its own class among them", () =>
    Effect.gen(function*() {
      const taken = yield* Effect.flip(on()(rename(id, "Weekly")))
      assert.instanceOf(taken, TitleTaken)
      assert.include<object>(taken, {
        code: 129001,
        endpoint: "vc.v1.meeting.rename",
        kind: "conflict",
        retry: "never"
      })
      const missing = yield* Effect.flip(on()(rename(MeetingId.make("1234567890"), "Monthly")))
      assert.strictEqual(missing._tag, "MeetingNotExist")
    }))

  it.effect("has a span of its name, with the request inside", () =>
    Effect.gen(function*() {
      const { requests, spans } = yield* observe(on()(rename(id, "Monthly")))
      const span = spans.find(({ name }) => name === "Example.rename")
      assert.strictEqual(span?.attributes.get("lark.meeting_id"), id)
      assert.deepStrictEqual(requests.map(({ name }) => name), ["PATCH /open-apis/vc/v1/meetings/:meeting_id/rename"])
    }))

  it.effect("keeps the rate limit that it declares", () =>
    Effect.gen(function*() {
      const sent = Effect.gen(function*() {
        const calls = yield* Effect.forkChild(Effect.replicateEffect(rename(id, "Monthly"), 5, { concurrency: 5 }))
        const counts = []
        const simulator = yield* Simulator.Simulator
        for (let second = 0; second < 3; second++) {
          yield* TestClock.adjust("1 second")
          counts.push((yield* simulator.requests).filter(({ endpoint }) => endpoint === "rename").length)
        }
        return { counts, calls }
      })
      const { counts } = yield* on({}, RateLimits.layerMemory)(sent)
      assert.isAtMost(counts[0] ?? 0, 3)
      assert.strictEqual(counts[2], 5)
    }))

  it.effect("meets the faults that a test plans for it", () =>
    Effect.gen(function*() {
      const faults: ReadonlyArray<Simulator.FaultRule<"rename">> = [
        { endpoint: "rename", nth: 0, fault: { _tag: "DropAfter" } },
        { endpoint: "rename", nth: 1, fault: { _tag: "Throttle", reset: 7, status: 429 } }
      ]
      const errors = yield* on({ faults })(Effect.replicateEffect(Effect.flip(rename(id, "Monthly")), 2))
      assert.deepStrictEqual(errors.map(({ _tag }) => _tag), ["TransportError", "RateLimited"])
      assert.deepStrictEqual(yield* elapse(on()(rename(id, "Monthly"))), { title: "Monthly" })
    }))

  it("has its error class on a page of errors", () => {
    const page = codesTable(LarkError.tableOf([TitleTaken]), new URL(import.meta.url))
    assert.include(page, "| 129001 | `TitleTaken` | 409 | title taken | The title is taken. | conflict | never |")
    assert.include(page, "Choose another title.")
  })
})
