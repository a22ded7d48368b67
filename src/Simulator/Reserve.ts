import * as Schema from "effect/Schema"
import type { JsonObject } from "./ArrivedRequest.ts"
import { optional, Time } from "./field.ts"
import type { MeetingOptions } from "./Meeting.ts"
import { type Directory, type User, UserInput } from "./User.ts"

/**
 * A reservation. Times are in milliseconds since 1970.
 *
 * @stability stable
 * @category models
 */
export interface Reserve {
  readonly id: string
  /** The key of its tenant. */
  readonly tenant: string
  readonly owner: User
  readonly appliedBy: "app" | "user"
  readonly meetingNo: string
  readonly password: string
  readonly endsAt: number
  /** `meeting_settings` as they were sent, without hosts and password. */
  readonly settings: JsonObject
  readonly hosts: ReadonlyArray<User>
}

const reserveOptions = Schema.Struct({
  owner: UserInput,
  id: optional(Schema.NonEmptyString, "Default: counted from \"7000000000000000001\"."),
  meetingNo: optional(Schema.String, "The number of its meeting. Default: counted from \"900000001\"."),
  topic: optional(Schema.String, "The topic of its meeting."),
  endsAt: optional(Time, "When it ends, in milliseconds since 1970. Default: in 30 days."),
  autoRecord: optional(Schema.Boolean, "Whether the meeting is recorded from its start. Default false."),
  hosts: optional(Schema.Array(UserInput), "Who can be the host.")
}).annotate({ identifier: "ReserveOptions", description: "A reservation, made by the app." })

/**
 * A reservation of the app.
 *
 * @stability stable
 * @category models
 */
export interface ReserveOptions extends Schema.Schema.Type<typeof reserveOptions> {}

export const ReserveOptions: Schema.Codec<ReserveOptions, unknown> = reserveOptions

/** Documented: how far ahead the end can be. */
export const longestMillis = 30 * 86_400_000

export interface Reserves {
  readonly reserves: Map<string, Reserve>
  /** Counts reservations, deleted ones too. */
  reservesMade: number
}

type Chosen = Omit<Reserve, "id" | "meetingNo" | "password"> & Partial<Pick<Reserve, "id" | "meetingNo" | "password">>

/** Adds a reservation. Ids and numbers are counted, not random, so that tests are reproducible. */
export const add = (world: Reserves, chosen: Chosen): Reserve => {
  const count = ++world.reservesMade
  const reserve: Reserve = {
    ...chosen,
    id: chosen.id ?? String(7_000_000_000_000_000_000n + BigInt(count)),
    meetingNo: chosen.meetingNo ?? String(900_000_000 + count),
    password: chosen.password ?? String(100_000 + count)
  }
  world.reserves.set(reserve.id, reserve)
  return reserve
}

/** A reservation as an app of the owner's tenant makes it. */
export const fromOptions = (
  { autoRecord, endsAt, hosts, id, meetingNo, owner: input, topic }: ReserveOptions,
  directory: Directory,
  now: number
): Chosen => {
  const owner = directory.resolve(input)
  return {
    ...(id === undefined ? {} : { id }),
    ...(meetingNo === undefined ? {} : { meetingNo }),
    tenant: owner.tenant,
    owner,
    appliedBy: "app",
    endsAt: endsAt ?? now + longestMillis,
    settings: {
      ...(topic === undefined ? {} : { topic }),
      ...(autoRecord === undefined ? {} : { auto_record: autoRecord })
    },
    hosts: (hosts ?? []).map(directory.resolve)
  }
}

const meetingOf = (
  { meetingNo, owner, settings: { auto_record, topic }, tenant }: Reserve
): Partial<MeetingOptions> => ({
  apiReserved: true,
  meetingNo,
  owner,
  tenant,
  ...(auto_record === true ? { recorded: true } : {}),
  ...(typeof topic === "string" && topic !== "" ? { topic } : {})
})

/** The options of a meeting, with what it has from its reservation. */
export const inMeeting = (options: MeetingOptions, { reserves }: Reserves): MeetingOptions => {
  const reserve = reserves.get(options.reserveId ?? "")
  return reserve === undefined ? options : { ...options, ...meetingOf(reserve) }
}
