import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, Option, Result, Schema } from "effect"
import { EventUser, MeetingUser } from "effect-lark-meetings"

/** What a program without types may pass. */
const untyped = (value: unknown) => value as string

/** What a program without types may pass. */
const untypedNumber = (value: unknown) => value as number

const constructors = {
  open_id: MeetingUser.openId,
  union_id: MeetingUser.unionId,
  user_id: MeetingUser.userId
} as const

const idTypes = ["open_id", "union_id", "user_id"] as const

const invalid: ReadonlyArray<readonly [what: string, id: unknown, userType: unknown, says: RegExp]> = [
  ["no id", "", 1, /open_id is missing/],
  ["an undefined id", undefined, 1, /open_id is missing/],
  ["a number for an id", 7, 1, /open_id is missing/],
  ["an endless id", "x".repeat(10_000), 1, /10000 characters, more than 256/],
  ["a space in the id", "ou_a b", 1, /whitespace or control characters/],
  ["a line feed in the id", "ou_alice\n", 1, /whitespace or control characters/],
  ["a null character in the id", "ou_\0", 1, /whitespace or control characters/],
  ["a fractional user type", "ou_alice", 1.5, /user type 1.5/],
  ["user type zero", "ou_alice", 0, /user type 0/],
  ["a negative user type", "ou_alice", -1, /user type -1/],
  ["no number for a user type", "ou_alice", Number.NaN, /user type NaN/],
  ["a text for a user type", "ou_alice", "1", /user type 1/]
]

describe("a user", () => {
  it("has user type 1 unless another is given", () => {
    for (const idType of idTypes) {
      assert.deepStrictEqual<object>(constructors[idType]("x"), { idType, id: "x", userType: 1 })
      const room = constructors[idType]("x", { userType: MeetingUser.UserType.Room })
      assert.deepStrictEqual<object>(room, { idType, id: "x", userType: 2 })
    }
  })

  it("may have an undocumented type", () => {
    assert.strictEqual(MeetingUser.openId("x", { userType: 4711 }).userType, 4711)
  })

  it.effect.each(invalid)("with %s is refused", ([, id, userType, says]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(MeetingUser.makeEffect("open_id", untyped(id), untypedNumber(userType)))
      assert.strictEqual(error._tag, "InvalidMeetingUser")
      assert.match(error.message, says)
      assert.isBelow(error.message.length, 200)
      const make = () => MeetingUser.openId(untyped(id), { userType: untypedNumber(userType) })
      assert.throws(make, MeetingUser.InvalidMeetingUser)
    }))

  it("equals another only under the same id kind, with the same id and user type", () => {
    const alice = MeetingUser.openId("alice")
    assert.isTrue(MeetingUser.equals(alice, MeetingUser.openId("alice")))
    assert.isFalse(MeetingUser.equals(alice, MeetingUser.openId("Alice")))
    assert.isFalse(MeetingUser.equals(alice, MeetingUser.openId("alice", { userType: 2 })))
    assert.isFalse(MeetingUser.equals(alice, MeetingUser.unionId("alice")))
    assert.isFalse(MeetingUser.equals(MeetingUser.unionId("alice"), MeetingUser.userId("alice")))
  })

  it("knows its id kind", () => {
    assert.isTrue(MeetingUser.hasIdType(MeetingUser.unionId("x"), "union_id"))
    assert.isFalse(MeetingUser.hasIdType<MeetingUser.IdType>(MeetingUser.unionId("x"), "open_id"))
  })
})

describe("the meeting_user object", () => {
  const Id = Schema.String.check(Schema.isPattern(/^[!-~]{1,20}$/))
  const UserType = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 99 }))

  it.prop(
    "gives back the user that was sent",
    { id: Id, userType: UserType, idType: Schema.Literals(idTypes) },
    ({ id, idType, userType }) => {
      const user = constructors[idType](id, { userType })
      assert.deepStrictEqual(MeetingUser.toWire(user), { id, user_type: userType })
      assert.deepStrictEqual(MeetingUser.fromWire(idType, MeetingUser.toWire(user)), Option.some(user))
    }
  )

  it("names no user if its id or its type is missing or empty", () => {
    const nobody = [
      undefined,
      null,
      "ou_alice",
      7,
      [],
      {},
      { id: "ou_alice" },
      { user_type: 1 },
      { id: "", user_type: 1 },
      { id: null, user_type: 1 },
      { id: 7, user_type: 1 },
      { id: "ou_alice", user_type: null },
      { id: "ou_alice", user_type: "1" },
      { id: "ou_alice", user_type: 0 },
      { id: "ou alice", user_type: 1 },
      { open_id: "ou_alice", user_type: 1 }
    ]
    for (const wire of nobody) assert.deepStrictEqual(MeetingUser.fromWire("open_id", wire), Option.none())
  })

  it.prop("is never a defect", { wire: Schema.Json }, ({ wire }) => {
    assert.isTrue(Option.isOption(MeetingUser.fromWire("open_id", wire)))
  })
})

