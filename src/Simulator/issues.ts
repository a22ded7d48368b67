import type * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { maxDepth } from "./depth.ts"
import { mostListed } from "./names.ts"

/** What is wrong with an input, and where. */
export interface InputIssue {
  /** Such as `meetings[0].host`; empty if all of the input is wrong. */
  readonly path: string
  readonly message: string
}

const textOf = (path: ReadonlyArray<PropertyKey>): string =>
  path.reduce<string>(
    (text, key) => typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`,
    ""
  )

const format = SchemaIssue.makeFormatterStandardSchemaV1({
  leafHook: (issue) => {
    switch (issue._tag) {
      case "UnexpectedKey":
        return issue.ast._tag === "Objects" && issue.ast.propertySignatures.length > 0
          ? `Unknown key. Known keys: ${issue.ast.propertySignatures.map(({ name }) => String(name)).join(", ")}`
          : "Unknown key"
      case "InvalidType":
        if (issue.ast._tag === "Never") return "Unknown key"
        return issue.ast._tag === "Objects" ? "Expected an object" : SchemaIssue.defaultLeafHook(issue)
      case "MissingKey":
        return "Missing"
      default:
        return SchemaIssue.defaultLeafHook(issue)
    }
  }
})

/** All issues, unknown keys among them. */
export const strictly = { errors: "all", onExcessProperty: "error" } as const

/** The first issues of an error of a schema. They never repeat the input, which may be a secret. */
export const issuesOf = ({ issue }: Schema.SchemaError): ReadonlyArray<InputIssue> => {
  const { issues } = format(issue)
  const first = issues.slice(0, mostListed).map(({ message, path = [] }) => ({
    path: textOf(path.map((segment) => typeof segment === "object" ? segment.key : segment)),
    message
  }))
  return issues.length > mostListed ? [...first, where([], `and ${issues.length - mostListed} more issues`)] : first
}

const where = (path: ReadonlyArray<PropertyKey>, message: string): InputIssue => ({ path: textOf(path), message })

/** What no schema can check safely: it would recurse without bound, or set a prototype. */
const hostile = (value: unknown, path: ReadonlyArray<PropertyKey>): InputIssue | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  if (path.length >= maxDepth) return where([], `Nested more than ${maxDepth} levels deep`)
  for (const [key, inner] of Object.entries(value)) {
    const at = [...path, Array.isArray(value) ? Number(key) : key]
    const issue = key === "__proto__" ? where(at, "Unknown key") : hostile(inner, at)
    if (issue !== undefined) return issue
  }
  return undefined
}

/** The message of `JSON.parse` without its excerpt of the text, which may be a secret. */
const withoutExcerpt = (message: string): string => message.replace(/, (?:\.\.\.)?".*$/su, "")

/** Parses a JSON text from outside. */
export const parseInput = (text: string): { readonly value: unknown } | InputIssue => {
  try {
    const value: unknown = JSON.parse(text)
    return hostile(value, []) ?? { value }
  } catch (error) {
    return where([], `Expected JSON: ${withoutExcerpt(error instanceof Error ? error.message : String(error))}`)
  }
}
