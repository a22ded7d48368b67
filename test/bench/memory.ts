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
/** The process takes pages of memory for as long as V8 sees no need to collect. A native leak of 130 bytes a request takes as many. */
const residentGrowth = 1.5

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

const measure = async (answers: number, sent: number) => {
  const { perSecond } = await send(answers)
  const { heap, rss } = await memory()
  const count = String(sent).padStart(9)
  console.log(`${count} requests  heap ${mega(heap)}  resident ${mega(rss)}  ${perSecond.toFixed(0)} a second`)
  return { heap, rss }
}

const first = await measure(warmUp, 0)
let last = first
for (let round = 1; round <= rounds; round++) last = await measure(requests / rounds, round * requests / rounds)
const grown = last.heap - first.heap
const isFlat = grown <= tolerated && last.rss <= residentGrowth * first.rss
console.log(`The memory ${isFlat ? "stayed the same" : "GREW"}: heap ${mega(grown)} more after ${requests} requests.`)

client.disconnect()
child.kill()
process.exitCode = isFlat ? 0 : 1
