import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, DateTime, Deferred, Effect, Layer, Redacted } from "effect"
import { Lark, Meetings, OAuth, Seal, SessionStore, UndiciHttpClient, UserSessions } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClient, HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { randomBytes } from "node:crypto"
import { createServer } from "node:http"
import { alice, meetingId } from "./environment.ts"

const isLive = Boolean(process.env.LARK_APP_ID)

const listen = (port: number) =>
  NodeHttpServer.layer(createServer, { port, host: "127.0.0.1", gracefulShutdownTimeout: "100 millis" })

// Your web server: the route that the browser returns to. A server with many users keeps each login in the session of its
// browser, encoded with the schema `OAuth.Login`.
const serveCallback = Effect.fnUntraced(function*(login: OAuth.Login) {
  const granted = yield* Deferred.make<OAuth.Grant>()
  const callback = Effect.gen(function*() {
    const { url } = yield* HttpServerRequest.HttpServerRequest
    yield* Deferred.succeed(granted, yield* OAuth.exchange(login, url))
    return HttpServerResponse.text("You are logged in, and may close this page.")
  }).pipe(Effect.catch((error) => Effect.succeed(HttpServerResponse.text(error.message, { status: 400 }))))
  const routes = HttpRouter.add("GET", "/callback", callback)
  yield* Layer.build(HttpRouter.serve(routes, { disableLogger: true, disableListenLog: true }))
  return granted
})

// Offline, in place of the user's browser: alice opens the URL, agrees, and is redirected to the callback.
const openAsAlice = Effect.fnUntraced(function*(url: string) {
  const browser = HttpClient.followRedirects(yield* HttpClient.HttpClient)
  const page = yield* browser.get(`${url}&simulated_user=${alice.id}`)
  yield* Console.log(`The browser shows: ${yield* page.text}`)
})

const program = Effect.gen(function*() {
  const home = yield* HttpServer.addressFormattedWith(Effect.succeed)
  const login = yield* OAuth.authorize({ redirectUri: `${home}/callback`, scopes: ["vc:meeting", "offline_access"] })
  const granted = yield* serveCallback(login)
  yield* Console.log(`Log in here: ${login.url}`)
  if (!isLive) yield* openAsAlice(login.url)

  const grant = yield* Effect.timeout(Deferred.await(granted), "5 minutes")
  const { user } = yield* OAuth.userInfo(grant.accessToken)
  yield* Console.log(`${user.id} granted ${grant.scopes.join(", ")} until ${DateTime.formatIso(grant.expiresAt)}`)

  // From here on the id of the user is enough: the session is stored sealed and renews itself.
  yield* UserSessions.save(user, grant)
  const session = yield* UserSessions.get(user)
  const token = yield* session.get
  yield* session.reject(token)
  const isNew = Redacted.value(yield* session.get) !== Redacted.value(token)
  yield* Console.log(`The platform rejects ${token}: ${isNew ? "it is refreshed" : "there is no other"}`)

  yield* Meetings.end(meetingId).pipe(Lark.asUser(session))
  yield* Console.log(`${user.id} ended the meeting`)
})

const offline = Layer.unwrap(
  HttpServer.addressFormattedWith((baseUrl) => Effect.succeed(Lark.layer({ ...Simulator.defaultApp, baseUrl })))
).pipe(
  Layer.provide(Simulator.layerServer({ meetings: [{ id: meetingId, host: alice }] })),
  Layer.provide(listen(0))
)

// A server needs a store and a key that survive a restart: SessionStore.layerFileSystem, …; Seal.layerConfig().
const sessions = UserSessions.layer().pipe(
  Layer.provideMerge(OAuth.layer),
  Layer.provide(SessionStore.layerMemory),
  Layer.provide(Seal.layer({ key: Redacted.make(randomBytes(32).toString("base64")) })),
  Layer.provideMerge(isLive ? Lark.layerConfig() : offline)
)

// The developer console has to list http://127.0.0.1:8790/callback as a redirect URL of the app.
program.pipe(
  Effect.provide(sessions),
  Effect.provide(Layer.merge(UndiciHttpClient.layer(NodeHttpClient.makeDispatcher), listen(isLive ? 8790 : 0))),
  Effect.scoped,
  NodeRuntime.runMain
)
