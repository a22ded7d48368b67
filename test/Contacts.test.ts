import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema } from "effect"
import { Bot, Contacts, Lark, MeetingUser } from "effect-lark-meetings"
import type * as Simulator from "effect-lark-meetings/Simulator"
import * as platform from "./fixtures/http/platform.ts"
import { alice, asUser, bob, called, on } from "./fixtures/World.ts"

const people: ReadonlyArray<Simulator.PersonOptions> = [
  { user: { openId: "ou_alice", name: "Alice" }, email: "alice@example.com", mobile: "13800000001" },
  { user: "ou_bob", email: "Bob@Example.com", mobile: "+14155550100" },
  { user: "ou_hidden", email: "hidden@example.com", visible: false },
  { user: "ou_gone", email: "gone@example.com", mobile: "13800000002", status: "resigned" }
]

const idsOf = (matches: ReadonlyArray<Contacts.Match>) =>
  matches.map(({ address, user }) => [address, Option.getOrUndefined(user)?.id])

/** Against a platform that answers every look-up with these rows. */
const answeredWith = <A, E>(rows: unknown, program: Effect.Effect<A, E, Lark.Services>) => {
  const server = platform.make(() => platform.ok({ user_list: rows }))
  return Effect.map(
    Effect.exit(program).pipe(Effect.provide(Lark.layer(platform.app)), Effect.provide(server.layer)),
    (exit) => ({ exit, calls: server.calls })
  )
}

const Body = Schema.fromJsonString(
  Schema.Struct({
    emails: Schema.optionalKey(Schema.Array(Schema.String)),
    mobiles: Schema.optionalKey(Schema.Array(Schema.String)),
    include_resigned: Schema.optionalKey(Schema.Boolean)
  })
)

const bodyOf = ({ body }: platform.Arrived) => Schema.decodeUnknownSync(Body)(body)

