/**
 * Who and where, the same in both processes.
 */
import { MeetingId, MeetingUser } from "effect-lark-meetings"
import type * as Simulator from "effect-lark-meetings/Simulator"

/** In every meeting, and host of any in turn. */
export const people = ["anna", "ben", "carl", "dora", "emil", "fay", "gus", "hana"] as const
export type Person = typeof people[number]

/** Named as a target now and then, though no longer there. */
export const absent = "iris"

export const openIdOf = (name: string) => `ou_${name}`

/** The name under an id of any kind. */
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

/** Held at the same time. */
export const rooms = 50

/** Every room has one meeting after the other: the simulator knows all of them from the start. */
export const meetings = 600

export const firstHost: Person = "anna"

export const meetingOptions: ReadonlyArray<Simulator.MeetingOptions> = Array.from({ length: meetings }, (_, index) => ({
  id: meetingIdOf(index),
  host: openIdOf(firstHost),
  participants: [...people.map(openIdOf), { user: openIdOf(absent), status: "left" }]
}))

/** The query parameter that tells the number of the operation a request belongs to. */
export const operationParameter = "soak_operation"
