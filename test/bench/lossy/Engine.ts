/**
 * An engine under test, and what it claims about its effect.
 */
import { target } from "./Script.ts"
import { Canceled, Doubtful, type Server } from "./Server.ts"

export interface Operation {
  readonly server: Server
  /** Only from this value; from any if undefined. */
  readonly from: number | undefined
  readonly signal: AbortSignal
}

/**
 * `effect` is what the engine lets its caller believe: `none` that no write of the operation took effect, `applied`
 * that one did; `unsaid` makes no claim.
 */
export interface Said {
  readonly ended: "success" | "failure" | "cancelled"
  readonly effect: "none" | "applied" | "unknown" | "unsaid"
}

export type Engine = (operation: Operation) => Promise<Said>

/** The caller's own condition does not hold; it must not be retried. */
export class Refused extends Error {}

/** What a careful user of a library passes to it: the goal and the condition are checked on every value. */
export const mustSwap = ({ from }: Operation, value: number): boolean => {
  if (value === target) return false
  if (from !== undefined && value !== from) throw new Refused()
  return true
}

/** One read, one swap. */
export const attempt = async (operation: Operation, signal?: AbortSignal): Promise<void> => {
  const value = await operation.server.read(signal)
  if (mustSwap(operation, value)) await operation.server.swap(value, target, signal)
}

/**
 * How a caller must read what came out: a conflict, a refusal or a 429 says that nothing was done; a reset or a 5xx says
 * nothing.
 */
export const listen = (outcome: Promise<unknown>): Promise<Said> =>
  outcome.then(
    (): Said => ({ ended: "success", effect: "unsaid" }),
    (error: unknown): Said =>
      error instanceof Canceled || (error instanceof Error && error.name === "AbortError")
        ? { ended: "cancelled", effect: "unsaid" }
        : { ended: "failure", effect: error instanceof Doubtful ? "unsaid" : "none" }
  )

export const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))
