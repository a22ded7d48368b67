/**
 * From the number of a meeting to its ids.
 *
 * Source: Feishu Open Platform, vc-v1 `meeting` (list_by_no, get).
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Order from "effect/Order"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as wire from "../internal/wire.ts"
import * as LarkError from "../LarkError.ts"
import { endpoint, type ErrorOf, LarkHttp, paged, pages } from "../LarkHttp.ts"
import * as Meeting from "../Meeting.ts"
import * as MeetingId from "../MeetingId.ts"
import * as MeetingNo from "../MeetingNo.ts"
import type * as MeetingUser from "../MeetingUser.ts"
import type * as endpoints from "./endpoints.ts"
import * as hostRegister from "./hostRegister.ts"

const listEndpoint = endpoint({
  name: "vc.v1.meeting.list_by_no",
  span: "Meetings.listByNo",
  method: "GET",
  path: "/vc/v1/meetings/list_by_no",
  token: "either",
  errors: [LarkError.InternalError, LarkError.ParamError],
  limits: [{ requests: 100, window: Duration.minutes(1) }],
  data: Schema.Struct({
    ...paged,
    meeting_briefs: Schema.optional(Schema.Array(
      Schema.StructWithRest(Schema.Struct({ id: MeetingId.MeetingId }), [Schema.Record(Schema.String, Schema.Unknown)])
    ))
  })
})

const brief = Schema.toType(Schema.Struct({
  id: MeetingId.MeetingId,
  topic: Schema.String,
  url: Schema.String,
  meetingNo: MeetingNo.MeetingNo,
  password: Schema.Option(Schema.Redacted(Schema.String)),
  /** Whether it connects several tenants. */
  meetingConnect: Schema.Boolean,
  noteId: Schema.Option(Schema.String)
}))

/**
 * A meeting that has, or had, a number.
 *
 * @stability stable
 * @category models
 */
export interface MeetingBrief extends Schema.Schema.Type<typeof brief> {}

/**
 * The schema of a `MeetingBrief`. For JSON, use it with `Schema.toCodecJson`; the JSON holds the password.
 *
 * @stability stable
 * @category schemas
 */
export const MeetingBrief: Schema.Codec<MeetingBrief> = brief

/**
 * How `listByNo` fails: with the errors documented for `GET /vc/v1/meetings/list_by_no`, and the generic ones.
 *
 * @stability stable
 * @category errors
 */
export type ListByNoError = ErrorOf<typeof listEndpoint>

/**
 * How `activeByNo` fails: as `listByNo`, or as `get`.
 *
 * @stability stable
 * @category errors
 */
export type ActiveByNoError = ListByNoError | ErrorOf<typeof endpoints.get>

/** The platform keeps meetings for this long. */
const kept = Duration.days(90)

const pageSize = 50

/** Not before 1970, where a test clock begins. */
const seconds = (time: DateTime.DateTime, round: (seconds: number) => number): string =>
  String(Math.max(0, round(DateTime.toEpochMillis(time) / 1_000)))

const refused = (parameter: string, reason: string) =>
  new LarkError.InvalidParameter({ endpoint: listEndpoint.name, parameter, reason })

/**
 * Streams the meetings that have, or had, a number between two times. Fails with `ListByNoError`.
 *
 * **Details**
 *
 * One number may have had many meetings: a recurring meeting keeps its number, and that of an expired reservation is used
 * again. The platform keeps meetings for 90 days: a span that is longer, empty or backwards, or a time that is invalid, is
 * refused with `InvalidParameter`, and nothing is sent. The order is not documented. A page that fails is an error, never an
 * early end. Scope `vc:meeting:readonly` or `vc:meeting.meetingid:read`; 100 requests a minute.
 *
 * **Example** (The ids behind a number)
 *
 * ```ts
 * import { DateTime, Effect, Stream } from "effect"
 * import { Lark, MeetingNo, Meetings } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const program = Effect.gen(function*() {
 *   const now = yield* DateTime.now
 *   const range = { from: DateTime.subtract(now, { days: 7 }), until: now }
 *   const briefs = yield* Stream.runCollect(Meetings.listByNo(MeetingNo.make("123456789"), range))
 *   return briefs.map(({ id }) => id).join()
 * })
 * const ids = await Effect.runPromise(program.pipe(
 *   Effect.provide(Lark.layer(Simulator.defaultApp)),
 *   Effect.provide(Simulator.layer({ meetings: [{ id: "6911188411932033028", meetingNo: "123456789" }] }))
 * ))
 * console.log(ids) // => 6911188411932033028
 * ```
 *
 * @stability stable
 * @category accessors
 */
