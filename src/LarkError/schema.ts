/**
 * Errors as JSON.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { type Classified, withoutFrames } from "./ApiError.ts"

type Fields = Readonly<Record<string, Schema.Codec<unknown, Schema.Json>>>

const text = Schema.optionalKey(Schema.String)
const texts = Schema.optionalKey(Schema.Array(Schema.String))
const integer = Schema.optionalKey(Schema.Int)
const retryAfter = Schema.optionalKey(Schema.DurationFromString)
const endpoint = Schema.String

const failure = {
  code: Schema.Int,
  msg: Schema.String,
  status: Schema.Int,
  endpoint,
  logId: text,
  troubleshooter: text,
  retryAfter,
  scopes: texts,
  violations: texts
}

/** The fields of the classes that have others than a failure has, by tag. */
const others: Readonly<Record<string, Fields>> = {
  TransportError: {
    endpoint,
    reason: Schema.String,
    executed: Schema.Literals(["no", "unknown"]),
    retryAfter
  },
  MalformedResponse: { endpoint, status: Schema.Int, reason: Schema.String, logId: text, retryAfter },
  InvalidParameter: { endpoint, parameter: Schema.String, reason: Schema.String },
  ReauthorizationRequired: {
    ...failure,
    code: integer,
    msg: text,
    status: integer,
    reason: Schema.Literals(["refused", "noSession", "expired", "noRefreshToken"])
  },
  SessionStoreError: { endpoint, reason: Schema.Literals(["unavailable", "unreadable"]), detail: Schema.String },
  AppTicketMissing: {
    endpoint,
    reason: Schema.Literals(["none", "rejected"]),
    resend: Schema.Literals(["requested", "failed"])
  },
  InvalidTenant: { endpoint, reason: Schema.Literals(["missing", "empty", "customApp"]) }
}

/**
 * The errors of one class as JSON: a class of this module, or one that `ApiError` made.
 *
 * @since 0.1.0
 * @category schemas
 */
export const schemaOf = <E extends Classified & { readonly endpoint: string }>(Class: {
  new(fields: never): E
  readonly prototype: E
  readonly keepsData?: boolean
}): Schema.Codec<E, Schema.Json> => {
  // The name of a tagged error is its tag.
  const tag: E["_tag"] = Class.prototype.name
  const fields: Fields = others[tag] ??
    (Class.keepsData ? { ...failure, data: Schema.optionalKey(Schema.Json) } : failure)
  const json = Schema.Struct({ _tag: Schema.tag(tag), ...fields })
  const transformation = SchemaTransformation.transform({
    // The class is made with the fields that the struct has: those of a failure, or the others above.
    decode: ({ _tag, ...fields }: (typeof json)["Type"]) => withoutFrames(() => new Class(fields as never)),
    // Only the fields, which an error with a report has from its prototype.
    encode: (error: E) => {
      const given = Object.keys(fields).map((name) => [name, Reflect.get(error, name)] as const)
      return { _tag: tag, ...Object.fromEntries(given.filter(([, value]) => value !== undefined)) }
    }
  })
  const instance = Schema.declare((value): value is E => value instanceof Class, {
    toCodec: () => Schema.link<E>()(json, transformation)
  })
  return json.pipe(Schema.decodeTo(instance, transformation))
}
