import { type Directory, same, type User, type UserInput } from "./User.ts"

/**
 * The state of a person's account.
 *
 * @category models
 */
export type PersonStatus = "active" | "frozen" | "resigned" | "unactivated"

/**
 * A person in the contacts.
 *
 * @category models
 */
export interface PersonOptions {
  readonly user: UserInput
  readonly email?: string | undefined
  /** Without `+86` in mainland China, with `+` and the country code elsewhere. */
  readonly mobile?: string | undefined
  /** Whether the app's contact range has the person. Default `true`. */
  readonly visible?: boolean | undefined
  /** Whether the person is in another call, and cannot be invited. Default `false`. */
  readonly busy?: boolean | undefined
  /** Whether the person subscribed to the `participant_meeting` events of the own meetings. Default `false`. */
  readonly subscribed?: boolean | undefined
  /** Default `"active"`. */
  readonly status?: PersonStatus | undefined
}

export interface Person {
  readonly user: User
  readonly email: string | undefined
  readonly mobile: string | undefined
  readonly visible: boolean
  readonly busy: boolean
  readonly status: PersonStatus
}

export const make = (options: PersonOptions, directory: Directory): Person => ({
  user: directory.resolve(options.user),
  email: options.email,
  mobile: options.mobile,
  visible: options.visible ?? true,
  busy: options.busy ?? false,
  status: options.status ?? "active"
})

/** A user who was only named is a person without an address. */
export const of = (people: ReadonlyArray<Person>, user: User): Person =>
  people.find((person) => same(person.user, user))
    ?? { user, email: undefined, mobile: undefined, visible: true, busy: false, status: "active" }

export const statusToWire = ({ status }: Person) => ({
  is_frozen: status === "frozen",
  is_resigned: status === "resigned",
  is_activated: status !== "unactivated",
  is_exited: status === "resigned",
  is_unjoin: status === "unactivated"
})
