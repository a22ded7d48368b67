/**
 * The requests of an operation with and without turns, as bars.
 */
import type * as vega from "vega"
import * as svg from "../svg.ts"
import type { Row } from "./pods.ts"

const ways = [["each pod for itself", ", without turns: calls", "#d1242f"], [
  "with turns",
  ": calls",
  "#2da44e"
]] as const

const specification = (rows: ReadonlyArray<Row>): vega.Spec => {
  const measured = new Map(rows.map(({ measured, what }) => [what, measured]))
  const places = rows.flatMap(({ what }) => what.endsWith(ways[0][1]) ? [what.slice(0, -ways[0][1].length)] : [])
  const bars = places.flatMap((place) =>
    ways.map(([way, ending]) => ({ place: place.replaceAll(" x ", " × "), way, calls: measured.get(place + ending) }))
  )
  const { gridColor, gridOpacity, ...lined } = svg.lined
  return {
    width: 420,
    height: 56 * places.length,
    padding: 12,
    autosize: "pad",
    data: [{ name: "bars", values: bars }],
    scales: [
      { name: "place", type: "band", domain: { data: "bars", field: "place" }, range: "height", padding: 0.2 },
      {
        name: "calls",
        type: "linear",
        domain: { data: "bars", field: "calls" },
        zero: true,
        nice: true,
        range: "width"
      },
      { name: "color", type: "ordinal", domain: ways.map(([way]) => way), range: ways.map(([, , color]) => color) }
    ],
    axes: [
      {
        ...svg.text,
        ...lined,
        gridColor,
        gridOpacity,
        orient: "bottom",
        scale: "calls",
        title: "Requests per operation",
        grid: true
      },
      { ...svg.text, ...lined, orient: "left", scale: "place", labelLimit: 400 }
    ],
    legends: [{
      ...svg.text,
      orient: "bottom",
      direction: "horizontal",
      offset: 12,
      fill: "color",
      symbolType: "square"
    }],
    marks: [{
      type: "group",
      from: { facet: { data: "bars", name: "both", groupby: "place" } },
      encode: { enter: { y: { scale: "place", field: "place" } } },
      signals: [{ name: "height", update: "bandwidth('place')" }],
      scales: [{ name: "way", type: "band", domain: ways.map(([way]) => way), range: "height" }],
      marks: [
        {
          name: "bar",
          type: "rect",
          from: { data: "both" },
          encode: {
            enter: {
              y: { scale: "way", field: "way" },
              height: { scale: "way", band: 1 },
              x: { scale: "calls", value: 0 },
              x2: { scale: "calls", field: "calls" },
              fill: { scale: "color", field: "way" }
            }
          }
        },
        {
          type: "text",
          from: { data: "both" },
          encode: {
            enter: {
              x: { scale: "calls", field: "calls", offset: 4 },
              y: { scale: "way", field: "way", band: 0.5 },
              baseline: { value: "middle" },
              fill: { value: "currentColor" },
              text: { signal: "format(datum.calls, '.2f')" }
            }
          }
        }
      ]
    }]
  }
}

/** Writes the figure, and returns its place. */
export const writeFigure = (rows: ReadonlyArray<Row>): Promise<string> =>
  svg.write("cluster-calls.svg", specification(rows))
