/**
 * `keepHost` in a room where people join, leave and take the role, on a network that loses requests and replies.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Queue, Schedule, Schema, Stream } from "effect"
import { Cas, Lark, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { TestClock } from "effect/testing"
import { between } from "./fixtures/Scenario.ts"
import { id } from "./fixtures/World.ts"

const people = ["ou_alice", "ou_bob", "ou_carol", "ou_dave"] as const
const Person = Schema.Literals(people)
type Person = typeof Person.Type

const user = (person: Person) => MeetingUser.openId(person)

/** What happens in the room, this many milliseconds after what happened before: soon enough to meet a request, or later. */
const Act = Schema.Struct({
  after: Schema.Union([between(1, 600), between(1, 30_000)]),
  act: Schema.Literals(["join", "leave", "move"]),
  person: Person
})

/** Faults of the first requests; none lasts longer than 20 seconds. */
const Faults = Arbitrary.array(
  Arbitrary.map(Arbitrary.schema(Simulator.FaultRule), ({ endpoint, fault, nth }): Simulator.FaultRule => ({
    endpoint: endpoint === "set_host" || endpoint === "tenant_access_token" ? endpoint : "get",
    nth: nth % 10,
    fault: fault._tag === "Delay" || fault._tag === "Late"
      ? { ...fault, millis: fault.millis % 20_000 }
      : fault._tag === "Throttle"
      ? { ...fault, reset: fault.reset % 10 }
      : fault
  })),
  { maxLength: 5 }
)

const Room = Schema.Struct({
  host: Person,
  present: Schema.Array(Person).check(Schema.isMaxLength(4)),
  wanted: Schema.NonEmptyArray(Person).check(Schema.isMaxLength(3)),
  acts: Schema.Array(Act).check(Schema.isMinLength(8), Schema.isMaxLength(20)),
  poll: between(1_000, 20_000),
  latency: between(0, 600),
  isWoken: Schema.Boolean
})
type Room = typeof Room.Type

/** The room at one time. */
interface Scene {
  readonly host: string | undefined
  readonly present: ReadonlySet<string>
}

/** Whom the intent wants of those who are present. */
const wantedIn = ({ wanted }: Room, { present }: Scene) => wanted.find((person) => present.has(person))

const accepts = (room: Room, scene: Scene, host = scene.host) => {
  const person = wantedIn(room, scene)
  return person !== undefined && person === host
}

const scene = Effect.gen(function*() {
  const { host, participants } = yield* (yield* Simulator.Simulator).meeting(id)
  const present = participants.filter(({ status }) => status === "in_meeting").map(({ user }) => user.openId)
  return { host: host?.openId, present: new Set(present) }
})

/** Lives through the room: the scene before and after each act, and at the end. */
const live = Effect.fnUntraced(function*(room: Room) {
  const simulator = yield* Simulator.Simulator
  const { acts, isWoken, poll, wanted } = room
  const events = yield* Queue.unbounded<string>()
  const [first, ...others] = wanted
  const keeping = Meetings.keepHost(id, Cas.prefer([user(first), ...others.map(user)]), {
    poll: Schedule.spaced(poll),
    retry: Schedule.spaced(Math.min(poll, 1_000)),
    wake: Stream.fromQueue(events),
    maxMoves: 1_000,
    ends: () => false
  })
  const fiber = yield* Effect.forkChild(Effect.delay(Stream.runDrain(keeping), 1))
  const scenes: Array<Scene & { readonly at: number }> = []
  let now = 0
  const note = Effect.map(scene, (scene) => {
    scenes.push({ ...scene, at: now })
    return scene
  })
  yield* note
  const settled: Array<{ readonly after: number; readonly scene: Scene }> = []
  for (const { act, after, person } of acts) {
    yield* TestClock.adjust(after)
    now += after
    settled.push({ after, scene: yield* note })
    if (act === "join") yield* simulator.joinMeeting(id, person)
    if (act === "leave") yield* simulator.leaveMeeting(id, person)
    if (act === "move") yield* simulator.moveHost(id, person)
    if (isWoken) yield* Queue.offer(events, act)
    yield* note
  }
  yield* TestClock.adjust("10 minutes")
  assert.strictEqual(fiber.pollUnsafe(), undefined)
  return { settled, scenes, end: yield* scene }
})

