/**
 * The stub server, started in a process of its own.
 */
import { fork } from "node:child_process"
import { once } from "node:events"

export interface Stub {
  readonly origin: string
  /** How many connections it has accepted so far. */
  readonly connections: () => Promise<number>
  readonly close: () => void
}

export const startStub = async (): Promise<Stub> => {
  const child = fork(new URL("server.ts", import.meta.url))
  const told = async (): Promise<{ readonly port: number; readonly connections: number }> =>
    (await once(child, "message"))[0]
  const { port } = await told()
  return {
    origin: `http://127.0.0.1:${port}`,
    connections: async () => {
      const answer = told()
      child.send("connections")
      return (await answer).connections
    },
    close: () => child.disconnect()
  }
}
