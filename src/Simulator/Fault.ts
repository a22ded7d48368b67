import * as Schema from "effect/Schema"

// The bounds keep generated plans small enough to matter: a fault at request 10^12 or a delay of a year tests nothing.
const Nth = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9_999 }))
const Millis = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3_600_000 }))
const Status = Schema.Int.check(Schema.isBetween({ minimum: 200, maximum: 599 }))

/**
 * The endpoints that can be faulty.
 *
 * **Details**
 *
 * `tenant_access_token` and `app_access_token` are those of `auth/v3`, of both types of apps each; `oauth_token` is the
 * token endpoint of OAuth v2 and of v3.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Endpoint = Schema.Literals([
  "set_host",
  "get",
  "end",
  "tenant_access_token",
  "app_access_token",
  "app_ticket_resend",
  "authorize",
  "oauth_token",
  "user_info"
])

/**
 * The endpoints that can be faulty.
 *
 * @since 0.1.0
 * @category models
 */
export type Endpoint = typeof Endpoint.Type

/**
 * What goes wrong with one request.
 *
 * **Details**
 *
 * - `Delay`: it takes this much longer to arrive.
 * - `DropBefore`: the connection is lost and nothing is executed.
 * - `DropAfter`: it is executed and the reply is lost.
 * - `Late`: the connection is lost now and the request is executed this much later.
 * - `ServerError`: a 5xx, with the envelope of that endpoint's internal error or with a gateway's HTML, executed (`applied`) or not.
 * - `Throttle`: 99991400, not executed, with `x-ogw-ratelimit-reset` in seconds.
 * - `RejectToken`: 99991663 for a tenant token, 99991668 for a user token; not executed. The token is dead afterwards,
 *   unless `revoked` is `false`: then the refusal was a whim, and the same token may be handed out again.
 * - `ConflictWithoutHost`: if the answer is 121006, it does not name a usable host.
 * - `ConflictAsOk`: if the answer is 121006, it comes with HTTP 200.
 * - `GarbageBody`, `EmptyBody`: an answer that is no envelope, executed or not.
 *
 * Requests that carry no token have no use for `RejectToken`, and those that swap nothing none for the conflict faults:
 * they are answered as usual.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Fault = Schema.TaggedUnion({
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
    reset: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3_600 })),
    status: Schema.Literals([429, 400])
  },
  RejectToken: { status: Schema.Literals([400, 200]), revoked: Schema.optionalKey(Schema.Boolean) },
  ConflictWithoutHost: { shape: Schema.Literals(["noData", "nullData", "emptyObject", "emptyId", "noUserType"]) },
  ConflictAsOk: {},
  GarbageBody: { body: Schema.String, status: Status, applied: Schema.Boolean },
  EmptyBody: { status: Status, applied: Schema.Boolean }
})

/**
 * What goes wrong with one request.
 *
 * @since 0.1.0
 * @category models
 */
export type Fault = typeof Fault.Type

/**
 * Which request a fault hits: the one with `nth` others to that endpoint before it since the rule was added.
 *
 * **Details**
 *
 * A rule is used once. Of two rules for the same request the first counts; the other is never used.
 *
 * @since 0.1.0
 * @category schemas
 */
export const FaultRule = Schema.Struct({ endpoint: Endpoint, nth: Nth, fault: Fault })

/**
 * Which request a fault hits.
 *
 * @since 0.1.0
 * @category models
 */
export type FaultRule = typeof FaultRule.Type

export interface FaultPlan {
  readonly add: (rules: ReadonlyArray<FaultRule>) => void
  /** Counts one more request to the endpoint and gives the fault that hits it. */
  readonly take: (endpoint: Endpoint) => Fault | undefined
}

export const makePlan = (): FaultPlan => {
  const seen = new Map<Endpoint, number>()
  const count = (endpoint: Endpoint): number => seen.get(endpoint) ?? 0
  const waiting: Array<{ readonly endpoint: Endpoint; readonly at: number; readonly fault: Fault }> = []
  return {
    add: (rules) => {
      for (const { endpoint, fault, nth } of rules) waiting.push({ endpoint, at: count(endpoint) + nth, fault })
    },
    take: (endpoint) => {
      const at = count(endpoint)
      seen.set(endpoint, at + 1)
      const index = waiting.findIndex((rule) => rule.endpoint === endpoint && rule.at === at)
      return index === -1 ? undefined : waiting.splice(index, 1)[0]?.fault
    }
  }
}
