import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/** The three kinds of ids of a user. */
export type IdType = "open_id" | "union_id" | "user_id"

export const idTypes: ReadonlyArray<IdType> = ["open_id", "union_id", "user_id"]

/** The `user_type` of a Feishu/Lark user. Users of other types (Rooms, PSTN, SIP, …) have no `user_id`. */
export const larkUserType = 1

const user = Schema.Struct({
  openId: Schema.String,
  unionId: Schema.String,
  userId: Schema.String,
  userType: Schema.Int.annotateKey({
    description: "1 for a Feishu/Lark user; others are rooms, telephones and the like."
  }),
  tenant: Schema.String.annotateKey({ description: "The key of the user's tenant." }),
  name: Schema.String
}).annotate({ identifier: "User", description: "A user." })

/**
 * A simulated user.
 *
 * @stability stable
 * @category models
 */
export interface User extends Schema.Schema.Type<typeof user> {}

export const User: Schema.Codec<User, unknown> = user

export interface WireUser {
  readonly id: string
  readonly user_type: number
}

/** The user that a body names; `undefined` if it names none. */
export const wireUser = (value: unknown): WireUser | undefined => {
  if (!Predicate.isObject(value)) return undefined
  const { id, user_type } = value
  return typeof id === "string" && id !== "" && typeof user_type === "number" && Number.isInteger(user_type)
    ? { id, user_type }
    : undefined
}

const OpenId = Schema.NonEmptyString

const userInput = Schema.Union([
  OpenId,
  Schema.Struct({ id: OpenId, idType: Schema.Literal("open_id"), userType: Schema.Int }),
  Schema.Struct({
    openId: OpenId,
    unionId: Schema.optionalKey(Schema.String),
    userId: Schema.optionalKey(Schema.String),
    userType: Schema.optionalKey(Schema.Int),
    tenant: Schema.optionalKey(Schema.String),
    name: Schema.optionalKey(Schema.String)
  })
]).annotate({
  identifier: "UserInput",
  description: "A user: an open id such as \"ou_alice\", or an object with more ids.",
  message: "Expected a user: an open id such as \"ou_alice\", or an object with an openId"
})

/**
 * A reference to a user.
 *
 * @stability stable
 * @category models
 */
export type UserInput = Schema.Schema.Type<typeof userInput>

/**
 * A reference to a user: an open id, an open-id user of the client, or a record.
 *
 * **Details**
 *
 * Missing fields have defaults: `ou_alice` has the union id `on_alice`, the user id and the name `alice`, the user type 1,
 * and the first tenant of the app. An open id alone refers to the user that was first given with it.
 *
 * @stability stable
 * @category schemas
 */
export const UserInput: Schema.Codec<UserInput, unknown> = userInput

export const idOf = (user: User, idType: IdType): string => {
  switch (idType) {
    case "open_id":
      return user.openId
    case "union_id":
      return user.unionId
    case "user_id":
      return user.userType === larkUserType ? user.userId : ""
  }
}

export const toWire = (user: User, idType: IdType): WireUser => ({ id: idOf(user, idType), user_type: user.userType })

export const isUser = (user: User, wire: WireUser, idType: IdType): boolean =>
  wire.id !== "" && idOf(user, idType) === wire.id && user.userType === wire.user_type

export const same = (a: User | undefined, b: User): boolean => a?.openId === b.openId && a.userType === b.userType

/** Differs where `same` does. An open id alone is taken for a Feishu/Lark user. */
export const keyOf = (input: UserInput): string => {
  if (typeof input === "string") return `${larkUserType} ${input}`
  return `${input.userType ?? larkUserType} ${"id" in input ? input.id : input.openId}`
}

export interface Directory {
  readonly resolve: (input: UserInput) => User
  /** The user with an id, if one was named before. */
  readonly find: (id: string, idType: IdType, userType?: number) => User | undefined
}

/** All users so far, so that an open id alone always refers to the same ids and user type. */
export const makeDirectory = (home: string): Directory => {
  /** By open id, then by user type. */
  const known = new Map<string, Map<number, User>>()

  const register = (user: User): User => {
    const types = known.get(user.openId) ?? new Map<number, User>()
    known.set(user.openId, types.set(user.userType, user))
    return user
  }

  const derive = (openId: string, userType: number): User => {
    const name = openId.startsWith("ou_") ? openId.slice(3) : openId
    return register({ openId, unionId: `on_${name}`, userId: name, userType, tenant: home, name })
  }

  const lookUp = (openId: string, userType?: number): User | undefined => {
    const types = known.get(openId)
    return userType === undefined ? types?.values().next().value : types?.get(userType)
  }

  return {
    find: (id, idType, userType = larkUserType) => {
      if (idType === "open_id") return lookUp(id, userType)
      for (const types of known.values()) {
        const user = types.get(userType)
        if (user !== undefined && isUser(user, { id, user_type: userType }, idType)) return user
      }
      return undefined
    },
    resolve: (input) => {
      if (typeof input === "string") return lookUp(input) ?? derive(input, larkUserType)
      if ("id" in input) return lookUp(input.id, input.userType) ?? derive(input.id, input.userType)
      const user = lookUp(input.openId, input.userType) ?? derive(input.openId, input.userType ?? larkUserType)
      return register({
        ...user,
        unionId: input.unionId ?? user.unionId,
        userId: input.userId ?? user.userId,
        tenant: input.tenant ?? user.tenant,
        name: input.name ?? user.name
      })
    }
  }
}
