import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import type { App } from "./App.ts"
import { type Arrival, parametersIn } from "./ArrivedRequest.ts"
import { isSecretOf } from "./Credentials.ts"
import { oauthFailure } from "./OAuthError.ts"
import type * as Reply from "./Reply.ts"
import type { World } from "./World.ts"

export type Version = "v2" | "v3"

export type Fields = Readonly<Record<string, string>>

export const isForm = (contentType: string | undefined): boolean =>
  contentType?.toLowerCase().startsWith("application/x-www-form-urlencoded") === true

/** The parameters of a token request: JSON, or with v3 a form too. A parameter that is `null` counts as missing. */
export const parametersOf = ({ body, contentType, json }: Arrival, version: Version): Fields | undefined => {
  if (version === "v3" && isForm(contentType)) return parametersIn(new URLSearchParams(body))
  if (json === undefined) return undefined
  const fields: Record<string, string> = {}
  for (const [name, value] of Object.entries(json)) {
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
 * The app with these credentials, or the refusal of them. They are in the body, or with v3 in the `Authorization` header.
 */
export const clientOf = (
  world: World,
  { authorization }: Arrival,
  fields: Fields,
  version: Version
): App | Reply.Reply => {
  const basic = basicOf(authorization)
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
