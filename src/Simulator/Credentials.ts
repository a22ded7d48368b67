import * as Redacted from "effect/Redacted"
import type { App } from "./App.ts"
import type { JsonObject } from "./ArrivedRequest.ts"
import * as Reply from "./Reply.ts"
import type { World } from "./World.ts"

/** A failure of an `auth/v3` endpoint: it comes with HTTP 200. */
export const refused = (code: number, msg: string): Reply.Reply => Reply.json(200, { code, msg })

/** The named fields of a JSON body, or the refusal of a body that lacks one. */
export const fieldsOf = <Name extends string>(
  body: JsonObject = {},
  names: ReadonlyArray<Name>
): Readonly<Record<Name, string>> | Reply.Reply => {
  const fields: Partial<Record<Name, string>> = {}
  for (const name of names) {
    const value = body[name]
    if (typeof value !== "string" || value === "") return refused(10003, "invalid param")
    fields[name] = value
  }
  // Every name has just been set.
  return fields as Readonly<Record<Name, string>>
}

export const isSecretOf = (app: App, secret: string): boolean => Redacted.value(app.secret) === secret

/** The app with these credentials, or the refusal of them. */
export const appOf = (
  world: World,
  { app_id, app_secret }: { readonly app_id: string; readonly app_secret: string }
): App | Reply.Reply => {
  const app = world.apps.get(app_id)
  if (app === undefined) return refused(world.behavior.unknownApp, "app_id or app_secret is invalid")
  if (!isSecretOf(app, app_secret)) return refused(world.behavior.wrongSecret, "app secret invalid")
  return app.stopped ? refused(10014, "app is not available") : app
}

export const secondsLeft = (token: { readonly expiresAt: number }, now: number): number =>
  Math.floor((token.expiresAt - now) / 1000)
