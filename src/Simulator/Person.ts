import * as Schema from "effect/Schema"
import { optional } from "./field.ts"
import { type Directory, same, type User, UserInput } from "./User.ts"

/**
 * The state of a person's account.
 *
 * @stability stable
 * @category models
 */
export type PersonStatus = "active" | "frozen" | "resigned" | "unactivated"

const personOptions = Schema.Struct({
  user: UserInput,
  email: optional(Schema.String, "The address."),
  mobile: optional(
    Schema.String,
    "The mobile number: without +86 in mainland China, with + and the country code elsewhere."
  ),
  visible: optional(Schema.Boolean, "Whether the app's contact range has the person. Default true."),
  busy: optional(Schema.Boolean, "Whether the person is in another call, and cannot be invited. Default false."),
  subscribed: optional(
    Schema.Boolean,
    "Whether the person subscribed to the participant_meeting events of the own meetings. Default false."
  ),
  status: optional(
    Schema.Literals(["active", "frozen", "resigned", "unactivated"]),
    "The state of the account. Default \"active\"."
  )
}).annotate({ identifier: "PersonOptions", description: "A person in the contacts." })

/**
 * A person in the contacts.
 *
 * @stability stable
 * @category models
 */
export interface PersonOptions extends Schema.Schema.Type<typeof personOptions> {}

export const PersonOptions: Schema.Codec<PersonOptions, unknown> = personOptions

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
