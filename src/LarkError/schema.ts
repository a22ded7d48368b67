/** Errors as JSON. */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import type { Classified } from "../internal/classified.ts"
import { type Failure, withoutFrames } from "./ApiError.ts"

type Fields = Readonly<Record<string, Schema.Codec<unknown, Schema.Json>>>

const text = Schema.optionalKey(Schema.String)
const texts = Schema.optionalKey(Schema.Array(Schema.String))
const integer = Schema.optionalKey(Schema.Int)
const retryAfter = Schema.optionalKey(Schema.DurationFromString)
const endpoint = Schema.String
const executed = Schema.optionalKey(Schema.Literal("no"))

const failure = {
  code: Schema.Int,
  msg: Schema.String,
  status: Schema.Int,
  endpoint,
  logId: text,
  troubleshooter: text,
  retryAfter,
  scopes: texts,
  violations: texts,
  executed
}

const number = {
  reason: Schema.String,
  looksLike: Schema.Literals(["meeting number", "meeting id or reserve id", "something else"])
}

/** The fields of the classes that have others than a failure has, by tag. */
const others = {
  TransportError: {
    endpoint,
    reason: Schema.String,
    executed: Schema.Literals(["no", "unknown"]),
    retryAfter
  },
  MalformedResponse: {
    endpoint,
    status: Schema.Int,
    reason: Schema.String,
    logId: text,
    retryAfter,
    executed
  },
  InvalidParameter: { endpoint, parameter: Schema.String, reason: Schema.String },
  ReauthorizationRequired: {
    ...failure,
    code: integer,
    msg: text,
    status: integer,
    reason: Schema.Literals(["refused", "noSession", "noRefreshToken"])
  },
  SessionStoreError: { endpoint, reason: Schema.Literals(["unavailable", "unreadable"]), detail: Schema.String },
  AppTicketMissing: {
    endpoint,
    reason: Schema.Literals(["none", "rejected"]),
    resend: Schema.Literals(["requested", "failed"])
  },
  InvalidTenant: { endpoint, reason: Schema.Literals(["missing", "empty", "customApp"]) },
  InvalidMeetingId: number,
  InvalidMeetingNo: number,
  InvalidReserveId: number,
  InvalidMeetingUser: { reason: Schema.String },
  InvalidLarkConfig: { setting: Schema.String, reason: Schema.String },
  InvalidLogin: { setting: Schema.Literals(["redirectUri", "scopes"]), reason: Schema.String },
  LoginRefused: { reason: Schema.Literals(["stateMismatch", "accessDenied", "failed", "noCode"]), error: text }
}

/**
 * The errors of one class as JSON: a class of this library that has `kind` and `retry`, or one that `ApiError` made. The
 * errors of the engine have `Cas.ErrorSchema`.
 *
 * **Example** (An invalid id, to JSON and back)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { LarkError, MeetingId } from "effect-lark-meetings"
 *
 * const schema = LarkError.schemaOf(MeetingId.InvalidMeetingId)
 * const invalid = await Effect.runPromise(Effect.flip(MeetingId.makeEffect("123456789")))
 * const json = JSON.stringify(Schema.encodeSync(schema)(invalid))
 * console.log(Schema.decodeUnknownSync(schema)(JSON.parse(json)).looksLike) // => meeting number
 * ```
 *
 * @stability stable
 * @category schemas
 */
export const schemaOf = <E extends Classified & (Failure | { readonly _tag: keyof typeof others })>(Class: {
  new(fields: never): E
  readonly prototype: E
  readonly keepsData?: boolean
}): Schema.Codec<E, Schema.Json> => {
  // The name of a tagged error is its tag.
  const tag: E["_tag"] = Class.prototype.name
  const ownFields: Readonly<Record<string, Fields>> = others
  const fields = ownFields[tag] ?? (Class.keepsData ? { ...failure, data: Schema.optionalKey(Schema.Json) } : failure)
  const json = Schema.Struct({ _tag: Schema.tag(tag), ...fields })
  const transformation = SchemaTransformation.transform({
    // The class is made with the fields that the struct has: those of a failure, or the others above.
    decode: ({ _tag, ...fields }: (typeof json)["Type"]) => withoutFrames(() => new Class(fields as never)),
    encode: (error: E) => ({
      _tag: tag,
      ...Object.fromEntries(
        Object.entries(error).filter(([name, value]) => Object.hasOwn(fields, name) && value !== undefined)
      )
    })
  })
  const instance = Schema.declare((value): value is E => value instanceof Class, {
    identifier: tag,
    toCodec: () => Schema.link<E>()(json, transformation)
  })
  return json.pipe(Schema.decodeTo(instance, transformation))
}
