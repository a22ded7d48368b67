/** `effect-lark-meetings login`: begins the session of a user. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as OAuth from "../OAuth.ts"
import { Account } from "./account.ts"
import * as Browser from "./browser.ts"
import * as Flags from "./flags.ts"
import { note, present, within } from "./output.ts"
import * as People from "./person.ts"
import * as Platform from "./platform.ts"
import * as World from "./world.ts"

/** What the commands need, and a refresh token. */
const usualScopes = ["vc:meeting", "vc:meeting:readonly", "offline_access"]

/** The way through a browser, or its end where the platform is in this process. */
const consent = (options: Parameters<typeof Browser.consent>[0], isInProcess: boolean) =>
  Effect.gen(function*() {
    if (!isInProcess) return yield* Browser.consent(options)
    yield* note(`In this simulator the host is logged in, and agrees at once. Other commands need no login in it.`)
    return yield* World.consent(options.scopes)
  })

const logIn = Effect.fnUntraced(function*(options: Parameters<typeof consent>) {
  const grant = yield* consent(...options)
  const { name, user } = yield* OAuth.userInfo(grant.accessToken)
  yield* Account.use(({ save }) => save(user, grant))
  const canRenew = Option.isSome(grant.refreshToken)
  const person = { user, name }
  const expiresAt = DateTime.formatIso(grant.expiresAt)
  return {
    text: [
      `Logged in as ${People.title(person)}.`,
      ...(canRenew ? [] : [`The login ends at ${expiresAt}: without the scope offline_access it is not renewed.`])
    ],
    json: { user: People.json(person), scopes: grant.scopes, expiresAt, canRenew }
  }
})

export const login = Command.make("login", {
  port: Flag.Int("port").pipe(
    Flag.filter((port) => port >= 0 && port <= 65_535, () => "a port from 0 to 65535"),
    Flag.withDefault(8790),
    Flag.withDescription(
      "the port on this machine to which the browser returns; the developer console has to list http://127.0.0.1:8790/callback"
    )
  ),
  scope: Flag.String("scope").pipe(
    Flag.atLeast(0),
    Flag.withDescription(`what the user is asked to grant, in place of ${usualScopes.join(", ")}; may be repeated`)
  ),
  browser: Flag.Boolean("browser").pipe(
    Flag.withDefault(true),
    Flag.withDescription("open the browser; with --no-browser only print the address")
  ),
  ...Flags.settings
}, (flags) =>
  present("login", flags, () => {
    const timeout = Option.orElse(flags.timeout, () => Option.some(Duration.minutes(5)))
    const scopes = flags.scope.length === 0 ? usualScopes : flags.scope
    const options = { port: flags.port, scopes, isOpened: flags.browser }
    return logIn([options, Platform.isInProcess(flags)]).pipe(
      within({ timeout }),
      Effect.provide(Platform.layer(flags))
    )
  })).pipe(
    Command.withDescription(
      "Logs a user in, in the browser, for end and --as user. The session is kept on this machine, sealed, and renews itself."
    ),
    Command.withExamples([
      { command: "effect-lark-meetings login", description: "in the browser of this machine" },
      {
        command: "effect-lark-meetings login --scope vc:meeting --scope offline_access",
        description: "with fewer scopes"
      }
    ])
  )
