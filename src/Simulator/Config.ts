import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { optional } from "./field.ts"
import { type InputIssue, issuesOf, parseInput, strictly } from "./issues.ts"
import { namesIn, repeats } from "./names.ts"
import { OptionsData } from "./Options.ts"

const Fields = Schema.Struct({
  $schema: optional(Schema.String, "Where an editor finds this schema."),
  ...OptionsData.fields
})

/** The issues of names that are twice in a list. */
const duplicates = (field: string, key: string, names: ReadonlyArray<string>): ReadonlyArray<Schema.FilterIssue> =>
  repeats(names).map(([index, first]) => ({ path: [field, index, key], issue: `Taken by ${field}[${first}]` }))

/** The issues of references to meetings and reservations that there are not. */
const dangling = (
  { meetings = [], reserves = [], rivals = [], schedule = [] }: Config
): ReadonlyArray<Schema.FilterIssue> => {
  const started = schedule.flatMap((change) => change._tag === "Start" ? [change.meetingId] : [])
  const initial = new Set(meetings.map(({ id }) => id))
  const known = new Set([...initial, ...started])
  const reserved = new Set([
    ...reserves.map(({ id }) => id),
    ...schedule.map((change) => change._tag === "Reserve" ? change.reserveId : undefined)
  ])

  const unknown = (path: ReadonlyArray<PropertyKey>, wanted: string | undefined, ids: ReadonlySet<string>) => {
    if (wanted === undefined ? ids.size > 0 : ids.has(wanted)) return []
    return [{
      path,
      issue: ids.size === 0 ? "Needs a meeting, and there is none" : `No such meeting. Meetings: ${namesIn([...ids])}`
    }]
  }
  const unreserved = (path: ReadonlyArray<PropertyKey>, wanted: string | undefined) =>
    wanted === undefined || reserved.has(wanted)
      ? []
      : [{ path, issue: "No such reservation. Its id is in reserves or in a Reserve of schedule" }]

  return [
    ...meetings.flatMap(({ reserveId }, index) => unreserved(["meetings", index, "reserveId"], reserveId)),
    ...rivals.flatMap(({ meetingId }, index) => unknown(["rivals", index, "meetingId"], meetingId, initial)),
    ...schedule.flatMap((change, index) => {
      const path = ["schedule", index]
      if (change._tag === "Push" || change._tag === "Reserve") return []
      return change._tag === "Start"
        ? unreserved([...path, "reserveId"], change.reserveId)
        // Without an id it is the first of the initial meetings.
        : unknown([...path, "meetingId"], change.meetingId, change.meetingId === undefined ? initial : known)
    })
  ]
}

/**
 * The part of `Options` that a file can have, in JSON.
 *
 * **Details**
 *
 * What it decodes to is accepted by `layer` and `layerServer`. Secrets are texts that decode to `Redacted`. A duration is a
 * number of milliseconds, or a text such as `"5 minutes"`. Times are milliseconds since 1970.
 *
 * The package has its JSON Schema, which editors use: `dist/simulator.schema.json`. Name it under the key `$schema`.
 *
 * Ids that are given twice, and meetings and reservations that are named but do not exist, are issues.
 *
 * **Gotchas**
 *
 * A schema ignores unknown keys unless it is told otherwise. `parseConfig` refuses them.
 *
 * @stability unstable
 * @category schemas
 */
export const Config: Schema.Codec<Config, object> = Fields.check(
  Schema.makeFilter((config: Config) => [
    ...duplicates("meetings", "id", (config.meetings ?? []).map(({ id }) => id)),
    ...duplicates("otherApps", "appId", (config.otherApps ?? []).map(({ appId }) => appId)),
    ...dangling(config)
  ])
).annotate({
  identifier: "Config",
  title: "A simulated Feishu",
  description: "The initial state of a simulated Feishu, and what happens to its requests."
})

/**
 * The part of `Options` that a file can have.
 *
 * @stability unstable
 * @category models
 */
export interface Config extends Schema.Struct.Type<typeof OptionsData.fields> {
  /** Where an editor finds the JSON Schema. */
  readonly $schema?: string | undefined
}

/**
 * A config that cannot be used. `issues` say where and why, and never repeat a value.
 *
 * @stability unstable
 * @category errors
 */
export class ConfigError extends Data.TaggedError("SimulatorConfigError")<{
  readonly issues: ReadonlyArray<InputIssue>
}> {
  override get message() {
    return this.issues.map(({ message, path }) => path === "" ? message : `${path}: ${message}`).join("\n")
  }
}

const decode = Schema.decodeUnknownEffect(Config, strictly)

/**
 * Reads a config from the text of a JSON file.
 *
 * **Details**
 *
 * Unknown keys are refused, so that a typo is not ignored. Up to 20 issues are reported at once, each with its path.
 *
 * **Example** (A typo)
 *
 * ```ts
 * import { Effect } from "effect"
 * import * as Simulator from "effect-lark-meetings/Simulator"
 *
 * const config = Simulator.parseConfig(`{ "meetings": [{ "id": "1", "hosts": "ou_alice" }], "latency": "2 parsecs" }`)
 * const { issues } = await Effect.runPromise(Effect.flip(config))
 * console.log(issues.map(({ path }) => path).join(", ")) // => meetings[0].hosts, latency
 * ```
 *
 * @stability unstable
 * @category constructors
 */
export const parseConfig = (text: string): Effect.Effect<Config, ConfigError> =>
  Effect.suspend(() => {
    const input = parseInput(text)
    return "value" in input
      ? Effect.mapError(decode(input.value), (error) => new ConfigError({ issues: issuesOf(error) }))
      : Effect.fail(new ConfigError({ issues: [input] }))
  })
