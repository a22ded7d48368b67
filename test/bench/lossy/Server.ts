/**
 * The register behind the lossy network. It records every value it has held, and its writer.
 * A request that was sent is carried out even if its client has gone.
 */
import type { Timeline } from "../Timeline.ts"
import type { Script } from "./Script.ts"

/** Another value is in place, and the answer shows it. */
export class Conflict extends Error {
  readonly actual: number
  constructor(actual: number) {
    super(`it is ${actual}`)
    this.actual = actual
  }
}

/** A reset or a 5xx: executed or not. */
export class Doubtful extends Error {}

/** Certainly not executed. */
export class Throttled extends Error {}

/** The caller's signal. */
export class Canceled extends Error {}

export interface Server {
  readonly read: (signal?: AbortSignal) => Promise<number>
  readonly swap: (expected: number, desired: number, signal?: AbortSignal) => Promise<void>
  readonly calls: () => number
  /** Changes made by the operation. */
  readonly effects: () => number
  /** Whether `value` has been in place since the operation began. */
  readonly hasHeld: (value: number) => boolean
}

export const makeServer = (timeline: Timeline, script: Script): Server => {
  const held = new Set([script.initial])
  let value = script.initial
  let calls = 0
  let effects = 0

  const write = (to: number | undefined) => {
    if (to === undefined) return
    value = to
    held.add(to)
  }
  for (const { at, value } of script.rivals) timeline.after(at, () => write(value))

  const exchange = <A>(execute: () => A, signal: AbortSignal | undefined): Promise<A> => {
    if (signal?.aborted === true) return Promise.reject(new Canceled())
    const { after, before, fault, travel } = script.steps[calls] ?? { travel: 20 }
    calls++
    return new Promise<A>((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(new Canceled()), { once: true })
      const carryOut = (answer: (execute: () => A) => void) => {
        write(before)
        answer(execute)
        write(after)
      }
      const back = (answer: () => void) => timeline.after(travel, answer)
      const settle = (execute: () => A) => {
        try {
          const result = execute()
          back(() => resolve(result))
        } catch (error) {
          // A rejection may be any value; those of `execute` are conflicts.
          back(() => reject(error))
        }
      }
      const loseAnswer = (execute: () => A) => {
        try {
          execute()
        } catch {
          // Nobody hears of the conflict.
        }
      }
      const doubt = () => back(() => reject(new Doubtful()))
      timeline.after(travel, () => {
        switch (fault?._tag) {
          case undefined:
            return carryOut(settle)
          case "LostReply":
            carryOut(loseAnswer)
            return doubt()
          case "LostRequest":
            carryOut(() => {})
            return doubt()
          case "Throttled":
            carryOut(() => {})
            return back(() => reject(new Throttled()))
          case "Late":
            timeline.after(fault.by, () => carryOut(loseAnswer))
            return doubt()
        }
      })
    })
  }

  return {
    read: (signal) => exchange(() => value, signal),
    swap: (expected, desired, signal) =>
      exchange(() => {
        if (value !== expected) throw new Conflict(value)
        if (value !== desired) effects++
        write(desired)
      }, signal),
    calls: () => calls,
    effects: () => effects,
    hasHeld: (value) => held.has(value)
  }
}
