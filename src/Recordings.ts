/**
 * The recording of a meeting.
 *
 * **Details**
 *
 * `start` and `stop` take the user who is host, `setPermission` the owner of the meeting: wrap them with `Lark.asUser`. `get`
 * runs as the app, which may read every recording of its tenant, or as the owner. A recording is ready some time after the
 * meeting has ended: `ready` waits for that. Source: Feishu Open Platform, vc-v1 `meeting-recording`.
 *
 * **Example** (Waiting for a recording)
 *
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Lark, MeetingId, Meetings, Recordings, UserToken } from "effect-lark-meetings"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const id = MeetingId.make("6911188411932033028")
 * const program = Effect.gen(function*() {
 *   const token = yield* Simulator.Simulator.use((simulator) => simulator.userToken("ou_alice"))
 *   yield* Effect.all([Recordings.start(id), Recordings.stop(id), Meetings.end(id)]).pipe(
 *     Lark.asUser(UserToken.fromAccessToken(token))
 *   )
 *   return Option.getOrThrow(yield* Recordings.ready(id)).url
 * })
 * const url = await Effect.runPromise(program.pipe(
 *   Effect.provide(Lark.layer(Simulator.defaultApp)),
 *   Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice" }] }))
 * ))
 * console.log(url.startsWith("https://meetings.feishu.cn/minutes/")) // => true
 * ```
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { oneIdType } from "./internal/idTypes.ts"
import { monotonicMillis, onMonotonicClock } from "./internal/monotonicClock.ts"
import * as wire from "./internal/wire.ts"
import * as LarkError from "./LarkError.ts"
import { call, endpoint, type ErrorOf, type LarkHttp } from "./LarkHttp.ts"
import type { MeetingId } from "./MeetingId.ts"
import type * as MeetingUser from "./MeetingUser.ts"
import type { UserToken } from "./UserToken.ts"

const recording = Schema.toType(Schema.Struct({
  /** The page on which people watch it. */
  url: Schema.String,
  /** The token of that page, for the minutes API. */
  minuteToken: Schema.Option(Schema.String),
  duration: Schema.Option(Schema.Duration)
}))

/**
 * A recording that is ready.
 *
 * @stability stable
 * @category models
 */
export interface Recording extends Schema.Schema.Type<typeof recording> {}

/**
 * The schema of a recording. For JSON, use it with `Schema.toCodecJson`.
 *
 * @stability stable
 * @category schemas
 */
export const Recording: Schema.Codec<Recording> = recording

/**
 * Who may watch a recording: a user, the people of a chat (`open_chat_id`), the whole tenant, or everybody who has the link.
 *
 * @stability stable
 * @category models
 */
export type Viewer<T extends MeetingUser.IdType = MeetingUser.IdType> =
  | MeetingUser.MeetingUser<T>
  | { readonly chatId: string }
  | "tenant"
  | "public"

/** The platform does not publish how often a recording may be started or stopped; a 429 says how long to wait. */
const unknownLimits = { limits: [] } as const

const controlErrors = [
  LarkError.InternalError,
  LarkError.NotSupported,
  LarkError.ParamError,
  LarkError.NoPermission,
  LarkError.MeetingStatusUnexpected,
  LarkError.MeetingNotExist,
  LarkError.OperatorNotInMeeting
] as const

const startEndpoint = endpoint({
  ...unknownLimits,
  name: "vc.v1.meeting_recording.start",
  span: "Recordings.start",
  method: "PATCH",
  path: "/vc/v1/meetings/:meeting_id/recording/start",
  token: "user",
  errors: controlErrors
})

const stopEndpoint = endpoint({
  ...unknownLimits,
  name: "vc.v1.meeting_recording.stop",
  span: "Recordings.stop",
  method: "PATCH",
  path: "/vc/v1/meetings/:meeting_id/recording/stop",
  token: "user",
  errors: controlErrors
})

const getEndpoint = endpoint({
  name: "vc.v1.meeting_recording.get",
  span: "Recordings.get",
  method: "GET",
  path: "/vc/v1/meetings/:meeting_id/recording",
  token: "either",
  errors: [
    LarkError.InternalError,
    LarkError.NotSupported,
    LarkError.ParamError,
    LarkError.DataNotExist,
    LarkError.NoPermission,
    LarkError.MeetingStatusUnexpected,
    LarkError.MeetingNotExist,
    LarkError.RecordProcessing
  ],
  data: Schema.Struct({ recording: Schema.optional(Schema.Unknown) })
})

