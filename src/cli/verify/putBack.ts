/** Puts the first host back. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as Cas from "../../Cas.ts"
import type { MeetingId } from "../../MeetingId.ts"
import * as Meetings from "../../Meetings.ts"
import * as MeetingUser from "../../MeetingUser.ts"
import type { User } from "./stage.ts"

/** Whether the first host is host again. */
export type PutBack =
  | { readonly _tag: "Back" }
  | { readonly _tag: "NotBack"; readonly reason: string }

/** An outage of a minute is sat out. */
const policy = Cas.Policy.make({ deadline: "1 minute", transient: Schedule.spaced("2 seconds") })

/** How long a request without an answer is given to take effect after all. */
const grace = Duration.seconds(5)

/**
 * Makes the first host host again, unless it is somebody who was not named: that person did not become host by `verify`. If
 * requests had no answer, it looks again after five seconds.
 */
export const putBack = (
  id: MeetingId,
  first: User,
  others: ReadonlyArray<User>,
  isCertain: boolean
): Effect.Effect<PutBack, never, Meetings.Meetings> => {
  const isForeign = (host: User) => !others.some((other) => MeetingUser.equals(host, other))
  const once = Meetings.setHost(id, Cas.ensureUnless(first, isForeign), { policy })
  return (isCertain ? once : Effect.andThen(once, Effect.delay(once, grace))).pipe(
    Effect.as<PutBack>({ _tag: "Back" }),
    Effect.catch((error) =>
      Effect.succeed<PutBack>({
        _tag: "NotBack",
        reason: error._tag === "CasRefused"
          ? "somebody who was not named became host, and verify left it so"
          : error._tag
      })
    )
  )
}
