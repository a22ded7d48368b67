/** The three numbers of a meeting, distinguished by their form where that is possible. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Classified } from "./classified.ts"

const forms = {
  "meeting number": { digits: /^[0-9]{9}$/, expected: "a string of 9 digits" },
  "meeting id or reserve id": { digits: /^[0-9]{10,32}$/, expected: "a string of 10 to 32 digits (usually 19)" }
}

type Form = keyof typeof forms

interface Kind<Id extends string> {
  readonly is: (text: string) => text is Id
  readonly name: string
  readonly form: Form
  /** How to get from the number of the other form to this one. */
  readonly mistaken: string
}

export interface Refusal {
  readonly reason: string
  readonly looksLike: Form | "something else"
}

/** Callers without types may pass anything. */
export const has = (form: Form, input: unknown): boolean => typeof input === "string" && forms[form].digits.test(input)

const describe = (input: unknown): string =>
  typeof input !== "string"
    ? "ids must stay strings, since a JavaScript number cannot hold 19 digits"
    : input === ""
    ? "it is empty"
    : /^[0-9]+$/.test(input)
    ? `it has ${input.length} digits`
    : `it has ${input.length} characters, not all of them digits`

const refusalOf = ({ form, mistaken }: Kind<string>, input: unknown): Refusal => {
  const other = form === "meeting number" ? "meeting id or reserve id" : "meeting number"
  return has(other, input)
    ? { looksLike: other, reason: mistaken }
    : { looksLike: "something else", reason: describe(input) }
}

export const schema = (kind: Kind<string>): Schema.String => {
  const { digits, expected } = forms[kind.form]
  const check = Schema.makeFilter((text: string) => kind.is(text) || refusalOf(kind, text).reason, {
    expected,
    arbitraryConstraint: { patterns: [{ source: digits.source, flags: "" }] }
  })
  return Schema.String.check(check)
}

/** The base of the error for a text that is not of this kind. */
export const invalid = <const Tag extends string>(tag: Tag, { form, name }: Kind<string>) =>
  Classified<Refusal>()(tag, {
    kind: "caller",
    message: ({ reason }) => `Not a ${name}: ${reason}. A ${name} is ${forms[form].expected}.`
  })

const parse = <Id extends string, E>(
  kind: Kind<Id>,
  Invalid: new(refusal: Refusal) => E,
  text: string
): Result.Result<Id, E> => kind.is(text) ? Result.succeed(text) : Result.fail(new Invalid(refusalOf(kind, text)))

export const maker =
  <Id extends string>(kind: Kind<Id>, Invalid: new(refusal: Refusal) => Error) => (text: string): Id =>
    Result.getOrThrow(parse(kind, Invalid, text))

export const effectMaker =
  <Id extends string, E>(kind: Kind<Id>, Invalid: new(refusal: Refusal) => E) => (text: string): Effect.Effect<Id, E> =>
    Effect.fromResult(parse(kind, Invalid, text))