const setPermissionEndpoint = endpoint({
  name: "vc.v1.meeting_recording.set_permission",
  span: "Recordings.setPermission",
  method: "PATCH",
  path: "/vc/v1/meetings/:meeting_id/recording/set_permission",
  token: "user",
  errors: [
    LarkError.InternalError,
    LarkError.NotSupported,
    LarkError.ParamError,
    LarkError.DataNotExist,
    LarkError.NoPermission,
    LarkError.MeetingNotExist
  ]
})

/**
 * How `start` and `stop` fail: with the errors documented for `PATCH /vc/v1/meetings/:meeting_id/recording/start`, and the
 * generic ones.
 *
 * @stability stable
 * @category errors
 */
export type ControlError = ErrorOf<typeof startEndpoint>

/**
 * How `get` and `ready` fail: with the errors documented for `GET /vc/v1/meetings/:meeting_id/recording`, and the generic
 * ones.
 *
 * @stability stable
 * @category errors
 */
export type GetError = ErrorOf<typeof getEndpoint>

/**
 * How `setPermission` fails: with the errors documented for
 * `PATCH /vc/v1/meetings/:meeting_id/recording/set_permission`, and the generic ones.
 *
 * @stability stable
 * @category errors
 */
export type SetPermissionError = ErrorOf<typeof setPermissionEndpoint>

/**
 * Starts recording, as the user who is host. Fails with `ControlError`.
 *
 * **Details**
 *
 * `timezone` is that of the times on the recording, in hours from UTC, -12 to 12. A meeting that is being recorded already
 * is `MeetingStatusUnexpected`. Scope `vc:record`.
 *
 * @stability stable
 * @category accessors
 */
export const start = (
  meetingId: MeetingId,
  options: { readonly timezone?: number | undefined } = {}
): Effect.Effect<void, ControlError, LarkHttp | UserToken> =>
  call(startEndpoint, {
    params: { meeting_id: meetingId },
    body: options.timezone === undefined ? undefined : { timezone: options.timezone }
  })

/**
 * Stops recording, as the user who is host. Fails with `ControlError`.
 *
 * **Details**
 *
 * A meeting that is not being recorded is `MeetingStatusUnexpected`. Scope `vc:record`.
 *
 * @stability stable
 * @category accessors
 */
export const stop = (meetingId: MeetingId): Effect.Effect<void, ControlError, LarkHttp | UserToken> =>
  call(stopEndpoint, { params: { meeting_id: meetingId } })

/**
 * Reads the recording of a meeting that has ended. Fails with `GetError`.
 *
 * **Details**
 *
 * `RecordProcessing` until it is ready: `ready` waits for that. `None` if the platform has none, as after a recording of
 * less than five seconds. As the app, or as the owner of the meeting. Scope `vc:record:readonly`.
 *
 * @stability stable
 * @category accessors
 */
