import { assert, describe, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, Option, Queue, Schedule, Stream } from "effect"
import { Events, Lark, MeetingId, Meetings, MeetingUser, Recordings } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { connect, settle } from "./fixtures/connected.ts"
import * as platform from "./fixtures/http/platform.ts"
import { wallClock } from "./fixtures/wallClock.ts"
import { asUser, bob, elapse, id, on } from "./fixtures/World.ts"

const meetings: ReadonlyArray<Simulator.MeetingOptions> = [
  { id, host: "ou_alice", owner: "ou_alice", participants: ["ou_bob"] }
]

const asAlice = asUser("ou_alice")

/** A meeting that was recorded for a minute, and has ended. */
const recorded = Effect.gen(function*() {
  yield* asAlice(Recordings.start(id))
  yield* TestClock.adjust("1 minute")
  yield* asAlice(Recordings.stop(id))
  yield* asAlice(Meetings.end(id))
})

const bodies = (endpoint: string) =>
  Simulator.Simulator.use(({ requests }) =>
    Effect.map(requests, (all) => all.filter((one) => one.endpoint === endpoint).map(({ body }) => body))
  )

/** When each `recording_get` was sent. */
const getTimes = Simulator.Simulator.use(({ requests }) =>
  Effect.map(requests, (all) => all.filter(({ endpoint }) => endpoint === "recording_get").map(({ at }) => at))
)

const gets = Effect.map(getTimes, (times) => times.length)

describe("start and stop", () => {
  it.effect("record, as the host", () =>
    on(
      { meetings },
      Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        yield* asAlice(Recordings.start(id))
        assert.isUndefined((yield* simulator.meeting(id)).recording?.stoppedAt)
        const again = yield* Effect.flip(asAlice(Recordings.start(id)))
        assert.strictEqual(again._tag, "MeetingStatusUnexpected")
        yield* TestClock.adjust("10 seconds")
        yield* asAlice(Recordings.stop(id))
        const { recording } = yield* simulator.meeting(id)
        assert.deepStrictEqual(recording, { startedAt: 0, stoppedAt: 10_000, viewers: [] })
        assert.strictEqual((yield* Effect.flip(asAlice(Recordings.stop(id))))._tag, "MeetingStatusUnexpected")
      })
    ))

  it.effect("send no body, unless there is a time zone", () =>
    on(
      { meetings },
      Effect.gen(function*() {
        yield* asAlice(Recordings.start(id))
        yield* asAlice(Recordings.stop(id))
        yield* asAlice(Recordings.start(id, { timezone: -8 }))
        assert.deepStrictEqual(yield* bodies("recording_start"), [undefined, { timezone: -8 }])
        assert.deepStrictEqual(yield* bodies("recording_stop"), [undefined])
        yield* asAlice(Recordings.stop(id))
        const error = yield* Effect.flip(asAlice(Recordings.start(id, { timezone: 13 })))
        assert.strictEqual(error._tag, "ParamError")
      })
    ))

  it.effect("are refused to others than the host", () =>
    on(
      { meetings },
      Effect.gen(function*() {
        assert.strictEqual((yield* Effect.flip(asUser("ou_bob")(Recordings.start(id))))._tag, "NoPermission")
        assert.strictEqual((yield* Effect.flip(asUser("ou_carol")(Recordings.stop(id))))._tag, "OperatorNotInMeeting")
        const other = MeetingId.make("1234567890")
        assert.strictEqual((yield* Effect.flip(asAlice(Recordings.start(other))))._tag, "MeetingNotExist")
      })
    ))
})

