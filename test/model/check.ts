/** Visits every state of a system, breadth first, so that the first violation found is a shortest one. */
import { keyOf, type Running, type Setup, start, steps, type World } from "./System.ts"

export interface Property {
  readonly name: string
  readonly holds: (setup: Setup, running: Running, index: number) => boolean
}

const values = (bits: number, value: number) => (bits & (1 << value)) !== 0

/** The numbers are those of the engine's specification. */
export const always: ReadonlyArray<Property> = [
  {
    name: "1 every expected value was given by the caller or shown by the server",
    holds: (_setup, { command, shown }) => command._tag !== "SendSwap" || values(shown, command.expected)
  },
  {
    name: "3 swapped means that a swap of this operation took effect",
    holds: (_setup, { applied, result }) => result?.outcome !== "swapped" || applied > 0
  },
  {
    name: "4 converged and already mean that the value was in place at some time during the call",
    holds: (_setup, { held, result }) =>
      result === undefined || (result.outcome !== "converged" && result.outcome !== "already") ||
      values(held, result.after)
  },
  {
    name: "5 handover sends no other expected value than the caller's",
    holds: (setup, { command }, index) => {
      const { intent } = setup.clients[index]!
      return intent.name !== "handover" || command._tag !== "SendSwap" || command.expected === intent.values[1]
    }
  },
  {
    name: "6 a protected value is never expected",
    holds: (setup, { command }, index) => {
      const { intent } = setup.clients[index]!
      return intent.name !== "ensureUnless" || command._tag !== "SendSwap" ||
        !intent.values.slice(1).includes(command.expected)
    }
  },
  {
    name: "7 effect none means never applied, now or later",
    holds: (_setup, { applied, result }) =>
      result === undefined || result.outcome === "interrupted" || result.effect !== "none" || applied === 0
  },
  {
    name: "8 effect applied means applied",
    holds: (_setup, { applied, result }) =>
      result === undefined || result.outcome === "interrupted" || result.effect !== "applied" || applied > 0
  },
  {
    name: "16 swaps <= 1 + changes by others + unknown attempts, and one more for a wrong hint",
    holds: (setup, { foreign, result, state, unknowns }, index) =>
      result !== undefined || state.swaps <= 1 + foreign + unknowns + (setup.clients[index]!.hint === undefined ? 0 : 1)
  }
]

export const atMostOneEffect: Property = {
  name: "9 at most one effect",
  holds: (_setup, { applied }) => applied <= 1
}

export interface Verdict {
  readonly states: number
  readonly violated: { readonly property: string; readonly trace: ReadonlyArray<string> } | undefined
}

interface Visit {
  readonly world: World
  readonly label: string
  readonly from: number
}

const traceTo = (visits: ReadonlyArray<Visit>, index: number): ReadonlyArray<string> => {
  const trace: Array<string> = []
  for (let at = index; at > 0; at = visits[at]!.from) trace.unshift(visits[at]!.label)
  return trace
}

export const check = (setup: Setup, properties: ReadonlyArray<Property>): Verdict => {
  const known = new Set<string>()
  const initial = start(setup)
  known.add(keyOf(initial))
  /** Worlds are dropped once they are expanded; labels stay, for the trace. */
  const visits: Array<{ world: World | undefined; label: string; from: number }> = [{
    world: initial,
    label: "",
    from: -1
  }]
  for (let index = 0; index < visits.length; index++) {
    const visit = visits[index]!
    const { world } = visit
    if (world === undefined) continue
    for (const [client, running] of world.clients.entries()) {
      const violated = properties.find((property) => !property.holds(setup, running, client))
      if (violated !== undefined) {
        return {
          states: known.size,
          violated: { property: violated.name, trace: traceTo(visits as ReadonlyArray<Visit>, index) }
        }
      }
    }
    for (const step of steps(setup, world)) {
      const key = keyOf(step.world)
      if (known.has(key)) continue
      known.add(key)
      visits.push({ world: step.world, label: step.label, from: index })
    }
    visit.world = undefined
  }
  return { states: known.size, violated: undefined }
}