describe("findByEmail", () => {
  it.effect("has a match for every address, in order, whatever its case", () =>
    on(
      { people },
      Effect.gen(function*() {
        const asked = ["ALICE@example.com", "nobody@example.com", " bob@example.com ", "alice@example.com", ""]
        assert.deepStrictEqual(idsOf(yield* Contacts.findByEmail(asked)), [
          ["ALICE@example.com", "ou_alice"],
          ["nobody@example.com", undefined],
          [" bob@example.com ", "ou_bob"],
          ["alice@example.com", "ou_alice"],
          ["", undefined]
        ])
        assert.deepStrictEqual(yield* called, ["batch_get_id"])
      })
    ))

  it.effect("names people by the kind of id that was asked for", () =>
    on(
      { people },
      Effect.gen(function*() {
        const [match] = yield* Contacts.findByEmail(["alice@example.com"], { idType: "union_id" })
        assert.deepStrictEqual(match.user, Option.some(MeetingUser.unionId("on_alice")))
      })
    ))

  it.effect("does not find who is outside of the contact range, or has left unless asked for", () =>
    on(
      { people },
      Effect.gen(function*() {
        const asked = ["hidden@example.com", "gone@example.com"]
        assert.deepStrictEqual(idsOf(yield* Contacts.findByEmail(asked)).map(([, id]) => id), [undefined, undefined])
        const matches = yield* Contacts.findByEmail(asked, { includeResigned: true })
        assert.deepStrictEqual(idsOf(matches).map(([, id]) => id), [undefined, "ou_gone"])
        assert.isTrue(Option.getOrThrow(matches[1].status).isResigned)
      })
    ))

  it.effect("sends each spelling once, without whitespace around it", () =>
    Effect.gen(function*() {
      const asked = ["Alice@Example.com", " Alice@Example.com", "alice@example.com"] as const
      const { calls, exit } = yield* answeredWith(
        [{ email: "ALICE@EXAMPLE.COM", user_id: "ou_alice" }],
        Contacts.findByEmail(asked)
      )
      assert.deepStrictEqual(calls.map(bodyOf), [{ emails: ["Alice@Example.com", "alice@example.com"] }])
      assert.deepStrictEqual(idsOf(yield* exit), asked.map((address) => [address, "ou_alice"]))
    }))

  it.effect("takes an absent and an empty id alike", () =>
    Effect.forEach(["absent", "empty"] as const, (unknownAddress) =>
      on(
        { people, unknownAddress },
        Effect.map(Contacts.findByEmail(["nobody@example.com"]), (matches) =>
          assert.isTrue(Option.isNone(matches[0].user)))
      )))

  it.effect("asks for any number of addresses, fifty at a time, each once", () =>
    Effect.gen(function*() {
      const asked = Array.from({ length: 120 }, (_, nth) => `user${nth}@example.com`)
      const server = platform.make(({ body }) =>
        platform.ok({
          // In another order than they were asked for.
          user_list: Schema.decodeUnknownSync(Body)(body).emails?.toReversed().map((email) => ({
            email,
            user_id: `ou_${email.split("@")[0]}`
          }))
        })
      )
      const matches = yield* Contacts.findByEmail([...asked, ...asked]).pipe(
        Effect.provide(Lark.layer(platform.app)),
        Effect.provide(server.layer)
      )
      assert.deepStrictEqual(server.calls.map((call) => bodyOf(call).emails?.length), [50, 50, 20])
      assert.strictEqual(matches.length, 240)
      for (const { address, user } of matches) {
        assert.strictEqual(Option.getOrThrow(user).id, `ou_${address.split("@")[0]}`)
      }
    }))

  it.effect("fails as a whole if a later request fails: a read is repeated at no cost", () =>
    on(
      { people, faults: [{ endpoint: "batch_get_id", nth: 1, fault: { _tag: "DropBefore" } }] },
      Effect.gen(function*() {
        const asked = Array.from({ length: 60 }, (_, nth) => `user${nth}@example.com`)
        assert.strictEqual((yield* Effect.flip(Contacts.findByEmail(asked)))._tag, "TransportError")
      })
    ))

  it.effect("asks nothing for no address", () =>
    on(
      { people },
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* Contacts.findByEmail([]), [])
        assert.deepStrictEqual(idsOf(yield* Contacts.findByEmail([" "])), [[" ", undefined]])
        assert.deepStrictEqual(yield* called, [])
      })
    ))

  it.effect("fails for a row whose address was not sent", () =>
    Effect.gen(function*() {
      const rows = [{ user_id: "ou_alice", email: "alice@elsewhere.example" }]
      const { exit } = yield* answeredWith(rows, Effect.flip(Contacts.findByEmail(["alice@example.com"])))
      const error = yield* exit
      assert.strictEqual(error._tag, "MalformedResponse")
      assert.notInclude(error.message, "alice")
    }))

  it.effect("takes rows without an id, an answer without rows, and fields of other types", () =>
    Effect.gen(function*() {
      for (const rows of [undefined, null, [], [{}], [{ email: "other@example.com" }], [{ user_id: null, email: 7 }]]) {
        const { exit } = yield* answeredWith(rows, Contacts.findByEmail(["alice@example.com"]))
        assert.deepStrictEqual(idsOf(yield* exit), [["alice@example.com", undefined]])
      }
    }))

  it.effect("fails for a row whose user_id is not a user id", () =>
    Effect.gen(function*() {
      for (const user_id of [1001, 2 ** 60, "ou alice", ["ou_alice"]]) {
        const { exit } = yield* answeredWith(
          [{ user_id, email: "alice@example.com" }],
          Effect.flip(Contacts.findByEmail(["alice@example.com"]))
        )
        const error = yield* exit
        assert.strictEqual(error._tag, "MalformedResponse")
        assert.notInclude(error.message, "alice")
      }
    }))

  it.effect("prefers who has the address now to who had it", () =>
    Effect.gen(function*() {
      const rows = [
        { user_id: "ou_before", email: "alice@example.com", status: { is_resigned: true } },
        { user_id: "ou_now", email: "alice@example.com", status: { is_resigned: false } }
      ]
      for (const order of [rows, rows.toReversed()]) {
        const { calls, exit } = yield* answeredWith(
          order,
          Contacts.findByEmail(["alice@example.com"], { includeResigned: true })
        )
        assert.deepStrictEqual(idsOf(yield* exit), [["alice@example.com", "ou_now"]])
        assert.strictEqual(calls[0] && bodyOf(calls[0]).include_resigned, true)
      }
    }))

  it.effect("runs as the app, inside asUser, too", () =>
    on(
      { people },
      Effect.gen(function*() {
        const matches = yield* asUser("ou_bob")(Contacts.findByEmail(["alice@example.com"]))
        assert.deepStrictEqual(idsOf(matches), [["alice@example.com", "ou_alice"]])
      })
    ))
})

