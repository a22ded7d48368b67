/**
 * People: from e-mail addresses and mobile numbers to ids, and from an id to a name.
 *
 * **Details**
 *
 * The look-ups by address run as the app, inside `Lark.asUser`, too: the platform takes no user for them. The people that
 * an app sees are those in its contact range. Source: Feishu Open Platform, contact-v3 `user`.
 *
 * **Example** (A host by e-mail)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Contacts, Lark } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const program = Effect.gen(function*() {
 *   const [alice, nobody] = yield* Contacts.findByEmail(["Alice@example.com", "nobody@example.com"])
 *   return `${Option.getOrThrow(alice.user).id}, ${Option.isNone(nobody.user)}`
 * })
 * const text = await Effect.runPromise(program.pipe(
 *   Effect.provide(Lark.layer(Simulator.defaultApp)),
 *   Effect.provide(Simulator.layer({ people: [{ user: "ou_alice", email: "alice@example.com" }] }))
 * ))
 * console.log(text) // => ou_alice, true
 * ```
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as EventUser from "./EventUser.ts"
import { orOpenId } from "./internal/idTypes.ts"
import { withSpan } from "./internal/telemetry.ts"
import * as wire from "./internal/wire.ts"
import * as LarkError from "./LarkError.ts"
import { call, endpoint, type ErrorOf, type LarkHttp } from "./LarkHttp.ts"
import * as MeetingUser from "./MeetingUser.ts"

const status = Schema.Struct({
  isFrozen: Schema.Boolean,
  isResigned: Schema.Boolean,
  isActivated: Schema.Boolean,
  isExited: Schema.Boolean,
  isUnjoin: Schema.Boolean
})

/**
 * The state of a person's account.
 *
 * @stability stable
 * @category models
 */
export interface Status extends Schema.Schema.Type<typeof status> {}

/**
 * The schema of the state of an account.
 *
 * @stability stable
 * @category schemas
 */
export const Status: Schema.Codec<Status> = status

const matchOf = <T extends MeetingUser.IdType>(user: Schema.Codec<MeetingUser.MeetingUser<T>>) =>
  Schema.toType(Schema.Struct({
    /** The e-mail address or mobile number, as it was given. */
    address: Schema.String,
    /** `None`: the platform knows nobody with it, or the app may not see who it is. */
    user: Schema.Option(user),
    /** Only with the field scope `contact:user.employee:readonly`. */
    status: Schema.Option(status)
  }))

/**
 * The outcome of one address.
 *
 * @stability stable
 * @category models
 */
export interface Match<out T extends MeetingUser.IdType = MeetingUser.IdType>
  extends Schema.Schema.Type<ReturnType<typeof matchOf<T>>>
{}

/**
 * The schema of a `Match` whose user is named by one kind of id. For JSON, use it with `Schema.toCodecJson`.
 *
 * @stability stable
 * @category schemas
 */
export const MatchSchema = <T extends MeetingUser.IdType>(idType: T): Schema.Codec<Match<T>> =>
  matchOf(MeetingUser.schema(idType))

/**
 * A match for each address, in order: a tuple for a tuple.
 *
 * @stability stable
 * @category models
 */
export type Matches<Addresses extends ReadonlyArray<string>, T extends MeetingUser.IdType> = {
  readonly [Index in keyof Addresses]: Match<T>
}

/**
 * How to look people up.
 *
 * @stability stable
 * @category models
 */
export interface FindOptions<T extends MeetingUser.IdType = MeetingUser.IdType> {
  /** The kind of id that names them: `open_id` unless given. */
  readonly idType?: T | undefined
  /** Whether people who have left the company are found, too. */
  readonly includeResigned?: boolean | undefined
}