describe("get", () => {
  it.effect("reads the link and the duration, once the recording is ready", () =>
    on(
      { meetings, recordingReadyAfter: 30 },
      Effect.gen(function*() {
        yield* asAlice(Recordings.start(id))
        assert.strictEqual((yield* Effect.flip(Recordings.get(id)))._tag, "RecordProcessing")
        yield* TestClock.adjust("1 minute")
        yield* asAlice(Meetings.end(id))
        assert.strictEqual((yield* Effect.flip(Recordings.get(id)))._tag, "RecordProcessing")
        yield* TestClock.adjust("30 seconds")
        const recording = Option.getOrThrow(yield* Recordings.get(id))
        assert.strictEqual(recording.url, `https://meetings.feishu.cn/minutes/obcn${id}`)
        assert.deepStrictEqual(recording.minuteToken, Option.some(`obcn${id}`))
        assert.deepStrictEqual(recording.duration, Option.some(Duration.minutes(1)))
      })
    ))

  it.effect("runs as the app, or as the owner", () =>
    on(
      { meetings },
      Effect.gen(function*() {
        yield* recorded
        assert.isTrue(Option.isSome(yield* Recordings.get(id)))
        assert.isTrue(Option.isSome(yield* asAlice(Recordings.get(id))))
        assert.strictEqual((yield* Effect.flip(asUser("ou_bob")(Recordings.get(id))))._tag, "NoPermission")
      })
    ))

  it.effect("says what the platform says of a meeting that was not recorded", () =>
    Effect.gen(function*() {
      const outcome = (neverRecorded: Simulator.Behavior["neverRecorded"]) =>
        on(
          { meetings, neverRecorded },
          Effect.andThen(
            asAlice(Meetings.end(id)),
            Effect.match(Recordings.get(id), { onFailure: ({ _tag }) => _tag, onSuccess: ({ _tag }) => _tag })
          )
        )
      assert.strictEqual(yield* outcome("dataNotExist"), "DataNotExist")
      assert.strictEqual(yield* outcome("recordProcessing"), "RecordProcessing")
      assert.strictEqual(yield* outcome("noRecording"), "None")
    }))

  it.effect("is None without a link, and a duration that cannot be read does not fail it", () =>
    Effect.gen(function*() {
      const get = (data: unknown) =>
        Recordings.get(id).pipe(
          Effect.provide(Lark.layer(platform.app)),
          Effect.provide(platform.make(() => platform.ok(data)).layer)
        )
      for (const data of [{}, null, { recording: null }, { recording: {} }, { recording: { url: "" } }]) {
        assert.isTrue(Option.isNone(yield* get(data)), JSON.stringify(data))
      }
      const recording = yield* get({
        recording: { url: "https://meetings.feishu.cn/minutes/obcn1?from=x", duration: "soon" }
      })
      assert.deepStrictEqual(
        recording,
        Option.some({
          url: "https://meetings.feishu.cn/minutes/obcn1?from=x",
          minuteToken: Option.some("obcn1"),
          duration: Option.none()
        })
      )
    }))
})

