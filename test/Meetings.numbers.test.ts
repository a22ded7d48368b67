import { assert, describe, it } from "@effect/vitest"
import { DateTime, Duration, Effect, Option, Result, Stream } from "effect"
import { Lark, MeetingId, MeetingNo, Meetings } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"
import { asUser, called, on } from "./fixtures/World.ts"

const no = MeetingNo.make("123456789")
const today = DateTime.makeUnsafe("2026-11-26T04:00:00Z")
const millis = DateTime.toEpochMillis(today)
const hour = Duration.toMillis("1 hour")

/** Meetings of the number, `ago` hours old. */
const meeting = (
  nth: number,
  ago: number,
  options: Partial<Simulator.MeetingOptions> = {}
): Simulator.MeetingOptions => ({
  id: `69111884119320${String(nth).padStart(5, "0")}`,
  meetingNo: no,
  startedAt: millis - ago * hour,
  ...options
})

const idOf = (nth: number) => meeting(nth, 0).id

const week = { from: DateTime.subtract(today, { days: 7 }), until: today }

const at = <A, E, R>(program: Effect.Effect<A, E, R>) => Effect.andThen(TestClock.setTime(millis), program)

const list = (range: { readonly from: DateTime.DateTime; readonly until: DateTime.DateTime } = week) =>
  Effect.map(Stream.runCollect(Meetings.listByNo(no, range)), (briefs) => briefs.map(({ id }) => `${id}`))