const on = <A, E>(
  { host, latency, present }: Room,
  faults: ReadonlyArray<Simulator.FaultRule>,
  program: Effect.Effect<A, E, Lark.Services | Simulator.Simulator>
) =>
  program.pipe(
    Effect.provide(Lark.layer(Simulator.defaultApp)),
    Effect.provide(Simulator.layer({ meetings: [{ id, host, participants: present }], faults, latency }))
  )

const holds = (room: Room, scene: Scene) => wantedIn(room, scene) === undefined || accepts(room, scene)

describe("keepHost", () => {
  it.effect.prop(
    "holds whenever the room was quiet for one period",
    [Room],
    ([room]) =>
      on(
        room,
        [],
        Effect.gen(function*() {
          const { end, settled } = yield* live(room)
          // A poll, the round that was under way before it, and the round that it began.
          const period = room.poll + 8 * room.latency + 10
          for (const { after, scene } of settled) if (after > period) assert.isTrue(holds(room, scene))
          assert.isTrue(holds(room, end))
        })
      ),
    { arbitrary: { runs: 200 }, timeout: 120_000 }
  )

  it.effect.prop("holds in the end after any faults, and moves no host whom the intent accepts", {
    room: Room,
    faults: Faults
  }, ({ faults, room }) =>
    on(
      room,
      faults,
      Effect.gen(function*() {
        const { end, scenes } = yield* live(room)
        assert.isTrue(holds(room, end))

        const simulator = yield* Simulator.Simulator
        const requests = yield* simulator.requests
        const writes = yield* simulator.writes
        for (const [nth, { after, at, before, request }] of writes.entries()) {
          if (request === undefined || before?.openId === after.openId) continue
          const snapshot = requests.findLast(({ endpoint, index, query }) =>
            endpoint === "get" && index < request && query["with_participants"] === "true"
          )
          if (snapshot === undefined) return assert.fail("a move without a snapshot")
          const from = (since: number) => scenes.slice(since).filter((scene, i) => i === 0 || scene.at <= at)
          const sinceSnapshot = from(Math.max(scenes.findLastIndex((scene) => scene.at < snapshot.at), 0))
          // Somebody who became host after the snapshot is judged from then on. One who was host, left and came back is not.
          const last = writes[nth - 1]
          const isNew = last?.by === "control" && last.at > snapshot.at && last.before?.openId !== last.after.openId
          const sinceHost = isNew
            ? from(scenes.findIndex((scene) => scene.at === last.at && scene.host === before?.openId))
            : sinceSnapshot
          assert.isTrue(
            sinceHost.some((scene) => !accepts(room, scene, before?.openId)),
            `${before?.openId} was accepted`
          )
          assert.isTrue(
            sinceSnapshot.some((scene) => accepts(room, scene, after.openId)),
            `${after.openId} was not wanted`
          )
        }
      })
    ), { arbitrary: { runs: 400 }, timeout: 120_000 })
})

describe("ten keepHosts in one process", () => {
  const Keepers = Schema.Struct({
    goals: Schema.Array(Schema.Struct({ person: Person, poll: between(500, 40_000) })).check(
      Schema.isMinLength(10),
      Schema.isMaxLength(10)
    ),
    maxMoves: between(1, 6),
    latency: between(0, 200)
  })

  it.effect.prop("do not fight for ever", [Keepers], ([{ goals, latency, maxMoves }]) =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const keepers = yield* Effect.forEach(goals, ({ person, poll }) =>
        Effect.forkChild(Effect.delay(
          Stream.runDrain(Meetings.keepHost(id, user(person), { poll: Schedule.spaced(poll), maxMoves })),
          1
        )))
      yield* TestClock.adjust("1 hour")
      const writes = yield* simulator.writes
      const last = writes.at(-1)
      keepers.forEach((keeper, i) => {
        const exit = keeper.pollUnsafe()
        if (exit === undefined) assert.strictEqual(goals[i]!.person, last?.after.openId ?? "ou_alice")
        else if (Exit.isSuccess(exit)) assert.fail("it ended by itself")
      })
      // With settled at one minute, a keeper that goes on for T minutes undoes at most maxMoves × (1 + T) moves.
      const minutes = (last?.at ?? 0) / 60_000
      assert.isAtMost(writes.length, goals.length * maxMoves * (1 + minutes))
      assert.isBelow(minutes, 45)
    }).pipe(
      Effect.provide(Lark.layer(Simulator.defaultApp)),
      Effect.provide(Simulator.layer({ meetings: [{ id, host: "ou_alice", participants: people }], latency }))
    ), { arbitrary: { runs: 30 }, timeout: 300_000 })
})
