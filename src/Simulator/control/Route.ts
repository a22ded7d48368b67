import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { issuesOf, parseInput, strictly } from "../issues.ts"
import { type Reason, Refusal } from "../Refusal.ts"

interface Declaration<In, Out> {
  /** The name of the operation in the OpenAPI description. */
  readonly name: string
  readonly method: "GET" | "POST"
  /** Below `/_simulator`. `{id}` is the id of a meeting. */
  readonly path: `/${string}`
  readonly summary: string
  /** The query of a `GET`, the body of a `POST`. */
  readonly input: Schema.Codec<In, unknown>
  /** Whether the body can be left out, and is `{}` then. Default `false`. */
  readonly optional?: boolean | undefined
  readonly reply: Schema.Codec<Out, unknown>
  /** The status of the reply. Default 200. */
  readonly status?: 200 | 201 | undefined
  /** Reasons for which it refuses, beside those of every route. */
  readonly refusals?: ReadonlyArray<Reason> | undefined
  readonly handle: (input: In, id: string) => Effect.Effect<Out, Refusal>
}

/** What arrived at a route. */
interface Received {
  readonly id: string
  readonly query: Readonly<Record<string, string>>
  readonly body: string
}

/** An operation of the control interface. */
export interface Route extends Omit<Declaration<unknown, unknown>, "input" | "reply" | "handle"> {
  readonly input: Schema.Top
  readonly reply: Schema.Top
  /** Answers with the JSON text of the reply. */
  readonly answer: (received: Received) => Effect.Effect<string, Refusal>
}

/** An object without keys. A struct without fields would take anything. */
export const Nothing = Schema.Record(Schema.String, Schema.Never)

const badInput = (issues: Refusal["issues"] = []): Refusal =>
  new Refusal({
    reason: "BadInput",
    path: issues[0]?.path,
    message: issues.map(({ message, path }) => path === "" ? message : `${path}: ${message}`).join("\n"),
    issues
  })

const decodeWith = <A>(schema: Schema.Codec<A, unknown>) => {
  const decode = Schema.decodeUnknownEffect(schema, strictly)
  return (value: unknown) => Effect.mapError(decode(value), (error) => badInput(issuesOf(error)))
}

const nothing = decodeWith(Nothing)

const parsed = (text: string): Effect.Effect<unknown, Refusal> =>
  Effect.suspend(() => {
    const input = parseInput(text)
    return "value" in input ? Effect.succeed(input.value) : Effect.fail(badInput([input]))
  })

export const make = <In, Out>({ handle, input, optional, reply, ...rest }: Declaration<In, Out>): Route => {
  const decode = decodeWith(input)
  const encode = Schema.encodeEffect(Schema.toCodecJson(reply))
  const read = Effect.fnUntraced(function*({ body, query }: Received) {
    const isEmpty = body.trim() === ""
    if (rest.method === "GET") {
      if (!isEmpty) return yield* badInput([{ path: "", message: "A GET takes no body" }])
      return yield* decode(query)
    }
    yield* nothing(query)
    return yield* decode(isEmpty && optional === true ? {} : yield* parsed(body))
  })
  return {
    ...rest,
    optional,
    input,
    reply,
    answer: Effect.fnUntraced(function*(received: Received) {
      const out = yield* handle(yield* read(received), received.id)
      return JSON.stringify(yield* Effect.orDie(encode(out)))
    })
  }
}