describe("a user in JSON", () => {
  const json = (user: MeetingUser.MeetingUser) => Schema.encodeSync(Schema.toCodecJson(MeetingUser.MeetingUser))(user)

  it.prop("comes back as it was", { user: MeetingUser.MeetingUser }, ({ user }) => {
    const back = Schema.decodeUnknownSync(MeetingUser.MeetingUser)(JSON.parse(JSON.stringify(json(user))))
    assert.deepStrictEqual(back, user)
    assert.deepStrictEqual(MeetingUser.makeEffect(user.idType, user.id, user.userType), Effect.succeed(user))
  })

  it("is its kind of id, its id and its type", () => {
    assert.deepStrictEqual<unknown>(json(MeetingUser.unionId("on_1", { userType: 2 })), {
      idType: "union_id",
      id: "on_1",
      userType: 2
    })
  })

  it.each(idTypes)("is refused by the schema of another kind than %s", (idType) => {
    const decode = Schema.decodeUnknownResult(MeetingUser.schema(idType))
    for (const other of idTypes) {
      assert.strictEqual(Result.isSuccess(decode(json(constructors[other]("x")))), other === idType)
    }
  })

  it.each(invalid)("is refused with %s", (_, id, userType) => {
    const decode = Schema.decodeUnknownResult(MeetingUser.MeetingUser)
    assert.isTrue(Result.isFailure(decode({ idType: "open_id", id, userType })))
  })
})

describe("the user in an event", () => {
  const ids = { open_id: "ou_1", union_id: "on_1", user_id: "1" }
  const room = { userType: MeetingUser.UserType.Room }

  it("is a user for each kind of id that the event names", () => {
    const user = EventUser.fromWire({ id: ids, user_role: 2, user_type: 2 })
    assert.deepStrictEqual(user, {
      open_id: Option.some(MeetingUser.openId("ou_1", room)),
      union_id: Option.some(MeetingUser.unionId("on_1", room)),
      user_id: Option.some(MeetingUser.userId("1", room))
    })
    expectTypeOf(user.union_id).toEqualTypeOf<Option.Option<MeetingUser.MeetingUser<"union_id">>>()
  })

  it("has user type 1 where the event has ids only", () => {
    assert.deepStrictEqual(EventUser.fromWire(ids).open_id, Option.some(MeetingUser.openId("ou_1")))
  })

  it("is None for a kind of id that is absent, empty, null or not a text", () => {
    for (const user_id of [undefined, null, "", "a b", 7, {}]) {
      const user = EventUser.fromWire({ id: { ...ids, user_id }, user_type: 1 })
      assert.deepStrictEqual(user.user_id, Option.none())
      assert.deepStrictEqual(user.open_id, Option.some(MeetingUser.openId("ou_1")))
    }
    const nobody = { open_id: Option.none(), union_id: Option.none(), user_id: Option.none() }
    for (const wire of [undefined, null, "ou_1", [], {}, { id: "ou_1" }, { id: ids, user_type: "1" }, { id: null }]) {
      assert.deepStrictEqual<object>(EventUser.fromWire(wire), nobody)
    }
  })

  it.prop("is never a defect", { wire: Schema.Json }, ({ wire }) => {
    assert.hasAllKeys(EventUser.fromWire(wire), [...idTypes])
  })

  it.prop("comes back from JSON as it was", { user: EventUser.EventUser }, ({ user }) => {
    const codec = Schema.fromJsonString(Schema.toCodecJson(EventUser.EventUser))
    assert.deepStrictEqual(Schema.decodeSync(codec)(Schema.encodeSync(codec)(user)), user)
  })
})
