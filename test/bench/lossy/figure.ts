/**
 * How often each engine misleads its caller, as bars.
 */
import type * as vega from "vega"
import * as svg from "../svg.ts"
import { type IntentName, intents, type Trial } from "./trial.ts"

/** The operation took effect, and its error says nothing about it. */
export const isUnsaid = ({ effects, said }: Trial): boolean =>
  effects > 0 && said.ended === "failure" && said.effect === "unsaid"

/** An operation counts once, as the first of these. */
const faults = [
  ["false claim", "#d1242f", ({ isFalseFailure, isFalseSuccess }: Trial) => isFalseFailure || isFalseSuccess],
  ["applied, not said", "#bf8700", isUnsaid],
  ["double effect", "#8250df", ({ effects }: Trial) => effects > 1]
] as const

/** A segment of a bar, in percent of the operations. */
export interface Part {
  readonly intent: IntentName
  readonly engine: string
  readonly fault: string
  readonly from: number
  readonly to: number
}

export const partsOf = (intent: IntentName, engine: string, trials: ReadonlyArray<Trial>): ReadonlyArray<Part> => {
  const first = trials.map((trial) => faults.find(([, , is]) => is(trial))?.[0])
  let to = 0
  return faults.map(([fault]) => {
    const from = to
    to = from + 100 * first.filter((one) => one === fault).length / trials.length
    return { intent, engine, fault, from, to }
  })
}

const width = 230

const specification = (parts: ReadonlyArray<Part>): vega.Spec => {
  const engines = [...new Set(parts.map(({ engine }) => engine))]
  const { gridColor, gridOpacity, ...lined } = svg.lined
  return {
    width: 2 * width + 30,
    height: 22 * engines.length,
    padding: 12,
    autosize: "pad",
    data: intents.map((name) => ({
      name,
      values: parts.filter(({ from, intent, to }) => intent === name && to > from)
    })),
    scales: [
      { name: "engine", type: "band", domain: engines, range: "height", padding: 0.25 },
      {
        name: "share",
        type: "linear",
        domain: [0, Math.max(...parts.map(({ to }) => to))],
        nice: true,
        range: [0, width]
      },
      {
        name: "color",
        type: "ordinal",
        domain: faults.map(([fault]) => fault),
        range: faults.map(([, color]) => color)
      }
    ],
    axes: [{
      ...svg.text,
      ...lined,
      orient: "left",
      scale: "engine",
      labelLimit: 400,
      ticks: false,
      encode: svg.boldOurs
    }],
    legends: [{
      ...svg.text,
      orient: "bottom",
      direction: "horizontal",
      offset: 12,
      fill: "color",
      symbolType: "square",
      symbolStrokeWidth: 1,
      labelLimit: 400
    }],
    marks: intents.map((intent, index) => ({
      type: "group",
      encode: {
        enter: { x: { value: index * (width + 30) }, width: { value: width }, height: { signal: "height" } }
      },
      axes: [{
        ...svg.text,
        ...lined,
        gridColor,
        gridOpacity,
        orient: "bottom",
        scale: "share",
        title: `${intent}: % of operations`,
        tickCount: 4,
        ticks: false,
        grid: true
      }],
      marks: [{
        type: "rect",
        from: { data: intent },
        encode: {
          enter: {
            y: { scale: "engine", field: "engine" },
            height: { scale: "engine", band: 1 },
            x: { scale: "share", field: "from" },
            x2: { scale: "share", field: "to" },
            fill: { scale: "color", field: "fault" }
          }
        }
      }]
    }))
  }
}

/** Writes the figure, and returns its place. */
export const writeFigure = (parts: ReadonlyArray<Part>): Promise<string> => svg.write("lossy.svg", specification(parts))
