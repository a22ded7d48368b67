/**
 * The addresses of an endpoint.
 *
 * @internal
 */

/** What follows the base of an address: the path with its parameters filled in, and the query. */
export type Address = (
  params: Readonly<Record<string, string>>,
  query: Readonly<Record<string, string | boolean | undefined>> | undefined
) => string

/** Segments that URL parsers resolve, encoded or not: no encoding can make them harmless. */
const isDots = (value: string) => value === "" || value === "." || value === ".."

/** What is no text (half of a surrogate pair) cannot be encoded, and arrives as U+FFFD. */
const encode = (text: string) => encodeURIComponent(text.toWellFormed())

const queryOf = (query: Parameters<Address>[1] = {}): string => {
  let text = ""
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined) continue
    text += `${text === "" ? "?" : "&"}${encode(name)}=${encode(String(value))}`
  }
  return text
}

/** Compiles a path with segments `:name` for parameters, so that a call has only to fill them in. */
export const compile = (path: string): Address => {
  const [head = "", ...parts] = path.split(/(?<=\/):([^/]*)/)
  return (params, query) => {
    let address = head
    for (let i = 0; i < parts.length; i += 2) {
      const [name = "", literal = ""] = [parts[i], parts[i + 1]]
      const value = params[name]
      if (value === undefined || isDots(value)) throw new Error(`the parameter :${name} of ${path} is empty or dots`)
      address += encodeURIComponent(value) + literal
    }
    return address + queryOf(query)
  }
}
