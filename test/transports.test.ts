/**
 * The client on real sockets, with every HTTP transport of Node.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { Lark, Meeting, Meetings, UserToken } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClient, HttpServer } from "effect/http"
import { createServer, type RequestListener } from "node:http"
import { createServer as createSocketServer, type Socket } from "node:net"
import { listen } from "./fixtures/http/listen.ts"
import { transports } from "./fixtures/http/transports.ts"
import { alice, bob, id } from "./fixtures/World.ts"

const session = UserToken.fromAccessToken(Redacted.make("u-alice"), { user: alice })

const answering = (listener: RequestListener) => listen(createServer(listener))

/** Accepts connections and passes them to `treat`. */
const treating = (treat: (socket: Socket) => void) =>
  listen(createSocketServer((socket) => treat(socket.on("error", () => {}))))

/** The origin of a closed port: one that was just released. */
const closed = Effect.scoped(answering(() => {}))

const page = "<html><body><h1>502 Bad Gateway</h1></body></html>"

describe.each(transports)("%s", (_, transport) => {
  const at =
    (baseUrl: string, appSecret = Redacted.make("secret-of-the-app")) =>
    <A, E>(program: Effect.Effect<A, E, Lark.Services>) =>
      program.pipe(Effect.provide(Lark.layer({ appId: "cli_a", appSecret, baseUrl })), Effect.provide(transport))

  const end = Lark.asUser(session)(Meetings.end(id))
  const swap = Lark.asUser(session)(Meetings.swapHost(id, { expected: alice, desired: bob }))

  it.live("moves a host, reads a meeting and ends it", () =>
    Effect.gen(function*() {
      const simulator = yield* Simulator.Simulator
      const baseUrl = yield* HttpServer.addressFormattedWith(Effect.succeed)
      const token = yield* simulator.userToken("ou_bob")
      yield* at(baseUrl, Simulator.defaultApp.appSecret)(Effect.gen(function*() {
        assert.strictEqual((yield* Meetings.setHost(id, bob)).outcome, "swapped")
        assert.deepStrictEqual((yield* Meetings.get(id)).hostUser, Option.some(bob))
        yield* Lark.asUser(UserToken.fromAccessToken(token))(Meetings.end(id))
        assert.strictEqual((yield* Meetings.get(id)).status, Meeting.Status.Ended)
      }))
      const requests = yield* simulator.requests
      assert.deepStrictEqual(requests.find((request) => request.endpoint === "end")?.body, undefined)
    }).pipe(
      Effect.provide(
        Simulator.layerServer({
          app: { appId: "cli_a", appSecret: Simulator.defaultApp.appSecret },
          meetings: [{ id, host: "ou_alice", participants: ["ou_bob"] }]
        }).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })))
      )
    ))

  it.live("end is sent with neither body nor content type", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const baseUrl = yield* answering((request, response) => {
        const { authorization, "content-type": type, traceparent } = request.headers
        let body = ""
        request.on("data", (chunk) => body += String(chunk))
        request.on("end", () => {
          seen.push([request.method, request.url, authorization, type, traceparent, body])
          response.end(JSON.stringify({ code: 0, msg: "success", data: {} }))
        })
      })
      yield* Effect.withSpan(at(baseUrl)(end), "caller")
      const path = `/open-apis/vc/v1/meetings/${id}/end`
      assert.deepStrictEqual(seen, [["PATCH", path, "Bearer u-alice", undefined, undefined, ""]])
    }))

  it.live("a refused connection is an unexecuted request", () =>
    Effect.gen(function*() {
      const baseUrl = yield* closed
      const error = yield* Effect.flip(at(baseUrl)(end))
      assert.include<object>(error, { _tag: "TransportError", executed: "no" })
      assert.include(error.message, "ECONNREFUSED")
      assert.strictEqual((yield* at(baseUrl)(swap))._tag, "Unsent")
    }))

  it.live("an unknown host name is an unexecuted request", () =>
    Effect.gen(function*() {
      // A label of more than 63 characters fails without a name server, which may be slow or answer every name.
      const error = yield* Effect.flip(at(`http://${"nobody".repeat(11)}.invalid`)(end))
      assert.include<object>(error, { _tag: "TransportError", executed: "no" })
    }))

  it.live("a connection closed before the answer may have been executed", () =>
    Effect.gen(function*() {
      const baseUrl = yield* treating((socket) => socket.once("data", () => socket.destroy()))
      const error = yield* Effect.flip(at(baseUrl)(end))
      assert.include<object>(error, { _tag: "TransportError", executed: "unknown" })
      assert.strictEqual((yield* at(baseUrl)(swap))._tag, "Unknown")
    }))

  it.live("a connection reset before the answer may have been executed", () =>
    Effect.gen(function*() {
      const baseUrl = yield* treating((socket) => socket.once("data", () => socket.resetAndDestroy()))
      assert.include<object>(yield* Effect.flip(at(baseUrl)(end)), { _tag: "TransportError", executed: "unknown" })
    }))

  it.live("a truncated answer may have been executed", () =>
    Effect.gen(function*() {
      const baseUrl = yield* treating((socket) =>
        socket.once("data", () => {
          socket.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"code\":0,")
          socket.end()
        })
      )
      assert.include<object>(yield* Effect.flip(at(baseUrl)(end)), { _tag: "TransportError", executed: "unknown" })
      assert.strictEqual((yield* at(baseUrl)(swap))._tag, "Unknown")
    }))

  it.live("an answer that is not HTTP may have been executed", () =>
    Effect.gen(function*() {
      const baseUrl = yield* treating((socket) => socket.once("data", () => socket.end("SSH-2.0-OpenSSH_9.0\r\n")))
      assert.include<object>(yield* Effect.flip(at(baseUrl)(end)), { _tag: "TransportError", executed: "unknown" })
    }))

  it.live("a gateway's page is a MalformedResponse", () =>
    Effect.gen(function*() {
      const baseUrl = yield* answering((_, response) => {
        response.writeHead(502, { "content-type": "text/html", "x-tt-logid": "log-1" }).end(page)
      })
      const error = yield* Effect.flip(at(baseUrl)(end))
      assert.include<object>(error, { _tag: "MalformedResponse", status: 502, logId: "log-1" })
      assert.include(error.message, "text/html")
    }))

  it.live("an empty 204 is a MalformedResponse", () =>
    Effect.gen(function*() {
      const baseUrl = yield* answering((_, response) => {
        response.writeHead(204).end()
      })
      assert.include<object>(yield* Effect.flip(at(baseUrl)(end)), { _tag: "MalformedResponse", status: 204 })
    }))

  it.live("a redirect is not followed: no other server gets the token or the app secret", () =>
    Effect.gen(function*() {
      const carried: Array<unknown> = []
      const elsewhere = yield* answering((request, response) => {
        carried.push(request.url)
        response.end(JSON.stringify({ code: 0, msg: "success", data: {} }))
      })
      const baseUrl = yield* answering((request, response) => {
        request.resume().on("end", () => response.writeHead(307, { location: `${elsewhere}/open-apis/x` }).end())
      })
      const redirected = { _tag: "MalformedResponse", status: 307 }
      assert.include<object>(yield* Effect.flip(at(baseUrl)(end)), redirected)
      assert.include<object>(yield* Effect.flip(at(baseUrl)(Meetings.get(id))), redirected)
      assert.deepStrictEqual(carried, [])
    }))

  it.live("a proxy's page proves nothing, whatever its status", () =>
    Effect.gen(function*() {
      for (const status of [403, 404, 409, 413, 429]) {
        const baseUrl = yield* answering((request, response) => {
          request.resume().on("end", () => response.writeHead(status, { "content-type": "text/html" }).end(page))
        })
        const error = yield* Effect.flip(at(baseUrl)(end))
        assert.include<object>(error, { _tag: "MalformedResponse", status, retry: "unknown" })
        assert.include(error.message, "may have been executed")
      }
    }))

  it.live("a call whose token did not come was not executed, and says so", () =>
    Effect.gen(function*() {
      const lost = yield* treating((socket) => socket.once("data", () => socket.destroy()))
      const paged = yield* answering((_, response) => {
        response.writeHead(502, { "content-type": "text/html" }).end(page)
      })
      for (const [baseUrl, tag] of [[lost, "TransportError"], [paged, "MalformedResponse"]] as const) {
        const error = yield* Effect.flip(at(baseUrl)(Meetings.get(id)))
        assert.include<object>(error, { _tag: tag, executed: "no", retry: "wait" })
        assert.include(error.message, "The call was not executed")
      }
    }))

  it.live("an endless reply is read up to a bound, and its connection closed", () =>
    Effect.gen(function*() {
      const chunk = Buffer.concat([Buffer.from("100000\r\n"), Buffer.alloc(1 << 20, 0x20), Buffer.from("\r\n")])
      for (const head of ["transfer-encoding: chunked", `content-length: ${2 ** 31}`, "x-length: none"]) {
        let sent = 0
        const closed = yield* Deferred.make<void>()
        const baseUrl = yield* treating((socket) =>
          socket.once("data", () => {
            socket.once("close", () => Deferred.doneUnsafe(closed, Effect.void))
            socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`)
            const more = (): void => {
              while (!socket.destroyed) {
                sent += chunk.length
                if (!socket.write(chunk)) return void socket.once("drain", more)
              }
            }
            more()
          })
        )
        const error = yield* Effect.flip(at(baseUrl)(end))
        assert.include<object>(error, { _tag: "MalformedResponse", status: 200, retry: "unknown" }, head)
        assert.include(error.message, "more than 10 MiB")
        yield* Deferred.await(closed)
        assert.isBelow(sent, 64 * 1024 * 1024)
      }
    }))

  it.live("a flood of headers is a MalformedResponse", () =>
    Effect.gen(function*() {
      const baseUrl = yield* treating((socket) =>
        socket.once("data", () => {
          socket.write("HTTP/1.1 200 OK\r\n")
          const more = (): void => {
            while (!socket.destroyed) {
              if (!socket.write("x-flood: y\r\n".repeat(1_000))) return void socket.once("drain", more)
            }
          }
          more()
        })
      )
      const error = yield* Effect.flip(at(baseUrl)(end))
      assert.include<object>(error, { _tag: "MalformedResponse", status: 0, retry: "unknown" })
    }))

  it.live("a reply is not compressed unless that was asked for, and a request is sent once", () =>
    Effect.gen(function*() {
      const codings: Array<unknown> = []
      const baseUrl = yield* answering((request, response) => {
        codings.push(request.headers["accept-encoding"])
        response.destroy()
      })
      assert.include<object>(yield* Effect.flip(at(baseUrl)(end)), { executed: "unknown" })
      assert.deepStrictEqual(codings, ["identity"])
    }))

  it.live("a client that fails at a status still gets a conflict as a conflict", () =>
    Effect.gen(function*() {
      const baseUrl = yield* answering((_, response) => {
        const body = { code: 121006, msg: "data conflict", data: { host_user: { id: "ou_carol", user_type: 1 } } }
        response.writeHead(409).end(JSON.stringify(body))
      })
      const filtered = Layer.provide(
        Layer.effect(HttpClient.HttpClient, Effect.map(HttpClient.HttpClient, HttpClient.filterStatusOk)),
        transport
      )
      const outcome = yield* swap.pipe(
        Effect.provide(Lark.layer({ appId: "cli_a", appSecret: Redacted.make("secret"), baseUrl })),
        Effect.provide(filtered)
      )
      assert.strictEqual(outcome._tag, "Conflict")
    }))

  it.live("an interrupted call closes its connection", () =>
    Effect.gen(function*() {
      const arrived = yield* Deferred.make<void>()
      const gone = yield* Deferred.make<void>()
      let requests = 0
      const baseUrl = yield* treating((socket) =>
        socket.once("data", () => {
          requests++
          socket.once("close", () => Deferred.doneUnsafe(gone, Effect.void))
          Deferred.doneUnsafe(arrived, Effect.void)
        })
      )
      const fiber = yield* Effect.forkChild(at(baseUrl)(end))
      yield* Deferred.await(arrived)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(gone)
      assert.strictEqual(requests, 1)
    }))
})
