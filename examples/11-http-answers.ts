import { Effect, Layer } from "effect"
import { Cas, Lark, MeetingId, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"

type MoveError = Meetings.SetHostError<"open_id"> | MeetingId.InvalidMeetingId | MeetingUser.InvalidMeetingUser

// The HTTP status for every error of the route. With a kind left out, it does not compile.
const statuses: Record<MoveError["kind"], number> = { caller: 400, conflict: 409, setup: 500, platform: 503 }
const statusOf = (error: MoveError): number =>
  "status" in error && (error.status === 403 || error.status === 404) ? error.status : statuses[error.kind]

// POST /meetings/:id/host/:from/:to makes `to` the host, if `from` is the host.
const route = HttpRouter.add(
  "POST",
  "/meetings/:id/host/:from/:to",
  Effect.gen(function*() {
    const { from = "", id = "", to = "" } = yield* HttpRouter.params
    const [host, next] = yield* Effect.all([
      MeetingUser.makeEffect("open_id", from),
      MeetingUser.makeEffect("open_id", to)
    ])
    const { after } = yield* Meetings.setHost(yield* MeetingId.makeEffect(id), Cas.handover(host, next))
    return HttpServerResponse.jsonUnsafe({ host: after.id })
  }).pipe(
    Effect.catch((error) =>
      Effect.succeed(
        HttpServerResponse.jsonUnsafe({ error: error._tag, retry: error.retry }, { status: statusOf(error) })
      )
    )
  )
)

const id = "6911188411932033028"
const feishu = Simulator.layer({ meetings: [{ id, host: "ou_alice", participants: ["ou_bob", "ou_carol"] }] })
const lark = Lark.layer(Simulator.defaultApp).pipe(Layer.provide(feishu))
const app = route.pipe(Layer.provideMerge(lark), Layer.provide(HttpServer.layerServices))

const { dispose, handler } = HttpRouter.toWebHandler(app, { disableLogger: true })
for (
  const path of [
    `${id}/host/ou_alice/ou_bob`,
    `${id}/host/ou_alice/ou_carol`,
    "6911188411932033029/host/ou_bob/ou_carol"
  ]
) {
  const response = await handler(new Request(`http://localhost/meetings/${path}`, { method: "POST" }))
  console.log(path, response.status, await response.text())
}
await dispose()
