import * as Schema from "effect/Schema"
import { Millis, Nth, tagged } from "./bounded.ts"
import { UserInput } from "./User.ts"

const move = { host: UserInput, meetingId: Schema.optionalKey(Schema.String) }

const rival = tagged({
  identifier: "Rival",
  description: "A person who moves the host while the client is at work."
}, {
  BeforeSwap: { nth: Nth, ...move },
  AfterSwap: { nth: Nth, ...move },
  At: { millis: Millis, ...move }
})

/**
 * A person who moves the host while the client is at work.
 *
 * @stability stable
 * @category models
 */
export type Rival = Schema.Schema.Type<typeof rival>

/**
 * A person who moves the host while the client is at work.
 *
 * **Details**
 *
 * - `BeforeSwap`, `AfterSwap`: just before or after the `nth` swap is executed, counted from 0 since the rival was added.
 *   A request whose token is refused is not executed.
 * - `At`: this many milliseconds after the rival was added, by the `Clock`.
 *
 * The meeting is the first one, unless `meetingId` names another. The new host joins the meeting. In a meeting that has
 * ended nothing happens.
 *
 * @stability stable
 * @category schemas
 */
export const Rival: Schema.Codec<Rival, unknown> = rival

type Moment = "BeforeSwap" | "AfterSwap"

export interface RivalPlan {
  readonly add: (moment: Moment, nth: number, move: (at: number) => void) => void
  /** Runs the rivals that come before the next swap. */
  readonly before: (at: number) => void
  /** Counts a swap, and runs the rivals that come after it. */
  readonly after: (at: number) => void
}

export const makePlan = (): RivalPlan => {
  let executed = 0
  const waiting: Array<{ readonly moment: Moment; readonly nth: number; readonly move: (at: number) => void }> = []

  const act = (moment: Moment, nth: number, at: number): void => {
    const due = waiting.filter((rival) => rival.moment === moment && rival.nth === nth)
    for (const rival of due) {
      waiting.splice(waiting.indexOf(rival), 1)
      rival.move(at)
    }
  }

  return {
    add: (moment, nth, move) => {
      waiting.push({ moment, nth: executed + nth, move })
    },
    before: (at) => act("BeforeSwap", executed, at),
    after: (at) => act("AfterSwap", executed++, at)
  }
}
