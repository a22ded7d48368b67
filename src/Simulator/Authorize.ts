import * as Reply from "./Reply.ts"
import type { Challenge } from "./Sessions.ts"
import type { User } from "./User.ts"
import type { World } from "./World.ts"

/**
 * What a login asks for, as the query of `GET /authen/v1/authorize`.
 */
export type LoginQuery = Readonly<Record<string, string>>

const challengeOf = (query: LoginQuery): Challenge | undefined | "unknown" => {
  const text = query["code_challenge"]
  if (text === undefined || text === "") return undefined
  const method = query["code_challenge_method"] ?? "plain"
  return method === "S256" || method === "plain" ? { method, text } : "unknown"
}

/**
 * Shows a user the page on which he agrees or declines, and gives the URL to which it sends him back. What is wrong with
 * the login itself he reads on the page: nothing of it reaches the app.
 */
export const authorize = (
  world: World,
  query: LoginQuery,
  user: User,
  answer: { readonly denied: boolean; readonly now: number }
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

  if (answer.denied) {
    callback.searchParams.set("error", "access_denied")
  } else {
    const code = world.sessions.addCode({
      appId: app.id,
      user,
      scopes: world.sessions.grant(app.id, user, scopes),
      offline: scopes.includes("offline_access"),
      redirectUri: query["redirect_uri"] ?? "",
      challenge,
      at: answer.now
    })
    callback.searchParams.set("code", code)
  }
  if (query["state"] !== undefined) callback.searchParams.set("state", query["state"])
  return callback
}

/**
 * `GET /authen/v1/authorize` from a browser in which somebody is logged in, who agrees at once.
 *
 * The query may say who (`simulated_user`, an open id) and that he declines (`simulated_denial=true`).
 */
export const authorizePage = (
  world: World,
  login: User | undefined,
  query: LoginQuery,
  now: number
): Reply.Reply => {
  const named = query["simulated_user"]
  const user = named === undefined || named === "" ? login : world.directory.resolve(named)
  if (user === undefined) {
    return Reply.page(400, undefined, "Nobody is logged in: add simulated_user=ou_… to the URL")
  }
  const callback = authorize(world, query, user, { denied: query["simulated_denial"] === "true", now })
  return Reply.is(callback) ? callback : Reply.redirect(callback.href)
}
