/** What loses an event, handles it twice, or leaves its consumers waiting. */
import { type Mutant, testIn } from "./Mutant.ts"

const events = "src/Events.ts"
const handled = "src/internal/handledEvents.ts"
const longConnection = "src/LongConnection.ts"
const join = "src/LongConnection/join.ts"

const history = testIn("Events.histories")(
  "that is taken was handled by each consumer, and once as far as the set knows"
)
const message = testIn("LongConnection.messages")

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "events: a consumer is given again what another one refused",
    file: events,
    find: "ahead.has(event.id) ? Effect.succeed(true) : ",
    replace: "",
    killer: history
  },
  {
    name: "events: an event is taken when one of several consumers has taken it",
    file: events,
    find: "taken.length === 0 || taken.includes(false)",
    replace: "!taken.includes(true)",
    killer: history
  },
  {
    name: "events: the event of a handler that failed is taken",
    file: events,
    find: "Exit.isSuccess(exit) && exit.value",
    replace: "Exit.isSuccess(exit)",
    killer: history
  },
  {
    name: "events: a handler outlives its consumer",
    file: events,
    find: "Effect.forkIn(handling(event), running,",
    replace: "Effect.forkIn(handling(event), scope,",
    killer: history
  },
  {
    name: "events: one more is handled than has room",
    file: events,
    find: "inHand >= capacity",
    replace: "inHand > capacity",
    killer: history
  },
  {
    name: "events: a duplicate does not wait for the handling",
    file: handled,
    find: "if (other !== undefined) {",
    replace: "if (other !== undefined && id === \"\") {",
    killer: history
  },
  {
    name: "events: an event whose handler failed is stuck",
    file: handled,
    find: "running.delete(id)",
    replace: "if (Exit.isSuccess(exit)) running.delete(id)",
    killer: history
  },
  {
    name: "events: a defect of one attempt ends all attempts",
    file: longConnection,
    find: "Option.getOrElse(Cause.findErrorOption(cause), () => new Lost({ reason: \"an attempt broke off\" }))",
    replace: "Option.getOrThrow(Cause.findErrorOption(cause))",
    killer: message("because the HTTP client dies is tried again")
  },
  {
    name: "events: parts of nothing take no memory",
    file: join,
    find: "id.length + part.length + 1_024",
    replace: "id.length + part.length",
    killer: message("in parts counts with the length of its id, and each part with a minimum")
  }
]
