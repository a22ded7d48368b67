import type { App } from "./App.ts"
import type { Call } from "./Call.ts"
import { appOf, fieldsOf, refused } from "./Credentials.ts"
import * as Reply from "./Reply.ts"
import type { World } from "./World.ts"

/**
 * The tickets of store apps, oldest first.
 */
export interface Tickets {
  readonly of: (appId: string) => ReadonlyArray<string>
  readonly add: (appId: string, ticket: string) => void
  readonly issue: (appId: string) => string
}

export const makeTickets = (): Tickets => {
  const issued: Array<{ readonly appId: string; readonly ticket: string }> = []
  const add = (appId: string, ticket: string): void => {
    issued.push({ appId, ticket })
  }
  return {
    of: (appId) => issued.filter((one) => one.appId === appId).map((one) => one.ticket),
    add,
    issue: (appId) => {
      const ticket = `simulatedticket${String(issued.length + 1).padStart(8, "0")}`
      add(appId, ticket)
      return ticket
    }
  }
}

/**
 * `POST /auth/v3/app_ticket/resend`: the app to which a ticket is to be pushed, or a refusal.
 */
export const resendTo = (world: World, call: Call): App | Reply.Reply => {
  const fields = fieldsOf(call, ["app_id", "app_secret"])
  if (Reply.is(fields)) return fields
  const app = appOf(world, fields)
  if (Reply.is(app)) return app
  return app.type === "store" ? app : refused(10016, "app is not a store app")
}
