/**
 * The errors of `Meetings.setHost` as JSON, each with its report.
 *
 * **Example** (To JSON and back)
 *
 * ```ts
 * import { Schema } from "effect"
 * import { Cas, SetHostError } from "effect-lark-meetings"
 *
 * const schema = Schema.toCodecJson(SetHostError.schema("open_id"))
 * const error = new Cas.InvalidPolicy({ setting: "maxSwaps", expected: "at least 1", received: "0" })
 * const json = JSON.stringify(Schema.encodeSync(schema)(error))
 * console.log(Schema.decodeUnknownSync(schema)(JSON.parse(json)).kind) // => caller
 * ```
 */
import * as Schema from "effect/Schema"
import * as Cas from "./Cas.ts"
import * as LarkError from "./LarkError.ts"
import * as MeetingUser from "./MeetingUser.ts"

type Errors<T extends MeetingUser.IdType> =
  | Cas.CasError<MeetingUser.MeetingUser<T>, LarkError.LarkError>
  | Cas.Reported<LarkError.LarkError, MeetingUser.MeetingUser<T>>

const of = <T extends MeetingUser.IdType>(
  user: Schema.Codec<MeetingUser.MeetingUser<T>>
): Schema.Codec<Errors<T>, unknown> =>
  Schema.Union([
    Cas.ErrorSchema(user, LarkError.LarkError),
    Cas.ReportedSchema(LarkError.LarkError, user)
  ])

/**
 * The schema of the errors of `setHost` for users of one kind of id. The causes in a report cross as tag and message.
 *
 * @stability stable
 * @category schemas
 */
export const schema = <T extends MeetingUser.IdType>(idType: T): Schema.Codec<Errors<T>, unknown> =>
  of(MeetingUser.schema(idType))

/**
 * The schema of the errors of `setHost` for users of any kind of id.
 *
 * @stability stable
 * @category schemas
 */
export const SetHostError: Schema.Codec<Errors<MeetingUser.IdType>, unknown> = of(MeetingUser.MeetingUser)
