/**
 * Who takes part in a meeting: an id of one of three kinds, and a user type.
 *
 * **Details**
 *
 * One person has a different id under each kind: `open_id` (per app), `union_id` (per vendor), `user_id` (per tenant).
 * The kind is part of the type, so that kinds cannot be mixed in one operation, and it is what is sent as
 * `user_id_type`. Two users are equal when id and user type are, under one kind.
 *
 * **Gotchas**
 *
 * An `open_id` from another app names nobody. `user_id` needs the field scope `contact:user.employee_id:readonly`.
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
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"

/**
 * The kinds of user id, as `user_id_type` names them.
 *
 * @since 0.1.0
 * @category models
 */
export type IdType = "open_id" | "union_id" | "user_id"

/**
 * The documented values of `user_type`. The server may send others; they are kept as they are.
 *
 * @since 0.1.0
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
 * A user of one id kind.
 *
 * @since 0.1.0
 * @category models
 */
export interface MeetingUser<out T extends IdType = IdType> {
  readonly idType: T
  readonly id: string
  readonly userType: number
}

/**
 * A user that cannot be: the id is empty or has blanks in it, or the user type is not a whole number.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidMeetingUser extends Data.TaggedError("InvalidMeetingUser")<{ readonly reason: string }> {
  override get message() {
    return `Not a meeting user: ${this.reason}.`
  }
}

const maxLength = 256

const parse = <T extends IdType>(
  idType: T,
  id: string,
  userType: number
): Result.Result<MeetingUser<T>, InvalidMeetingUser> =>
  typeof id !== "string" || id === ""
    ? Result.fail(new InvalidMeetingUser({ reason: `its ${idType} is missing` }))
    : id.length > maxLength
    ? Result.fail(
      new InvalidMeetingUser({ reason: `its ${idType} has ${id.length} characters, more than ${maxLength}` })
    )
    : /[\s\p{Cc}]/u.test(id)
    ? Result.fail(new InvalidMeetingUser({ reason: `its ${idType} has blanks or control characters in it` }))
    : Number.isSafeInteger(userType) && userType > 0
    ? Result.succeed({ idType, id, userType })
    : Result.fail(new InvalidMeetingUser({ reason: `user type ${userType} is not a positive whole number` }))

/**
 * A user from parts that come from outside; fails with `InvalidMeetingUser`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeEffect = <T extends IdType>(
  idType: T,
  id: string,
  userType: number = UserType.User
): Effect.Effect<MeetingUser<T>, InvalidMeetingUser> => Effect.fromResult(parse(idType, id, userType))

const constructor =
  <T extends IdType>(idType: T) => (id: string, options?: { readonly userType?: number | undefined }): MeetingUser<T> =>
    Result.getOrThrowWith(parse(idType, id, options?.userType ?? UserType.User), (error) => error)

/**
 * A user by open id, a Feishu or Lark user unless `userType` says otherwise. Throws `InvalidMeetingUser`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const openId = constructor("open_id")

/**
 * A user by union id, a Feishu or Lark user unless `userType` says otherwise. Throws `InvalidMeetingUser`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const unionId = constructor("union_id")

/**
 * A user by user id, a Feishu or Lark user unless `userType` says otherwise. Throws `InvalidMeetingUser`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const userId = constructor("user_id")

/**
 * Whether two users are the same: id and user type under one id kind. Users of different kinds are never equal.
 *
 * @since 0.1.0
 * @category predicates
 */
export const equals = (a: MeetingUser, b: MeetingUser): boolean =>
  a.idType === b.idType && a.id === b.id && a.userType === b.userType

/**
 * Whether a user is named by an id of that kind.
 *
 * @since 0.1.0
 * @category guards
 */
export const hasIdType = <T extends IdType>(user: MeetingUser, idType: T): user is MeetingUser<T> =>
  user.idType === idType

/**
 * The `meeting_user` object of the API.
 *
 * @since 0.1.0
 * @category encoding
 */
export const toWire = (user: MeetingUser): { readonly id: string; readonly user_type: number } => ({
  id: user.id,
  user_type: user.userType
})

/**
 * The user in a `meeting_user` object; none if it does not name one. Both of its fields may be missing or empty: the
 * id when the app may not see it.
 *
 * @since 0.1.0
 * @category decoding
 */
export const fromWire = <T extends IdType>(idType: T, wire: unknown): Option.Option<MeetingUser<T>> =>
  typeof wire === "object" && wire !== null && "id" in wire && typeof wire.id === "string"
    && "user_type" in wire && typeof wire.user_type === "number"
    ? Result.getSuccess(parse(idType, wire.id, wire.user_type))
    : Option.none()
