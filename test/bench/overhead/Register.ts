/**
 * A register in memory that refuses the first swaps of each operation, and costs next to nothing itself.
 */
export interface Register {
  readonly begin: (conflicts: number) => void
  /** The value in place if it was not the expected one. */
  readonly swap: (expected: number, desired: number) => number | undefined
  readonly value: () => number
}

export const makeRegister = (): Register => {
  let value = 0
  let conflicts = 0
  return {
    begin: (n) => {
      conflicts = n
    },
    swap: (expected, desired) => {
      if (conflicts > 0) {
        conflicts--
        value++
      }
      if (expected !== value) return value
      value = desired
      return undefined
    },
    value: () => value
  }
}
