/**
 * Runs one operation on a register.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { type CasError, InvalidPolicy } from "./errors.ts"
import type { Intent } from "./Intent.ts"
import { now } from "./monotonic.ts"
import { Operation, type Options } from "./Operation.ts"
import { boundsOf, Policy } from "./Policy.ts"
import type * as reducer from "./reducer.ts"
import type { Register, Reported } from "./Register.ts"
import type { Report } from "./Report.ts"

/**
 * Brings the register to where the intent wants it.
 *
 * **Details**
 *
 * Fails with
 *
 * - the register's terminal errors, each with a `report`;
 * - the errors of the policy's schedules;
 * - `CasExhausted`: a schedule or a bound of the policy ended;
 * - `CasRefused`: the intent refused the value in place;
 * - `CasSuperseded`, `CasIndeterminate`: a reply was lost, and `onUnknown` does not allow to go on;
 * - `CasConflictWithoutState`: nothing shows the value in place;
 * - `CasInconsistentRegister`: conflicts that show the expected value;
 * - `CasInvalidPolicy`: an invalid setting.
 *
 * @since 0.1.0
 * @category running
 */
export const run: {
  <A, E, R, C>(
    register: Register<A, E, R, C>,
    intent: Intent<NoInfer<A>>,
    options?: Options<NoInfer<A>>
  ): Effect.Effect<Report<A>, Reported<E, A> | CasError<A, C>, R>
  <A, E, R, C, PE, PR>(
    register: Register<A, E, R, C>,
    intent: Intent<NoInfer<A>>,
    options: Options<NoInfer<A>, PE, PR>
  ): Effect.Effect<Report<A>, Reported<E, A> | CasError<A, C> | PE, R | PR>
} = <A, E, R, C, PE, PR>(
  register: Register<A, E, R, C>,
  intent: Intent<A>,
  options: Options<A, PE, PR> = {}
): Effect.Effect<Report<A>, Reported<E, A> | CasError<A, C> | PE, R | PR> =>
  Effect.withFiber((fiber) => {
    const invokedAt = now(fiber.getRef(Clock.Clock))
    const policy: Policy<A, PE, PR> = options.policy ?? Policy.standard
    const bounds = boundsOf(policy)
    if (bounds instanceof InvalidPolicy) return Effect.fail(bounds)
    const plan = { register, intent, options, policy, bounds }
    return new Operation(fiber, plan, { invokedAt, known: fromHint(options.hint), ...unlinked }).run()
  })

const unlinked = { observed: () => {}, uncertain: () => {}, ended: () => {} }

/**
 * A hint is of unknown age, and proves nothing.
 *
 * @internal
 */
export const fromHint = <A>(hint: A | undefined): reducer.Known<A> | undefined =>
  hint === undefined ? undefined : { value: hint, isWitness: false, isAged: true }