const person = Schema.toType(Schema.Struct({
  /** `user_id` only with the field scope `contact:user.employee_id:readonly`. */
  ids: EventUser.EventUser,
  /** Only with the field scope `contact:user.base:readonly`, as `enName`. */
  name: Schema.Option(Schema.String),
  enName: Schema.Option(Schema.String),
  /** Only with the field scope `contact:user.email:readonly`. */
  email: Schema.Option(Schema.String),
  /** Only with the field scope `contact:user.phone:readonly`. */
  mobile: Schema.Option(Schema.String),
  /** Only with the field scope `contact:user.employee:readonly`. */
  status: Schema.Option(status)
}))

/**
 * A person, as far as the scopes of the app show one.
 *
 * @stability stable
 * @category models
 */
export interface Person extends Schema.Schema.Type<typeof person> {}

/**
 * The schema of a person. For JSON, use it with `Schema.toCodecJson`.
 *
 * @stability stable
 * @category schemas
 */
export const Person: Schema.Codec<Person> = person

const Row = Schema.Record(Schema.String, Schema.Unknown)

const batchGetId = endpoint({
  name: "contact.v3.user.batch_get_id",
  method: "POST",
  path: "/contact/v3/users/batch_get_id",
  token: "app",
  data: Schema.Struct({ user_list: Schema.optional(Schema.Array(Row)) })
})

const getUser = endpoint({
  name: "contact.v3.user.get",
  span: "Contacts.get",
  method: "GET",
  path: "/contact/v3/users/:user_id",
  token: "either",
  errors: [
    LarkError.ContactParamError,
    LarkError.ContactInternalError,
    LarkError.UserIdInvalid,
    LarkError.NoUserAuthority
  ],
  data: Schema.Struct({ user: Row })
})

/**
 * How `findByEmail` and `findByMobile` fail: the platform documents no codes for them but the generic ones.
 *
 * @stability stable
 * @category errors
 */
export type FindError = ErrorOf<typeof batchGetId>

/**
 * How `get` fails.
 *
 * @stability stable
 * @category errors
 */
export type GetError = ErrorOf<typeof getUser>

const statusOf = (status: unknown): Option.Option<Status> =>
  Option.map(wire.someObject(status), (status) => ({
    isFrozen: wire.flag(status["is_frozen"]),
    isResigned: wire.flag(status["is_resigned"]),
    isActivated: wire.flag(status["is_activated"]),
    isExited: wire.flag(status["is_exited"]),
    isUnjoin: wire.flag(status["is_unjoin"])
  }))

/** A kind of address. */
interface Kind {
  readonly list: "emails" | "mobiles"
  readonly echo: "email" | "mobile"
  readonly toWire: (address: string) => string
  /** Two spellings of one address have one key. */
  readonly key: (address: string) => string
}

// Whether the platform tells upper case from lower case is not documented, so addresses are sent as they are spelled.
const emails: Kind = {
  list: "emails",
  echo: "email",
  toWire: (address) => address.trim(),
  key: (address) => address.trim().toLowerCase()
}

// The platform takes numbers of mainland China without the country code, and all others with it.
const plainMobile = (number: string) => number.replaceAll(/[\s().-]/g, "").replace(/^(?:\+|00)86(?=1\d{10}$)/, "")

const mobiles: Kind = { list: "mobiles", echo: "mobile", toWire: plainMobile, key: plainMobile }

type Found<T extends MeetingUser.IdType> = Omit<Match<T>, "address">

/** The most addresses in one request. */
const batchSize = 50

