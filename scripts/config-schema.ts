import { Schema } from "effect"
import * as Simulator from "effect-lark-meetings/Simulator"

/** The JSON Schema of a config of the simulator. It refuses unknown keys, as `parseConfig` does. */
export const configSchema = () => {
  const { definitions, schema } = Schema.toJsonSchemaDocument(Simulator.Config, { onExcessProperty: "error" })
  return { $schema: "https://json-schema.org/draft/2020-12/schema", ...schema, $defs: definitions }
}
