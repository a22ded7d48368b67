/** What stores, sets and hooks of the application may do, and what a wall clock that is wrong may change. */
import { type Mutant, testIn, testOf } from "./Mutant.ts"

const renewing = "src/internal/renewing.ts"
const handled = "src/internal/handledEvents.ts"
const record = "src/internal/sealedRecord.ts"
const inMemory = "src/UserSessions/inMemoryRecord.ts"
const fileSystem = "src/SessionStore/fileSystem.ts"
const recordings = "src/Recordings.ts"
const envelope = "src/internal/envelope.ts"
const failure = "src/Cas/failure.ts"
const recorder = "src/Cas/Recorder.ts"

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "plugged: a fetch that ends with a defect delays no other",
    file: renewing,
    find: "error === undefined || delays?.(error) !== false",
    replace: "error !== undefined && delays?.(error) !== false",
    killer: testIn("TenantToken")("by a defect delays the next mint as a lost connection does")
  },
  {
    name: "plugged: a set of handled events that throws stops its event",
    file: handled,
    find: "Effect.suspend(self).pipe(",
    replace: "self().pipe(",
    killer: testIn("Webhook.handledEvents")("that throws loses no event, and is logged by the name of the error")
  },
  {
    name: "plugged: an event is added before it was handled",
    file: handled,
    find: "Effect.suspend(self).pipe(",
    replace: "self().pipe(",
    killer: testIn("Webhook.handledEvents")("that adds when it is called is called after the handler only")
  },
  {
    name: "plugged: a store that dies loses the successor",
    file: record,
    find: "Cause.hasFails(cause) ?",
    replace: "true ?",
    killer: testIn("UserSessions.refusals")("by a defect before it acts loses no session, whichever operation it is")
  },
  {
    name: "plugged: an onRotate that throws loses the successor",
    file: inMemory,
    find: "Effect.suspend(() => granted === undefined ? Effect.void : onRotate(granted))",
    replace: "granted === undefined ? Effect.void : onRotate(granted)",
    killer: testIn("UserSessions.fromRefreshToken")(
      "does not use tokens that onRotate did not store (it throws), and calls it again"
    )
  },
  {
    name: "plugged: a file of any length is read",
    file: fileSystem,
    find: " && ByteSize.toBigInt(size) <= largest",
    replace: "",
    killer: testIn("SessionStore.foreignFiles")(
      "in the place of version 1, as a file of 600 MB, ends in a typed error"
    )
  },
  {
    name: "plugged: the wall clock ends the wait for a recording",
    file: recordings,
    find: "= onMonotonicClock(again)",
    replace: "= again",
    killer: testIn("Recordings")("lasts as long when the wall clock is set forward")
  },
  {
    name: "plugged: a date of the server is measured by the clock of this machine",
    file: envelope,
    find: "Date.parse(header(\"date\") ?? \"\") || clock",
    replace: "clock",
    killer: testIn("LarkHttp.answer")("gives its wait in x-ogw-ratelimit-reset, or else in Retry-After")
  },
  {
    name: "plugged: an error of a schedule counts as a defect",
    file: recorder,
    find: "Cause.hasFails(cause)",
    replace: "false",
    killer: testOf("telemetry")("is counted by the error of its schedule, and abandons the swap whose reply was lost")
  },
  {
    name: "plugged: the retry of an error denies what its report leaves open",
    file: failure,
    find: "report.effect === \"unknown\" && \"retry\" in error",
    replace: "false",
    killer: testOf("errors")("claims by its retry no more than the report does")
  }
]
