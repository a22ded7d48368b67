/**
 * `invite` and `kickout`: requests for up to ten people each, and the outcome of each person.
 *
 * Source: Feishu Open Platform, vc-v1 `meeting` (invite, kickout).
 */
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { oneIdType } from "../internal/idTypes.ts"
import { withSpan } from "../internal/telemetry.ts"
import * as wire from "../internal/wire.ts"
import * as LarkError from "../LarkError.ts"
import { call, endpoint, type ErrorOf, type LarkHttp } from "../LarkHttp.ts"
import type { MeetingId } from "../MeetingId.ts"
import * as MeetingUser from "../MeetingUser.ts"
import type { UserToken } from "../UserToken.ts"

const errors = [
  LarkError.InternalError,
  LarkError.NotSupported,
  LarkError.ParamError,
  LarkError.NoPermission,
  LarkError.MeetingStatusUnexpected,
  LarkError.MeetingNotExist,
  LarkError.OperatorNotInMeeting,
  LarkError.CannotOperateSelf
] as const

const Results = Schema.optional(Schema.Unknown)

const inviteEndpoint = endpoint({
  name: "vc.v1.meeting.invite",
  method: "PATCH",
  path: "/vc/v1/meetings/:meeting_id/invite",
  token: "user",
  errors: [...errors, LarkError.ParticipantCountReachLimit, LarkError.CalleeIsBusy, LarkError.MeetingIsLocked],
  data: Schema.Struct({ invite_results: Results })
})

const kickoutEndpoint = endpoint({
  name: "vc.v1.meeting.kickout",
  method: "POST",
  path: "/vc/v1/meetings/:meeting_id/kickout",
  // Documented for apps; the official CLI calls it as a user who is host or co-host.
  token: "either",
  errors,
  data: Schema.Struct({ kickout_results: Results })
})

/**
 * How `invite` fails: with the errors documented for `PATCH /vc/v1/meetings/:meeting_id/invite`, and the generic ones.
 *
 * @stability stable
 * @category errors
 */
export type InviteError = ErrorOf<typeof inviteEndpoint>

/**
 * How `kickout` fails: with the errors documented for `POST /vc/v1/meetings/:meeting_id/kickout`, and the generic ones.
 *
 * @stability stable
 * @category errors
 */
export type KickoutError = ErrorOf<typeof kickoutEndpoint>

/**
 * The outcome of one person.
 *
 * **Details**
 *
 * - `done`: invited, or removed.
 * - `refused`: the platform says that it failed, and not why.
 * - `unreported`: the answer does not name the person, or has a result for the person that is not documented.
 * - `failed`: the request that named the person failed. If `error.retry` is `unknown`, it may have been executed.
 *
 * @stability stable
 * @category models
 */
export type PersonOutcome<T extends MeetingUser.IdType, E> =
  | { readonly user: MeetingUser.MeetingUser<T>; readonly outcome: "done" | "refused" | "unreported" }
  | { readonly user: MeetingUser.MeetingUser<T>; readonly outcome: "failed"; readonly error: E }

/**
 * The schema of a `PersonOutcome`, from the kind of id and the schema of the errors, such as `LarkError.LarkError`.
 *
 * @stability stable
 * @category schemas
 */
export const PersonOutcomeSchema = <T extends MeetingUser.IdType, E, I>(
  idType: T,
  error: Schema.Codec<E, I>
): Schema.Codec<PersonOutcome<T, E>, unknown> => {
  const user = MeetingUser.schema(idType)
  return Schema.Union([
    Schema.Struct({ user, outcome: Schema.Literals(["done", "refused", "unreported"]) }),
    Schema.Struct({ user, outcome: Schema.Literal("failed"), error })
  ])
}

/**
 * What is known of each person when an interruption or a defect ends `invite` or `kickout`.
 *
 * @stability stable
 * @category models
 */
