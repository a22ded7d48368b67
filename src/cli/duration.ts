import * as Duration from "effect/Duration"
import * as Option from "effect/Option"

const units = { ms: "millis", s: "seconds", m: "minutes", h: "hours", d: "days" } as const

const isUnit = (text: string): text is keyof typeof units => Object.hasOwn(units, text)

/** A duration above zero on the command line: `90s`, `30m`, or as Effect spells it, `2 hours`. */
export const parse = (text: string): Option.Option<Duration.Duration> => {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?) ?([a-z]+)$/.exec(text.trim()) ?? []
  return Option.flatMap(
    // Any text may be in it: `fromInput` has none for what it does not know.
    Duration.fromInput(`${Number(number)} ${isUnit(unit) ? units[unit] : unit}` as Duration.Input),
    (duration) => Duration.isGreaterThan(duration, Duration.zero) ? Option.some(duration) : Option.none()
  )
}
