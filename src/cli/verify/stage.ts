/** Moves the host role between people who were named, and sees who has it after each request. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { MeetingId } from "../../MeetingId.ts"
import * as MeetingUser from "../../MeetingUser.ts"
import { TenantToken } from "../../TenantToken.ts"
import type { UserToken } from "../../UserToken.ts"
import { said } from "./findings.ts"
import { getMeeting, meetingIn } from "./reads.ts"
import { type Reply, type Requests, Stopped } from "./requests.ts"

export type User = MeetingUser.MeetingUser<"open_id">

/** A `set_host` to try. */
export interface Trial {
  /** Who is host before it. */
  readonly at: User
  /** Who is host after a success. */
  readonly target: User
  readonly body: { readonly host_user: object; readonly old_host_user?: object }
  /** `open_id` unless given. */
  readonly idType?: MeetingUser.IdType
  /** The user who sends it, in place of the app. */
  readonly session?: UserToken["Service"]
  /**
   * Whether a success has to be seen twice: it means that the host was not compared, unless somebody else made the target or
   * the expected host the host for a moment.
   */
  readonly isDoubtful?: boolean
}

interface Stage {
  /** Makes one of the people host. */
  readonly moveTo: (user: User) => Effect.Effect<void, Stopped>
  /** The result of an effect, during which the user is host; none if somebody else moved the host at the same time. */
  readonly whileHost: <A, E>(user: User, effect: Effect.Effect<A, E>) => Effect.Effect<Option.Option<A>, E | Stopped>
  /** The reply to a trial; none if the host was moved by somebody else at the same time. */
  readonly attempt: (trial: Trial) => Effect.Effect<Option.Option<Reply>, Stopped>
}

/** How often a move or a trial is repeated that somebody else disturbs. */
const repeats = 2

export const make = Effect.fnUntraced(function*(
  requests: Requests,
  id: MeetingId,
  people: ReadonlyArray<User>
) {
  const app = yield* TenantToken
  const stopped = (reason: string) => new Stopped({ reason })

  const readHost = Effect.gen(function*() {
    const reply = yield* requests.read({ ...getMeeting(id, { user_id_type: "open_id" }), token: app }).pipe(
      Effect.catchTag("Unanswered", ({ reason }) => stopped(`the host cannot be read: ${reason}`))
    )
    const host = MeetingUser.fromWire("open_id", meetingIn(reply)["host_user"])
    if (Option.isNone(host)) return yield* stopped(`the host cannot be read: ${said(reply)}`)
    if (!people.some((user) => MeetingUser.equals(user, host.value))) {
      return yield* stopped("somebody who was not named became host")
    }
    return host.value
  })

  let host = yield* readHost

  const swap = Effect.fnUntraced(function*({ body, idType = "open_id", session, target }: Omit<Trial, "at">) {
    const before = host
    const reply = yield* requests.write({
      endpoint: "vc.v1.meeting.set_host",
      method: "PATCH",
      path: `/vc/v1/meetings/${id}/set_host`,
      query: { user_id_type: idType },
      body,
      token: session ?? app
    }).pipe(Effect.catchTag("Unanswered", ({ reason }) => stopped(`a set_host has no answer: ${reason}`)))
    if (session === undefined && reply.error?.kind === "setup") {
      return yield* stopped(`set_host answered ${said(reply)}`)
    }
    host = yield* readHost
    // Otherwise the answer is not about the host that was seen before it.
    return { reply, isSteady: MeetingUser.equals(host, reply.code === 0 ? target : before) }
  })

  const moveTo = Effect.fnUntraced(function*(user: User, left = repeats): Effect.fn.Return<void, Stopped> {
    if (MeetingUser.equals(host, user)) return
    const body = { host_user: MeetingUser.toWire(user), old_host_user: MeetingUser.toWire(host) }
    const { reply } = yield* swap({ target: user, body })
    if (MeetingUser.equals(host, user)) return
    return left > 0 ? yield* moveTo(user, left - 1) : yield* stopped(`the host cannot be moved: ${said(reply)}`)
  })

  const attempt = Effect.fnUntraced(function*(trial: Trial) {
    let applied = 0
    for (let left = repeats; left > 0; left--) {
      yield* moveTo(trial.at)
      const { isSteady, reply } = yield* swap(trial)
      if (!isSteady) continue
      if (reply.code !== 0 || trial.isDoubtful !== true) return Option.some(reply)
      if (++applied === repeats) return Option.some(reply)
    }
    return Option.none<Reply>()
  })

  const whileHost = <A, E>(user: User, effect: Effect.Effect<A, E>) =>
    Effect.gen(function*() {
      yield* moveTo(user)
      const result = yield* effect
      host = yield* readHost
      return Option.liftPredicate(result, () => MeetingUser.equals(host, user))
    })

  return { moveTo, whileHost, attempt } satisfies Stage
})
