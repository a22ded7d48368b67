/**
 * The addresses of an endpoint.
 *
 * @internal
 */
import * as Result from "effect/Result"

/** The parameters of a query: a list repeats its key, `undefined` is left out. */
export type Query = Readonly<Record<string, QueryValue | ReadonlyArray<QueryValue> | undefined>>

type QueryValue = string | number | boolean

/** A parameter that cannot be part of a URL, and why. */
interface Unsendable {
  readonly parameter: string
  readonly reason: string
}

/** What follows the base of an address: the path with its parameters filled in, and the query. */
export type Address = (
  params: Readonly<Record<string, string>>,
  query: Query | undefined
) => Result.Result<string, Unsendable>

/** URL parsers resolve these segments, encoded or not. */
const isDots = (value: string) => value === "." || value === ".."

const malformed = "has half of a surrogate pair in it"

const reasonOf = (value: string | undefined): string | undefined =>
  value === undefined || value === ""
    ? "is empty"
    : isDots(value)
    ? "is dots, which a URL resolves"
    : value.isWellFormed()
    ? undefined
    : malformed

const queryOf = (query: Query = {}): Result.Result<string, Unsendable> => {
  let text = ""
  for (const [parameter, given] of Object.entries(query)) {
    for (const value of Array.isArray(given) ? given : [given]) {
      if (value === undefined) continue
      const pair = [parameter, String(value)]
      if (!pair.every((part) => part.isWellFormed())) {
        return Result.fail({ parameter, reason: malformed })
      }
      text += `${text === "" ? "?" : "&"}${pair.map(encodeURIComponent).join("=")}`
    }
  }
  return Result.succeed(text)
}

/** Compiles a path with segments `:name` for parameters, so that a call only fills them in. */
export const compile = (path: string): Address => {
  const [head = "", ...parts] = path.split(/(?<=\/):([^/]*)/)
  return (params, query) => {
    let address = head
    for (let i = 0; i < parts.length; i += 2) {
      const [name = "", literal = ""] = [parts[i], parts[i + 1]]
      const value = params[name] ?? ""
      const reason = reasonOf(value)
      if (reason !== undefined) return Result.fail({ parameter: name, reason })
      address += encodeURIComponent(value) + literal
    }
    return Result.map(queryOf(query), (text) => address + text)
  }
}
