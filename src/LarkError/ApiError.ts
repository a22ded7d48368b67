/**
 * What an error class is: a tag and the codes that it stands for.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import type { Kind, Retry } from "../Cas.ts"
import { Classified } from "../internal/classified.ts"

/**
 * What every failed answer of the platform carries.
 *
 * @since 0.1.0
 * @category models
 */
export interface Failure {
  readonly code: number
  readonly msg: string
  /** The HTTP status of the answer. */
  readonly status: number
  /** The endpoint that was called, such as `vc.v1.meeting.set_host`. */
  readonly endpoint: string
  /** `X-Tt-Logid`, for support. */
  readonly logId?: string | undefined
  /** A link to help with this failure, if the platform sent one. */
  readonly troubleshooter?: string | undefined
  /** How long the platform asks to wait. */
  readonly retryAfter?: Duration.Duration | undefined
  /** The scopes of which one is missing, if the platform named them. */
  readonly scopes?: ReadonlyArray<string> | undefined
  /** The invalid fields of the request, if the platform named them. */
  readonly violations?: ReadonlyArray<string> | undefined
  /** The `data` of the answer, if the class keeps it. */
  readonly data?: unknown
  /** `no`: the request was for the token of the call, which itself was not sent. */
  readonly executed?: "no" | undefined
}

/**
 * An error with a code of the platform.
 *
 * @since 0.1.0
 * @category models
 */
export interface ApiError<out Tag extends string = string, out K extends Kind = Kind, out R extends Retry = Retry>
  extends Classified<Tag, K, R>, Failure
{
  /** What to do next. */
  readonly advice: string
}

/**
 * A code, or a range of codes, as its class declares it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Row {
  readonly code: number
  /** The last code of a range. */
  readonly through?: number | undefined
  readonly tag: string
  readonly kind: Kind
  readonly retry: Retry
  readonly advice: string
}

/**
 * A class of errors and the codes that it stands for.
 *
 * @since 0.1.0
 * @category models
 */
export interface ErrorClass<out Error extends Classified = Classified> {
  new(failure: Failure): Error
  readonly codes: ReadonlyArray<Row>
  /** Whether its errors keep the `data` of the answer. */
  readonly keepsData: boolean
}

/** `[code] msg (endpoint, HTTP status, log id). advice` */
export const describe = ({ code, endpoint, executed, logId, msg, status }: Failure, advice: string): string => {
  const source = [endpoint, `HTTP ${status}`]
  if (logId !== undefined) source.push(`log id ${logId}`)
  const unsent = executed === "no" ? "The call was not executed. " : ""
  return `[${code}] ${msg} (${source.join(", ")}). ${unsent}${advice}`
}

/**
 * Makes an error whose stack has no frames: they would be those of a decoder, and taking them costs more than all else
 * that this library does for a conflict.
 */
export const withoutFrames = <E>(make: () => E): E => {
  const limit: unknown = Reflect.get(Error, "stackTraceLimit")
  // Where the limit is frozen, `set` does nothing, and the frames are taken.
  Reflect.set(Error, "stackTraceLimit", 0)
  try {
    return make()
  } finally {
    Reflect.set(Error, "stackTraceLimit", limit)
  }
}

/** What errors prove of a call that was perhaps not sent at all. */
type Proved<R extends Retry> = R | ("unknown" extends R ? "wait" : never)

/** What the failure of a request proves of its call. */
const proved = <R extends Retry>(retry: R, { executed }: Failure): Proved<R> =>
  // A retry of "unknown" has "wait" in the type of what is proved.
  retry === "unknown" && executed === "no" ? "wait" as Proved<R> : retry

/** What a class declares of its codes, each of which may have its own. */
interface Codes<K extends Kind, R extends Retry, CodeK extends Kind, CodeR extends Retry> {
  readonly kind?: K
  readonly retry?: R
  readonly advice: string
  readonly codes: ReadonlyArray<
    number | {
      readonly code: number
      readonly through?: number
      readonly kind?: CodeK
      readonly retry?: CodeR
      readonly advice?: string
    }
  >
}

/** The rows of a class, and the row for any other code. */
export const rowsOf = <
  K extends Kind = "caller",
  R extends Retry = "never",
  CodeK extends Kind = never,
  CodeR extends Retry = never
>(
  tag: string,
  // K and R are these defaults without `kind` and `retry`.
  { advice, codes, kind = "caller" as K, retry = "never" as R }: Codes<K, R, CodeK, CodeR>
) => {
  const unlisted = { tag, kind, retry, advice }
  const rows = codes.map((own) => ({ ...unlisted, ...typeof own === "number" ? { code: own } : own }))
  return { rows, unlisted }
}

/**
 * Makes an error class that owns its codes.
 *
 * **Details**
 *
 * `kind` (`caller` unless given), `retry` (`never` unless given) and `advice` hold for every code of the class that has none
 * of its own. `through` makes a code the first of a short range. `keepsData`: the errors keep the `data` of the answer, which
 * others drop.
 *
 * An endpoint's own classes come before the generic ones, so a class may stand for a code that means something else on
 * that endpoint.
 *
 * **Example** (A code that this library does not know)
 *
 * ```ts
 * import { LarkError } from "effect-lark-meetings"
 *
 * class RoomBusy extends LarkError.ApiError("RoomBusy", {
 *   kind: "conflict",
 *   advice: "Choose another room or another time.",
 *   codes: [105001]
 * }) {}
 *
 * const answer = { code: 105001, msg: "room busy", status: 409, endpoint: "vc.v1.room.book" }
 * const error = LarkError.fromFailure(answer, [RoomBusy])
 * console.log(error._tag, error.kind) // => RoomBusy conflict
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const ApiError = <
  const Tag extends string,
  K extends Kind = "caller",
  R extends Retry = "never",
  CodeK extends Kind = never,
  CodeR extends Retry = never
>(
  tag: Tag,
  options: Codes<K, R, CodeK, CodeR> & { readonly keepsData?: boolean }
): ErrorClass<ApiError<Tag, K | CodeK, Proved<R | CodeR>>> => {
  const { rows: codes, unlisted } = rowsOf(tag, options)
  const rowOf = (error: Failure) =>
    codes.find(({ code, through = code }) => code <= error.code && error.code <= through) ?? unlisted
  return class extends Classified<Failure>()(tag, {
    kind: (failure) => rowOf(failure).kind,
    retry: (failure) => proved(rowOf(failure).retry, failure),
    message: (failure) => describe(failure, rowOf(failure).advice)
  }) {
    static readonly codes = codes
    static readonly keepsData = options.keepsData ?? false
    get advice() {
      return rowOf(this).advice
    }
  }
}
