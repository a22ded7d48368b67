import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { Cas, Meetings, SetHostError } from "effect-lark-meetings"
import { alice, bob, id, on, stranger } from "./fixtures/World.ts"

const schema = SetHostError.schema("open_id")
const codec = Schema.toCodecJson(schema)

describe("an error of setHost as JSON", () => {
  it("can be any error of setHost", () => {
    expectTypeOf<Meetings.SetHostError<"open_id">>().toExtend<typeof schema.Type>()
  })

  it.effect("keeps its class, its fields and its report", () =>
    Effect.gen(function*() {
      const error = yield* on({}, Effect.flip(Meetings.setHost(id, stranger, { hint: alice })))
      assert.strictEqual(error._tag, "TargetNotInMeeting")
      const decoded = Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeSync(codec)(error))))
      assert.strictEqual(decoded.constructor, error.constructor)
      assert.strictEqual(decoded.message, error.message)
      assert.strictEqual(decoded.report.swaps, 1)
      assert.deepStrictEqual(decoded.report.before, error.report.before)
      assert.deepStrictEqual(decoded.report.attempts, error.report.attempts)
      assert.notStrictEqual(decoded.report, error.report)
      assert.isTrue(Schema.is(schema)(decoded))
    }))

  it("is no error of another kind of id", () => {
    const error = Schema.encodeSync(codec)(
      new Cas.InconsistentRegister<typeof bob>({
        detail: "three conflicts",
        actual: bob,
        report: new Cas.InvalidPolicy({ setting: "hint", expected: "a user", received: "nothing" }).report
      })
    )
    assert.strictEqual(Schema.decodeUnknownSync(codec)(error)._tag, "CasInconsistentRegister")
    assert.throws(() => Schema.decodeUnknownSync(Schema.toCodecJson(SetHostError.schema("union_id")))(error))
  })
})
