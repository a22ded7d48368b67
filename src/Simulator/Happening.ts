import * as Schema from "effect/Schema"
import { ConnectionFault, EventFault } from "./EventFault.ts"
import { Fault } from "./Fault.ts"
import { Meeting } from "./Meeting.ts"
import { PushRecord } from "./Push.ts"
import { RequestRecord } from "./RequestLog.ts"
import { Write } from "./World.ts"

const at = {
  at: Schema.Finite.annotateKey({ description: "In milliseconds since 1970, by the clock of the simulator." })
}

const clock = { ...at, ahead: Schema.Finite.annotateKey({ description: "How far the clock is ahead of real time." }) }

/**
 * Something that happened in a simulator, as its stream tells.
 *
 * **Details**
 *
 * - `State`: where it stands. The first of a stream, and again after a reset.
 * - `Request`: a request was answered, or its connection was lost; again if it is executed after that. `at` less `request.at` is
 *   how long it took.
 * - `Write`: a host was moved. It comes before the `Request` that did it, which it names by its index.
 * - `Fault`: a request met a fault, or an attempt to push an event or to open a long connection did.
 * - `Event`: an event was pushed, once more perhaps.
 * - `Meeting`: a meeting is like that now.
 * - `Clock`: the clock was advanced.
 * - `Lost`: the reader was too slow, so that so many were left out here.
 *
 * @stability unstable
 * @category schemas
 */
export const Happening = Schema.TaggedUnion({
  State: { ...clock, meetings: Schema.Array(Meeting) },
  Request: { ...at, request: RequestRecord },
  Write: { ...at, write: Write },
  Fault: {
    ...at,
    fault: Schema.Union([Fault, EventFault, ConnectionFault]),
    endpoint: Schema.UndefinedOr(Schema.String).annotateKey({ description: "The endpoint of the request." }),
    request: Schema.UndefinedOr(Schema.Int).annotateKey({ description: "The index of the request." }),
    event: Schema.UndefinedOr(Schema.String).annotateKey({ description: "The type of the event." })
  },
  Event: { ...at, event: PushRecord },
  Meeting: { ...at, meeting: Meeting },
  Clock: clock,
  Lost: { ...at, count: Schema.Natural }
}).annotate({
  identifier: "Happening",
  description:
    "Something that happened: State first and after a reset, then each Request, Write, Fault, Event, Meeting and Clock. " +
    "Lost says how many were left out because the reader was too slow."
})

/**
 * Something that happened in a simulator, as its stream tells.
 *
 * @stability unstable
 * @category models
 */
export type Happening = typeof Happening.Type
