/** The addresses of an endpoint. */

/** The parameters of a query: a list repeats its key, `undefined` is left out. */
export type Query = Readonly<Record<string, QueryValue | ReadonlyArray<QueryValue> | undefined>>

type QueryValue = string | number | boolean

/** The path with its parameters filled in, and the query; or a parameter that cannot be sent, and why. */
export type Address = (
  params: Readonly<Record<string, string>>,
  query: Query | undefined
) => string | { readonly parameter: string; readonly reason: string }

const malformed = "has half of a surrogate pair in it"

const reasonOf = (value: string): string | undefined =>
  value === ""
    ? "is empty"
    // Encoded or not.
    : value === "." || value === ".."
    ? "is dots, which a URL resolves"
    : value.isWellFormed()
    ? undefined
    : malformed

/** Compiles a path with segments `:name` for parameters, so that a call only fills them in. */
export const compile = (path: string): Address => {
  const [head = "", ...parts] = path.split(/(?<=\/):([^/]*)/)
  return (params, query = {}) => {
    let address = head
    for (let i = 0; i < parts.length; i += 2) {
      const parameter = parts[i] ?? ""
      const value = params[parameter] ?? ""
      const reason = reasonOf(value)
      if (reason !== undefined) return { parameter, reason }
      address += encodeURIComponent(value) + (parts[i + 1] ?? "")
    }
    let separator = "?"
    for (const [parameter, given] of Object.entries(query)) {
      for (const value of Array.isArray(given) ? given : [given]) {
        if (value === undefined) continue
        if (!`${parameter}=${value}`.isWellFormed()) return { parameter, reason: malformed }
        address += `${separator}${encodeURIComponent(parameter)}=${encodeURIComponent(value)}`
        separator = "&"
      }
    }
    return address
  }
}