describe("ready", () => {
  it.effect("asks again until the recording is ready, less and less often", () =>
    on(
      { meetings, recordingReadyAfter: 600 },
      Effect.gen(function*() {
        yield* recorded
        const recording = yield* elapse(Recordings.ready(id))
        assert.isTrue(Option.isSome(recording))
        const times = yield* getTimes
        const waits = times.slice(1).map((at, nth) => at - (times[nth] ?? 0))
        assert.deepStrictEqual(waits.slice(0, 3), [5_000, 7_500, 11_250])
        assert.strictEqual(waits.at(-1), 60_000)
      })
    ))

  it.effect("passes over errors that may pass, and ends with others", () =>
    on(
      {
        meetings,
        faults: [
          { endpoint: "recording_get", nth: 0, fault: { _tag: "DropAfter" } },
          { endpoint: "recording_get", nth: 1, fault: { _tag: "Throttle", reset: 1, status: 429 } }
        ]
      },
      Effect.gen(function*() {
        yield* recorded
        assert.isTrue(Option.isSome(yield* elapse(Recordings.ready(id))))
        const other = MeetingId.make("1234567890")
        assert.strictEqual((yield* Effect.flip(Recordings.ready(other)))._tag, "MeetingNotExist")
        assert.strictEqual(yield* gets, 4)
      })
    ))

  it.effect("waits as long as a throttled answer asks", () =>
    on(
      {
        meetings,
        faults: [{ endpoint: "recording_get", nth: 0, fault: { _tag: "Throttle", reset: 40, status: 429 } }]
      },
      Effect.gen(function*() {
        yield* recorded
        yield* elapse(Recordings.ready(id))
        const times = yield* getTimes
        assert.strictEqual(times[1]! - times[0]!, 40_000)
      })
    ))

  it.effect("waits as long as a throttled answer asks, whatever wakes it, and then asks once for all that did", () =>
    on(
      {
        meetings,
        faults: [{ endpoint: "recording_get", nth: 0, fault: { _tag: "Throttle", reset: 40, status: 429 } }],
        recordingReadyAfter: 60
      },
      Effect.gen(function*() {
        yield* recorded
        const wake = Stream.fromSchedule(Schedule.spaced("3 seconds")).pipe(Stream.take(10))
        yield* elapse(Recordings.ready(id, { schedule: Schedule.spaced("50 seconds"), wake }))
        const [first = 0, ...times] = yield* getTimes
        assert.deepStrictEqual(times.map((at) => at - first), [40_000, 50_000, 100_000])
      })
    ))

  it.effect("waits as long as an answer asks that a wake led to", () =>
    on(
      {
        meetings,
        faults: [{ endpoint: "recording_get", nth: 1, fault: { _tag: "Throttle", reset: 40, status: 429 } }],
        recordingReadyAfter: 20
      },
      Effect.gen(function*() {
        yield* recorded
        const wake = Stream.fromEffect(Effect.sleep("1 second"))
        yield* elapse(Recordings.ready(id, { wake }))
        const [first = 0, ...times] = yield* getTimes
        assert.deepStrictEqual(times.map((at) => at - first), [1_000, 41_000])
      })
    ))

  it.effect("gives up when its schedule ends, with the last error", () =>
    on(
      { meetings, recordingReadyAfter: 100_000 },
      Effect.gen(function*() {
        yield* recorded
        const schedule = Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 2 }))
        const error = yield* Effect.flip(elapse(Recordings.ready(id, { schedule })))
        assert.strictEqual(error._tag, "RecordProcessing")
        assert.strictEqual(yield* gets, 3)
        assert.strictEqual((yield* Effect.flip(elapse(Recordings.ready(id))))._tag, "RecordProcessing")
      })
    ))

  it.effect.each([["forward", 2], ["back", -10]] as const)(
    "lasts as long when the wall clock is set %s",
    ([, hours]) =>
      Effect.gen(function*() {
        const wall = yield* wallClock
        const askedAt: Array<number> = []
        const server = platform.make(() =>
          Effect.map(Clock.currentTimeMillis, (now) => {
            askedAt.push(now)
            return platform.failed(400, 124002)
          })
        )
        const waiting = yield* Effect.forkChild(
          Effect.flip(Recordings.ready(id)).pipe(
            Effect.provide(Lark.layer(platform.app)),
            Effect.provide(server.layer),
            Effect.provideService(Clock.Clock, wall.clock)
          ),
          { startImmediately: true }
        )
        yield* TestClock.adjust("10 seconds")
        wall.setBy(hours * 3_600_000)
        for (let minute = 0; minute < 58; minute++) yield* TestClock.adjust("1 minute")
        assert.isUndefined(waiting.pollUnsafe())
        for (let minute = 0; minute < 3; minute++) yield* TestClock.adjust("1 minute")
        assert.strictEqual((yield* Fiber.join(waiting))._tag, "RecordProcessing")
        // The requests themselves see the wall clock.
        assert.strictEqual(Math.round(askedAt.at(-1)! / 3_600_000), 1 + hours)
      })
  )

  it.effect("is woken by an event, also by one that is early or of a lost reply", () =>
    on(
      { meetings, recordingReadyAfter: 60 },
      Effect.gen(function*() {
        yield* recorded
        const events = yield* Queue.unbounded<string>()
        const schedule = Schedule.spaced("1 hour")
        const fiber = yield* Effect.forkChild(
          Recordings.ready(id, { schedule, wake: Stream.fromQueue(events) }),
          { startImmediately: true }
        )
        yield* Queue.offer(events, "early")
        yield* TestClock.adjust("1 second")
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("59 seconds")
        yield* (yield* Simulator.Simulator).addFaults([
          { endpoint: "recording_get", nth: 0, fault: { _tag: "DropBefore" } }
        ])
        yield* Queue.offer(events, "lost")
        yield* TestClock.adjust("1 second")
        yield* Queue.offer(events, "ready")
        assert.isTrue(Option.isSome(yield* Fiber.join(fiber)))
        assert.strictEqual(yield* gets, 4)
      })
    ))

  it.effect("asks once more for all events that come while it asks", () =>
    Effect.gen(function*() {
      const server = platform.make(() => Effect.delay(Effect.succeed(platform.failed(400, 124002)), 200))
      const events = yield* Queue.unbounded<number>()
      yield* Effect.gen(function*() {
        const wake = Stream.fromQueue(events)
        yield* Effect.forkChild(Recordings.ready(id, { schedule: Schedule.spaced("1 hour"), wake }))
        yield* TestClock.adjust("10 seconds")
        yield* Queue.offer(events, 0)
        yield* TestClock.adjust(100)
        yield* Queue.offerAll(events, Array.from({ length: 1_000 }, (_, nth) => nth))
        yield* TestClock.adjust("10 minutes")
      }).pipe(Effect.scoped, Effect.provide(Lark.layer(platform.app)), Effect.provide(server.layer))
      assert.strictEqual(server.calls.length, 3)
    }))

  it.effect("goes on by its schedule when the events end, fail or die", () =>
    Effect.forEach([Stream.make("early"), Stream.fail("refused"), Stream.die("broken")], (wake) =>
      on(
        { meetings, recordingReadyAfter: 60 },
        Effect.gen(function*() {
          yield* recorded
          assert.isTrue(Option.isSome(yield* elapse(Recordings.ready(id, { wake }))))
        })
      )))

  it.effect("is woken by the event of the platform", () =>
    connect(
      { meetings, recordingReadyAfter: 600 },
      Effect.gen(function*() {
        const wake = Events.stream().pipe(
          Stream.filter((event) => event._tag === "RecordingReady" && event.meeting.id === id)
        )
        const fiber = yield* Effect.forkChild(
          Recordings.ready(id, { schedule: Schedule.spaced("1 day"), wake }),
          { startImmediately: true }
        )
        yield* settle
        yield* recorded
        yield* TestClock.adjust("599 seconds")
        yield* settle
        assert.isUndefined(fiber.pollUnsafe())
        yield* TestClock.adjust("1 second")
        yield* settle
        const recording = Option.getOrThrow(yield* Fiber.join(fiber))
        assert.deepStrictEqual(recording.duration, Option.some(Duration.minutes(1)))
      })
    ))
})

