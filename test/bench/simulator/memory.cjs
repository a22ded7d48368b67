"use strict"

// Preloaded into the simulator's process: it sends its memory after a collection for every message.
process.on("message", () => {
  globalThis.gc()
  const { heapUsed, rss } = process.memoryUsage()
  process.send({ heap: heapUsed, rss })
})
process.channel.unref()
