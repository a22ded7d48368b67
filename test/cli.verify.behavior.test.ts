/**
 * What `verify` writes is how the simulator behaves, for every option that can be observed, and nothing for the others.
 */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Schema, Struct } from "effect"
import type * as Simulator from "effect-lark-meetings/Simulator"
import { answersOf, usual, verify } from "./fixtures/verifying.ts"

type Options = Simulator.BehaviorOptions

/** The values of each option besides its default. */
const others: { readonly [K in keyof Simulator.Behavior]: ReadonlyArray<Simulator.Behavior[K]> } = {
  conflictCarriesHost: [false],
  withoutOldHost: ["paramError"],
  targetIsHost: ["cannotOperateSelf"],
  conflictStatus: [200],
  conflictIdType: ["open_id"],
  oldHostWithoutType: ["dataConflict", "comparedById", "ignored"],
  oldHostType: ["ignored"],
  staleSwapToHost: ["success", "cannotOperateSelf"],
  formerHost: ["dataConflict"],
  endOfEnded: ["meetingNotExist"],
  tenantTokenMayMoveAnyHost: [false],
  meetingOfOtherTenant: ["notExist"],
  busyInvitee: ["calleeIsBusy"],
  absentTarget: ["targetNotInMeeting"],
  resultOrder: ["reversed"],
  resultIds: ["number"],
  briefOrder: ["oldestFirst"],
  leaveAtEnd: [false],
  recordingReadyAfter: [60],
  neverRecorded: ["recordProcessing", "noRecording"],
  unknownHost: ["assignHostError"],
  emptyInUpdate: ["ignored"],
  noActiveMeeting: ["empty"],
  unknownAddress: ["empty"],
  mobileEcho: ["withCountryCode"],
  userIdScope: [false],
  wrongSecret: [10014, 99991543],
  unknownApp: [10014],
  invalidAppToken: [20014, 99991664],
  olderTicketAccepted: [false],
  oauthSuccessCode: ["string"],
  reuseEndsSession: [true],
  refreshGrace: [30]
}

/** What reading alone observes. */
const read = ["briefOrder", "userIdScope", "wrongSecret", "unknownApp"] as const

/** What is observed of a simulator with these options. */
const observable = (options: Options): Options => {
  const all: Options = { ...usual, ...Struct.pick(options, Struct.keys(usual)) }
  if (all.tenantTokenMayMoveAnyHost === false) return Struct.pick(all, [...read, "tenantTokenMayMoveAnyHost"])
  return all.conflictCarriesHost === false ? Struct.omit(all, ["conflictIdType"]) : all
}

const names = Struct.keys(others)

/** For each option, which of its values; 0 is the default. */
const Choices = Schema.Array(Schema.Literals([0, 1, 2, 3])).check(
  Schema.isMinLength(names.length),
  Schema.isMaxLength(names.length)
)

const chosen = (choices: typeof Choices.Type): Options =>
  Object.fromEntries(names.flatMap((name, index) => {
    const value = others[name][(choices[index] ?? 0) - 1]
    return value === undefined ? [] : [[name, value]]
  }))

describe("verify", () => {
  it.effect("writes the behavior of a simulator without options", () =>
    Effect.gen(function*() {
      const seen = yield* verify()
      assert.deepStrictEqual(seen.behavior, usual)
      assert.strictEqual(seen.host, "ou_alice")
    }))

  it.effect.each(Struct.keys(others).flatMap((name) => others[name].map((value) => ({ name, value }))))(
    "writes $name $value if it can be observed, and a simulator with what is written answers likewise",
    ({ name, value }) =>
      Effect.gen(function*() {
        const options = { [name]: value }
        const seen = yield* verify(options)
        assert.deepStrictEqual(seen.behavior, observable(options))
        assert.strictEqual(Object.hasOwn(seen.behavior, name), Object.hasOwn(observable(options), name))
        assert.deepStrictEqual(answersOf(yield* verify(seen.behavior)), answersOf(seen))
      })
  )

  it.effect.prop(
    "writes any mixture of behaviors, as far as it can be observed",
    { choices: Arbitrary.schema(Choices) },
    ({ choices }) =>
      Effect.gen(function*() {
        const options = chosen(choices)
        const seen = yield* verify(options)
        assert.deepStrictEqual(seen.behavior, observable(options))
        assert.strictEqual(seen.host, "ou_alice")
      }),
    { arbitrary: { runs: 40 } }
  )
})
