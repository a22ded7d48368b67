/** The tickets of store apps, oldest first. */
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
