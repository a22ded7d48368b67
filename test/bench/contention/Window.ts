/**
 * At most `count` requests in any `millis`.
 */
export interface Window {
  readonly count: number
  readonly millis: number
}

/** The documented limits of one API, per app and tenant: open.feishu.cn, "Frequency control". */
export const documented: ReadonlyArray<Window> = [{ count: 50, millis: 1_000 }, { count: 1_000, millis: 60_000 }]

/** How long a request must wait at `now`; if it need not, it counts. */
export const slidingWindows = (windows: ReadonlyArray<Window>): (now: number) => number => {
  const admitted: Array<number> = []
  return (now) => {
    const waits = windows.map(({ count, millis }) => (admitted.at(-count) ?? Number.NEGATIVE_INFINITY) + millis - now)
    const wait = Math.max(0, ...waits)
    if (wait === 0) admitted.push(now)
    return wait
  }
}
