import * as Arr from "effect/Array"
import * as JsonSchema from "effect/JsonSchema"
import * as Schema from "effect/Schema"
import * as Representation from "effect/SchemaRepresentation"
import * as Struct from "effect/Struct"
import { Happening } from "../Happening.ts"
import { type Reason, type Refusal, statuses } from "../Refusal.ts"
import { prefix } from "./prefix.ts"
import { Nothing, type Route } from "./Route.ts"

/** The body of every refusal. */
const RefusalBody = Schema.Struct({
  error: Schema.Struct({
    _tag: Schema.Literals(Struct.keys(statuses)),
    path: Schema.String.annotateKey({ description: "Where the input is wrong, such as faults[0].endpoint." }),
    message: Schema.String,
    known: Schema.Array(Schema.String).annotateKey({
      description: "What there is instead of what was named: ids of meetings, for example."
    }),
    issues: Schema.Array(Schema.Struct({ path: Schema.String, message: Schema.String })).annotateKey({
      description: "All that is wrong with the input."
    })
  })
}).annotate({ identifier: "Refusal", description: "A refusal. Nothing has changed." })

export const refusalBody = (
  { issues = [], known = [], message, path = "", reason }: Refusal
): typeof RefusalBody.Type => ({
  error: { _tag: reason, path, message, known, issues }
})

type Json = Readonly<Record<string, unknown>>

const content = (schema: Json): Json => ({ content: { "application/json": { schema } } })

/** The refusals of a route, by status. */
const refusalsOf = (
  { method, refusals = [] }: Pick<Route, "method" | "refusals">,
  hasKey: boolean,
  refusal: Json
): Json => {
  const always: ReadonlyArray<Reason> = ["BadInput", "OriginRefused", hasKey ? "KeyRefused" : "HostRefused"]
  const reasons = [...always, ...(method === "POST" ? ["BodyTooLarge" as const] : []), ...refusals]
  return Object.fromEntries(
    Object.entries(Arr.groupBy(reasons, (reason) => String(statuses[reason]))).map(([status, grouped]) => [
      status,
      { description: grouped.join(", "), ...content(refusal) }
    ])
  )
}

/** The parameters of a query, from the schema of all of them. */
const parametersOf = ({ properties = {} }: { readonly properties?: Json }): ReadonlyArray<Json> =>
  Object.entries(properties).map(([name, schema]) => ({ name, in: "query", required: false, schema }))

const idParameter = {
  name: "id",
  in: "path",
  required: true,
  description: "The id of a meeting.",
  schema: { type: "string" }
}

/** The OpenAPI description of the control interface. */
export const describe = (routes: ReadonlyArray<Route>, hasKey: boolean): Json => {
  const { definitions, schemas } = JsonSchema.toMultiDocumentOpenApi3_1(
    Representation.toJsonSchemaMultiDocument(
      Representation.toRepresentations([
        RefusalBody.ast,
        Schema.toCodecJson(Happening).ast,
        ...routes.flatMap(({ input, reply }) => [input.ast, Schema.toCodecJson(reply).ast])
      ]),
      { onExcessProperty: "error" }
    )
  )
  const [refusal = {}, happening = {}, ...rest] = schemas
  const paths: Record<string, Record<string, Json>> = {}
  for (const [index, route] of routes.entries()) {
    const input = rest[2 * index] ?? {}
    const reply = rest[2 * index + 1] ?? {}
    const path = `${prefix}${route.path}`
    paths[path] = {
      ...paths[path],
      [route.method.toLowerCase()]: {
        operationId: route.name,
        summary: route.summary,
        parameters: [
          ...(route.path.includes("{id}") ? [idParameter] : []),
          ...(route.method === "GET" ? parametersOf(input) : [])
        ],
        ...(route.method === "POST" && route.input.ast !== Nothing.ast
          ? { requestBody: { required: route.optional !== true, ...content(input) } }
          : {}),
        responses: {
          [route.status ?? 200]: { description: "Done.", ...content(reply) },
          ...refusalsOf(route, hasKey, refusal)
        }
      }
    }
  }
  paths[`${prefix}/stream`] = {
    get: {
      operationId: "stream",
      summary: "What happens, as server-sent events. The data of each is a Happening in JSON.",
      parameters: [],
      responses: {
        200: {
          description: "Events, until the reader leaves.",
          content: { "text/event-stream": { schema: happening } }
        },
        ...refusalsOf({ method: "GET" }, hasKey, refusal)
      }
    }
  }
  return {
    openapi: "3.1.0",
    info: { title: "The control interface of a simulated Feishu", version: "1" },
    paths,
    components: {
      schemas: definitions,
      ...(hasKey ? { securitySchemes: { key: { type: "http", scheme: "bearer" } } } : {})
    },
    ...(hasKey ? { security: [{ key: [] }] } : {})
  }
}
