/** Takes the picture of the simulator's page in docs/figures, while three clients contend for the host role. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer } from "effect"
import { Cas, Lark, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClient, HttpClientRequest, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { fileURLToPath } from "node:url"
import { launch } from "../test/fixtures/chromium.ts"

const id = "6911188411932033028"
const size = { width: 1080, height: 660 }

const server = Simulator.layerServer({
  control: true,
  meetings: [{ id, topic: "Weekly sync", host: "ou_alice", participants: ["ou_bob", "ou_carol", "ou_dave"] }],
  rivals: [{ _tag: "BeforeSwap", nth: 3, host: "ou_erin" }],
  faults: [{ endpoint: "set_host", nth: 1, fault: { _tag: "DropAfter" } }],
  latency: "15 millis"
}).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })))

const contend = (baseUrl: string, name: string, user: string) =>
  Meetings.setHost(MeetingId.make(id), Cas.ensure(MeetingUser.openId(user))).pipe(
    Effect.provide(Lark.layer({ ...Simulator.defaultApp, baseUrl })),
    Effect.provide(Layer.effect(
      HttpClient.HttpClient,
      Effect.map(HttpClient.HttpClient, HttpClient.mapRequest(HttpClientRequest.setHeader("x-simulator-client", name)))
    )),
    Effect.provide(NodeHttpClient.layerNodeHttp)
  )

const take = Effect.gen(function*() {
  const url = yield* HttpServer.addressFormattedWith(Effect.succeed)
  const browser = yield* Effect.acquireRelease(Effect.promise(launch), (opened) => Effect.promise(() => opened.close()))
  const page = yield* Effect.promise(() => browser.newPage({ viewport: size }))
  yield* Effect.promise(() => page.goto(url))
  yield* Effect.promise(() => page.getByText("Connected", { exact: true }).waitFor())
  yield* Effect.all(
    [contend(url, "billing", "ou_bob"), contend(url, "recorder", "ou_carol"), contend(url, "night job", "ou_dave")],
    { concurrency: "unbounded" }
  )
  yield* Effect.promise(() => page.locator("#log .won").nth(2).waitFor())
  yield* Effect.promise(() =>
    page.screenshot({ path: fileURLToPath(new URL("../docs/figures/room.png", import.meta.url)) })
  )
})

await Effect.runPromise(take.pipe(Effect.scoped, Effect.provide(server)))
