/** What an error class is: a tag and the codes that it stands for. */
import type * as Duration from "effect/Duration"
import type { Kind, Retry } from "../Cas.ts"
import { Classified } from "../internal/classified.ts"

/**
 * What every failed answer of the platform carries.
 *
 * @stability stable
 * @category models
 */
export interface Failure {
  readonly code: number
  readonly msg: string
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
 * @stability stable
 * @category models
 */
export interface ApiError<out Tag extends string = string, out K extends Kind = Kind, out R extends Retry = Retry>
  extends Classified<Tag, K, R>, Failure
{
  /** What to do next. */
  readonly advice: string
}

/**
 * A code of a class, or a range of codes.
 *
 * @stability stable
 * @category models
 */
export interface Code {
  readonly code: number
  /** The last code of a range. */
  readonly through?: number | undefined
}

/**
 * A class of errors and the codes that it stands for.
 *
 * @stability stable
 * @category models
 */
export interface ErrorClass<out Error extends Classified = Classified> {
  new(failure: Failure): Error
  readonly codes: ReadonlyArray<Code>
  /** Whether its errors keep the `data` of the answer. */
  readonly keepsData: boolean
}

/** What answered, and what support needs to find it. */
export const sourceOf = ({ endpoint, logId, status }: Pick<Failure, "endpoint" | "logId" | "status">): string =>
  `${endpoint}, HTTP ${status}${logId === undefined ? "" : `, log id ${logId}`}`

/** `[code] msg (endpoint, HTTP status, log id). advice` */
export const describe = (failure: Failure, advice: string): string =>
  `[${failure.code}] ${failure.msg} (${sourceOf(failure)}). ${
    failure.executed === "no" ? "The call was not executed. " : ""
  }${advice}`

/**
 * Makes an error whose stack has no frames: they would be those of a decoder, and taking them costs more than everything
 * else that this library does for a conflict.
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

type Proved<R extends Retry> = R | ("unknown" extends R ? "wait" : never)

/** What the failure of a request proves of its call. */
const proved = <R extends Retry>(retry: R, { executed }: Failure): Proved<R> =>
  // A retry of "unknown" has "wait" in the type of what is proved.
  retry === "unknown" && executed === "no" ? "wait" as Proved<R> : retry

/**
 * Makes an error class that owns its codes.
 *
 * **Details**
 *
 * `kind` (`caller` unless given), `retry` (`never` unless given) and `advice` hold for every code of the class that has none
 * of its own. `through` makes a code the first of a short range. `keepsData`: the errors keep the `data` of the answer, which
 * others drop.
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
 * @stability stable
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
  // K and R are these defaults without `kind` and `retry`.
  { advice, codes, keepsData = false, kind = "caller" as K, retry = "never" as R }: {
    readonly kind?: K
    readonly retry?: R
    readonly advice: string
    readonly codes: ReadonlyArray<
      number | Code & { readonly kind?: CodeK; readonly retry?: CodeR; readonly advice?: string }
    >
    readonly keepsData?: boolean
  }
): ErrorClass<ApiError<Tag, K | CodeK, Proved<R | CodeR>>> => {
  const list = codes.map((own) => typeof own === "number" ? { code: own } : own)
  const settingsOf = (failure: Failure) => ({
    kind,
    retry,
    advice,
    ...list.find(({ code, through = code }) => code <= failure.code && failure.code <= through)
  })
  return class extends Classified<Failure>()(tag, {
    kind: (failure) => settingsOf(failure).kind,
    retry: (failure) => proved(settingsOf(failure).retry, failure),
    message: (failure) => describe(failure, settingsOf(failure).advice)
  }) {
    static readonly codes = list
    static readonly keepsData = keepsData
    get advice() {
      return settingsOf(this).advice
    }
  }
}
