/**
 * The fault of each request: a function of the seed, the endpoint and the number of the request.
 */
import type * as Simulator from "effect-lark-meetings/Simulator"
import { type Seeded, seeded } from "../bench/Seeded.ts"

type Draw = (random: Seeded) => Simulator.Fault
type Chances = ReadonlyArray<readonly [probability: number, draw: Draw]>

const pick = <A>(random: Seeded, [first, ...rest]: readonly [A, ...ReadonlyArray<A>]): A =>
  rest[random.below(rest.length + 1) - 1] ?? first

const dropBefore: Draw = () => ({ _tag: "DropBefore" })
const dropAfter: Draw = () => ({ _tag: "DropAfter" })
const late: Draw = (random) => ({ _tag: "Late", millis: 20 + random.below(1_500) })
const delay = (most: number): Draw => (random) => ({ _tag: "Delay", millis: 20 + random.below(most) })
const serverError = (applied: boolean): Draw => (random) => ({
  _tag: "ServerError",
  status: pick(random, [500, 502, 503, 504]),
  applied,
  body: pick(random, ["envelope", "html"])
})
const garbage = (applied: boolean): Draw => (random) => ({
  _tag: "GarbageBody",
  body: pick(random, ["<html><body>welcome</body></html>", "{\"code\":", "null", "[]", "{}"]),
  status: pick(random, [200, 200, 404, 502]),
  applied
})
const empty = (applied: boolean): Draw => (random) => ({
  _tag: "EmptyBody",
  status: pick(random, [200, 200, 503]),
  applied
})
const throttle: Draw = (random) => ({ _tag: "Throttle", reset: random.below(2), status: pick(random, [429, 400]) })
const rejectToken: Draw = (random) => ({
  _tag: "RejectToken",
  status: pick(random, [400, 200]),
  revoked: random.chance(0.8)
})
const conflictWithoutHost: Draw = (random) => ({
  _tag: "ConflictWithoutHost",
  shape: pick(random, ["noData", "nullData", "emptyObject", "emptyId", "noUserType"])
})
const conflictAsOk: Draw = () => ({ _tag: "ConflictAsOk" })

/** The endpoints that the operations call. */
export const endpoints = ["set_host", "get", "end", "tenant_access_token"] as const
export type Endpoint = typeof endpoints[number]

const chances: Readonly<Record<Endpoint, Chances>> = {
  set_host: [
    [0.015, dropBefore],
    [0.015, dropAfter],
    [0.012, late],
    [0.012, serverError(true)],
    [0.012, serverError(false)],
    [0.006, garbage(true)],
    [0.006, garbage(false)],
    [0.005, empty(true)],
    [0.005, empty(false)],
    [0.015, throttle],
    [0.01, rejectToken],
    [0.03, conflictWithoutHost],
    [0.02, conflictAsOk],
    [0.03, delay(700)]
  ],
  get: [
    [0.02, dropBefore],
    [0.02, dropAfter],
    [0.03, serverError(false)],
    [0.02, garbage(false)],
    [0.01, empty(false)],
    [0.02, throttle],
    [0.01, rejectToken],
    [0.05, delay(700)]
  ],
  end: [
    [0.05, dropBefore],
    [0.05, dropAfter],
    [0.05, late],
    [0.05, serverError(true)],
    [0.05, serverError(false)],
    [0.05, garbage(true)],
    [0.1, delay(700)]
  ],
  tenant_access_token: [
    [0.04, dropBefore],
    [0.03, dropAfter],
    [0.05, serverError(false)],
    [0.03, garbage(false)],
    [0.02, empty(false)],
    [0.02, throttle],
    [0.1, delay(300)]
  ]
}

/** The fault of request `index` to an endpoint, if any. */
export const faultOf = (seed: number, endpoint: Endpoint, index: number): Simulator.Fault | undefined => {
  const random = seeded(seed + (index * endpoints.length + endpoints.indexOf(endpoint)) * 2 ** 32)
  let left = random.next()
  for (const [probability, draw] of chances[endpoint]) {
    if (left < probability) return draw(random)
    left -= probability
  }
  return undefined
}