describe("setPermission", () => {
  it.effect("grants and revokes, as the owner", () =>
    on(
      { meetings },
      Effect.gen(function*() {
        yield* recorded
        yield* asAlice(Recordings.setPermission(id, "grant", [bob, { chatId: "oc_team" }, "tenant", "public"]))
        yield* asAlice(Recordings.setPermission(id, "revoke", ["public", { chatId: "oc_team" }]))
        const { recording } = yield* (yield* Simulator.Simulator).meeting(id)
        assert.deepStrictEqual(recording?.viewers, ["user ou_bob", "tenant"])
        assert.deepStrictEqual((yield* bodies("recording_set_permission"))[0], {
          permission_objects: [
            { id: "ou_bob", type: 1, permission: 1 },
            { id: "oc_team", type: 2, permission: 1 },
            { type: 3, permission: 1 },
            { type: 4, permission: 1 }
          ],
          action_type: 0
        })
      })
    ))

  it.effect("names users by their kind of id, and refuses two kinds", () =>
    on(
      { meetings },
      Effect.gen(function*() {
        yield* recorded
        yield* asAlice(Recordings.setPermission(id, "grant", [MeetingUser.unionId("on_bob")]))
        const { recording } = yield* (yield* Simulator.Simulator).meeting(id)
        assert.deepStrictEqual(recording?.viewers, ["user ou_bob"])
        const mixed: ReadonlyArray<Recordings.Viewer> = [bob, MeetingUser.unionId("on_bob")]
        const error = yield* Effect.flip(asAlice(Recordings.setPermission(id, "grant", mixed)))
        assert.strictEqual(error._tag, "InvalidParameter")
      })
    ))

  it.effect("is refused to others, before the recording is ready, and for nobody", () =>
    on(
      { meetings, recordingReadyAfter: 60 },
      Effect.gen(function*() {
        yield* recorded
        const tag = (user: string, viewers: ReadonlyArray<Recordings.Viewer<"open_id">> = [bob]) =>
          Effect.map(
            Effect.flip(asUser(user)(Recordings.setPermission(id, "grant", viewers))),
            ({ _tag }) => _tag
          )
        assert.strictEqual(yield* tag("ou_bob"), "NoPermission")
        assert.strictEqual(yield* tag("ou_alice"), "DataNotExist")
        assert.strictEqual(yield* tag("ou_alice", []), "ParamError")
      })
    ))
})
