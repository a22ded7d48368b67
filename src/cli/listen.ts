/**
 * The port of a server, and why there is none.
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as CliError from "effect/cli/CliError"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import { createServer } from "node:http"

export interface Place {
  readonly host: string
  readonly port: number
}

const codeIn = (cause: unknown): string | undefined =>
  cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : undefined

/** Why there is no port, and what to do. */
export const cannotListen = (cause: unknown, { host, port }: Place): string => {
  const code = codeIn(cause)
  switch (code) {
    case "EADDRINUSE":
      return `Port ${port} is in use. Choose another with --port, or 0 for a free one.`
    case "EACCES":
      return `Port ${port} is not open to this user. Choose one above 1023 with --port, or 0 for a free one.`
    case "EADDRNOTAVAIL":
      return `${host} is not an address of this machine. Choose another with --host.`
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `The host ${host} is not known. Give an address of this machine with --host.`
    default:
      return `Cannot listen on port ${port} of ${host}: ${code ?? String(cause)}.`
  }
}

/** Where a client on this machine reaches the server. */
export const baseUrlOf = ({ address }: HttpServer.HttpServer["Service"]): string =>
  HttpServer.formatAddress(
    NetAddress.isInetAddress(address) && NetAddress.isUnspecified(address.address)
      ? NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, address.port)
      : address
  )

export const isLocal = ({ address }: HttpServer.HttpServer["Service"]): boolean =>
  !NetAddress.isInetAddress(address) || NetAddress.isLoopback(address.address)

// Older Nodes than 24.9 do not know the option, and refuse bodies of unknown length in requests that ask for HTTP/2.
const onlyWebSockets = () =>
  createServer({ shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === "websocket" })

export const server = (place: Place) =>
  NodeHttpServer.layerServer(onlyWebSockets, { ...place, gracefulShutdownTimeout: "1 second" })

export const listen = (place: Place) =>
  server(place).pipe(
    Layer.catchTag("ServeError", ({ cause }) =>
      Layer.effect(
        HttpServer.HttpServer,
        Effect.fail(new CliError.UserError({ cause, userMessage: cannotListen(cause, place) }))
      ))
  )
