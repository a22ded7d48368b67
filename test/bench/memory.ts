/**
 * Whether the memory of the served simulator stays the same over a million requests on connections that are kept: the command as
 * it is published, in a process of its own. `npm run bench:memory -- 100000` sends fewer.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import type { Answered, Load } from "./simulator/client.ts"
import { inFlight, serve } from "./simulator/served.ts"

const requests = Number(process.argv[2] ?? 1_000_000)
const [, , , launcher] = process.argv
const rounds = 10
/** Until the logs, which keep 10,000 records each, are full, and the code is compiled. Half of the requests are writes. */
const warmUp = 30_000
/** What collections leave behind varies by a tenth of that. A leak of two bytes a request has twice as much in a million. */
const tolerated = 1_000_000

const client = fork(new URL("simulator/client.ts", import.meta.url))
const probe = new URL("simulator/memory.cjs", import.meta.url).pathname
const { child, meetings, token, url } = await serve({ launcher, node: ["--expose-gc", "--require", probe] })
const connections = meetings.map(({ back, get, there }) => [get, there, token, back])

const send = async (answers: number): Promise<Answered> => {
  client.send({ url, connections, answers } satisfies Load)
  const [answered] = await once(client, "message")
  // Each connection may have stopped between two swaps.
  if (answered.refused > inFlight) throw new Error(`${answered.refused} requests were refused`)
  return answered
}

const memory = async (): Promise<{ readonly heap: number; readonly rss: number }> => {
  child.send("memory")
  return (await once(child, "message"))[0]
}

const mega = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`.padStart(9)

await send(warmUp)
const first = await memory()
let last = first
for (let round = 1; round <= rounds; round++) {
  const { perSecond } = await send(requests / rounds)
  last = await memory()
  const sent = String(round * requests / rounds).padStart(9)
  console.log(`${sent} requests  heap ${mega(last.heap)}  resident ${mega(last.rss)}  ${perSecond.toFixed(0)} a second`)
}
const grown = last.heap - first.heap
console.log(
  `The heap ${grown > tolerated ? "GREW" : "stayed the same"}:${mega(grown)} more after ${requests} requests.`
)

client.disconnect()
child.kill()
process.exitCode = grown > tolerated ? 1 : 0
