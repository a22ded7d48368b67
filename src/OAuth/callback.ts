/**
 * What the browser brings back from the login: a code, or why there is none.
 *
 * @internal
 */
import * as Mac from "effect/crypto/Mac"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"

/** Why a callback logs nobody in; `error` is the word of the platform for it. */
export interface Refusal {
  readonly reason: "stateMismatch" | "accessDenied" | "failed" | "noCode"
  readonly error?: string
}

/** RFC 6749, section 3.1: no parameter comes twice. */
const single = (parameters: URLSearchParams, name: string): string | undefined => {
  const [value, ...others] = parameters.getAll(name)
  return value === "" || others.length > 0 ? undefined : value
}

const bytes = (text: string) => new TextEncoder().encode(text)

/** The callback comes from anybody: of its error only what is a word is repeated. */
const word = (text: string) => /^\w{1,64}$/.test(text) ? { error: text } : {}

/**
 * The code of a callback that belongs to the login with this state. A relative URL, as servers see it, will do.
 */
export const codeOf = (
  callback: URL | string,
  login: { readonly redirectUri: string; readonly state: Redacted.Redacted }
): Result.Result<Redacted.Redacted, Refusal> => {
  const parameters = URL.parse(callback, login.redirectUri)?.searchParams ?? new URLSearchParams()
  const state = single(parameters, "state")
  // Before all else, or a forged callback could tell the user of a denial that never was.
  if (state === undefined || !Mac.timingSafeEqual(bytes(state), bytes(Redacted.value(login.state)))) {
    return Result.fail({ reason: "stateMismatch" })
  }
  const error = single(parameters, "error")
  if (error !== undefined) {
    return Result.fail({ reason: error === "access_denied" ? "accessDenied" : "failed", ...word(error) })
  }
  const code = single(parameters, "code")
  return code === undefined ? Result.fail({ reason: "noCode" }) : Result.succeed(Redacted.make(code, { label: "code" }))
}
