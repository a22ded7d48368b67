/**
 * Readers of the fields of an answer. A field that is absent, `null` or not as documented has no value: the platform adds and
 * leaves out fields, and a field that nobody asked for must not fail a call.
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"

export type Wire = Readonly<Record<string, unknown>>

export const text = (value: unknown): string => Predicate.isString(value) ? value : ""

/** A text that has at least one character. */
export const someText = (value: unknown): Option.Option<string> =>
  Option.liftPredicate(text(value), (text) => text !== "")

/** A secret that has at least one character. */
export const someSecret = (value: unknown): Option.Option<Redacted.Redacted> =>
  Option.map(someText(value), (text) => Redacted.make(text))

export const flag = (value: unknown): boolean => value === true

export const number = (value: unknown): number => Predicate.isNumber(value) ? value : 0

/** Unix seconds, in a string or not. Empty and 0 mean that there is no time. */
export const time = (value: unknown): Option.Option<DateTime.Utc> => {
  const seconds = Predicate.isString(value) || Predicate.isNumber(value) ? Number(value) : 0
  return seconds === 0 ? Option.none() : Option.map(DateTime.make(seconds * 1_000), DateTime.toUtc)
}

export const object = (value: unknown): Wire => Predicate.isObject(value) ? value : {}

export const someObject = (value: unknown): Option.Option<Wire> => Option.liftPredicate(value, Predicate.isObject)

/** The texts in a list. */
export const texts = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter(Predicate.isString) : []

export const list = (value: unknown): ReadonlyArray<Wire> =>
  Array.isArray(value) ? value.filter(Predicate.isObject) : []
