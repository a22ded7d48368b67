import { same, type User } from "./User.ts"

/** The events to which users subscribe one by one, each for the own meetings. */
export const names = [
  "participant_meeting_started",
  "participant_meeting_joined",
  "participant_meeting_ended"
] as const

export type Name = typeof names[number]

/** The name in the type of an event, such as `vc.meeting.participant_meeting_joined_v1`. */
export const nameOf = (type: unknown): Name | undefined => names.find((name) => type === `vc.meeting.${name}_v1`)

export interface Subscriptions {
  readonly has: (name: Name, user: User) => boolean
  readonly add: (name: Name, user: User) => void
  readonly remove: (name: Name, user: User) => void
}

export const make = (): Subscriptions => {
  const subscribers = new Map<Name, ReadonlyArray<User>>()
  const others = (name: Name, user: User) => (subscribers.get(name) ?? []).filter((one) => !same(one, user))
  return {
    has: (name, user) => subscribers.get(name)?.some((one) => same(one, user)) === true,
    add: (name, user) => {
      subscribers.set(name, [...others(name, user), user])
    },
    remove: (name, user) => {
      subscribers.set(name, others(name, user))
    }
  }
}
