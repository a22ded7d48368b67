"use strict"

// Preloaded into the simulator's process: it sends its memory after a collection for every message, and ends with its parent.
process.on("message", () => {
  globalThis.gc()
  const { heapUsed, rss } = process.memoryUsage()
  process.send({ heap: heapUsed, rss })
})
process.on("disconnect", () => process.exit())
process.channel.unref()
