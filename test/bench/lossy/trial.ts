/**
 * One engine under one script, judged by the register.
 */
import { setMaxListeners } from "node:events"
import { seeded } from "../Seeded.ts"
import type { Timeline } from "../Timeline.ts"
import type { Engine, Said } from "./Engine.ts"
import { installed } from "./installed.ts"
import { ours } from "./ours.ts"
import { reimplemented } from "./reimplemented.ts"
import { makeScript, type Script, target } from "./Script.ts"
import { makeServer } from "./Server.ts"
import { makeVirtualTime } from "./VirtualTime.ts"

/** Some keep time by themselves. */
export type MakeEngine = (timeline: Timeline) => Engine

const onUnknowns = ["reassert", "stopIfMoved", "neverResend"] as const

export const ownEngines = onUnknowns.map((onUnknown): readonly [string, MakeEngine] => [
  `ours, ${onUnknown}`,
  (timeline) => ours(onUnknown, timeline)
])

export const otherEngines = [...reimplemented, ...installed]
  .map(([name, engine]): readonly [string, MakeEngine] => [name, () => engine])

export interface Trial {
  readonly script: Script
  readonly said: Said
  /** The target was never in place while the operation ran, or its write is claimed and was not made. */
  readonly isFalseSuccess: boolean
  /** Its write is denied, and was made. */
  readonly isFalseFailure: boolean
  /** Changes of the register by the operation, those included that came after it ended. */
  readonly effects: number
  readonly calls: number
  readonly millis: number
}

export const intents = ["ensure", "handover"] as const
export type IntentName = (typeof intents)[number]

export const trial = async (makeEngine: MakeEngine, intent: IntentName, seed: number): Promise<Trial> => {
  const script = makeScript(seeded(seed))
  const { run, timeline } = makeVirtualTime(seeded(seed + 1))
  const server = makeServer(timeline, script)
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  if (script.cancelAt !== undefined) timeline.after(script.cancelAt, () => controller.abort())
  const engine = makeEngine(timeline)
  const from = intent === "handover" ? script.initial : undefined

  let ended: { readonly said: Said; readonly millis: number; readonly held: boolean } | undefined
  await run(async () => {
    const said = await engine({ server, from, signal: controller.signal })
    ended = { said, millis: timeline.now(), held: server.hasHeld(target) }
  })
  if (ended === undefined) throw new Error(`seed ${seed}: the operation has not ended`)
  const { held, millis, said } = ended
  return {
    script,
    said,
    isFalseSuccess: (said.ended === "success" && !held) || (said.effect === "applied" && server.effects() === 0),
    isFalseFailure: said.effect === "none" && server.effects() > 0,
    effects: server.effects(),
    calls: server.calls(),
    millis
  }
}
