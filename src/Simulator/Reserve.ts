import type { JsonObject } from "./ArrivedRequest.ts"
import type { MeetingOptions } from "./Meeting.ts"
import type { User } from "./User.ts"

/**
 * A reservation. Times are in milliseconds since 1970.
 *
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

/** The ids and numbers are counted, not random, so that tests are reproducible. */
export const idOf = (count: number): string => String(7_000_000_000_000_000_000n + BigInt(count))

export const meetingNoOf = (count: number): string => String(900_000_000 + count)

/** What a meeting has from its reservation. */
export const meetingOf = ({ meetingNo, owner, settings: { topic }, tenant }: Reserve): Partial<MeetingOptions> => ({
  apiReserved: true,
  meetingNo,
  owner,
  tenant,
  ...(typeof topic === "string" && topic !== "" ? { topic } : {})
})
