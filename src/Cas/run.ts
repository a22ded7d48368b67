/**
 * Runs one operation on a register.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { CasError } from "./errors.ts"
import type { Intent } from "./Intent.ts"
import { now } from "./monotonic.ts"
import { Operation, type Options } from "./Operation.ts"
import { limits, Policy } from "./Policy.ts"
import type * as reducer from "./reducer.ts"
import type { Register, Reported } from "./Register.ts"
import type { Report } from "./Report.ts"

/**
 * Brings the register to where the intent wants it.
 *
 * **Details**
 *
 * The error channel holds the register's terminal errors, each with a `report`; the errors of the policy's schedules;
 * and the engine's own: `CasExhausted` (a bound or schedule ended), `CasRefused` (the intent refused the value in
 * place), `CasSuperseded` and `CasIndeterminate` (a reply was lost, and the policy forbids to go on),
 * `CasConflictWithoutState` (nothing tells the current value), `CasInconsistentRegister` (conflicts that contradict
 * themselves), `CasInvalidPolicy` (nonsense in the policy).
 *
 * @since 0.1.0
 * @category running
 */
export const run: {
  <A, E, R>(
    register: Register<A, E, R>,
    intent: Intent<NoInfer<A>>,
    options?: Options<NoInfer<A>>
  ): Effect.Effect<Report<A>, Reported<E, A> | CasError<A>, R>
  <A, E, R, PE, PR>(
    register: Register<A, E, R>,
    intent: Intent<NoInfer<A>>,
    options: Options<NoInfer<A>, PE, PR>
  ): Effect.Effect<Report<A>, Reported<E, A> | CasError<A> | PE, R | PR>
} = <A, E, R, PE, PR>(
  register: Register<A, E, R>,
  intent: Intent<A>,
  options: Options<A, PE, PR> = {}
): Effect.Effect<Report<A>, Reported<E, A> | CasError<A> | PE, R | PR> =>
  Effect.withFiber((fiber) => {
    const invokedAt = now(fiber.getRef(Clock.Clock))
    const policy: Policy<A, PE, PR> = options.policy ?? Policy.standard
    return Effect.flatMapEager(limits(policy), (bounds) => {
      const call = { register, intent, options, policy, bounds }
      return new Operation(fiber, call, { invokedAt, known: fromHint(options.hint), ...alone }).run()
    })
  })

const alone = { seen: () => {}, doubt: () => {} }

/**
 * A hint is of unknown age, and no proof.
 *
 * @internal
 */
export const fromHint = <A>(hint: A | undefined): reducer.Known<A> | undefined =>
  hint === undefined ? undefined : { value: hint, isWitness: false, isAged: true }
