/**
 * A participant of a meeting: an id of one of three kinds, and a user type.
 *
 * **Details**
 *
 * One person has a different id of each kind: `open_id` (per app), `union_id` (per vendor), `user_id` (per tenant). The
 * kind is part of the type, so that kinds cannot be mixed in one operation, and is sent as `user_id_type`.
 *
 * **Gotchas**
 *
 * An `open_id` is valid only in the app that it was issued to. The platform sends a `user_id` only to apps with the field
 * scope `contact:user.employee_id:readonly`.
 *
 * **Example** (Users)
 *
 * ```ts
 * import { MeetingUser } from "effect-lark-meetings"
 *
 * const alice = MeetingUser.openId("ou_alice")
 * const room = MeetingUser.openId("omm_room", { userType: MeetingUser.UserType.Room })
 * console.log(alice.idType, alice.userType, room.userType) // => open_id 1 2
 * ```
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Classified } from "./internal/classified.ts"
import * as wire from "./internal/wire.ts"

/**
 * The kinds of user id, as `user_id_type` names them.
 *
 * @stability stable
 * @category models
 */
export type IdType = "open_id" | "union_id" | "user_id"

/**
 * The documented values of `user_type`. The server may send others; they are kept as they are.
 *
 * @stability stable
 * @category models
 */
export const UserType = {
  User: 1,
  Room: 2,
  DocUser: 3,
  NeoUser: 4,
  NeoGuest: 5,
  Pstn: 6,
  Sip: 7,
  ShareBox: 8,
  OpenPlatformApp: 9
} as const

/**
 * A user, named by an id of one kind.
 *
 * @stability stable
 * @category models
 */
export interface MeetingUser<out T extends IdType = IdType> {
  readonly idType: T
  readonly id: string
  readonly userType: number
}

/**
 * Not a user: the id is empty, longer than 256 characters, or has whitespace or control characters in it, or the user
 * type is not a positive whole number.
 *
 * @stability stable
 * @category errors
 */
export class InvalidMeetingUser extends Classified<{ readonly reason: string }>()("InvalidMeetingUser", {
  kind: "caller",
  message: ({ reason }) => `Not a meeting user: ${reason}.`
}) {}

/** What is wrong with an id. */
const faultOf = (id: string): string | undefined =>
  typeof id !== "string" || id === ""
    ? "is missing"
    : id.length > 256
    ? `has ${id.length} characters, more than 256`
    : /[\s\p{Cc}]/u.test(id)
    ? "has whitespace or control characters in it"
    : undefined

const parse = <T extends IdType>(
  idType: T,
  id: string,
  userType: number = UserType.User
): Result.Result<MeetingUser<T>, InvalidMeetingUser> => {
  const fault = faultOf(id)
  const reason = fault !== undefined
    ? `its ${idType} ${fault}`
    : Number.isSafeInteger(userType) && userType > 0
    ? undefined
    : `user type ${userType} is not a positive whole number`
  return reason === undefined
    ? Result.succeed({ idType, id, userType })
    : Result.fail(new InvalidMeetingUser({ reason }))
}

const Id = Schema.String.check(
  Schema.makeFilter((id: string) => faultOf(id) ?? true, {
    expected: "a user id",
    arbitraryConstraint: { patterns: [{ source: "^[!-~]{1,40}$", flags: "" }] }
  })
)

/**
 * The schema of users that are named by one kind of id. In JSON: `{ idType, id, userType }`.
 *
 * @stability stable
 * @category schemas
 */
export const schema = <T extends IdType>(idType: T): Schema.Codec<MeetingUser<T>> =>
  Schema.Struct({ idType: Schema.Literal(idType), id: Id, userType: Schema.Int.check(Schema.isGreaterThan(0)) })

/**
 * The schema of users, named by any kind of id. In JSON: `{ idType, id, userType }`.
 *
 * @stability stable
 * @category schemas
 */
export const MeetingUser: Schema.Codec<MeetingUser> = Schema.Union([
  schema("open_id"),
  schema("union_id"),
  schema("user_id")
])

/**
 * A user from parts that come from outside; fails with `InvalidMeetingUser`.
 *
 * @stability stable
 * @category constructors
 */
export const makeEffect = <T extends IdType>(
  idType: T,
  id: string,
  userType?: number
): Effect.Effect<MeetingUser<T>, InvalidMeetingUser> => Effect.fromResult(parse(idType, id, userType))

const constructor =
  <T extends IdType>(idType: T) => (id: string, options?: { readonly userType?: number | undefined }): MeetingUser<T> =>
    Result.getOrThrow(parse(idType, id, options?.userType))

/**
 * A user by open id, a Feishu or Lark user unless `userType` says otherwise. Throws `InvalidMeetingUser`.
 *
 * @stability stable
 * @category constructors
 */
export const openId = constructor("open_id")

/**
 * A user by union id, a Feishu or Lark user unless `userType` says otherwise. Throws `InvalidMeetingUser`.
 *
 * @stability stable
 * @category constructors
 */
export const unionId = constructor("union_id")

/**
 * A user by user id, a Feishu or Lark user unless `userType` says otherwise. Throws `InvalidMeetingUser`.
 *
 * @stability stable
 * @category constructors
 */
export const userId = constructor("user_id")

/**
 * Whether two users are the same: id and user type under one id kind. Users of different kinds are never equal.
 *
 * @stability stable
 * @category predicates
 */
export const equals = (a: MeetingUser, b: MeetingUser): boolean =>
  a.idType === b.idType && a.id === b.id && a.userType === b.userType

/**
 * Whether a user is named by an id of this kind.
 *
 * @stability stable
 * @category guards
 */
export const hasIdType = <T extends IdType>(user: MeetingUser, idType: T): user is MeetingUser<T> =>
  user.idType === idType

/**
 * The `meeting_user` object of the API.
 *
 * @stability stable
 * @category encoding
 */
export const toWire = ({ id, userType }: MeetingUser) => ({ id, user_type: userType })

/**
 * The user in a `meeting_user` object; none if it does not name one. Both of its fields may be missing or empty: the
 * id when the app may not see it.
 *
 * @stability stable
 * @category decoding
 */
export const fromWire = <T extends IdType>(idType: T, meetingUser: unknown): Option.Option<MeetingUser<T>> => {
  const { id, user_type } = wire.object(meetingUser)
  return typeof id === "string" && typeof user_type === "number"
    ? Result.getSuccess(parse(idType, id, user_type))
    : Option.none()
}
