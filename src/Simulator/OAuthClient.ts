import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type { App } from "./App.ts"
import { type Call, isRecord, parseJson } from "./Call.ts"
import { isSecretOf } from "./Credentials.ts"
import { oauthFailure } from "./OAuthError.ts"
import type * as Reply from "./Reply.ts"
import type { World } from "./World.ts"

export type Version = "v2" | "v3"

export type Fields = Readonly<Record<string, string>>

export const isForm = (contentType: string | undefined): boolean =>
  contentType?.toLowerCase().startsWith("application/x-www-form-urlencoded") === true

/**
 * The parameters of a request for a token: JSON, and with v3 a form just as well. An empty one is one that is missing.
 */
export const parametersOf = (call: Call, version: Version): Fields | undefined => {
  if (version === "v3" && isForm(call.contentType)) return Object.fromEntries(new URLSearchParams(call.body))
  const parsed = parseJson(call.body)
  if (!parsed.ok || !isRecord(parsed.value)) return undefined
  const fields: Record<string, string> = {}
  for (const [name, value] of Object.entries(parsed.value)) {
    if (value === null) continue
    if (typeof value !== "string") return undefined
    fields[name] = value
  }
  return fields
}

const basicPrefix = "Basic "

const basicOf = (authorization: string | undefined): { readonly id: string; readonly secret: string } | undefined => {
  if (authorization?.startsWith(basicPrefix) !== true) return undefined
  const text = Result.getOrElse(Base64.decodeString(authorization.slice(basicPrefix.length)), () => "")
  const colon = text.indexOf(":")
  return { id: text.slice(0, Math.max(colon, 0)), secret: text.slice(colon + 1) }
}

/**
 * The app that asks, or the refusal of its credentials. They are in the body; with v3 they may be in a header instead.
 */
export const clientOf = (world: World, call: Call, fields: Fields, version: Version): App | Reply.Reply => {
  const basic = basicOf(call.authorization)
  if (basic !== undefined && fields["client_secret"] !== undefined) return oauthFailure(20070)
  const header = version === "v3" ? basic : undefined
  const id = header?.id ?? fields["client_id"] ?? ""
  const secret = header?.secret ?? fields["client_secret"] ?? ""
  if (id === "" || secret === "") return oauthFailure(20001)
  const app = world.apps.get(id)
  if (app === undefined) return oauthFailure(20048)
  if (!isSecretOf(app, secret)) return oauthFailure(20002)
  return app.stopped ? oauthFailure(20069) : app
}
