/**
 * The kind of id that names the users of one call. Types may have been widened; an id under another kind's name would name
 * nobody.
 */
import * as Effect from "effect/Effect"
import * as LarkError from "../LarkError.ts"
import type { IdType, MeetingUser } from "../MeetingUser.ts"

/** The kind of id that a call was given, else `open_id`: without one, T is "open_id" in the types of all calls. */
export const orOpenId = <T extends IdType>(idType: T | undefined): T => idType ?? "open_id" as T

/** What is wrong with the users of a call that names users by `idType`. */
export const mixed = (idType: IdType, users: ReadonlyArray<MeetingUser>): string | undefined => {
  const other = users.find((user) => user.idType !== idType)
  return other && `has ${other.idType}, but this call names users by ${idType}`
}

/** The kind of id of all of them; `undefined` without users. */
export const oneIdType = <T extends IdType>(
  endpoint: string,
  parameter: string,
  users: ReadonlyArray<MeetingUser<T>>
): Effect.Effect<T | undefined, LarkError.InvalidParameter> => {
  const idType = users[0]?.idType
  const reason = idType && mixed(idType, users)
  return reason === undefined
    ? Effect.succeed(idType)
    : Effect.fail(new LarkError.InvalidParameter({ endpoint, parameter, reason }))
}
