import { Cas } from "effect-lark-meetings"
import { conformsTo } from "./turns/suite.ts"

conformsTo("in memory", Cas.layerTurnsMemory, { start: 0, hop: 1, runs: 1_500 })
