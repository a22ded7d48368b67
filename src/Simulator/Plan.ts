/** Which attempt each fault hits. */
export interface Plan<F> {
  readonly add: (rules: ReadonlyArray<{ readonly nth: number; readonly fault: F }>) => void
  /** Counts one more attempt: the fault that hits it. */
  readonly take: () => F | undefined
}

export const makePlan = <F>(): Plan<F> => {
  const waiting = new Map<number, F>()
  let count = 0
  return {
    add: (rules) => {
      for (const { fault, nth } of rules) if (!waiting.has(count + nth)) waiting.set(count + nth, fault)
    },
    take: () => {
      const fault = waiting.get(count)
      waiting.delete(count++)
      return fault
    }
  }
}
