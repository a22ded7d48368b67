/** The browser of this machine, and the server to which it returns. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import { spawn } from "node:child_process"
import { platform } from "node:os"
import type { GenericError } from "../LarkError.ts"
import * as OAuth from "../OAuth.ts"
import { CannotListen } from "./errors.ts"
import { cannotListen, server } from "./listen.ts"
import { note } from "./output.ts"

/** Opens a page. On a machine without a browser nothing happens. */
const open = (url: string) =>
  Effect.sync(() => {
    const [program, ...args] = platform() === "win32"
      ? ["rundll32", "url.dll,FileProtocolHandler"] as const
      : [platform() === "darwin" ? "open" : "xdg-open"] as const
    // The browser outlives this process.
    spawn(program, [...args, url], { detached: true, stdio: "ignore" }).on("error", () => {}).unref()
  })

const page = (text: string, status: number) =>
  HttpServerResponse.text(text, { status, headers: { "connection": "close", "x-content-type-options": "nosniff" } })

/** The page to which the browser returns. */
const callback = (login: OAuth.Login, granted: Deferred.Deferred<OAuth.Grant, GenericError | OAuth.LoginRefused>) =>
  Effect.gen(function*() {
    const { url } = yield* HttpServerRequest.HttpServerRequest
    yield* Deferred.succeed(granted, yield* OAuth.exchange(login, url))
    return page("You may close this page, and return to the terminal.", 200)
  }).pipe(
    Effect.catch((error) => {
      // Anybody can forge a callback: the login goes on.
      const isForeign = error._tag === "LoginRefused" && error.reason === "stateMismatch"
      const answer = Effect.succeed(page(error.message, 400))
      return isForeign ? answer : Effect.andThen(Deferred.fail(granted, error), answer)
    })
  )

/** Sends the user through the login, and waits for the return. */
export const consent = Effect.fnUntraced(
  function*(options: { readonly port: number; readonly scopes: ReadonlyArray<string>; readonly isOpened: boolean }) {
    const place = { host: "127.0.0.1", port: options.port }
    const program = Effect.gen(function*() {
      const redirectUri = `${yield* HttpServer.addressFormattedWith(Effect.succeed)}/callback`
      const login = yield* OAuth.authorize({ redirectUri, scopes: options.scopes })
      const granted = yield* Deferred.make<OAuth.Grant, GenericError | OAuth.LoginRefused>()
      const routes = HttpRouter.add("GET", "/callback", callback(login, granted))
      yield* Layer.build(HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }))
      yield* note(`Log in here: ${login.url}`)
      yield* note(
        `If the page refuses it, list ${redirectUri} as a redirect URL of the app (developer console, Security Settings), and check that the app has the scopes ${
          options.scopes.join(", ")
        }.`
      )
      if (options.isOpened) yield* open(login.url)
      return yield* Deferred.await(granted)
    })
    return yield* Effect.provide(program, server(place)).pipe(
      Effect.catchTag(
        "ServeError",
        ({ cause }) => Effect.fail(new CannotListen({ reason: cannotListen(cause, place) }))
      )
    )
  },
  Effect.scoped
)
