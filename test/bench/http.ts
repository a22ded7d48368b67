/**
 * What a `set_host` costs on the wire: `Meetings.swapHost` with all its features on each transport, next to raw undici,
 * a plain call of Effect's `HttpClient` and the official SDK. All run in one process, in turns, against a server in a
 * process of its own; only the ratios carry over to other machines. On the built package, since a loader that transforms
 * sources also instruments them. The figure goes to docs/figures.
 *
 * CPU is that of the whole process, with the threads that collect garbage and read sockets: an operator pays for all.
 */
import { GCProfiler, getHeapStatistics } from "node:v8"
import * as bars from "./bars.ts"
import { type Client, makeClients, type Path } from "./http/clients.ts"
import { startStub } from "./http/Stub.ts"
import { short, table } from "./table.ts"

/** Each path is called for so long before it is measured, so that all clients are compiled alike. */
const warmUpMillis = 1_200

/** A turn of so many milliseconds for each client in each round; the first round only opens the connections. */
const levels = [
  { inFlight: 1, rounds: 9, millis: 140 },
  { inFlight: 32, rounds: 25, millis: 140 },
  { inFlight: 512, rounds: 5, millis: 200 }
]

interface Sample {
  readonly calls: number
  readonly rate: number
  readonly cpu: number
  readonly heap: number
  readonly p50: number
  readonly p99: number
}

const median = (samples: ReadonlyArray<number>) => samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? Number.NaN

/** The bytes that were allocated while it profiled, whatever was collected meanwhile. */
const countAllocated = () => {
  const profiler = new GCProfiler()
  profiler.start()
  let used = getHeapStatistics().used_heap_size
  return (): number => {
    let allocated = 0
    for (const { afterGC, beforeGC } of profiler.stop().statistics) {
      allocated += beforeGC.heapStatistics.usedHeapSize - used
      used = afterGC.heapStatistics.usedHeapSize
    }
    return allocated + getHeapStatistics().used_heap_size - used
  }
}

const measure = async (client: Client, path: Path, inFlight: number, millis: number): Promise<Sample> => {
  // What the one before has left is not for this one to clean up.
  globalThis.gc?.({ type: "minor" })
  const latencies: Array<number> = []
  const allocated = countAllocated()
  const start = performance.now()
  const usage = process.cpuUsage()
  await client.run(path, inFlight, {
    more: () => performance.now() < start + millis,
    took: (millis) => latencies.push(millis)
  })
  const { system, user } = process.cpuUsage(usage)
  const elapsed = performance.now() - start
  const calls = latencies.length
  latencies.sort((a, b) => a - b)
  return {
    calls,
    rate: 1_000 * calls / elapsed,
    cpu: (user + system) / calls,
    heap: allocated() / calls / 1_024,
    p50: latencies[Math.floor(calls * 0.5)] ?? Number.NaN,
    p99: latencies[Math.floor(calls * 0.99)] ?? Number.NaN
  }
}

const paths = ["success", "conflict"] as const

const stub = await startStub()
const clients = makeClients(stub.origin)
const names = Object.keys(clients)

/** Each round measures all, so that what disturbs one disturbs all. */
const compare = async (path: Path, { inFlight, millis, rounds }: (typeof levels)[number]) => {
  const samples = new Map(names.map((name) => [name, Array<Sample>()]))
  const opened = new Map(names.map((name) => [name, 0]))
  for (let round = 0; round < rounds; round++) {
    // There and back, since what a client leaves behind (garbage, cold code) falls to the next.
    const order = round % 2 === 0 ? Object.entries(clients) : Object.entries(clients).toReversed()
    for (const [name, client] of order) {
      const before = await stub.connections()
      const sample = await measure(client, path, inFlight, millis)
      if (round === 0) continue
      samples.get(name)?.push(sample)
      opened.set(name, (opened.get(name) ?? 0) + await stub.connections() - before)
    }
  }
  const calls = (name: string) => samples.get(name)?.reduce((sum, { calls }) => sum + calls, 0) ?? 0
  const figure = (name: string, of: (sample: Sample) => number) => median(samples.get(name)?.map(of) ?? [])
  /** Round by round, since the machine's speed drifts. */
  const ratio = (name: string, other: string, of: (sample: Sample) => number) => {
    const others = samples.get(other)?.map(of) ?? []
    return median(samples.get(name)?.map((sample, round) => of(sample) / (others[round] ?? Number.NaN)) ?? [])
  }
  const [cpu, rate] = [(sample: Sample) => sample.cpu, (sample: Sample) => sample.rate]
  const rows = names.map((name) => [
    name,
    figure(name, rate).toFixed(0),
    short(figure(name, cpu)),
    short(figure(name, ({ heap }) => heap)),
    short(figure(name, ({ p50 }) => p50)),
    short(figure(name, ({ p99 }) => p99)),
    ((opened.get(name) ?? 0) / calls(name)).toFixed(2),
    short(ratio(name, "raw undici", cpu)),
    short(ratio(name, "official SDK", cpu)),
    short(ratio(name, "official SDK", rate))
  ])
  const header = [
    "client",
    "calls/s",
    "us CPU",
    "KiB heap",
    "ms p50",
    "ms p99",
    "connections",
    "CPU v undici",
    "CPU v SDK",
    "calls/s v SDK"
  ]
  console.log(`\n## ${path}, ${inFlight} in flight, per call\n\n${table(header, rows)}`)
  return {
    bars: names.map((place) => ({ place, way: path, value: ratio(place, "raw undici", cpu) })),
    undici: ratio("ours on UndiciHttpClient", "raw undici", cpu),
    sdk: ratio("ours on layerUndici", "official SDK", cpu),
    rate: ratio("ours on layerUndici", "official SDK", rate)
  }
}

const goals: Array<ReadonlyArray<string>> = []
const goal = (what: string, measured: number, goal: string, isMet: boolean) =>
  goals.push([what, short(measured), goal, isMet ? "met" : "MISSED"])

for (const client of Object.values(clients)) {
  for (const path of paths) await measure(client, path, 32, warmUpMillis)
}
const measured: Array<bars.Bars["bars"][number]> = []
for (const path of paths) {
  for (const level of levels) {
    const { bars, rate, sdk, undici } = await compare(path, level)
    if (level.inFlight !== 32) continue
    measured.push(...bars)
    goal(`${path}: CPU v raw undici, on its dispatcher`, undici, "<= 1.45", undici <= 1.45)
    goal(`${path}: CPU v the official SDK, on layerUndici`, sdk, "<= 0.45", sdk <= 0.45)
    goal(`${path}: calls/s v the official SDK, on layerUndici`, rate, ">= 2.2", rate >= 2.2)
  }
}
console.log(`\n## Goals: 32 in flight\n\n${table(["what", "measured", "goal", ""], goals)}`)
const figure = await bars.write({
  file: "http-cpu.svg",
  title: "CPU time of a set_host / that of raw undici",
  ways: [["success", "#2f81f7"], ["conflict", "#bf8700"]],
  bars: measured
})
console.log(`\nWritten: ${figure}`)

for (const client of Object.values(clients)) await client.close()
stub.close()
