/**
 * The curves.
 */
import type * as vega from "vega"
import * as svg from "../svg.ts"
import { roster } from "./clients.ts"
import type { Measured } from "./race.ts"
import type { At } from "./sweep.ts"

const lines = [
  { of: roster.refreshEffect, color: "#d1242f", dash: [1, 0], width: 1.5 },
  { of: roster.kubernetesRetry, color: "#bf8700", dash: [1, 0], width: 1.5 },
  { of: roster.refreshNone, color: "#8250df", dash: [1, 0], width: 1.5 },
  { of: roster.awsFull, color: "#57a0a0", dash: [1, 0], width: 1.5 },
  { of: roster.standard, color: "#2f81f7", dash: [1, 0], width: 3 },
  { of: roster.thrifty, color: "#2f81f7", dash: [6, 3], width: 2 },
  { of: roster.queued, color: "#2da44e", dash: [1, 0], width: 3 },
  { of: roster.oracle, color: "#8b949e", dash: [2, 3], width: 1.5 }
] as const

interface Figure {
  readonly file: string
  readonly title: string
  readonly of: (measured: Measured) => number
  readonly ticks: ReadonlyArray<number>
}

const figures: ReadonlyArray<Figure> = [
  {
    file: "contention-calls.svg",
    title: "Calls per operation",
    of: ({ calls }) => calls,
    ticks: [1, 2, 5, 10, 20, 50, 100, 200, 500]
  },
  {
    file: "contention-time.svg",
    title: "Time until all are done / (N round trips)",
    of: ({ time }) => time,
    ticks: [0.5, 1, 2, 5, 10, 20, 50, 100]
  }
]

const names = lines.map(({ of }) => of[0])

const specification = (figure: Figure, at: At, contenders: ReadonlyArray<number>): vega.Spec => {
  const points = lines.flatMap(({ of, width }) =>
    contenders.map((n) => ({ name: of[0], width, contenders: n, value: figure.of(at(of, n)) }))
  )
  const last = Math.max(...contenders)
  const [least, most] = [Math.min(...points.map((p) => p.value)), Math.max(...points.map((p) => p.value))]
  return {
    width: 640,
    height: 360,
    padding: 12,
    autosize: "pad",
    data: [{ name: "points", values: points }],
    scales: [
      { name: "x", type: "log", domain: [1, last], range: "width" },
      { name: "y", type: "log", domain: [least * 0.9, most * 1.1], range: "height" },
      { name: "color", type: "ordinal", domain: names, range: lines.map(({ color }) => color) },
      { name: "dash", type: "ordinal", domain: names, range: lines.map(({ dash }) => [...dash]) }
    ],
    axes: [
      {
        ...svg.text,
        ...svg.lined,
        orient: "bottom",
        scale: "x",
        title: "N, contenders that start together",
        values: [...contenders],
        format: "d",
        grid: true
      },
      {
        ...svg.text,
        ...svg.lined,
        orient: "left",
        scale: "y",
        title: figure.title,
        values: figure.ticks.filter((tick) => tick >= least * 0.9 && tick <= most * 1.1),
        format: "~g",
        grid: true
      }
    ],
    legends: [{
      ...svg.text,
      orient: "bottom",
      columns: 2,
      offset: 12,
      rowPadding: 4,
      stroke: "color",
      strokeDash: "dash",
      symbolType: "stroke",
      symbolSize: 500,
      symbolStrokeWidth: 2.5,
      labelLimit: 400
    }],
    marks: [{
      type: "group",
      from: { facet: { name: "line", data: "points", groupby: "name" } },
      marks: [{
        type: "line",
        from: { data: "line" },
        encode: {
          enter: {
            x: { scale: "x", field: "contenders" },
            y: { scale: "y", field: "value" },
            stroke: { scale: "color", field: "name" },
            strokeDash: { scale: "dash", field: "name" },
            strokeWidth: { field: "width" }
          }
        }
      }]
    }]
  }
}

export const writeFigures = (at: At, contenders: ReadonlyArray<number>): Promise<ReadonlyArray<string>> =>
  Promise.all(figures.map((figure) => svg.write(figure.file, specification(figure, at, contenders))))
