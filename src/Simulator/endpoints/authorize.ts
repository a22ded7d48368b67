import type { Arrival } from "../ArrivedRequest.ts"
import * as Reply from "../Reply.ts"
import type { Challenge } from "../Sessions.ts"
import type { User } from "../User.ts"
import type { World } from "../World.ts"

type LoginQuery = Readonly<Record<string, string>>

const challengeOf = (query: LoginQuery): Challenge | undefined | "unknown" => {
  const text = query["code_challenge"]
  if (text === undefined || text === "") return undefined
  const method = query["code_challenge_method"] ?? "plain"
  return method === "S256" || method === "plain" ? { method, text } : "unknown"
}

/**
 * The consent page: the URL to which it sends the user back, with a code or a denial. An invalid login is explained on
 * the page, and the app never learns of it.
 */
export const authorize = (
  world: World,
  query: LoginQuery,
  user: User,
  { denied, now }: { readonly denied: boolean; readonly now: number }
): URL | Reply.Reply => {
  const app = world.apps.get(query["client_id"] ?? "")
  if (app === undefined) return Reply.page(400, 20048, "20048: the app does not exist")
  if (app.stopped) return Reply.page(400, 20069, "20069: the app is not enabled")
  const callback = URL.parse(query["redirect_uri"] ?? "")
  if (callback === null) return Reply.page(400, 20029, "20029: redirect_uri is missing or no URL")
  if (query["response_type"] !== "code") return Reply.page(400, 20001, "20001: response_type is not code")
  const challenge = challengeOf(query)
  if (challenge === "unknown") return Reply.page(400, 20001, "20001: code_challenge_method is not S256 or plain")
  const scopes = (query["scope"] ?? "").split(" ").filter((scope) => scope !== "")
  if (app.scopes !== undefined && scopes.some((scope) => app.scopes?.includes(scope) === false)) {
    return Reply.page(400, 20027, "20027: the app does not have a scope that it asks for")
  }

  if (denied) {
    callback.searchParams.set("error", "access_denied")
  } else {
    const code = world.sessions.addCode({
      appId: app.id,
      user,
      scopes: world.sessions.grant(app.id, user, scopes),
      offline: scopes.includes("offline_access"),
      redirectUri: query["redirect_uri"] ?? "",
      challenge,
      at: now
    })
    callback.searchParams.set("code", code)
  }
  if (query["state"] !== undefined) callback.searchParams.set("state", query["state"])
  return callback
}

/**
 * `GET /authen/v1/authorize` in a browser where a user is logged in and consents at once.
 *
 * The query can name another user (`simulated_user`, an open id) and decline (`simulated_denial=true`).
 */
export const authorizePage = ({ now, query }: Arrival, world: World): Reply.Reply => {
  const named = query["simulated_user"]
  const user = named === undefined || named === "" ? world.login : world.directory.resolve(named)
  if (user === undefined) {
    return Reply.page(400, undefined, "Nobody is logged in: add simulated_user=ou_… to the URL")
  }
  const callback = authorize(world, query, user, { denied: query["simulated_denial"] === "true", now })
  return Reply.is(callback) ? callback : Reply.redirect(callback.href)
}