const find = <const Addresses extends ReadonlyArray<string>, T extends MeetingUser.IdType = "open_id">(
  { echo, key, list, toWire }: Kind,
  addresses: Addresses,
  options: FindOptions<T> = {}
): Effect.Effect<Matches<Addresses, T>, FindError, LarkHttp> =>
  Effect.gen(function*() {
    const idType = orOpenId(options.idType)
    const asked = [...new Set(addresses.map(toWire))].filter((address) => address !== "")
    const found = new Map<string, Found<T>>()
    for (const batch of Arr.chunksOf(asked, batchSize)) {
      const { user_list = [] } = yield* call(batchGetId, {
        query: { user_id_type: idType },
        body: { [list]: batch, include_resigned: options.includeResigned }
      })
      const keys = new Set(batch.map(key))
      for (const row of user_list) {
        const id = row["user_id"]
        if (id === undefined || id === null || id === "") continue
        const user = MeetingUser.fromWire(idType, { id, user_type: MeetingUser.UserType.User })
        const address = key(wire.text(row[echo]))
        if (Option.isNone(user) || !keys.has(address)) {
          const reason = Option.isNone(user)
            ? "a row has a user_id that is not a user id"
            : `a row names a user, but not by one of the ${list} that were sent`
          return yield* new LarkError.MalformedResponse({ endpoint: batchGetId.name, status: 200, reason })
        }
        const status = statusOf(row["status"])
        const other = found.get(address)
        // A number may have passed from somebody who left to somebody else.
        const isBetter = other === undefined || Option.exists(other.status, ({ isResigned }) => isResigned)
        if (isBetter) found.set(address, { user, status })
      }
    }
    const nobody: Found<T> = { user: Option.none(), status: Option.none() }
    const matches = addresses.map((address) => ({ address, ...(found.get(key(address)) ?? nobody) }))
    // One for each address, in order.
    return matches as Matches<Addresses, T>
  })

/**
 * Finds people by e-mail address: a match for each address, in the order given. Fails with `FindError`.
 *
 * **Details**
 *
 * Any number of addresses: fifty are sent at a time, each once. Answers are matched by the address that they repeat, in upper
 * or lower case. Scope `contact:user.id:readonly`.
 *
 * **Gotchas**
 *
 * The platform does not search enterprise e-mail addresses. It does not tell an unknown address from one whose owner is
 * outside the contact range of the app.
 *
 * @stability stable
 * @category accessors
 */
export const findByEmail = <const Addresses extends ReadonlyArray<string>, T extends MeetingUser.IdType = "open_id">(
  addresses: Addresses,
  options?: FindOptions<T>
): Effect.Effect<Matches<Addresses, T>, FindError, LarkHttp> =>
  withSpan(find(emails, addresses, options), "Contacts.findByEmail", () => ({}))

/**
 * Finds people by mobile number: a match for each number, in the order given. Fails with `FindError`.
 *
 * **Details**
 *
 * As `findByEmail`. Spaces, dots, dashes and parentheses in a number do not count. Numbers of mainland China are the same
 * with and without `+86`; all others need `+` and their country code.
 *
 * @stability stable
 * @category accessors
 */
export const findByMobile = <const Numbers extends ReadonlyArray<string>, T extends MeetingUser.IdType = "open_id">(
  numbers: Numbers,
  options?: FindOptions<T>
): Effect.Effect<Matches<Numbers, T>, FindError, LarkHttp> =>
  withSpan(find(mobiles, numbers, options), "Contacts.findByMobile", () => ({}))

/**
 * Reads a person: the name, and the ids of all kinds. Fails with `GetError`.
 *
 * **Details**
 *
 * A field whose scope the app lacks is `None`. Scope `contact:contact.base:readonly`, `contact:contact:readonly`,
 * `contact:contact:access_as_app` or `contact:contact:readonly_as_app`.
 *
 * @stability stable
 * @category accessors
 */
export const get = (user: MeetingUser.MeetingUser): Effect.Effect<Person, GetError, LarkHttp> =>
  Effect.map(
    call(getUser, { params: { user_id: user.id }, query: { user_id_type: user.idType } }),
    ({ user: row }) => ({
      ids: EventUser.fromWire(row),
      name: wire.someText(row["name"]),
      enName: wire.someText(row["en_name"]),
      email: wire.someText(row["email"]),
      mobile: wire.someText(row["mobile"]),
      status: statusOf(row["status"])
    })
  )