export interface AbandonedPeople<out T extends MeetingUser.IdType, out E> {
  /** The outcomes that were known, in the order given. */
  readonly outcomes: ReadonlyArray<PersonOutcome<T, E>>
  /** The people of the request that was cut: it may have been executed. */
  readonly uncertain: ReadonlyArray<MeetingUser.MeetingUser<T>>
  /** The people whom no request has named, and those whose request the platform refused to execute yet. */
  readonly unsent: ReadonlyArray<MeetingUser.MeetingUser<T>>
}

/**
 * The options of `invite` and `kickout`.
 *
 * @stability stable
 * @category models
 */
export interface PeopleOptions<in T extends MeetingUser.IdType, in E> {
  /**
   * Called, once, when an interruption or a defect ends the call, so that no outcome is lost. It runs on a fiber of its own,
   * for which the interruption does not wait.
   */
  readonly onAbandoned?: ((abandoned: AbandonedPeople<T, E>) => Effect.Effect<void>) | undefined
}

type Users<T extends MeetingUser.IdType> = ReadonlyArray<MeetingUser.MeetingUser<T>>

/** The most people in one request. Documented for `invite`; the official CLI has it for both. */
const batchSize = 10

const documentedResults = new Map<unknown, "done" | "refused">([[1, "done"], [2, "refused"]])

/** The outcomes that an answer reports, in its `field`. */
const reported = <T extends MeetingUser.IdType>(users: Users<T>, results: ReadonlyArray<wire.Wire>, field: string) => {
  const namedBy = ({ id, user_type }: wire.Wire) =>
    users.filter((user) =>
      (typeof id === "number" ? Number(user.id) === id : user.id === id)
      && (user_type ?? user.userType) === user.userType
    )
  const found = new Map<MeetingUser.MeetingUser, unknown>()
  for (const result of results) {
    const [user, other] = namedBy(result)
    // A long number has lost digits in JSON, so it may name two. The order of results is not documented.
    if (user !== undefined && other === undefined) found.set(user, result[field])
  }
  return users.map((user) => ({
    user,
    outcome: documentedResults.get(found.get(user)) ?? ("unreported" as const)
  }))
}

/** Refusals that may be due to one of the people of a request: the others get another chance, each alone. */
const personal: ReadonlySet<string> = new Set<(InviteError | KickoutError)["_tag"]>([
  "CalleeIsBusy",
  "CannotOperateSelf",
  "FieldValidationFailed",
  // The host cannot be removed.
  "NoPermission",
  "ParamError",
  "ParticipantCountReachLimit",
  "UserIdRejected",
  "UserTypeNotSupported"
])

/** Documented for other operations on a person, but not for these. */
const targetNotInMeeting = 122004

const isPersonal = (error: InviteError | KickoutError) =>
  personal.has(error._tag) || (error._tag === "UnknownApiError" && error.code === targetNotInMeeting)

/** Whether the next request would be refused, too, whomever it names. */
const isForEveryone = (error: InviteError | KickoutError) =>
  error._tag === "RateLimited" || ((error.retry === "never" || error.retry === "token") && !isPersonal(error))

const distinct = <T extends MeetingUser.IdType>(users: Iterable<MeetingUser.MeetingUser<T>>): Users<T> => [
  ...new Map(Array.from(users, (user) => [`${user.idType} ${user.userType} ${user.id}`, user])).values()
]

/** How long one request waits for the rate limit in all. */
const patience = Duration.minutes(1)

/** The platform counts in whole seconds. */
const shortestWait = Duration.seconds(1)

/** Sends a request again that a rate limit refused: it was not executed. */
const afterLimit = <A, E extends InviteError | KickoutError, R>(
  request: Effect.Effect<A, E, R>,
  left = patience
): Effect.Effect<A, E, R> =>
  Effect.catch(request, (error) => {
    const wait = error._tag === "RateLimited" && Duration.max(error.retryAfter ?? shortestWait, shortestWait)
    return wait && Duration.isLessThanOrEqualTo(wait, left)
      ? Effect.delay(afterLimit(request, Duration.subtract(left, wait)), wait)
      : Effect.fail(error)
  })

