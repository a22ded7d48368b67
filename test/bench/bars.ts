/**
 * A figure of horizontal bars: some for each place, one a way.
 */
import type * as vega from "vega"
import * as svg from "./svg.ts"

export interface Bars {
  readonly file: string
  readonly title: string
  /** Names and colours. */
  readonly ways: ReadonlyArray<readonly [way: string, color: string]>
  readonly bars: ReadonlyArray<{ readonly place: string; readonly way: string; readonly value: number }>
}

const specification = ({ bars, title, ways }: Bars): vega.Spec => {
  const { gridColor, gridOpacity, ...lined } = svg.lined
  return {
    width: 420,
    height: 28 * bars.length,
    padding: 12,
    autosize: "pad",
    data: [{ name: "bars", values: [...bars] }],
    scales: [
      { name: "place", type: "band", domain: { data: "bars", field: "place" }, range: "height", padding: 0.2 },
      {
        name: "value",
        type: "linear",
        domain: { data: "bars", field: "value" },
        zero: true,
        nice: true,
        range: "width"
      },
      { name: "color", type: "ordinal", domain: ways.map(([way]) => way), range: ways.map(([, color]) => color) }
    ],
    axes: [
      {
        ...svg.text,
        ...lined,
        gridColor,
        gridOpacity,
        orient: "bottom",
        scale: "value",
        title,
        tickCount: 8,
        ticks: false,
        grid: true
      },
      { ...svg.text, ...lined, orient: "left", scale: "place", labelLimit: 400, encode: svg.boldOurs }
    ],
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
    marks: [{
      type: "group",
      from: { facet: { data: "bars", name: "all", groupby: "place" } },
      encode: { enter: { y: { scale: "place", field: "place" } } },
      signals: [{ name: "height", update: "bandwidth('place')" }],
      scales: [{ name: "way", type: "band", domain: ways.map(([way]) => way), range: "height" }],
      marks: [
        {
          type: "rect",
          from: { data: "all" },
          encode: {
            enter: {
              y: { scale: "way", field: "way" },
              height: { scale: "way", band: 1 },
              x: { scale: "value", value: 0 },
              x2: { scale: "value", field: "value" },
              fill: { scale: "color", field: "way" }
            }
          }
        },
        {
          type: "text",
          from: { data: "all" },
          encode: {
            enter: {
              x: { scale: "value", field: "value", offset: 4 },
              y: { scale: "way", field: "way", band: 0.5 },
              baseline: { value: "middle" },
              text: { signal: "format(datum.value, '.2f')" }
            }
          }
        }
      ]
    }]
  }
}

/** Writes the figure, and returns its place. */
export const write = (figure: Bars): Promise<string> => svg.write(figure.file, specification(figure))
