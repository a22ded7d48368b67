/**
 * The resources that a process holds.
 */
import type { Metric } from "effect"
import { queryObjects } from "node:v8"

/** Counts the running fibers that have its `service` in their context. */
export const makeFiberCount = () => {
  let live = 0
  const service: Metric.FiberRuntimeMetricsService = {
    recordFiberStart: () => {
      live = live + 1
    },
    recordFiberEnd: () => {
      live = live - 1
    }
  }
  return { service, live: () => live }
}

const resources = (name: string) => process.getActiveResourcesInfo().filter((resource) => resource === name).length

export const sockets = () => resources("TCPSocketWrap")

export const timers = () => resources("Timeout")

/** In bytes, after a garbage collection. */
export const memory = (): { readonly heap: number; readonly rss: number } => {
  if (globalThis.gc === undefined) throw new Error("Start this with node --expose-gc: npm run soak")
  globalThis.gc()
  const { heapUsed, rss } = process.memoryUsage()
  return { heap: heapUsed, rss }
}

/** The number of live objects. Unlike the heap size it does not grow with compiled code. */
export const objects = () => Number(queryObjects(Object, { format: "count" }))
