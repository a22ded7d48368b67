/**
 * Answers that cross a process: encoded to JSON text, and decoded from it.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema } from "effect"
import { Bot, Cas, Contacts, LarkError, Meetings, MeetingUser, Recordings, Reserves } from "effect-lark-meetings"

/** Through JSON text. */
const cross = <T, E>(schema: Schema.Codec<T, E>, value: T): T => {
  const codec = Schema.fromJsonString(Schema.toCodecJson(schema))
  return Schema.decodeSync(codec)(Schema.encodeSync(codec)(value))
}

const user = MeetingUser.openId("ou_alice")
const error = new LarkError.NoPermission({ code: 121005, msg: "no permission", status: 403, endpoint: "e" })

describe("the same after the crossing is", () => {
  const isSame = <T, E>(schema: Schema.Codec<T, E>) =>
    it.effect.prop(
      "whatever it holds",
      [Arbitrary.schema(schema)],
      ([value]) => Effect.sync(() => assert.isTrue(Schema.toEquivalence(schema)(cross(schema, value), value)))
    )

  describe("a recording", () => isSame(Recordings.Recording))
  describe("a brief of a meeting", () => isSame(Meetings.MeetingBrief))
  describe("a person", () => isSame(Contacts.Person))
  describe("the state of an account", () => isSame(Contacts.Status))
  describe("the outcome of an address", () => isSame(Contacts.MatchSchema("user_id")))
  describe("a reservation", () => isSame(Reserves.ReserveSchema("union_id")))
  describe("a reservation that was made", () => isSame(Reserves.ReservedSchema("union_id")))
  describe("a bot", () => isSame(Bot.Bot))

  it("the outcome of a person, with its error", () => {
    const schema = Meetings.PersonOutcomeSchema("open_id", LarkError.LarkError)
    const outcomes: ReadonlyArray<Meetings.PersonOutcome<"open_id", Meetings.InviteError>> = [
      { user, outcome: "done" },
      { user, outcome: "refused" },
      { user, outcome: "unreported" },
      { user, outcome: "failed", error }
    ]
    for (const outcome of outcomes) assert.deepStrictEqual(cross(schema, outcome), outcome)
    assert.throws(() => Schema.decodeUnknownSync(schema)({ user, outcome: "failed" }))
  })

  it("a contested value", () => {
    const schema = Cas.ContestedSchema(MeetingUser.schema("open_id"))
    const contested = new Cas.Contested<typeof user>({ actual: user, moves: 5, settled: 60_000 })
    const decoded = cross(schema, contested)
    assert.instanceOf(decoded, Cas.Contested)
    assert.deepStrictEqual({ ...decoded }, { ...contested })
    assert.deepStrictEqual([decoded.message, decoded.kind, decoded.retry], [contested.message, "conflict", "wait"])
  })
})
