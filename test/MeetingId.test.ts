import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, Redacted, Result, Schema } from "effect"
import { Lark, MeetingId, MeetingNo, Meetings, ReserveId, UserToken } from "effect-lark-meetings"
import * as platform from "./fixtures/http/platform.ts"
import { alice, bob } from "./fixtures/World.ts"

const id = "6911188411932033028"

const invalid: ReadonlyArray<readonly [what: string, input: unknown, says: RegExp]> = [
  ["nothing", "", /it is empty/],
  ["too few digits", "12345", /it has 5 digits/],
  ["too many digits", "1".repeat(33), /it has 33 digits/],
  ["ten thousand digits", "1".repeat(10_000), /it has 10000 digits/],
  ["ten thousand letters", "x".repeat(10_000), /it has 10000 characters, not all of them digits/],
  ["a path", "../../x?y=1#", /not all of them digits/],
  ["dots", "..", /not all of them digits/],
  ["encoded dots", "%2e%2e", /not all of them digits/],
  ["a query", `${id}?x=1`, /not all of them digits/],
  ["a fragment", `${id}#`, /not all of them digits/],
  ["a slash", `${id}/end`, /not all of them digits/],
  ["a space in front", ` ${id}`, /not all of them digits/],
  ["a space within", "123 456 789", /not all of them digits/],
  ["a line feed behind", `${id}\n`, /not all of them digits/],
  ["a line feed behind nine digits", "123456789\n", /not all of them digits/],
  ["a null character", `${id}\0`, /not all of them digits/],
  ["other digits", "٦٩١١١٨٨٤١١٩٣٢٠٣٣٠٢٨", /not all of them digits/],
  ["a minus", `-${id}`, /not all of them digits/],
  ["a lone surrogate", "\ud800", /not all of them digits/],
  ["a number", 6911188411932033000, /must stay strings/],
  ["a number of nine digits", 123456789, /must stay strings/],
  ["a list", [id], /must stay strings/],
  ["undefined", undefined, /must stay strings/]
]

interface Kind {
  readonly what: string
  readonly valid: ReadonlyArray<string>
  /** What a text with the form of another number looks like, the text, and what is said of it. */
  readonly other: readonly [looksLike: string, text: string, says: RegExp]
  readonly is: (text: string) => boolean
  readonly make: (text: string) => string
  readonly makeEffect: (
    text: string
  ) => Effect.Effect<string, { readonly _tag: string; readonly looksLike: string; readonly message: string }>
  readonly schema: Schema.Codec<string>
  readonly tag: string
  readonly ends: string
}

const kinds: ReadonlyArray<Kind> = [
  {
    what: "meeting id",
    valid: [id, "1234567890", "9".repeat(32)],
    other: [
      "meeting number",
      "123456789",
      /nine digits are a meeting number; Meetings\.listByNo, Meetings\.activeByNo/
    ],
    is: MeetingId.isMeetingId,
    make: MeetingId.make,
    makeEffect: MeetingId.makeEffect,
    schema: MeetingId.MeetingId,
    tag: "InvalidMeetingId",
    ends: "A meeting id is a string of 10 to 32 digits (usually 19)."
  },
  {
    what: "meeting number",
    valid: ["123456789", "000000000"],
    other: ["meeting id or reserve id", id, /a meeting id or a reserve id; Meetings\.get .*Reserves\.get/],
    is: MeetingNo.isMeetingNo,
    make: MeetingNo.make,
    makeEffect: MeetingNo.makeEffect,
    schema: MeetingNo.MeetingNo,
    tag: "InvalidMeetingNo",
    ends: "A meeting number is a string of 9 digits."
  },
  {
    what: "reserve id",
    valid: [id, "1234567890", "9".repeat(32)],
    other: ["meeting number", "123456789", /nine digits are a meeting number; .*Reserves\.apply/],
    is: ReserveId.isReserveId,
    make: ReserveId.make,
    makeEffect: ReserveId.makeEffect,
    schema: ReserveId.ReserveId,
    tag: "InvalidReserveId",
    ends: "A reserve id is a string of 10 to 32 digits (usually 19)."
  }
]

/** What a program without types may pass for a text. */
const untyped = (value: unknown) => value as string

/** What a program without types may pass for a meeting id. */
const forced = (value: string) => value as MeetingId.MeetingId

