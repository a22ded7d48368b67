/**
 * Simulated time: what is to happen, in the order of its times.
 */
export interface Timeline {
  readonly now: () => number
  readonly after: (millis: number, happen: () => void) => void
  /** Lets the next thing happen; false if there is none. */
  readonly step: () => boolean
  /** Lets everything happen. */
  readonly run: () => void
}

interface Happening {
  readonly time: number
  /** If two are due at one time, the one that was planned first comes first. */
  readonly order: number
  readonly happen: () => void
}

/** A process in simulated time: it yields what it waits for, and goes on when `resume` is called. */
export type Process<A> = Generator<(resume: () => void) => void, A, void>

export const makeTimeline = (): Timeline => {
  // A binary heap, its earliest first.
  const heap: Array<Happening> = []
  let now = 0
  let happenings = 0
  const isBefore = (a: Happening, b: Happening) => a.time < b.time || (a.time === b.time && a.order < b.order)

  const push = (entry: Happening) => {
    let hole = heap.length
    while (hole > 0) {
      const parent = heap[(hole - 1) >> 1]
      if (parent === undefined || isBefore(parent, entry)) break
      heap[hole] = parent
      hole = (hole - 1) >> 1
    }
    heap[hole] = entry
  }

  const pop = (): Happening | undefined => {
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || last === first) return first
    let hole = 0
    while (true) {
      const [left, right] = [heap[2 * hole + 1], heap[2 * hole + 2]]
      if (left === undefined) break
      const earlier = right !== undefined && isBefore(right, left) ? right : left
      if (isBefore(last, earlier)) break
      heap[hole] = earlier
      hole = 2 * hole + (earlier === right ? 2 : 1)
    }
    heap[hole] = last
    return first
  }

  const step = (): boolean => {
    const next = pop()
    if (next === undefined) return false
    now = next.time
    next.happen()
    return true
  }

  return {
    now: () => now,
    after: (millis, happen) => push({ time: now + millis, order: happenings++, happen }),
    step,
    run: () => {
      while (step());
    }
  }
}

export function* sleep(timeline: Timeline, millis: number): Process<void> {
  yield (resume) => timeline.after(millis, resume)
}

/** Runs a process to its end, and tells what it returned. */
export const start = <A>(process: Process<A>, done: (result: A) => void): void => {
  const resume = (): void => {
    const next = process.next()
    if (next.done === true) done(next.value)
    else next.value(resume)
  }
  resume()
}
