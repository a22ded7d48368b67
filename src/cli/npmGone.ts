import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"

// Once the simulator is ready, npm may be gone already.
const parent = process.ppid

/**
 * Completes when npm started this process and is gone, and never otherwise.
 *
 * npm passes a SIGTERM on to its shell, which ends without passing it on. What the shell had started gets another parent.
 */
export const npmGone: Effect.Effect<void> = Effect.gen(function*() {
  // Set by `npm run`, `npx` and the like for what they start.
  const script = yield* Effect.option(Config.String("npm_lifecycle_event"))
  if (Option.isNone(script)) return yield* Effect.never
  yield* Effect.repeat(Effect.sync(() => process.ppid), {
    schedule: Schedule.spaced("250 millis"),
    while: (current) => current === parent
  })
})
