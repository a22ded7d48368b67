import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import { Lark, MeetingId, Meetings, MeetingUser, UserToken } from "effect-lark-meetings"
import * as platform from "./fixtures/http/platform.ts"

const hostile: ReadonlyArray<readonly [what: string, text: unknown, says: RegExp]> = [
  ["nothing", "", /it is empty/],
  ["a meeting number", "123456789", /nine digits are a meeting number/],
  ["too few digits", "12345", /it has 5 digits/],
  ["too many digits", "1".repeat(33), /it has 33 digits/],
  ["ten thousand digits", "1".repeat(10_000), /it has 10000 digits/],
  ["ten thousand letters", "x".repeat(10_000), /it has 10000 characters, not all of them digits/],
  ["a path", "../../x?y=1#", /not all of them digits/],
  ["dots", "..", /not all of them digits/],
  ["encoded dots", "%2e%2e", /not all of them digits/],
  ["a query", "6911188411932033028?x=1", /not all of them digits/],
  ["a fragment", "6911188411932033028#", /not all of them digits/],
  ["a slash", "6911188411932033028/end", /not all of them digits/],
  ["a blank in front", " 6911188411932033028", /not all of them digits/],
  ["a line feed behind", "6911188411932033028\n", /not all of them digits/],
  ["a null character", "6911188411932033028\0", /not all of them digits/],
  ["other digits", "٦٩١١١٨٨٤١١٩٣٢٠٣٣٠٢٨", /not all of them digits/],
  ["a sign", "-6911188411932033028", /not all of them digits/],
  ["half a character", "\ud800", /not all of them digits/],
  ["a number", 6911188411932033000, /must stay strings/],
  ["a list", ["6911188411932033028"], /must stay strings/],
  ["undefined", undefined, /must stay strings/]
]

/** What a program without types may pass for a text. */
const untyped = (value: unknown) => value as string

/** What a program without types may pass for a meeting id. */
const forced = (value: string) => value as MeetingId.MeetingId

describe("a meeting id", () => {
  it("is the text that was given", () => {
    for (const text of ["6911188411932033028", "1234567890", "9".repeat(32)]) {
      assert.strictEqual<string>(MeetingId.make(text), text)
      assert.isTrue(MeetingId.isMeetingId(text))
    }
  })

  it.effect.each(hostile)("cannot be %s", ([, text, says]) =>
    Effect.gen(function*() {
      assert.isFalse(MeetingId.isMeetingId(untyped(text)))
      const error = yield* Effect.flip(MeetingId.makeEffect(untyped(text)))
      assert.strictEqual(error._tag, "InvalidMeetingId")
      assert.match(error.message, says)
      assert.match(error.message, /^Not a meeting id: .*10 to 32 digits/)
      assert.isBelow(error.message.length, 200)
      assert.throws(() => MeetingId.make(untyped(text)), MeetingId.InvalidMeetingId)
    }))

  it.prop("is made of digits only", { text: Schema.String }, ({ text }) => {
    assert.strictEqual(MeetingId.isMeetingId(text), text.length >= 10 && text.length <= 32 && !/[^0-9]/.test(text))
  })
})

describe("a meeting id that was forced past the compiler", () => {
  const alice = MeetingUser.openId("ou_alice")
  const bob = MeetingUser.openId("ou_bob")
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

  it.effect("that is empty, dots or half a character is sent nowhere", () =>
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
