/**
 * Runs unchanged libraries in simulated time: while it is installed, the global timers, `Date.now` and `Math.random`
 * are its own.
 */
import type { Seeded } from "../Seeded.ts"
import { makeTimeline, type Timeline } from "../Timeline.ts"

export interface VirtualTime {
  readonly timeline: Timeline
  /** Lets everything happen that `begin` sets going, to the last timer. */
  readonly run: (begin: () => Promise<void>) => Promise<void>
}

const globals: ReadonlyArray<readonly [owner: object, name: string]> = [
  [globalThis, "setTimeout"],
  [globalThis, "clearTimeout"],
  [globalThis, "setImmediate"],
  [globalThis, "clearImmediate"],
  [Date, "now"],
  [Math, "random"]
]

const { clearImmediate, setImmediate } = globalThis

export const makeVirtualTime = (random: Seeded): VirtualTime => {
  const timeline = makeTimeline()
  const pending = new Set<number>()
  let timers = 0
  const immediates = new Set<NodeJS.Immediate>()

  const replacements = [
    (f: (...args: ReadonlyArray<unknown>) => void, millis = 0, ...args: ReadonlyArray<unknown>) => {
      const timer = ++timers
      pending.add(timer)
      timeline.after(Math.max(0, millis), () => {
        if (pending.delete(timer)) f(...args)
      })
      return timer
    },
    (timer: number) => pending.delete(timer),
    (f: () => void) => {
      const immediate = setImmediate(() => {
        immediates.delete(immediate)
        f()
      })
      immediates.add(immediate)
      return immediate
    },
    (immediate: NodeJS.Immediate) => {
      immediates.delete(immediate)
      clearImmediate(immediate)
    },
    timeline.now,
    random.next
  ]

  /** All promises that can settle have settled. */
  const quiet = async () => {
    do await new Promise<void>((resolve) => setImmediate(() => resolve()))
    while (immediates.size > 0)
  }

  const run = async (begin: () => Promise<void>) => {
    const originals = globals.map(([owner, name]) => Object.getOwnPropertyDescriptor(owner, name))
    globals.forEach(([owner, name], i) =>
      Object.defineProperty(owner, name, { configurable: true, writable: true, value: replacements[i] })
    )
    try {
      const begun = begin()
      do await quiet()
      while (timeline.step())
      // A process that waits for nothing that will ever happen would never end.
      await Promise.race([begun, quiet()])
    } finally {
      globals.forEach(([owner, name], i) => Object.defineProperty(owner, name, originals[i] ?? {}))
    }
  }

  return { timeline, run }
}
