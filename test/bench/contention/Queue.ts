/**
 * What `src/Cas/Queue.ts` does for the operations of one process: first come, first served, and each operation passes
 * the last value it saw to the next.
 */
import type { Process } from "../Timeline.ts"
import type { Ended, Sighting } from "./ours.ts"

export type Queue = (operate: (baton: Sighting | undefined) => Process<Ended>) => Process<Ended>

export const makeQueue = (): Queue => {
  const waiting: Array<() => void> = []
  let isBusy = false
  let baton: Sighting | undefined

  return function*(operate) {
    if (isBusy) yield (resume) => waiting.push(resume)
    isBusy = true
    const ended = yield* operate(baton)
    baton = ended.last
    const next = waiting.shift()
    if (next !== undefined) next()
    else {
      isBusy = false
      baton = undefined
    }
    return ended
  }
}
