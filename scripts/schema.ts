/** Writes the JSON Schema of a config of the simulator, for editors. */
import { writeFileSync } from "node:fs"
import { configSchema } from "./config-schema.ts"

writeFileSync(new URL("../dist/simulator.schema.json", import.meta.url), `${JSON.stringify(configSchema())}\n`)
