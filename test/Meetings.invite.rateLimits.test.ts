import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Lark, RateLimits } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { contacts, invite, people, shown, throttled } from "./fixtures/people.ts"
import { called, elapse, meetings, onClock } from "./fixtures/World.ts"

/** When each `invite` was sent, in milliseconds after the first. */
const invitedAt = Simulator.Simulator.use((simulator) =>
  Effect.map(simulator.requests, (requests) => {
    const times = requests.flatMap(({ at, endpoint }) => endpoint === "invite" ? [at] : [])
    return times.map((at) => at - (times[0] ?? 0))
  })
)

describe("a request that a rate limit refused", () => {
  it.effect("is sent again after the wait that the platform asks for, and nobody is lost", () =>
    Effect.forEach(["without RateLimits", "with RateLimits"], (how) =>
      elapse(
        Effect.gen(function*() {
          const outcomes = yield* invite(people)
          assert.deepStrictEqual(shown(outcomes), people.map(({ id }) => `${id} done`))
          const [first, limited, again, ...others] = yield* invitedAt
          assert.deepStrictEqual([first, others.length], [0, 2])
          // The second 429 came without a wait.
          assert.approximately(again! - limited!, 30_000, 100, how)
          assert.approximately(others[0]! - again!, 1_000, 100, how)
          assert.approximately(others[1]!, others[0]!, 100, how)
        }).pipe(
          Effect.provide(Lark.layer(Simulator.defaultApp)),
          Effect.provide(how === "with RateLimits" ? RateLimits.layerMemory : Layer.empty),
          Effect.provide(Simulator.layer({
            meetings,
            people: contacts(),
            faults: [...throttled(30, 1), ...throttled(0, 2)]
          }))
        )
      )))

  it.effect("is sent again until its waits exceed a minute; those after it are not sent", () =>
    onClock(
      { people: contacts(), faults: throttled(25, 1, 2, 3, 4, 5) },
      Effect.gen(function*() {
        assert.deepStrictEqual(
          shown(yield* invite(people)),
          people.map(({ id }, nth) => `${id} ${nth < 10 ? "done" : "RateLimited"}`)
        )
        assert.deepStrictEqual(yield* invitedAt, [0, 0, 25_000, 50_000])
      })
    ))

  it.effect("waits at most a minute for each request, not for all together", () =>
    onClock(
      { people: contacts(), faults: throttled(50, 0, 2, 4) },
      Effect.gen(function*() {
        assert.deepStrictEqual(shown(yield* invite(people)), people.map(({ id }) => `${id} done`))
        assert.deepStrictEqual(yield* invitedAt, [0, 50_000, 50_000, 100_000, 100_000, 150_000])
      })
    ))

  it.effect("fails the call after a minute if nobody was invited", () =>
    onClock(
      { people: contacts(), faults: throttled(3_600, 0, 1) },
      Effect.gen(function*() {
        assert.strictEqual((yield* Effect.flip(invite(people)))._tag, "RateLimited")
        // No answer makes a call wait for more than a minute.
        assert.deepStrictEqual(yield* invitedAt, [0, 60_000])
      })
    ))

  it.effect("ends the call among people who are sent alone, too", () =>
    onClock(
      {
        busyInvitee: "calleeIsBusy",
        people: contacts({ ou_guest0: { busy: true } }),
        faults: throttled(60, 3, 4)
      },
      Effect.gen(function*() {
        assert.deepStrictEqual(
          shown(yield* invite(people)),
          people.map(({ id }, nth) => `${id} ${nth === 0 ? "CalleeIsBusy" : nth === 1 ? "done" : "RateLimited"}`)
        )
        assert.strictEqual((yield* called).length, 5)
      })
    ))
})