describe("findByMobile", () => {
  it.effect("takes numbers of mainland China with and without +86, and others with their code", () =>
    Effect.forEach(["asSent", "withCountryCode"] as const, (mobileEcho) =>
      on(
        { people, mobileEcho },
        Effect.gen(function*() {
          const asked = ["13800000001", "+86 138-0000-0001", "008613800000001", "+1 (415) 555-0100", "14155550100"]
          assert.deepStrictEqual(idsOf(yield* Contacts.findByMobile(asked)), [
            ["13800000001", "ou_alice"],
            ["+86 138-0000-0001", "ou_alice"],
            ["008613800000001", "ou_alice"],
            ["+1 (415) 555-0100", "ou_bob"],
            ["14155550100", undefined]
          ])
        })
      )))

  it.effect("sends each number once, without +86", () =>
    Effect.gen(function*() {
      const { calls } = yield* answeredWith(
        [],
        Contacts.findByMobile(["+8613800000001", "13800000001", "+14155550100"])
      )
      assert.deepStrictEqual(calls.map(bodyOf), [{ mobiles: ["13800000001", "+14155550100"] }])
    }))
})

describe("get", () => {
  it.effect("reads the name and the ids of all kinds, by any of them", () =>
    on(
      { people },
      Effect.gen(function*() {
        for (const user of [alice, MeetingUser.unionId("on_alice"), MeetingUser.userId("alice")]) {
          const person = yield* Contacts.get(user)
          assert.strictEqual(Option.getOrThrow(person.name), "Alice")
          assert.deepStrictEqual(person.ids, {
            open_id: Option.some(alice),
            union_id: Option.some(MeetingUser.unionId("on_alice")),
            user_id: Option.some(MeetingUser.userId("alice"))
          })
          assert.deepStrictEqual(person.email, Option.some("alice@example.com"))
          assert.deepStrictEqual(person.mobile, Option.some("+8613800000001"))
          assert.isTrue(Option.getOrThrow(person.status).isActivated)
        }
      })
    ))

  it.effect("fails for an unknown user, and for one outside of the contact range", () =>
    on(
      { people },
      Effect.gen(function*() {
        assert.strictEqual((yield* Effect.flip(Contacts.get(MeetingUser.openId("ou_nobody"))))._tag, "UserIdInvalid")
        assert.strictEqual((yield* Effect.flip(Contacts.get(MeetingUser.openId("ou_hidden"))))._tag, "NoUserAuthority")
      })
    ))

  it.effect("leaves out what the app has no scope for", () =>
    Effect.gen(function*() {
      const server = platform.make(() => platform.ok({ user: { open_id: "ou_bob", union_id: "on_bob" } }))
      const person = yield* Contacts.get(bob).pipe(
        Effect.provide(Lark.layer(platform.app)),
        Effect.provide(server.layer)
      )
      assert.deepStrictEqual(person, {
        ids: {
          open_id: Option.some(bob),
          union_id: Option.some(MeetingUser.unionId("on_bob")),
          user_id: Option.none()
        },
        name: Option.none(),
        enName: Option.none(),
        email: Option.none(),
        mobile: Option.none(),
        status: Option.none()
      })
    }))
})

describe("Bot.info", () => {
  it.effect("reads the bot, as the app, inside asUser, too", () =>
    on(
      {},
      Effect.gen(function*() {
        const bot = yield* asUser("ou_alice")(Bot.info)
        assert.deepInclude(bot, {
          appName: "Simulated app",
          openId: Option.some("ou_simulated_bot"),
          activateStatus: Bot.ActivateStatus.Enabled,
          ipWhiteList: []
        })
      })
    ))

  it.effect("takes what it does not know, and fails without a bot", () =>
    Effect.gen(function*() {
      const info = (body: unknown) =>
        Bot.info.pipe(
          Effect.provide(Lark.layer(platform.app)),
          Effect.provide(platform.make(() => ({ body })).layer)
        )
      const bot = yield* info({ code: 0, msg: "ok", bot: { activate_status: 9, ip_white_list: ["10.0.0.1", 1] } })
      assert.deepStrictEqual(bot, {
        appName: "",
        openId: Option.none(),
        activateStatus: 9,
        avatarUrl: "",
        ipWhiteList: ["10.0.0.1"]
      })
      const error = yield* Effect.flip(info({ code: 0, msg: "ok", data: { bot: {} } }))
      assert.strictEqual(error._tag, "MalformedResponse")
    }))
})
