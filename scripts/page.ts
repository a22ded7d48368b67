import { writeFileSync } from "node:fs"
import { pageText } from "./page-text.ts"

writeFileSync(new URL("../src/Simulator/control/page.ts", import.meta.url), pageText())
