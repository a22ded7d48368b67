/**
 * The stream of what happens in a simulator on a port.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { at, call, get, id, type Message, on, post, watch } from "./fixtures/control.ts"

const tagOf = ({ data }: Message) => at(data, "_tag")

const tags = (messages: ReadonlyArray<Message>) => messages.map(tagOf)

/** The first one with this tag, and those before it. */
const isA = (tag: string) => (message: Message) => tagOf(message) === tag

const decode = Schema.decodeUnknownEffect(Schema.toCodecJson(Simulator.Happening), { onExcessProperty: "error" })

const bearer = (user: string) =>
  Effect.map(post("/user-token", { user }), ({ json }) => `Bearer ${String(at(json, "token"))}`)

const setHost = (authorization: string, from: string, to: string, client?: string) =>
  call("PATCH", `/open-apis/vc/v1/meetings/${id}/set_host`, {
    headers: {
      authorization,
      "content-type": "application/json",
      ...(client === undefined ? {} : { "x-simulator-client": client })
    },
    body: { host_user: { id: to, user_type: 1 }, old_host_user: { id: from, user_type: 1 } }
  })

const webhook: Simulator.WebhookOptions = {
  url: "http://localhost/events",
  deliver: (request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response("")))
}

describe("the stream", () => {
  it.live("begins with the state, and tells of it again after a reset", () =>
    on(
      {},
      Effect.gen(function*() {
        const { until } = yield* watch
        const [first] = yield* until(isA("State"))
        assert.deepStrictEqual([first?.id, at(first?.data, "meetings.0.id"), at(first?.data, "ahead")], [
          undefined,
          id,
          0
        ])
        yield* post("/clock", { advance: "1 hour" })
        yield* post("/reset", { meetings: [{ id: "2" }] })
        const [clock, state] = yield* until(isA("State"))
        assert.deepStrictEqual([clock?.id, at(clock?.data, "_tag"), at(clock?.data, "ahead")], [1, "Clock", 3_600_000])
        assert.deepStrictEqual([state?.id, at(state?.data, "meetings.0.id"), at(state?.data, "ahead")], [2, "2", 0])
      })
    ))

  it.live("tells of a swap: the write, the meeting, then the request with its client, operator and code", () =>
    on(
      {},
      Effect.gen(function*() {
        const token = yield* bearer("ou_alice")
        const { until } = yield* watch
        yield* until(isA("State"))
        yield* setHost(token, "ou_alice", "ou_bob", "lane 1")
        const [write, meeting, request, ...rest] = yield* until(isA("Request"))
        assert.deepStrictEqual(rest, [])
        assert.deepStrictEqual(
          [at(write?.data, "_tag"), at(write?.data, "write.after.openId"), at(write?.data, "write.request")],
          ["Write", "ou_bob", 0]
        )
        assert.deepStrictEqual([at(meeting?.data, "_tag"), at(meeting?.data, "meeting.host.openId")], [
          "Meeting",
          "ou_bob"
        ])
        assert.deepStrictEqual(
          ["client", "operator", "endpoint", "reply.status", "reply.code", "index"].map((key) =>
            at(request?.data, `request.${key}`)
          ),
          ["lane 1", "ou_alice", "set_host", 200, 0, 0]
        )

        yield* setHost(token, "ou_carol", "ou_bob")
        const [refused] = yield* until(isA("Request"))
        assert.deepStrictEqual([at(refused?.data, "request.reply.status"), at(refused?.data, "request.client")], [
          403,
          null
        ])
      })
    ))

  it.live("tells of faults that were met, and of what is executed after its connection was lost", () =>
    on(
      { webhook, eventFaults: [{ nth: 0, fault: { _tag: "Twice" } }] },
      Effect.gen(function*() {
        const token = yield* bearer("ou_alice")
        yield* post("/faults", {
          faults: [{ endpoint: "set_host", nth: 0, fault: { _tag: "Late", millis: 60_000 } }],
          connectionFaults: [{ nth: 0, fault: { _tag: "Code", code: 403 } }]
        })
        const { until } = yield* watch
        yield* until(isA("State"))
        assert.strictEqual(yield* Effect.flip(setHost(token, "ou_alice", "ou_bob")), "ECONNRESET")
        const lost = yield* until(isA("Request"))
        assert.deepStrictEqual(tags(lost), ["Fault", "Request"])
        assert.deepStrictEqual(at(lost[0]?.data, "fault"), { _tag: "Late", millis: 60_000 })
        assert.deepStrictEqual([at(lost[0]?.data, "endpoint"), at(lost[0]?.data, "request")], ["set_host", 0])
        assert.isNull(at(lost[1]?.data, "request.reply"))

        yield* post("/clock", { advance: "1 minute" })
        const executed = yield* until(isA("Clock"))
        assert.deepStrictEqual(tags(executed), ["Write", "Meeting", "Request", "Clock"])
        assert.strictEqual(at(executed[2]?.data, "request.executed.code"), 0)

        yield* post(`/meetings/${id}/join`, { user: "ou_dave" })
        const pushed = yield* until(({ data }) => at(data, "event.attempts.1") !== undefined)
        assert.deepStrictEqual(tags(pushed), ["Meeting", "Fault", "Event", "Event"])
        assert.strictEqual(at(pushed[1]?.data, "event"), "vc.meeting.join_meeting_v1")
        assert.strictEqual(at(pushed[3]?.data, "event.attempts.0.status"), 200)

        yield* call("POST", "/callback/ws/endpoint", { body: { AppID: "cli_0123456789abcdef", AppSecret: "x" } })
        const refused = yield* until(isA("Request"))
        assert.deepStrictEqual(tags(refused), ["Fault", "Request"])
        assert.strictEqual(at(refused[0]?.data, "endpoint"), "long_connection")
        for (const { data } of [...lost, ...executed, ...pushed, ...refused]) yield* decode(data)
      })
    ))

  it.effect("has a comment after 15 seconds of silence in real time, however the clock is advanced", () =>
    on(
      {},
      Effect.gen(function*() {
        const { until } = yield* watch
        yield* until(isA("State"))
        yield* post("/clock", { advance: "1 hour" })
        assert.deepStrictEqual(tags(yield* until(isA("Clock"))), ["Clock"])
        yield* TestClock.adjust("15 seconds")
        assert.deepStrictEqual(yield* until(({ data }) => data === undefined), [{ id: undefined, data: undefined }])
      })
    ))

  it.live("ends with its reader", () =>
    on(
      {},
      Effect.gen(function*() {
        const readers = yield* Effect.all([watch, watch])
        const watchers = Effect.map(get("/health"), ({ json }) => at(json, "watchers"))
        for (const { until } of readers) yield* until(isA("State"))
        assert.strictEqual(yield* watchers, 2)
        readers[0].close()
        yield* Effect.repeat(watchers, { until: (count) => count === 1 })
        yield* post(`/meetings/${id}/end`)
        assert.deepStrictEqual(tags(yield* readers[1].until(isA("Meeting"))), ["Meeting"])
      })
    ))

  it.live("leaves the oldest out for a reader that is slow, and says how many", () =>
    on(
      {},
      Effect.gen(function*() {
        const { pause, until } = yield* watch
        yield* until(isA("State"))
        pause(true)
        const simulator = yield* Simulator.Simulator
        // Each is more than two kilobytes, and the buffers of sockets have some megabytes.
        const count = 20_000
        for (let n = 0; n < count; n++) yield* simulator.lock(id, n % 2 === 0)
        pause(false)
        yield* simulator.endMeeting(id)
        const messages = yield* until(({ data }) => at(data, "meeting.status") === "ended")
        const lost = messages.filter(isA("Lost"))
        assert.isAbove(lost.length, 0)
        let last = 0
        for (const { data, id } of messages) {
          if (tagOf({ data, id }) === "Lost") last += Number(at(data, "count"))
          else last++
          assert.strictEqual(id, last)
        }
        assert.strictEqual(last, count + 1)
        for (const { data } of lost) yield* decode(data)
      })
    ))
})
