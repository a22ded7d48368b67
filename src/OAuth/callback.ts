/** Reads the callback of a login: the code, or why there is none. */
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { sameText } from "../internal/text.ts"

/** Why a callback has no usable code; `error` is the error code of the platform. */
export interface Refusal {
  readonly reason: "stateMismatch" | "accessDenied" | "failed" | "noCode"
  readonly error?: string
}

/** RFC 6749, section 3.1: a parameter must not be repeated. */
const single = (parameters: URLSearchParams, name: string): string | undefined => {
  const [value, ...others] = parameters.getAll(name)
  return value === "" || others.length > 0 ? undefined : value
}

/** Anybody can forge a callback: an error that is not a plain word is left out of messages. */
const word = (text: string) => /^\w{1,64}$/.test(text) ? { error: text } : {}

/** The code, if the callback has the state of the login. The URL may be relative, as servers see it. */
export const codeOf = (
  callback: URL | string,
  login: { readonly redirectUri: string; readonly state: Redacted.Redacted }
): Result.Result<Redacted.Redacted, Refusal> => {
  const parameters = URL.parse(callback, login.redirectUri)?.searchParams ?? new URLSearchParams()
  const state = single(parameters, "state")
  // The state comes first: a forged callback must not report a denial that never happened.
  if (state === undefined || !sameText(state, Redacted.value(login.state))) {
    return Result.fail({ reason: "stateMismatch" })
  }
  const error = single(parameters, "error")
  if (error !== undefined) {
    return Result.fail({ reason: error === "access_denied" ? "accessDenied" : "failed", ...word(error) })
  }
  const code = single(parameters, "code")
  return code === undefined ? Result.fail({ reason: "noCode" }) : Result.succeed(Redacted.make(code, { label: "code" }))
}
