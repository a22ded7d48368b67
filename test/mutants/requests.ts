/** Requests that outlive their process. */
import { type Mutant, testIn } from "./Mutant.ts"

const requests = "src/Requests.ts"
const record = "src/Requests/record.ts"

const kills = testIn("Requests.kills")
const shared = testIn("Requests")

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "requests: a later life forgets the swap of an earlier one",
    file: requests,
    find: "last: state._tag === \"Begun\" ? state.swap : undefined",
    replace: "last: undefined",
    killer: kills("does not rotate twice")
  },
  {
    name: "requests: an overtaken life goes on",
    file: requests,
    find: "if (!isWritten) return Effect.fail(new Overtaken())",
    replace: "",
    killer: shared("that was suspended before it recorded its swap sends nothing when it goes on")
  },
  {
    name: "requests: the intent's own onUnknown counts",
    file: requests,
    find: "onUnknown === undefined ? intent : { ...intent, onUnknown }",
    replace: "intent",
    killer: kills("with neverResend sends nothing after a record, even if nothing was sent before it")
  },
  {
    name: "requests: the same key with another intent is the same request",
    file: requests,
    find: "Equal.equals(yield* Effect.orDie(encodeIntent(stored.intent)), encoded)",
    replace: "stored.intent !== undefined && encoded !== undefined",
    killer: shared("with the key of another one is refused, before and after that one has ended")
  },
  {
    name: "requests: who waits does not put a request into the queue",
    file: requests,
    find:
      "if (!Record.isEnded(found.record.state)) yield* offer({ kind: \"run\", key, run: found.record.run })\n      for",
    replace: "for",
    killer: shared("that died between the record and the queue loses nothing: who waits puts it there")
  },
  {
    name: "requests: a pod that stops begins another life",
    file: requests,
    find: "if (isClosing) return Effect.never",
    replace: "",
    killer: shared("that is stopped finishes what it has begun, and begins nothing")
  },
  {
    name: "requests: a pod that stops waits for nothing",
    file: requests,
    find: "isIdle.closeUnsafe()",
    replace: "",
    killer: shared("that is stopped finishes what it has begun, and begins nothing")
  },
  {
    name: "requests: a pod that was built as a user acts as that user",
    file: requests,
    find: "Context.omit(UserToken)(context)",
    replace: "context",
    killer: shared("of a user is done as the app")
  },
  {
    name: "requests: a lost reply is a conflict",
    file: record,
    find: "actual.version === at + 1 && actual.value === text",
    replace: "actual.version === at && actual.value === text",
    killer: shared("loses replies and fails: each request ends, or its caller knows")
  },
  {
    name: "requests: a cancelled request with a recorded swap says none",
    file: requests,
    find: "record.state._tag === \"Begun\" ? \"unknown\" : \"none\"",
    replace: "\"none\"",
    killer: shared("while a swap is under way: its effect is unknown, and no other swap leaves")
  },
  {
    name: "requests: the tenant is lost",
    file: requests,
    find: "task.tenant === undefined ? setHost : Effect.provideService(setHost, Tenant, task.tenant)",
    replace: "setHost",
    killer: shared("is done in its tenant")
  },
  {
    name: "requests: results are kept for ever",
    file: requests,
    find: "yield* offer({ kind: \"forget\", key, run }, retention)",
    replace: "",
    killer: shared("forgets a result when its retention is over: the key is free")
  }
]