describe("listByNo", () => {
  it.effect("streams all meetings of a number in a time, page by page", () =>
    on(
      {
        meetings: [
          ...Array.from({ length: 120 }, (_, nth) => meeting(nth, nth)),
          meeting(200, 1, { meetingNo: "987654321" })
        ]
      },
      at(Effect.gen(function*() {
        const ids = yield* list()
        assert.deepStrictEqual(ids, Array.from({ length: 120 }, (_, nth) => idOf(nth)))
        assert.deepStrictEqual(yield* called, ["list_by_no", "list_by_no", "list_by_no"])
        const day = { from: DateTime.subtract(today, { days: 1 }), until: DateTime.subtract(today, { hours: 20 }) }
        assert.deepStrictEqual(yield* list(day), [20, 21, 22, 23, 24].map(idOf))
      }))
    ))

  it.effect("stops asking for pages when nobody reads on", () =>
    on(
      { meetings: Array.from({ length: 120 }, (_, nth) => meeting(nth, nth)) },
      at(Effect.gen(function*() {
        const first = yield* Stream.runHead(Meetings.listByNo(no, week))
        assert.strictEqual(Option.getOrThrow(first).id, idOf(0))
        assert.deepStrictEqual(yield* called, ["list_by_no"])
      }))
    ))

  it.effect("fails with a page that fails, after the meetings of those before", () =>
    on(
      {
        meetings: Array.from({ length: 120 }, (_, nth) => meeting(nth, nth)),
        faults: [{
          endpoint: "list_by_no",
          nth: 1,
          fault: { _tag: "GarbageBody", body: "{", status: 200, applied: true }
        }]
      },
      at(Effect.gen(function*() {
        const seen: Array<string> = []
        const error = yield* Meetings.listByNo(no, week).pipe(
          Stream.runForEach(({ id }) => Effect.sync(() => seen.push(id))),
          Effect.flip
        )
        assert.strictEqual(error._tag, "MalformedResponse")
        assert.strictEqual(seen.length, 50)
      }))
    ))

  it.effect("fails if a page says that more follow and names no new one, or has no valid id in it", () =>
    Effect.gen(function*() {
      for (
        const data of [
          { has_more: true, meeting_briefs: [] },
          { has_more: true, page_token: "" },
          { meeting_briefs: [{ topic: "Weekly" }] },
          { meeting_briefs: [{ id: "123456789" }] },
          { meeting_briefs: [{ id: 6911188411932033000 }] }
        ]
      ) {
        const error = yield* Effect.flip(list()).pipe(
          Effect.provide(Lark.layer(platform.app)),
          Effect.provide(platform.make(() => platform.ok(data)).layer)
        )
        assert.strictEqual(error._tag, "MalformedResponse", JSON.stringify(data))
      }
    }))

  it.effect("takes null for what an answer leaves out", () =>
    Effect.gen(function*() {
      for (
        const data of [
          { has_more: false, page_token: null, meeting_briefs: null },
          { has_more: null, page_token: null, meeting_briefs: [] },
          null
        ]
      ) {
        const found = yield* list().pipe(
          Effect.provide(Lark.layer(platform.app)),
          Effect.provide(platform.make(() => platform.ok(data)).layer)
        )
        assert.deepStrictEqual(found, [], JSON.stringify(data))
      }
    }))

  it.effect("is empty for a number that no meeting has", () =>
    on({ meetings: [] }, at(Effect.map(list(), (ids) => assert.deepStrictEqual(ids, [])))))

  it.effect("refuses a time that is empty, backwards or too long, and sends nothing", () =>
    on(
      { meetings: [] },
      Effect.gen(function*() {
        const refused = Effect.fnUntraced(function*(from: DateTime.DateTime, until: DateTime.DateTime) {
          const error = yield* Effect.flip(list({ from, until }))
          return error._tag === "InvalidParameter" ? `${error.parameter} ${error.reason}` : error._tag
        })
        assert.strictEqual(yield* refused(today, today), "until is not after from")
        assert.strictEqual(yield* refused(today, week.from), "until is not after from")
        const invalid = DateTime.mapEpochMillis(today, () => Number.NaN)
        assert.strictEqual(yield* refused(invalid, today), "from is not a valid time")
        assert.strictEqual(yield* refused(today, invalid), "until is not a valid time")
        const never = DateTime.addDuration(today, Duration.infinity)
        assert.strictEqual(yield* refused(today, never), "until is not a valid time")
        assert.strictEqual(
          yield* refused(DateTime.subtractDuration(today, Duration.infinity), today),
          "from is not a valid time"
        )
        const long = DateTime.subtract(today, { days: 90, seconds: 1 })
        assert.strictEqual(yield* refused(long, today), "from is more than 90 days before until")
        assert.deepStrictEqual(yield* called, [])
        assert.deepStrictEqual(yield* list({ from: DateTime.subtract(today, { days: 90 }), until: today }), [])
      })
    ))

  it.effect("sends whole seconds that contain the time, in any zone", () =>
    Effect.gen(function*() {
      const server = platform.make(() => platform.ok({ has_more: false }))
      const from = DateTime.setZoneOffset(DateTime.makeUnsafe(1_500), 8 * hour)
      yield* list({ from, until: DateTime.makeUnsafe(2_001) }).pipe(
        Effect.provide(Lark.layer(platform.app)),
        Effect.provide(server.layer)
      )
      assert.deepInclude(server.calls[0]?.query, { start_time: "1", end_time: "3" })
    }))
})

