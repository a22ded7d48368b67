import * as Schema from "effect/Schema"
import { between, Millis, Nth, tagged } from "./bounded.ts"
import { names } from "./endpoints.ts"
import { makePlan as makeEndpointPlan, type Plan } from "./Plan.ts"

const Status = between(200, 599)

/**
 * The name of an endpoint.
 *
 * **Details**
 *
 * - `tenant_access_token`, `app_access_token`: the `auth/v3` endpoints, for custom and for store apps.
 * - `oauth_token`: the token endpoints of OAuth v2 and v3.
 * - `oidc_token`: the older token endpoints for users, with and without `/oidc` in their path.
 * - `long_connection`: the endpoint that gives the address of a long connection.
 *
 * @stability stable
 * @category schemas
 */
export const Endpoint = Schema.Literals(names).annotate({
  identifier: "Endpoint",
  description: "The name of an endpoint.",
  message: `Expected the name of an endpoint: ${names.join(", ")}`
})

/**
 * The name of an endpoint.
 *
 * @stability stable
 * @category models
 */
export type Endpoint = typeof Endpoint.Type

const fault = tagged({ identifier: "Fault", description: "A failure of one request." }, {
  Delay: { millis: Millis },
  DropBefore: {},
  DropAfter: {},
  Late: { millis: Millis },
  ServerError: {
    status: Schema.Literals([500, 502, 503, 504]),
    applied: Schema.Boolean,
    body: Schema.Literals(["envelope", "html"])
  },
  Throttle: {
    reset: between(0, 3_600),
    status: Schema.Literals([429, 400])
  },
  RejectToken: { status: Schema.Literals([400, 200]), revoked: Schema.optionalKey(Schema.Boolean) },
  ConflictWithoutHost: { shape: Schema.Literals(["noData", "nullData", "emptyObject", "emptyId", "noUserType"]) },
  ConflictAsOk: {},
  GarbageBody: { body: Schema.String, status: Status, applied: Schema.Boolean },
  EmptyBody: { status: Status, applied: Schema.Boolean }
})

/**
 * A failure of one request.
 *
 * @stability stable
 * @category models
 */
export type Fault = Schema.Schema.Type<typeof fault>

/**
 * A failure of one request.
 *
 * **Details**
 *
 * - `Delay`: executed this many milliseconds later.
 * - `DropBefore`: the connection is lost, nothing is executed.
 * - `DropAfter`: executed, then the connection is lost.
 * - `Late`: the connection is lost now, and the request is executed this many milliseconds later.
 * - `ServerError`: a 5xx with the endpoint's internal error or with a gateway's HTML; executed if `applied`.
 * - `Throttle`: 99991400 with `x-ogw-ratelimit-reset` in seconds; not executed.
 * - `RejectToken`: 99991663 for a tenant token, 99991668 for a user token; not executed. It revokes the token, unless
 *   `revoked` is `false`: then the token stays valid and can be issued again.
 * - `ConflictWithoutHost`: a 121006 that names no usable host.
 * - `ConflictAsOk`: a 121006 with HTTP 200.
 * - `GarbageBody`, `EmptyBody`: a body that is not an envelope; executed if `applied`.
 *
 * **Gotchas**
 *
 * `RejectToken` has no effect on an endpoint that takes no token, and the conflict faults none on one that does not swap.
 *
 * @stability stable
 * @category schemas
 */
export const Fault: Schema.Codec<Fault, unknown> = fault

/**
 * A fault and the request that it hits: the `nth` to that endpoint, counted from 0 since the rule was added.
 *
 * **Details**
 *
 * A rule is used once. If two rules hit the same request, the first applies and the other is never used.
 *
 * @stability stable
 * @category schemas
 */
export const FaultRule = Schema.Struct({ endpoint: Endpoint, nth: Nth, fault: Fault }).annotate({
  identifier: "FaultRule",
  description: "A fault and the request that it hits: the nth to that endpoint."
})

/**
 * A fault and the request that it hits. `Name` are the names of endpoints that were added to the simulator.
 *
 * @stability stable
 * @category models
 */
export interface FaultRule<Name extends string = never> {
  readonly endpoint: Endpoint | Name
  readonly nth: number
  readonly fault: Fault
}

export interface FaultPlan {
  readonly add: (rules: ReadonlyArray<FaultRule<string>>) => void
  /** Counts one more request to the endpoint: the fault that hits it. */
  readonly take: (endpoint: string) => Fault | undefined
}

export const makePlan = (): FaultPlan => {
  const plans = new Map<string, Plan<Fault>>()
  const planOf = (endpoint: string): Plan<Fault> => {
    const plan = plans.get(endpoint) ?? makeEndpointPlan()
    plans.set(endpoint, plan)
    return plan
  }
  return {
    add: (rules) => {
      for (const rule of rules) planOf(rule.endpoint).add([rule])
    },
    take: (endpoint) => planOf(endpoint).take()
  }
}
