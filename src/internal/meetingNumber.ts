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

const lengths = {
  "meeting number": { pattern: /^[0-9]{9}$/, expected: "a string of 9 digits" },
  "meeting id or reserve id": { pattern: /^[0-9]{10,32}$/, expected: "a string of 10 to 32 digits (usually 19)" }
}

const looksLike = (input: unknown): LooksLike =>
  typeof input !== "string"
    ? "something else"
    : lengths["meeting number"].pattern.test(input)
    ? "meeting number"
    : lengths["meeting id or reserve id"].pattern.test(input)
    ? "meeting id or reserve id"
    : "something else"

const describe = (input: unknown): string =>
  typeof input !== "string"
    ? "ids have up to 19 digits, more than a JavaScript number can hold, and must stay strings"
    : input === ""
    ? "it is empty"
    : /^[0-9]+$/.test(input)
    ? `it has ${input.length} digits`
    : `it has ${input.length} characters, not all of them digits`

/** One of the three numbers. */
export interface Kind<Id extends string> {
  readonly is: (input: string) => input is Id
  /** The text, or why it is refused. */
  readonly parse: (input: string) => Result.Result<Id, { readonly looksLike: LooksLike; readonly reason: string }>
  readonly expected: string
  readonly check: ReturnType<typeof Schema.makeFilter<string>>
}

/** `mistaken`: how to get from the number of the other form to this one. */
export const kind = <Id extends string>(form: keyof typeof lengths, mistaken: string): Kind<Id> => {
  const { expected, pattern } = lengths[form]
  // The brand stands for this test and nothing else.
  const is = (input: string): input is Id => looksLike(input) === form
  const reasonOf = (input: unknown) => looksLike(input) === "something else" ? describe(input) : mistaken
  return {
    is,
    parse: (input) =>
      is(input)
        ? Result.succeed(input)
        : Result.fail({ looksLike: looksLike(input), reason: reasonOf(input) }),
    expected,
    check: Schema.makeFilter((input: string) => is(input) || `${reasonOf(input)}; expected ${expected}`, {
      expected,
      arbitraryConstraint: { patterns: [{ source: pattern.source, flags: "" }] }
    })
  }
}
