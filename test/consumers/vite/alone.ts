// The same kind of program without the library.
import { Effect, Schema } from "effect"
import { FetchHttpClient, HttpClient, HttpClientResponse } from "effect/http"

const program = HttpClient.get("https://example.com").pipe(
  Effect.flatMap(HttpClientResponse.schemaBodyJson(Schema.Struct({ code: Schema.Int }))),
  Effect.map(({ code }) => String(code)),
  Effect.catchTag("HttpClientError", ({ message }) => Effect.succeed(message))
)

console.log(await Effect.runPromise(Effect.provide(program, FetchHttpClient.layer)))