describe.each(kinds)("a $what", ({ ends, is, make, makeEffect, other, schema, tag, valid, what }) => {
  const decode = Schema.decodeUnknownResult(schema)

  it("is the text that was given", () => {
    for (const text of valid) {
      assert.strictEqual<string>(make(text), text)
      assert.isTrue(is(text))
      assert.strictEqual<unknown>(Schema.decodeSync(schema)(text), text)
      assert.strictEqual(Schema.encodeSync(Schema.toCodecJson(schema))(make(text)), text)
    }
  })

  it.effect.each(invalid)("cannot be %s", ([, input, says]) =>
    Effect.gen(function*() {
      assert.isFalse(is(untyped(input)))
      const error = yield* Effect.flip(makeEffect(untyped(input)))
      assert.strictEqual(error._tag, tag)
      assert.strictEqual(error.looksLike, "something else")
      assert.match(error.message, says)
      assert.isTrue(error.message.startsWith(`Not a ${what}: `) && error.message.endsWith(`. ${ends}`), error.message)
      assert.isBelow(error.message.length, 200)
      assert.throws(() => make(untyped(input)), says)
      assert.isTrue(Result.isFailure(decode(input)))
    }))

  it.effect("cannot be one of the other numbers, which the error names, and how to convert it", () =>
    Effect.gen(function*() {
      const [looksLike, text, says] = other
      const error = yield* Effect.flip(makeEffect(text))
      assert.strictEqual(error.looksLike, looksLike)
      assert.match(error.message, says)
      assert.throws(() => make(text), says)
      const decoded = decode(text)
      assert.match(Result.isFailure(decoded) ? decoded.failure.message : "", says)
    }))

  it.prop("is generated by its schema", { generated: schema }, ({ generated }) => {
    assert.isTrue(is(generated))
  })

  it.prop("has digits only, as many as it must", { text: Schema.String }, ({ text }) => {
    const isLong = text.length >= 10 && text.length <= 32
    assert.strictEqual(is(text), (what === "meeting number" ? text.length === 9 : isLong) && !/[^0-9]/.test(text))
  })
})

describe("the three numbers", () => {
  it("are three types", () => {
    expectTypeOf<MeetingId.MeetingId>().not.toExtend<ReserveId.ReserveId>()
    expectTypeOf<ReserveId.ReserveId>().not.toExtend<MeetingId.MeetingId>()
    expectTypeOf<MeetingNo.MeetingNo>().not.toExtend<MeetingId.MeetingId>()
    expectTypeOf<string>().not.toExtend<MeetingNo.MeetingNo>()
    expectTypeOf<MeetingId.MeetingId>().toExtend<string>()
    expectTypeOf<typeof MeetingId.MeetingId.Type>().toEqualTypeOf<MeetingId.MeetingId>()
    expectTypeOf<typeof MeetingNo.MeetingNo.Type>().toEqualTypeOf<MeetingNo.MeetingNo>()
    expectTypeOf<typeof ReserveId.ReserveId.Type>().toEqualTypeOf<ReserveId.ReserveId>()
    expectTypeOf<typeof ReserveId.ReserveId.Encoded>().toEqualTypeOf<string>()
  })
})

describe("a meeting id that was forced past the compiler", () => {
  const session = UserToken.fromAccessToken(Redacted.make("u-1"))

  const everywhere = (id: MeetingId.MeetingId) =>
    Effect.gen(function*() {
      const feishu = platform.make(() => platform.failed(404, 122002))
      yield* Effect.all([
        Effect.exit(Meetings.get(id)),
        Effect.exit(Meetings.swapHost(id, { expected: alice, desired: bob })),
        Effect.exit(Meetings.setHost(id, bob)),
        Effect.exit(Meetings.setHost(id, bob, { hint: alice })),
        Effect.exit(Lark.asUser(session)(Meetings.end(id)))
      ]).pipe(Effect.provide(Lark.layer(platform.app)), Effect.provide(feishu.layer))
      return feishu.calls
    })

  it.effect("that is empty, dots or a lone surrogate is sent nowhere", () =>
    Effect.gen(function*() {
      for (const text of ["", ".", "..", "\ud800"]) assert.deepStrictEqual(yield* everywhere(forced(text)), [])
    }))

  it.effect.prop(
    "stays one segment of the path of its own endpoint",
    { text: Schema.String },
    ({ text }) =>
      Effect.gen(function*() {
        for (const hostile of [text, `../${text}`, `${text}/x?y=1#z`, `%2e%2e${text}`, `.%2e`, `${text}\\..`]) {
          for (const call of yield* everywhere(forced(hostile))) {
            const [, segment] = /^\/open-apis\/vc\/v1\/meetings\/([^/]+)(?:\/set_host|\/end)?$/.exec(call.path) ?? []
            assert.strictEqual(decodeURIComponent(segment ?? ""), hostile)
            assert.isTrue(Object.keys(call.query).every((name) => name === "user_id_type"))
            assert.isTrue(call.url.startsWith("https://open.feishu.cn/open-apis/vc/v1/meetings/"))
            assert.notInclude(call.url, "#")
          }
        }
      }),
    { arbitrary: { runs: 20 } }
  )
})