describe("activeByNo", () => {
  const active = (options?: Meetings.ActiveByNoOptions<"open_id">) =>
    Effect.map(Meetings.activeByNo(no, options), (found) => Option.getOrUndefined(found)?.id)

  it.effect("finds the meeting in progress, newest first", () =>
    Effect.forEach(["newestFirst", "oldestFirst"] as const, (briefOrder) =>
      on(
        {
          briefOrder,
          meetings: [
            meeting(1, 5, { status: "ended" }),
            meeting(2, 3, { host: "ou_alice" }),
            meeting(3, 1, { status: "ended" }),
            // A shorter id is an older one.
            meeting(9, 6, { id: "99999999999", status: "ended" })
          ]
        },
        at(Effect.gen(function*() {
          const found = Option.getOrThrow(
            yield* Meetings.activeByNo(no, { idType: "union_id", withParticipants: true })
          )
          assert.strictEqual(found.id, idOf(2))
          assert.strictEqual(Option.getOrThrow(found.hostUser).id, "on_alice")
          assert.strictEqual(found.participants.length, 1)
          assert.deepStrictEqual(yield* called, ["list_by_no", "get", "get"])
        }))
      )))

  it.effect("finds none if all have ended, have not begun, or the number is unknown", () =>
    Effect.forEach(
      [[], [meeting(1, 5, { status: "ended" })], [meeting(1, 0, { status: "calling" })]],
      (meetings) => on({ meetings }, at(Effect.map(active(), (found) => assert.isUndefined(found))))
    ))

  it.effect("looks back for a day, or as told", () =>
    on(
      { meetings: [meeting(1, 30)] },
      at(Effect.gen(function*() {
        assert.isUndefined(yield* active())
        assert.strictEqual(yield* active({ since: "2 days" }), idOf(1))
        assert.strictEqual(yield* active({ since: "365 days" }), idOf(1))
      }))
    ))

  it.effect("refuses a since that is not above zero, by its name, and sends nothing", () =>
    on(
      { meetings: [meeting(1, 0)] },
      at(Effect.gen(function*() {
        // What the compiler refuses is refused for those who get around it.
        const untyped = "soon" as Duration.Input
        for (const since of [Number.NaN, 0, -1, "-1 hours", "-Infinity", untyped] as const) {
          const error = yield* Effect.flip(active({ since }))
          assert(error._tag === "InvalidParameter", String(since))
          assert.deepStrictEqual([error.parameter, error.reason], ["since", "is not a duration above zero"])
        }
        assert.deepStrictEqual(yield* called, [])
        assert.strictEqual(yield* active({ since: "Infinity" }), idOf(1))
      }))
    ))

  it.effect("finds a meeting that started by a clock that is ahead", () =>
    on({ meetings: [meeting(1, -0.05)] }, at(Effect.map(active(), (found) => assert.strictEqual(found, idOf(1))))))

  it.effect("passes over meetings that are gone or not to be read, but does not take those for an answer", () =>
    on(
      { meetings: [meeting(1, 5, { participants: ["ou_bob"] }), meeting(2, 3), meeting(3, 2)] },
      at(Effect.gen(function*() {
        const simulator = yield* Simulator.Simulator
        const forbidden = { code: 121005, msg: "no permission" }
        const missing = { code: 121004, msg: "data not exist" }
        const answer = (nth: number, body: object) =>
          simulator.addFaults([{
            endpoint: "get",
            nth,
            fault: { _tag: "GarbageBody", body: JSON.stringify(body), status: 403, applied: false }
          }])
        yield* answer(0, missing)
        yield* answer(1, forbidden)
        assert.strictEqual(yield* active(), idOf(1))
        for (const nth of [0, 1, 2]) yield* answer(nth, nth === 1 ? forbidden : missing)
        const error = yield* Effect.flip(active())
        assert.strictEqual(error._tag, "NoPermission")
      }))
    ))

  it.effect("fails with a page or a read that fails", () =>
    Effect.forEach(["list_by_no", "get"] as const, (endpoint) =>
      on(
        { meetings: [meeting(1, 5)], faults: [{ endpoint, nth: 0, fault: { _tag: "DropBefore" } }] },
        at(Effect.map(Effect.flip(active()), ({ _tag }) => assert.strictEqual(_tag, "TransportError")))
      )))

  it.effect("sees a user's own meetings as that user", () =>
    on(
      { meetings: [meeting(1, 1, { host: "ou_alice" }), meeting(2, 0, { host: "ou_bob" })] },
      at(Effect.gen(function*() {
        assert.strictEqual(yield* asUser("ou_alice")(active()), idOf(1))
        assert.strictEqual(yield* active(), idOf(2))
      }))
    ))
})

describe("each of the three numbers", () => {
  it("is refused where another is meant, with the way to it", () => {
    const refusal = (make: () => unknown) =>
      Result.match(Result.try(make), { onSuccess: String, onFailure: (error) => String(error) })
    assert.include(refusal(() => MeetingId.make("123456789")), "Meetings.activeByNo")
    assert.include(refusal(() => MeetingNo.make("6911188411932033028")), "Reserves.get")
  })
})