/** What is sent about people, and where its answer has their outcomes. */
interface Sending<E, R> {
  readonly endpoint: string
  readonly span: string
  readonly field: "status" | "result"
  readonly send: (
    about: { readonly params: { readonly meeting_id: string }; readonly query: { readonly user_id_type: string } },
    users: ReadonlyArray<ReturnType<typeof MeetingUser.toWire>>
  ) => Effect.Effect<unknown, E, R>
}

/** Sends the people in batches. Fails only if nothing can have been done, for one reason. */
const inBatches = <T extends MeetingUser.IdType, E extends InviteError | KickoutError, R>(
  { endpoint, field, send, span }: Sending<E, R>,
  meetingId: MeetingId,
  people: Iterable<MeetingUser.MeetingUser<T>>,
  { onAbandoned }: PeopleOptions<NoInfer<T>, E> = {}
): Effect.Effect<ReadonlyArray<PersonOutcome<T, E>>, E | LarkError.InvalidParameter, R> => {
  const sending = Effect.gen(function*() {
    const users = distinct(people)
    const idType = yield* oneIdType(endpoint, "people", users)
    if (idType === undefined) return []

    /** In the order of the users, since the requests are. */
    const outcomes = new Map<MeetingUser.MeetingUser<T>, PersonOutcome<T, E>>()
    const note = (answered: ReadonlyArray<PersonOutcome<T, E>>) => {
      for (const one of answered) outcomes.set(one.user, one)
    }
    const fail = (users: Users<T>, error: E) => note(users.map((user) => ({ user, outcome: "failed", error })))

    const isDenied = (user: MeetingUser.MeetingUser<T>) => {
      const one = outcomes.get(user)
      return one?.outcome === "failed" && one.error._tag === "NoPermission"
    }

    /** Whom the request names that is under way. */
    let underWay: Users<T> = []
    const about = { params: { meeting_id: meetingId }, query: { user_id_type: idType } }
    const request = (batch: Users<T>) =>
      Effect.suspend(() => {
        underWay = batch
        return Effect.tapError(send(about, batch.map(MeetingUser.toWire)), ({ retry }) =>
          Effect.sync(() => underWay = retry === "unknown" ? batch : []))
      })

    const all = Effect.gen(function*() {
      const waiting: Array<Users<T>> = Arr.chunksOf(users, batchSize)
      /** The batch whose people are sent one by one. */
      let split: Users<T> = []
      for (let batch = waiting.shift(); batch !== undefined; batch = waiting.shift()) {
        const answer = yield* Effect.result(afterLimit(request(batch)))
        if (Result.isSuccess(answer)) {
          note(reported(batch, wire.list(answer.success), field))
          continue
        }
        const error = answer.failure
        if (batch.length > 1 && isPersonal(error)) {
          split = batch
          waiting.unshift(...batch.map((user) => [user]))
          continue
        }
        fail(batch, error)
        // Nobody of a batch may be removed, so nobody else may be.
        if (isForEveryone(error) || (batch[0] === split.at(-1) && split.every(isDenied))) {
          fail(waiting.splice(0).flat(), error)
        }
      }
    })

    const abandon = Effect.suspend(() => {
      const left = users.filter((user) => !outcomes.has(user))
      return onAbandoned?.({
        outcomes: [...outcomes.values()],
        uncertain: left.filter((user) => underWay.includes(user)),
        unsent: left.filter((user) => !underWay.includes(user))
      }) ?? Effect.void
    })
    // It cannot fail: it is interrupted, or dies.
    yield* Effect.onError(all, () => Effect.forkDetach(abandon, { startImmediately: true }))

    const failures = [...outcomes.values()].flatMap((one) =>
      one.outcome === "failed" && one.error.retry !== "unknown" ? [one.error] : []
    )
    const [error] = failures
    return error !== undefined && failures.length === users.length && failures.every(({ _tag }) => _tag === error._tag)
      ? yield* Effect.fail(error)
      : [...outcomes.values()]
  })
  return withSpan(sending, span, () => ({ "lark.meeting_id": meetingId }))
}

