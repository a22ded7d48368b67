/**
 * How many requests a second the served simulator answers, next to a bare `node:http` server that sends fixed bytes. Each
 * server and the client have a process of their own, and take turns: only the ratios carry over to other machines. The
 * simulator is the command as it is published.
 */
import { fork } from "node:child_process"
import { once } from "node:events"
import type { Answered, Load } from "./simulator/client.ts"
import { inFlight, serve } from "./simulator/served.ts"
import { short, table } from "./table.ts"

const rounds = Number(process.argv[2] ?? 9)
const millis = 1_000
const warmUpMillis = 3_000

const started = [
  fork(new URL("simulator/stub.ts", import.meta.url)),
  fork(new URL("simulator/client.ts", import.meta.url))
] as const
const [stub, client] = started
const [{ url: stubUrl }] = await once(stub, "message")
const { child: simulator, meetings, url } = await serve()

const requests = {
  get: meetings.map(({ get }) => [get]),
  // There and back: an even number of swaps leaves the host where the next round expects it, an odd one costs a conflict.
  set_host: meetings.map(({ back, there }) => [there, back])
}

const measure = async (load: Load): Promise<Answered> => {
  client.send(load)
  return (await once(client, "message"))[0]
}

const median = (figures: ReadonlyArray<number>) => figures.toSorted((a, b) => a - b)[figures.length >> 1] ?? Number.NaN

const rows: Array<ReadonlyArray<string>> = []
let isMet = true
for (const [name, connections] of Object.entries(requests)) {
  const servers = { stub: stubUrl, simulator: url }
  const figures: Record<keyof typeof servers, Array<number>> = { stub: [], simulator: [] }
  for (const url of Object.values(servers)) await measure({ url, connections, millis: warmUpMillis })
  for (let round = 0; round < rounds; round++) {
    for (const server of ["stub", "simulator"] as const) {
      const { perSecond, refused } = await measure({ url: servers[server], connections, millis })
      if (refused > inFlight) throw new Error(`${refused} requests for ${name} were refused by the ${server}`)
      figures[server].push(perSecond)
    }
  }
  const ratio = median(figures.simulator.map((perSecond, round) => perSecond / (figures.stub[round] ?? Number.NaN)))
  const perSecond = median(figures.simulator)
  if (ratio < 0.25 || perSecond < 5_000) isMet = false
  rows.push([name, perSecond.toFixed(0), median(figures.stub).toFixed(0), short(ratio)])
}

console.log(table(["endpoint", "simulator, requests/s", "node:http, requests/s", "ratio"], rows))
console.log(`\nThe goal, 5000 requests a second and a ratio of 0.25, is ${isMet ? "met" : "MISSED"}.`)

for (const child of started) child.disconnect()
simulator.kill()
process.exitCode = isMet ? 0 : 1
