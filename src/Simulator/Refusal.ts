import * as Data from "effect/Data"
import type { InputIssue } from "./issues.ts"

/** Why a control refuses, and the HTTP status of it. */
export const statuses = {
  BadInput: 400,
  KeyRefused: 401,
  HostRefused: 403,
  OriginRefused: 403,
  MeetingNotFound: 404,
  ReserveNotFound: 404,
  RouteNotFound: 404,
  MethodNotAllowed: 405,
  MeetingExists: 409,
  ReserveExists: 409,
  ChangeRefused: 409,
  BodyTooLarge: 413
} as const

export type Reason = keyof typeof statuses

/** A control that was refused: nothing has changed. */
export class Refusal extends Data.TaggedError("SimulatorRefusal")<{
  readonly reason: Reason
  readonly message: string
  /** Where the input is wrong, such as `faults[0].endpoint`; empty if it is not one place of it. */
  readonly path?: string | undefined
  /** What there is instead: ids of meetings, for example. */
  readonly known?: ReadonlyArray<string> | undefined
  readonly issues?: ReadonlyArray<InputIssue> | undefined
}> {}