export const listByNo = (
  meetingNo: MeetingNo.MeetingNo,
  { from, until }: { readonly from: DateTime.DateTime; readonly until: DateTime.DateTime }
): Stream.Stream<MeetingBrief, ListByNoError, LarkHttp> => {
  const invalid = Object.entries({ from, until }).find(([, time]) => !Number.isFinite(DateTime.toEpochMillis(time)))
  if (invalid !== undefined) return Stream.fail(refused(invalid[0], "is not a valid time"))
  const span = DateTime.distance(from, until)
  if (!Duration.isGreaterThan(span, Duration.zero)) return Stream.fail(refused("until", "is not after from"))
  if (Duration.isGreaterThan(span, kept)) return Stream.fail(refused("from", "is more than 90 days before until"))
  const query = {
    meeting_no: meetingNo,
    start_time: seconds(from, Math.floor),
    end_time: seconds(until, Math.ceil),
    page_size: pageSize
  }
  return Stream.flatMap(
    pages(listEndpoint, { query }),
    ({ meeting_briefs = [] }) =>
      Stream.fromIterable(meeting_briefs.map((brief): MeetingBrief => ({
        id: brief.id,
        topic: wire.text(brief["topic"]),
        url: wire.text(brief["url"]),
        meetingNo,
        password: wire.someSecret(brief["password"]),
        meetingConnect: wire.flag(brief["meeting_connect"]),
        noteId: wire.someText(brief["note_id"])
      })))
  )
}

/**
 * How to find the meeting in progress.
 *
 * @stability stable
 * @category models
 */
export interface ActiveByNoOptions<T extends MeetingUser.IdType = MeetingUser.IdType> {
  /** The kind of id that names users: `open_id` unless given. */
  readonly idType?: T | undefined
  readonly withParticipants?: boolean | undefined
  /** How long ago the meeting can have started: 24 hours unless given. More than 90 days are taken for 90 days. */
  readonly since?: Duration.Input | undefined
}

/** The clock of this machine may be behind the platform's. */
const skew = Duration.minutes(5)

/** Ids grow with time. */
const newestFirst = Order.mapInput(Order.flip(Order.BigInt), ({ id }: MeetingBrief) => BigInt(id))

/**
 * Finds the meeting in progress that has a number, if there is one. Fails with `ActiveByNoError`.
 *
 * **Details**
 *
 * Lists the meetings of the number that started in the last 24 hours, or `since`, and reads them, newest first, until one
 * is in progress. The list reaches five minutes into the future, since the platform's clock may be ahead of this machine's. A
 * `since` that is not above zero is refused with `InvalidParameter`, and nothing is sent. A meeting that no longer exists is
 * passed over. So is one that the caller may not read; if then none is in progress, the call fails with `NoPermission`. The
 * scopes of `listByNo` and `get`.
 *
 * **Example** (From a number to the host)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Lark, MeetingNo, Meetings } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const program = Meetings.activeByNo(MeetingNo.make("123456789")).pipe(
 *   Effect.map(Option.flatMap(({ hostUser }) => hostUser))
 * )
 * const host = await Effect.runPromise(program.pipe(
 *   Effect.provide(Lark.layer(Simulator.defaultApp)),
 *   Effect.provide(Simulator.layer({
 *     meetings: [{ id: "6911188411932033028", meetingNo: "123456789", host: "ou_alice" }]
 *   }))
 * ))
 * console.log(Option.getOrThrow(host).id) // => ou_alice
 * ```
 *
 * @stability stable
 * @category accessors
 */
export const activeByNo = <T extends MeetingUser.IdType = "open_id">(
  meetingNo: MeetingNo.MeetingNo,
  options: ActiveByNoOptions<T> = {}
): Effect.Effect<Option.Option<Meeting.Meeting<T>>, ActiveByNoError, LarkHttp> =>
  Effect.gen(function*() {
    const lark = yield* LarkHttp
    const now = yield* DateTime.now
    // NaN becomes zero.
    const given = Option.filter(Duration.fromInput(options.since ?? Duration.days(1)), Duration.isPositive)
    if (Option.isNone(given)) return yield* refused("since", "is not a duration above zero")
    const since = Duration.min(given.value, Duration.subtract(kept, skew))
    const range = { from: DateTime.subtractDuration(now, since), until: DateTime.addDuration(now, skew) }
    const briefs = yield* Stream.runCollect(listByNo(meetingNo, range))
    let unreadable: LarkError.NoPermission | undefined
    for (const { id } of briefs.toSorted(newestFirst)) {
      const read = hostRegister.get(lark, id, options.idType, options)
      const meeting = yield* read.pipe(
        Effect.asSome,
        Effect.catchTags({
          DataNotExist: () => Effect.succeedNone,
          NoPermission: (error) => {
            unreadable = error
            return Effect.succeedNone
          }
        })
      )
      if (Option.exists(meeting, ({ status }) => status === Meeting.Status.InProgress)) return meeting
    }
    return unreadable === undefined ? Option.none() : yield* unreadable
  })
