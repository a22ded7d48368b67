import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Exit, Fiber, Option, Scheduler } from "effect"
import { Lark, Meetings, type MeetingUser } from "effect-lark-meetings"
import type * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import * as platform from "./fixtures/http/platform.ts"
import { contacts, people, shown, throttled } from "./fixtures/people.ts"
import { asUser, id, on } from "./fixtures/World.ts"

describe("an interruption of invite or kickout", () => {
  const abandonedAfter = (duration: Duration.Input, options: Simulator.Options) =>
    on(
      { people: contacts(), ...options },
      Effect.gen(function*() {
        const abandoned: Array<string> = []
        const ids = (users: ReadonlyArray<MeetingUser.MeetingUser>) => users.map(({ id }) => id).join()
        const onAbandoned: Meetings.PeopleOptions<"open_id", Meetings.InviteError>["onAbandoned"] = (known) =>
          Effect.sync(() => abandoned.push(shown(known.outcomes).join(), ids(known.uncertain), ids(known.unsent)))
        const inviting = asUser("ou_alice")(Meetings.invite(id, people.slice(0, 22), { onAbandoned }))
        const fiber = yield* Effect.forkChild(Effect.timeoutOption(inviting, duration))
        yield* TestClock.adjust("1 hour")
        const result = yield* Fiber.join(fiber)
        return { abandoned, isSome: Option.isSome(result) }
      })
    )
  const some = (from: number, to: number, outcome = "") => people.slice(from, to).map(({ id }) => id + outcome).join()

  it.effect("tells what is known of each person: answered, perhaps executed, not sent", () =>
    Effect.gen(function*() {
      // Each request takes two seconds.
      const cut = yield* abandonedAfter("3 seconds", { latency: "2 seconds" })
      assert.isFalse(cut.isSome)
      assert.deepStrictEqual(cut.abandoned, [some(0, 10, " done"), some(10, 20), some(20, 22)])
    }))

  it.effect("knows that a request which waits for a rate limit was not executed", () =>
    Effect.gen(function*() {
      const { abandoned } = yield* abandonedAfter("10 seconds", { faults: throttled(30, 1) })
      assert.deepStrictEqual(abandoned, [some(0, 10, " done"), "", some(10, 22)])
    }))

  it.effect("knows the outcomes of people who were sent alone", () =>
    Effect.gen(function*() {
      const { abandoned } = yield* abandonedAfter("5 seconds", {
        busyInvitee: "calleeIsBusy",
        people: contacts({ ou_guest0: { busy: true } }),
        latency: "2 seconds"
      })
      assert.deepStrictEqual(abandoned, ["ou_guest0 CalleeIsBusy", some(1, 2), some(2, 22)])
    }))

  it.effect("that does not come is not reported", () =>
    Effect.gen(function*() {
      const ended = yield* abandonedAfter("1 hour", { latency: "2 seconds" })
      assert.deepStrictEqual(ended, { abandoned: [], isSome: true })
    }))

  it.effect("at any step never takes people for unsent whose request may have been executed", () =>
    Effect.gen(function*() {
      const wrong: Array<string> = []
      let isCut = true
      for (let steps = 0; isCut; steps++) {
        isCut = false
        const lost = platform.make(() => new platform.Lost(new TypeError("terminated")))
        const kicking = Meetings.kickout(id, people.slice(0, 3), {
          onAbandoned: ({ unsent }) =>
            Effect.sync(() => {
              isCut = true
              const sent = lost.calls.map(({ body }) => body).join()
              wrong.push(...unsent.flatMap(({ id }) => sent.includes(`"${id}"`) ? [`${id} after ${steps} steps`] : []))
            })
        }).pipe(Effect.provide(Lark.layer(platform.app)), Effect.provide(lost.layer))
        const slow = Effect.provideService(kicking, Scheduler.MaxOpsBeforeYield, 3)
        const fiber = yield* Effect.forkChild(slow, { startImmediately: true })
        while (lost.calls.length === 0) yield* Effect.yieldNow
        for (let step = 0; step < steps; step++) yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      }
      assert.deepStrictEqual(wrong, [])
    }))

  it.effect("does not wait for onAbandoned, and a defect is reported, too", () =>
    Effect.gen(function*() {
      const known: Array<number> = []
      const broken = platform.make((_, nth) => nth === 0 ? platform.ok({}) : Effect.die("broken"))
      const exit = yield* Meetings.kickout(id, people, {
        onAbandoned: ({ outcomes, uncertain, unsent }) =>
          Effect.andThen(
            Effect.sync(() => known.push(outcomes.length, uncertain.length, unsent.length)),
            Effect.never
          )
      }).pipe(Effect.exit, Effect.provide(Lark.layer(platform.app)), Effect.provide(broken.layer))
      assert.isTrue(Exit.hasDies(exit))
      assert.deepStrictEqual(known, [10, 10, 5])
    }))
})
