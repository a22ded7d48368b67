/**
 * The requests of an operation with and without turns, as bars.
 */
import * as bars from "../bars.ts"
import type { Row } from "./pods.ts"

const ways = [["each pod for itself", "#d1242f", ", without turns: calls"], [
  "with turns",
  "#2da44e",
  ": calls"
]] as const

/** Writes the figure, and returns its place. */
export const writeFigure = (rows: ReadonlyArray<Row>): Promise<string> => {
  const measured = new Map(rows.map(({ measured, what }) => [what, measured]))
  const places = rows.flatMap(({ what }) => what.endsWith(ways[0][2]) ? [what.slice(0, -ways[0][2].length)] : [])
  return bars.write({
    file: "cluster-calls.svg",
    title: "Requests per operation",
    ways: ways.map(([way, color]) => [way, color]),
    bars: places.flatMap((place) =>
      ways.map(([way, , ending]) => ({
        place: place.replaceAll(" x ", " × "),
        way,
        value: measured.get(place + ending) ?? Number.NaN
      }))
    )
  })
}
