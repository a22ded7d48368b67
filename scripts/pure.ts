/** Marks what is pure in the built modules. */
import { globSync, readFileSync, writeFileSync } from "node:fs"
import { markPure } from "./markPure.ts"

for (const file of globSync("dist/**/*.js")) writeFileSync(file, markPure(file, readFileSync(file, "utf8")))