/**
 * Invites people to a meeting, as a user who is in it. Fails with `InviteError`, if nobody can have been invited.
 *
 * **Details**
 *
 * Any number of people, ten in a request, each once: the outcomes are those of the distinct people, in the order given. If
 * a request fails for what may be one person (a busy one, an invalid id), its people are sent again, one in a request. A
 * request that fails otherwise is the outcome of its people, and the others are still sent, unless the platform would
 * refuse those, too.
 *
 * A request that gets a 429 (`RateLimited`) was not executed. It is sent again after the wait that the platform asks for, at
 * least a second, as long as the waits of this request do not exceed a minute. After that, `RateLimited` is the outcome of its
 * people and of all after them, who are not sent. With `RateLimits` the wait is the same, not twice as long. No other error is
 * retried.
 *
 * Users only: wrap the call with `Lark.asUser`. Scope `vc:meeting`.
 *
 * **Gotchas**
 *
 * - `done` means that the platform calls them, not that they have joined.
 * - An interruption, such as that of `Effect.timeout`, leaves no outcome. `onAbandoned` gets what is known of each person.
 *
 * **Example** (Whom the platform could not call)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Lark, MeetingId, Meetings, MeetingUser, UserToken } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const id = MeetingId.make("6911188411932033028")
 * const people = [MeetingUser.openId("ou_bob"), MeetingUser.openId("ou_nobody")]
 * const program = Effect.gen(function*() {
 *   const token = yield* Simulator.Simulator.use((simulator) => simulator.userToken("ou_alice"))
 *   const outcomes = yield* Meetings.invite(id, people).pipe(Lark.asUser(UserToken.fromAccessToken(token)))
 *   return outcomes.map(({ outcome, user }) => `${user.id} ${outcome}`).join(", ")
 * })
 * const text = await Effect.runPromise(program.pipe(
 *   Effect.provide(Lark.layer(Simulator.defaultApp)),
 *   Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice" }], people: [{ user: "ou_bob" }] }))
 * ))
 * console.log(text) // => ou_bob done, ou_nobody refused
 * ```
 *
 * @stability stable
 * @category accessors
 */
export const invite = <T extends MeetingUser.IdType>(
  meetingId: MeetingId,
  people: Iterable<MeetingUser.MeetingUser<T>>,
  options?: PeopleOptions<NoInfer<T>, InviteError>
): Effect.Effect<ReadonlyArray<PersonOutcome<T, InviteError>>, InviteError, LarkHttp | UserToken> =>
  inBatches(
    {
      endpoint: inviteEndpoint.name,
      span: "Meetings.invite",
      field: "status",
      send: (about, invitees) =>
        Effect.map(call(inviteEndpoint, { ...about, body: { invitees } }), ({ invite_results }) => invite_results)
    },
    meetingId,
    people,
    options
  )

/**
 * Removes people from a meeting. Fails with `KickoutError`, if nobody can have been removed.
 *
 * **Details**
 *
 * Batches, waits, outcomes and `onAbandoned` are those of `invite`. Runs as the app, or as the user inside `Lark.asUser`, who
 * must be host or co-host. Scope `vc:meeting`.
 *
 * **Gotchas**
 *
 * - The host cannot be removed: `NoPermission`. Move the role first, by `setHost`.
 * - The documentation allows apps only; the official CLI calls it as users only. If one is refused with `NoPermission` or
 *   `TokenRejected`, try the other.
 *
 * @stability stable
 * @category accessors
 */
export const kickout = <T extends MeetingUser.IdType>(
  meetingId: MeetingId,
  people: Iterable<MeetingUser.MeetingUser<T>>,
  options?: PeopleOptions<NoInfer<T>, KickoutError>
): Effect.Effect<ReadonlyArray<PersonOutcome<T, KickoutError>>, KickoutError, LarkHttp> =>
  inBatches(
    {
      endpoint: kickoutEndpoint.name,
      span: "Meetings.kickout",
      field: "result",
      send: (about, kickout_users) =>
        Effect.map(call(kickoutEndpoint, { ...about, body: { kickout_users } }), (answer) => answer.kickout_results)
    },
    meetingId,
    people,
    options
  )
