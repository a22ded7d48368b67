/**
 * The three numbers of a meeting, told apart by their form as far as that is possible.
 *
 * **Details**
 *
 * A meeting number has nine digits. Meeting ids and reserve ids have 19, and nothing in them tells which is which.
 * Source: Feishu, vc-v1 `meeting` and `reserve`.
 *
 * @internal
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** What the form of a text says about it. */
export type LooksLike = "meeting number" | "meeting id or reserve id" | "something else"

/** What the form of an input says about it. */
export const looksLike = (input: unknown): LooksLike =>
  typeof input !== "string"
    ? "something else"
    : /^[0-9]{9}$/.test(input)
    ? "meeting number"
    : /^[0-9]{10,32}$/.test(input)
    ? "meeting id or reserve id"
    : "something else"

const describe = (input: unknown): string =>
  typeof input !== "string"
    ? "ids must stay strings, since a JavaScript number cannot hold 19 digits"
    : input === ""
    ? "it is empty"
    : /^[0-9]+$/.test(input)
    ? `it has ${input.length} digits`
    : `it has ${input.length} characters, not all of them digits`

/** One of the three numbers. */
export interface Kind<Id extends string> {
  readonly is: (input: string) => input is Id
  readonly expected: string
  /** A regular expression of valid texts. */
  readonly source: string
  /** How to get from the number of the other form to this one. */
  readonly mistaken: string
}

export const longId = { expected: "a string of 10 to 32 digits (usually 19)", source: "^[0-9]{10,32}$" }

const reasonOf = (input: unknown, { mistaken }: Kind<string>) =>
  looksLike(input) === "something else" ? describe(input) : mistaken

/** The text, or why it is not of this kind. */
export const parse = <Id extends string>(
  kind: Kind<Id>,
  input: string
): Result.Result<Id, { readonly looksLike: LooksLike; readonly reason: string }> =>
  kind.is(input)
    ? Result.succeed(input)
    : Result.fail({ looksLike: looksLike(input), reason: reasonOf(input, kind) })

export const check = (kind: Kind<string>) =>
  Schema.makeFilter((input: string) => kind.is(input) || reasonOf(input, kind), {
    expected: kind.expected,
    arbitraryConstraint: { patterns: [{ source: kind.source, flags: "" }] }
  })
