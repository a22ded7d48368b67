/** The people whom a command is about. */
import * as Argument from "effect/cli/Argument"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Contacts from "../Contacts.ts"
import * as Lark from "../Lark.ts"
import type { LarkHttp } from "../LarkHttp.ts"
import * as MeetingUser from "../MeetingUser.ts"
import { InvalidPerson, PersonNotFound } from "./errors.ts"
import { plain } from "./text.ts"

type User = MeetingUser.MeetingUser<"open_id">

export const argument = Argument.String("person").pipe(
  Argument.withMetavar("e-mail|open_id"),
  Argument.withDescription("the person, by e-mail address or open_id (ou_…)")
)

/** A person as named on the command line. */
export type Named =
  | { readonly _tag: "Email"; readonly email: string }
  | { readonly _tag: "OpenId"; readonly user: User }

export const parse = (
  text: string
): Effect.Effect<Named, InvalidPerson | MeetingUser.InvalidMeetingUser> =>
  /^[^\s@]+@[^\s@]+$/.test(text)
    ? Effect.succeed({ _tag: "Email", email: text })
    : text.startsWith("ou_")
    ? Effect.map(MeetingUser.makeEffect("open_id", text), (user) => ({ _tag: "OpenId", user }))
    : Effect.fail(new InvalidPerson({ text }))

/** The user who is named. */
export const find = (named: Named) =>
  named._tag === "OpenId"
    ? Effect.succeed(named.user)
    : Effect.flatMap(
      Contacts.findByEmail([named.email]),
      ([{ user }]) => Effect.fromOption(user, () => new PersonNotFound({ email: named.email }))
    )

/** Somebody with a name, if it can be had. */
export interface Person {
  readonly user: User
  readonly name: Option.Option<string>
}

export interface Names {
  /** Whether the app has the scope, as far as is known. */
  readonly isAllowed: () => boolean
  readonly of: (user: User) => Effect.Effect<Person, never, LarkHttp>
}

/**
 * Looks names up, as the app. Somebody without a name that the app may see has none, and nobody has one after the first
 * answer that the app lacks the scope.
 */
export const makeNames = (): Names => {
  const known = new Map<string, Option.Option<string>>()
  let isAllowed = true
  const lookUp = (user: User): Effect.Effect<Option.Option<string>, never, LarkHttp> =>
    Lark.asApp(Contacts.get(user)).pipe(
      Effect.map(({ enName, name }) => Option.orElse(name, () => enName)),
      Effect.catchTag("MissingScope", () =>
        Effect.sync(() => {
          isAllowed = false
          return Option.none<string>()
        })),
      // A name is not worth a long wait.
      Effect.timeout("3 seconds"),
      Effect.orElseSucceed(Option.none<string>)
    )
  return {
    isAllowed: () => isAllowed,
    of: (user) =>
      Effect.gen(function*() {
        const before = known.get(user.id)
        if (before !== undefined) return { user, name: before }
        // Rooms and telephones are not in the contacts.
        if (!isAllowed || user.userType !== MeetingUser.UserType.User) return { user, name: Option.none() }
        const name = yield* lookUp(user)
        known.set(user.id, name)
        return { user, name }
      })
  }
}

/** `alice (ou_alice)`, or the id alone. */
export const title = ({ name, user }: Person): string =>
  Option.match(name, { onNone: () => plain(user.id), onSome: (name) => `${plain(name)} (${plain(user.id)})` })

/** The name, or the id alone. */
export const short = ({ name, user }: Person): string => plain(Option.getOrElse(name, () => user.id))

/** For programs. */
export const json = ({ name, user }: Person) => ({ id: user.id, name: Option.getOrNull(name) })
