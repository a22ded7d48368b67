import * as Clock from "effect/Clock"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpMiddleware from "effect/http/HttpMiddleware"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import { styleText } from "node:util"

const codeIn = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ code: Schema.Int })))

/** The `code` of the envelope, if the body is one. */
const codeOf = ({ body }: HttpServerResponse.HttpServerResponse): string =>
  body._tag !== "Uint8Array" || !body.contentType.startsWith("application/json")
    ? "-"
    : Option.match(codeIn(body.text), {
      onNone: () => "-",
      onSome: ({ code }) => String(code)
    })

const columnsOf = (
  { method, originalUrl }: HttpServerRequest.HttpServerRequest,
  status: string,
  code: string,
  millis: number
): ReadonlyArray<string> => [
  method.padEnd(6),
  status.padEnd(4),
  code.padStart(8),
  `${String(millis).padStart(5)} ms`,
  // As a URL it has no control characters, and a query may contain secrets.
  URL.parse(originalUrl, "http://localhost")?.pathname ?? "-"
]

/** Waits while a pipe on stdout is full. Node keeps without bound what is written to it meanwhile. */
const drained = Effect.callback<void>((resume) => {
  const proceed = () => resume(Effect.void)
  if (!process.stdout.writableNeedDrain) return proceed()
  process.stdout.once("drain", proceed)
  return Effect.sync(() => process.stdout.off("drain", proceed))
})

/** Prints a line for each request to the platform: time, method, status, code, duration, path. */
export const layer: Layer.Layer<HttpServer.HttpServer, never, HttpServer.HttpServer> = Layer.effect(
  HttpServer.HttpServer,
  Effect.gen(function*() {
    const server = yield* HttpServer.HttpServer
    const lines = yield* Queue.dropping<string>(1_000)
    let dropped = 0
    // What came meanwhile is printed at once.
    const printAll = Effect.gen(function*() {
      const all = yield* Queue.takeAll(lines)
      const missing = dropped === 0 ? [] : [`… ${dropped} requests are not shown, because nobody read this.`]
      dropped = 0
      yield* Console.log([...all, ...missing].join("\n"))
      yield* drained
    })
    yield* Effect.forkScoped(Effect.forever(printAll))
    const timeOfDay = new Intl.DateTimeFormat("en-GB", {
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      fractionalSecondDigits: 3
    })

    /** A request whose connection was lost has no response. */
    const print = (
      request: HttpServerRequest.HttpServerRequest,
      response: HttpServerResponse.HttpServerResponse | undefined,
      arrived: number,
      now: number
    ): void => {
      const [status, code] = response === undefined ? ["lost", "-"] : [String(response.status), codeOf(response)]
      const style = response === undefined || response.status >= 500
        ? "red"
        : response.status >= 400
        ? "yellow"
        : "reset"
      const columns = [timeOfDay.format(arrived), ...columnsOf(request, status, code, now - arrived)]
      if (!Queue.offerUnsafe(lines, styleText(style, columns.join("  ")))) dropped++
    }

    const logged = HttpMiddleware.make((app) =>
      Effect.flatMap(
        HttpServerRequest.HttpServerRequest,
        (request) =>
          /^\/(?:_simulator\/|\?|$)/.test(request.url) ?
            app :
            Effect.flatMap(Clock.currentTimeMillis, (arrived) =>
              Effect.onExit(app, (exit) =>
                Effect.map(
                  Clock.currentTimeMillis,
                  (now) => print(request, Exit.isSuccess(exit) ? exit.value : undefined, arrived, now)
                )))
      )
    )
    return HttpServer.make({
      address: server.address,
      serve: (app, middleware) => server.serve(logged(middleware === undefined ? app : middleware(app)))
    })
  })
)
