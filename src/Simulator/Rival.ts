import * as Schema from "effect/Schema"
import { UserInput } from "./User.ts"

const Nth = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9_999 }))
const move = { host: UserInput, meetingId: Schema.optionalKey(Schema.String) }

/**
 * A human who makes somebody the host while the client is at work.
 *
 * **Details**
 *
 * - `BeforeSwap`, `AfterSwap`: just before or after a `set_host` request is evaluated, the one with `nth` others before
 *   it since the rival was added. Requests that never get past the token check are not evaluated.
 * - `At`: this long after the rival was added, by the `Clock`.
 *
 * The meeting is the first one unless named. Whoever becomes host joins the meeting. Nothing happens in one that is over.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Rival = Schema.TaggedUnion({
  BeforeSwap: { nth: Nth, ...move },
  AfterSwap: { nth: Nth, ...move },
  At: { millis: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3_600_000 })), ...move }
})

/**
 * A human who makes somebody the host while the client is at work.
 *
 * @since 0.1.0
 * @category models
 */
export type Rival = typeof Rival.Type

type Moment = "BeforeSwap" | "AfterSwap"

export interface RivalPlan {
  readonly add: (moment: Moment, nth: number, move: (at: number) => void) => void
  /** Lets those act who come just before the set_host request that is evaluated next. */
  readonly before: (at: number) => void
  /** Counts that request as evaluated and lets those act who come just after it. */
  readonly after: (at: number) => void
}

export const makePlan = (): RivalPlan => {
  let evaluated = 0
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
      waiting.push({ moment, nth: evaluated + nth, move })
    },
    before: (at) => act("BeforeSwap", evaluated, at),
    after: (at) => act("AfterSwap", evaluated++, at)
  }
}
