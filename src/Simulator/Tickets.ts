import * as Ring from "./Ring.ts"

/** The tickets of store apps, oldest first. */
export interface Tickets {
  readonly of: (appId: string) => ReadonlyArray<string>
  readonly add: (appId: string, ticket: string) => void
  readonly issue: (appId: string) => string
}

export const makeTickets = (length: number): Tickets => {
  const issued = Ring.make<{ readonly appId: string; readonly ticket: string }>(length)
  let count = 0
  const add = (appId: string, ticket: string): void => {
    count++
    issued.add({ appId, ticket })
  }
  return {
    of: (appId) => issued.all().filter((one) => one.appId === appId).map((one) => one.ticket),
    add,
    issue: (appId) => {
      const ticket = `simulatedticket${String(count + 1).padStart(8, "0")}`
      add(appId, ticket)
      return ticket
    }
  }
}
