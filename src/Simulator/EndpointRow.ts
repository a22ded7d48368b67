import type * as Effect from "effect/Effect"
import type { Arrival, ArrivedRequest } from "./ArrivedRequest.ts"
import { type RequestLimit, tier4 } from "./RateLimit.ts"
import * as Reply from "./Reply.ts"
import type { TokenRule } from "./Tokens.ts"
import type { World } from "./World.ts"

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE"

export type Path = `/${string}`

/**
 * The names of the parameters in a path: `"meeting_id"` in `/meetings/:meeting_id/end`.
 *
 * @stability unstable
 * @category models
 */
type ParamOf<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}` ? Name | ParamOf<`/${Rest}`>
  : Path extends `${string}:${infer Name}` ? Name
  : never

interface Declaration<Name extends string, Route extends Path, Rule extends TokenRule> {
  /** What fault rules and the log of requests call it. Rows with one name are counted together by fault rules. */
  readonly name: Name
  readonly method: Method
  /** A parameter is written `:meeting_id`. */
  readonly path: Route
  /** Which token it takes: none, one of an app (a tenant token), one of a user, or either. */
  readonly token: Rule
  /** Its limits under `rateLimits`. Default: 50 requests a second and 1000 a minute if it takes a token, else none. */
  readonly limits?: ReadonlyArray<RequestLimit> | undefined
  /** Whether it swaps the host: then rivals move just before and after it, and conflict faults apply. Default `false`. */
  readonly swaps?: boolean | undefined
  /** The reply to a user token that is not accepted, if it is not the gateway's 99991668 or 99991677. */
  readonly invalidUserToken?: Reply.Reply | undefined
  /** The reply under a `ServerError` fault, for its status. Default: 121001. */
  readonly internalError?: ((status: number) => Reply.Reply) | undefined
}

/**
 * Declares an endpoint.
 *
 * @stability unstable
 * @category models
 */
export interface EndpointOptions<Name extends string, Route extends Path, Rule extends TokenRule, R = never>
  extends Declaration<Name, Route, Rule>
{
  /** Replies to a request whose token was accepted. */
  readonly handle: (request: ArrivedRequest<Rule, ParamOf<Route>>) => Reply.Reply | Effect.Effect<Reply.Reply, never, R>
}

/** An endpoint of the platform itself: its handler works on the state. */
interface BuiltIn<Name extends string, Route extends Path, Rule extends TokenRule, R>
  extends Declaration<Name, Route, Rule>
{
  readonly handle: (
    request: ArrivedRequest<Rule, ParamOf<Route>>,
    world: World
  ) => Reply.Reply | Effect.Effect<Reply.Reply, never, R>
}

/**
 * One endpoint of a simulated Feishu: one method and one path.
 *
 * @stability unstable
 * @category models
 */
export interface EndpointRow<out Name extends string, out R = never> {
  readonly name: Name
  readonly method: Method
  readonly path: Path
  readonly takesToken: boolean
  readonly limits: ReadonlyArray<RequestLimit>
  readonly swaps: boolean
  readonly internalError: (status: number) => Reply.Reply
  /** Checks the token: the refusal of it, or what runs the handler. */
  readonly admit: (
    arrival: Arrival<string>,
    world: World
  ) => Reply.Reply | (() => Reply.Reply | Effect.Effect<Reply.Reply, never, R>)
}

export const make = <const Name extends string, const Route extends Path, Rule extends TokenRule, R = never>(
  options: BuiltIn<Name, Route, Rule, R>
): EndpointRow<Name, R> => {
  const takesToken = options.token !== "none"
  return {
    name: options.name,
    method: options.method,
    path: options.path,
    takesToken,
    limits: options.limits ?? (takesToken ? tier4 : []),
    swaps: options.swaps ?? false,
    internalError: options.internalError ?? Reply.internalError(121001, "internal error"),
    admit: (arrival, world) => {
      const operator = world.tokens.authorize[options.token](arrival, options.invalidUserToken)
      if (Reply.is(operator)) return operator
      // The router has matched the path, so every parameter in it is there.
      const request = { ...arrival, operator } as ArrivedRequest<Rule, ParamOf<Route>>
      return () => options.handle(request, world)
    }
  }
}
