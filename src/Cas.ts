/**
 * A compare-and-swap engine: moves a shared value to where you want it, while others change it too, over a network that loses
 * requests and replies.
 *
 * **Details**
 *
 * A `Register` is a value with a conditional write: the host of a meeting, an HTTP resource with an ETag, a row with a
 * version column, a `Ref`. An `Intent` is the goal, a `Policy` says when to try again, and the `Report` lists what was
 * done. Success needs proof: an acknowledgement, or the target seen by a request that left after the call began.
 * `report.effect` claims only what is proved.
 *
 * **Gotchas**
 *
 * - A register without versions compares values alone. A value that changed and changed back (ABA) is not noticed.
 * - A request that was still on its way when the client gave up takes effect later, if the value is again the expected one.
 *
 * **Example** (A register in memory)
 *
 * ```ts
 * import { Effect, Ref } from "effect"
 * import { Cas } from "effect-lark-meetings"
 *
 * const ref = Ref.makeUnsafe("alice")
 * const register: Cas.Register<string> = {
 *   equals: (a, b) => a === b,
 *   read: Effect.map(Ref.get(ref), Cas.observed),
 *   swap: (expected, desired) =>
 *     Ref.modify(ref, (actual): readonly [Cas.Outcome<string>, string] =>
 *       actual === expected ? [Cas.applied, desired] : [Cas.conflict(actual), actual])
 * }
 * const report = await Effect.runPromise(Cas.run(register, Cas.ensure("bob"), { hint: "carol" }))
 * console.log(report.outcome, report.swaps, report.reads) // => swapped 2 0
 * ```
 */
export { diagram } from "./Cas/diagram.ts"
export * from "./Cas/errors.ts"
export { hold, isOverdue } from "./Cas/hold.ts"
export * from "./Cas/Intent.ts"
export * from "./Cas/maintain.ts"
export * from "./Cas/makeTurns.ts"
export { type Journal, type Options, run } from "./Cas/Operation.ts"
export * from "./Cas/Outcome.ts"
export { describePolicy, type FreshConflict, Policy, type Transient } from "./Cas/Policy.ts"
export * from "./Cas/Queue.ts"
export type { ExhaustedLimit } from "./Cas/reducer.ts"
export type * from "./Cas/Register.ts"
export { neverBegan, timeline } from "./Cas/Report.ts"
export type { Attempt, Evidence, FailureReport, Report, Terminal } from "./Cas/Report.ts"
export * from "./Cas/RetryBudget.ts"
export * from "./Cas/rounds.ts"
export * from "./Cas/schemas.ts"
export { type Baton, type LaneAnswer, type LaneAsk, type Passed, TurnLane } from "./Cas/TurnLane.ts"
export { type QueueTurns, Turns } from "./Cas/Turns.ts"
