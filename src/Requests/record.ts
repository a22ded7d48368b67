/** The record of a request: what is to be done, what was begun, and the result. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Cas from "../Cas.ts"
import { RequestNotFound, RequestUnreadable } from "../internal/requestErrors.ts"
import { SessionStoreError } from "../LarkError.ts"
import * as MeetingId from "../MeetingId.ts"
import * as MeetingUser from "../MeetingUser.ts"
import type { SessionStore } from "../SessionStore.ts"
import * as SetHostError from "../SetHostError.ts"

/** Of the format. A process does not touch records of another version. */
const version = 1

const user = MeetingUser.MeetingUser

const Task = Schema.Struct({
  meetingId: MeetingId.MeetingId,
  intent: Cas.IntentSchema(user),
  tenant: Schema.optionalKey(Schema.String)
})

export type Task = typeof Task.Type

const ended = [
  Schema.TaggedStruct("Succeeded", { report: Cas.ReportSchema(user) }),
  Schema.TaggedStruct("Failed", { error: SetHostError.SetHostError }),
  Schema.TaggedStruct("Cancelled", { effect: Schema.Literals(["none", "unknown"]) }),
  Schema.TaggedStruct("Died", { cause: Cas.CauseSchema })
] as const

const Record = Schema.Struct({
  version: Schema.Literal(version),
  /** Tells two requests apart that had the same key, one after the other. */
  run: Schema.String,
  task: Task,
  state: Schema.Union([
    Schema.TaggedStruct("Accepted", {}),
    /** A life recorded this swap, and may have sent it. */
    Schema.TaggedStruct("Begun", { swap: Schema.Struct({ expected: user, desired: user }), life: Schema.String }),
    ...ended
  ])
})

export type Record = typeof Record.Type

type State = Record["state"]

/** A state that no later one follows. */
export type Ended = Exclude<State, { readonly _tag: "Accepted" | "Begun" }>

export const isEnded = (state: State): state is Ended => state._tag !== "Accepted" && state._tag !== "Begun"

/** A record in the store, and its version there. */
export interface Found {
  readonly at: number
  readonly record: Record
}

const Json = Schema.fromJsonString(Schema.toCodecJson(Record))
const encode = Schema.encodeEffect(Json)
const decode = Schema.decodeEffect(Json)

export const make = (record: Omit<Record, "version">): Record => ({ version, ...record })

const versionIn = (text: string): number | undefined => {
  try {
    const { version }: { readonly version?: unknown } = JSON.parse(text) ?? {}
    return typeof version === "number" ? version : undefined
  } catch {
    return undefined
  }
}

const unavailable = new SessionStoreError({
  endpoint: "Requests",
  reason: "unavailable",
  detail: "the reply to a write was lost"
})

/** The records of an app. */
export const inStore = (store: SessionStore["Service"], appId: string) => {
  const nameOf = (key: string) => `request ${JSON.stringify([appId, key])}`

  const get = (key: string): Effect.Effect<Option.Option<Found>, RequestUnreadable | SessionStoreError> =>
    Effect.flatMap(
      store.get(nameOf(key)),
      Option.match({
        onNone: () => Effect.succeedNone,
        onSome: ({ value, version: at }) =>
          Effect.matchEffect(decode(value), {
            onFailure: () => {
              const found = versionIn(value)
              return Effect.fail(new RequestUnreadable({ key, version: found === version ? undefined : found }))
            },
            onSuccess: (record) => Effect.succeedSome({ at, record })
          })
      })
    )

  return {
    get,

    existing: (key: string) =>
      Effect.flatMap(
        get(key),
        Option.match({
          onNone: () => Effect.fail(new RequestNotFound({ key })),
          onSome: (found) => Effect.succeed(found)
        })
      ),

    /** Whether the record was written over that of version `at`. If not, another write came first. */
    put: (
      key: string,
      at: number,
      record: Record
    ): Effect.Effect<boolean, SessionStoreError | Schema.SchemaError> =>
      Effect.flatMap(encode(record), (text) =>
        // Written again after a lost reply, a record meets itself: no two writes have the same text and version.
        Effect.flatMap(
          Effect.suspend(() => store.swap(nameOf(key), at, text)),
          (outcome) =>
            outcome._tag === "Applied"
              ? Effect.succeed(true)
              : outcome._tag === "Conflict"
              ? Effect.succeed(
                Option.exists(outcome.actual, (actual) => actual.version === at + 1 && actual.value === text)
              )
              : Effect.fail(unavailable)
        ).pipe(
          Effect.retry({
            while: ({ reason }) => reason === "unavailable",
            schedule: Schedule.upTo(Schedule.spaced("100 millis"), { times: 3 })
          })
        )),

    remove: (key: string, at: number) => store.remove?.(nameOf(key), at) ?? Effect.void
  }
}
