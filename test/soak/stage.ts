/**
 * The people and meetings, the same in both processes.
 */
import { MeetingId, MeetingUser } from "effect-lark-meetings"
import type * as Simulator from "effect-lark-meetings/Simulator"

/** The participants of every meeting. */
export const people = ["anna", "ben", "carl", "dora", "emil", "fay", "gus", "hana"] as const
export type Person = typeof people[number]

/** A participant who has left every meeting; sometimes a target. */
export const absent = "iris"

export const openIdOf = (name: string) => `ou_${name}`

/** The name in an open id, union id or user id. */
export const nameOf = (id: string) => id.replace(/^o[un]_/, "")

export const userOf = (idType: MeetingUser.IdType, name: string): MeetingUser.MeetingUser => {
  switch (idType) {
    case "open_id":
      return MeetingUser.openId(openIdOf(name))
    case "union_id":
      return MeetingUser.unionId(`on_${name}`)
    case "user_id":
      return MeetingUser.userId(name)
  }
}

export const meetingIdOf = (index: number) => MeetingId.make(`6911188411${String(index).padStart(9, "0")}`)

/** Meetings that are used at the same time. */
export const slots = 50

/** All meetings. When one ends, its slot takes the next. */
export const meetings = 600

export const firstHost: Person = "anna"

export const meetingOptions: ReadonlyArray<Simulator.MeetingOptions> = Array.from({ length: meetings }, (_, index) => ({
  id: meetingIdOf(index),
  host: openIdOf(firstHost),
  participants: [...people.map(openIdOf), { user: openIdOf(absent), status: "left" }]
}))

/** The query parameter with the number of the operation that sent the request. */
export const operationParameter = "soak_operation"
