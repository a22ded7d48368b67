/** Asks the platform for the address of a connection. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpBody from "effect/http/HttpBody"
import type * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Events from "../Events.ts"
import { exchange } from "../internal/exchange.ts"
import { makeRequest } from "../internal/request.ts"
import type { LarkConfig } from "../LarkConfig.ts"
import { Lost } from "./Lost.ts"

/** The address of one connection: each attempt needs another. */
export interface Address {
  readonly url: Redacted.Redacted
  /** What a text about the connection must not contain. */
  readonly secrets: ReadonlyArray<Redacted.Redacted>
  /** Goes into every ping. */
  readonly serviceId: number
  /** The settings as they came. */
  readonly clientConfig: unknown
}

const endpoint = "callback.ws.endpoint"

const timeout = Duration.seconds(10)

/** By code. The other codes are temporary. */
const refusals: Readonly<Record<number, Events.Refused["reason"]>> = {
  403: "forbidden",
  514: "credentials",
  1000040344: "credentials",
  1000040345: "credentials",
  1000040351: "brand"
}

/** The platform counts connections that are dead for a while. */
export const tooManyConnections = 1000040350

const addressIn = (data: unknown, isSecure: boolean): Address | undefined => {
  if (!Predicate.isObject(data) || !Predicate.isString(data["URL"])) return undefined
  const url = URL.parse(data["URL"])
  if (url === null || !(isSecure ? ["wss:"] : ["ws:", "wss:"]).includes(url.protocol)) return undefined
  const given = ["access_key", "ticket"].flatMap((name) => url.searchParams.get(name) ?? [])
  const serviceId = Number(url.searchParams.get("service_id") ?? 0)
  return {
    url: Redacted.make(data["URL"], { label: "long connection" }),
    secrets: [url.search, ...given].map((secret) => Redacted.make(secret)),
    serviceId: Number.isSafeInteger(serviceId) ? serviceId : 0,
    clientConfig: data["ClientConfig"]
  }
}

export const discover = Effect.fnUntraced(function*(
  client: HttpClient.HttpClient,
  { appId, appSecret, baseUrl }: LarkConfig["Service"]
): Effect.fn.Return<Address, Lost | Events.Refused> {
  const origin = baseUrl.replace(/\/open-apis$/, "")
  const credentials = HttpBody.jsonUnsafe({ AppID: appId, AppSecret: Redacted.value(appSecret) })
  const { body, code, msg, redact, status } = yield* makeRequest(
    endpoint,
    "POST",
    `${origin}/callback/ws/endpoint`,
    { body: credentials }
  ).pipe(
    // The official SDKs send it, for the gateway.
    Effect.map(HttpClientRequest.setHeader("locale", "zh")),
    Effect.flatMap((request) => exchange(client, endpoint, request, [appSecret], timeout)),
    Effect.mapError((error) =>
      new Lost({ reason: "status" in error ? `HTTP ${error.status}: ${error.reason}` : error.reason })
    )
  )
  if (code !== 0) {
    const reason = status === 200 ? refusals[code] : undefined
    const text = redact.text(msg)
    return yield* reason === undefined
      ? Effect.fail(new Lost({ code, reason: `[${code}] ${text}` }))
      : Effect.fail(new Events.Refused({ reason, code, msg: text }))
  }
  const address = addressIn(body["data"], origin.startsWith("https:"))
  return address ?? (yield* Effect.fail(new Lost({ reason: "the platform sent no address to connect to" })))
})