export const get = (meetingId: MeetingId): Effect.Effect<Option.Option<Recording>, GetError, LarkHttp> =>
  Effect.map(call(getEndpoint, { params: { meeting_id: meetingId } }), (data) => {
    const { duration, url } = wire.object(data.recording)
    return Option.map(wire.someText(url), (url) => ({
      url,
      minuteToken: wire.someText(url.split(/[?#]/)[0]?.split("/").at(-1)),
      duration: Option.map(
        Option.liftPredicate(wire.text(duration), (millis) => /^[0-9]+$/.test(millis)),
        (millis) => Duration.millis(Number(millis))
      )
    }))
  })

/**
 * How to wait for a recording.
 *
 * @stability stable
 * @category models
 */
export interface ReadyOptions<R = never> {
  /** When to ask again. Unless given: after five seconds, then less and less often, down to once a minute, for an hour. */
  readonly schedule?: Schedule.Schedule<unknown, GetError, never, R> | undefined
  /**
   * Each element makes it ask at once, or when a wait that the platform asked for has passed: the `RecordingReady` events of
   * the meeting. Elements that come while it asks or waits lead to one more request. When the stream ends, fails or dies, the
   * schedule alone counts.
   */
  readonly wake?: Stream.Stream<unknown, unknown, R> | undefined
}

const patience = Schedule.min([Schedule.exponential("5 seconds", 1.5), Schedule.spaced("1 minute")]).pipe(
  Schedule.upTo({ duration: "1 hour" })
)

/**
 * Waits until the recording of a meeting is ready. Fails with `GetError`.
 *
 * **Details**
 *
 * Asks again, as the schedule says, after `RecordProcessing` and after errors that may pass, such as a lost reply. When the
 * schedule ends, it fails with the last of them. Nothing is sent before a wait that the platform asks for has passed. `None`
 * means the same as for `get`. Scope `vc:record:readonly`.
 *
 * **Gotchas**
 *
 * No recording is ready before its meeting has ended, so in a meeting in progress it waits until the schedule ends.
 *
 * @stability stable
 * @category accessors
 */
export const ready = <R = never>(
  meetingId: MeetingId,
  { schedule = patience, wake }: ReadyOptions<R> = {}
): Effect.Effect<Option.Option<Recording>, GetError, LarkHttp | R> =>
  Effect.clockWith((clock) => {
    /** Until when the platform asked to send nothing. */
    let notBefore = 0
    const heed = Effect.suspend(() => Effect.sleep(Math.max(0, notBefore - monotonicMillis(clock))))
    const asked = heed.pipe(
      Effect.andThen(get(meetingId)),
      Effect.tapError((error) =>
        Effect.sync(() => {
          const wait = "retryAfter" in error ? error.retryAfter : undefined
          if (wait !== undefined) notBefore = monotonicMillis(clock) + Duration.toMillis(wait)
        })
      )
    )
    const onWallClock = Effect.provideService(asked, Clock.Clock, clock)
    const again = Effect.retry(onWallClock, {
      schedule,
      while: ({ retry }) => retry === "wait" || retry === "unknown"
    })
    // Setting the wall clock does not change how long the schedule lasts.
    const polled = onMonotonicClock(again)
    if (wake === undefined) return polled
    const woken = Effect.gen(function*() {
      const wakes = yield* Queue.sliding<void>(1)
      const waking = Stream.runForEach(wake, () => Queue.offer(wakes, undefined))
      yield* Effect.forkChild(waking, { startImmediately: true })
      while (true) {
        yield* Queue.take(wakes)
        yield* heed
        // What woke it before this request is seen by this request.
        yield* Queue.clear(wakes)
        const answer = yield* Effect.option(asked)
        if (Option.isSome(answer)) return answer.value
      }
    })
    return Effect.raceFirst(polled, woken)
  })

const viewerTypes = { chat: 2, tenant: 3, public: 4 }

/** To watch, the only documented permission. */
const permission = 1

const isUser = <T extends MeetingUser.IdType>(viewer: Viewer<T>): viewer is MeetingUser.MeetingUser<T> =>
  typeof viewer === "object" && "idType" in viewer

const objectOf = (viewer: Viewer) =>
  typeof viewer === "string"
    ? { type: viewerTypes[viewer], permission }
    : "chatId" in viewer
    ? { id: viewer.chatId, type: viewerTypes.chat, permission }
    : { id: viewer.id, type: 1, permission }

/**
 * Lets people watch a recording that is ready, or no longer lets them, as the owner of the meeting. Fails with
 * `SetPermissionError`.
 *
 * **Details**
 *
 * Users that are named by different kinds of id are refused with `InvalidParameter`, and nothing is sent. Scope `vc:record`.
 *
 * @stability stable
 * @category accessors
 */
export const setPermission = <T extends MeetingUser.IdType = never>(
  meetingId: MeetingId,
  action: "grant" | "revoke",
  viewers: ReadonlyArray<Viewer<T>>
): Effect.Effect<void, SetPermissionError, LarkHttp | UserToken> =>
  Effect.flatMap(
    oneIdType(setPermissionEndpoint.name, "viewers", viewers.filter(isUser)),
    (idType) =>
      call(setPermissionEndpoint, {
        params: { meeting_id: meetingId },
        query: { user_id_type: idType },
        body: { permission_objects: viewers.map(objectOf), action_type: action === "grant" ? 0 : 1 }
      })
  )
