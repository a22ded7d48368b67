// The same kind of program without the library.
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Config, Console, Context, Data, Effect, Layer, Schema } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"

class NoPermission extends Data.TaggedError("NoPermission")<{ readonly msg: string }> {}

const Envelope = Schema.Struct({ code: Schema.Int, msg: Schema.String })

class Host extends Context.Service<Host, {
  readonly set: (id: string, from: string, to: string) => Effect.Effect<string, NoPermission>
}>()("alone/Host") {
  static readonly layer = Layer.effect(
    Host,
    Effect.gen(function*() {
      const client = yield* HttpClient.HttpClient
      const token = yield* Config.Redacted("TOKEN")
      return Host.of({
        set: Effect.fnUntraced(function*(id, from, to) {
          const { code, msg } = yield* HttpClientRequest.patch(`https://example.com/${id}`).pipe(
            HttpClientRequest.bearerToken(token),
            HttpClientRequest.bodyJsonUnsafe({ from, to }),
            client.execute,
            Effect.flatMap(HttpClientResponse.schemaBodyJson(Envelope)),
            Effect.orDie
          )
          return code === 0 ? to : yield* new NoPermission({ msg })
        })
      })
    })
  )
}

const program = Host.use((host) => host.set("6911188411932033028", "ou_alice", "ou_bob")).pipe(
  Effect.catchTag("NoPermission", ({ msg }) => Effect.succeed(msg)),
  Effect.flatMap(Console.log)
)

await Effect.runPromise(
  Effect.provide(program, Host.layer.pipe(Layer.provide(NodeHttpClient.layerUndici)))
)
