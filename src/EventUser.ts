/**
 * A user in an event: `{ id: { union_id, user_id, open_id }, user_type }`, or the ids alone. Source: Feishu, vc-v1 `meeting`
 * events.
 *
 * **Gotchas**
 *
 * `user_id` is absent unless the app has the field scope `contact:user.employee_id:readonly`. The host in an event was host
 * at its time: a hint for `Meetings.setHost`, not the state.
 *
 * **Example** (The host as a hint)
 *
 * ```ts
 * import { Option } from "effect"
 * import { EventUser } from "effect-lark-meetings"
 *
 * const host = EventUser.fromWire({ id: { open_id: "ou_alice", union_id: "on_alice", user_id: null }, user_type: 1 })
 * console.log(Option.getOrUndefined(host.union_id)?.id, Option.isNone(host.user_id)) // => on_alice true
 * ```
 */
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as wire from "./internal/wire.ts"
import * as MeetingUser from "./MeetingUser.ts"

/**
 * One user, under each kind of id.
 *
 * @stability stable
 * @category models
 */
export type EventUser = { readonly [T in MeetingUser.IdType]: Option.Option<MeetingUser.MeetingUser<T>> }

/**
 * The schema of an `EventUser`. For JSON, use it with `Schema.toCodecJson`.
 *
 * @stability stable
 * @category schemas
 */
export const EventUser: Schema.Codec<EventUser> = Schema.toType(Schema.Struct({
  open_id: Schema.Option(MeetingUser.schema("open_id")),
  union_id: Schema.Option(MeetingUser.schema("union_id")),
  user_id: Schema.Option(MeetingUser.schema("user_id"))
}))

/**
 * The user in an event. Ids alone name a Feishu or Lark user. A kind of id that is absent, empty or `null` is `None`;
 * nothing fails.
 *
 * @stability stable
 * @category decoding
 */
export const fromWire = (named: unknown): EventUser => {
  const user = wire.object(named)
  const ids = Predicate.isObject(user["id"]) ? user["id"] : user
  const userType = user["user_type"] ?? MeetingUser.UserType.User
  const by = <T extends MeetingUser.IdType>(idType: T) =>
    MeetingUser.fromWire(idType, { id: ids[idType], user_type: userType })
  return { open_id: by("open_id"), union_id: by("union_id"), user_id: by("user_id") }
}

/**
 * Whether the event names this user, by the kind of id that the user has.
 *
 * @stability stable
 * @category predicates
 */
export const is = (self: EventUser, user: MeetingUser.MeetingUser): boolean => {
  const named: Option.Option<MeetingUser.MeetingUser> = self[user.idType]
  return Option.exists(named, (named) => MeetingUser.equals(named, user))
}
