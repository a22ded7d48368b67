/**
 * One `set_host` by each client, its answer looked at.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Agent } from "@effect/platform-node/Undici"
import * as sdk from "@larksuiteoapi/node-sdk"
import { Lark, MeetingId, Meetings, MeetingUser, UndiciHttpClient } from "effect-lark-meetings"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"

/** The meetings of the stub: it answers to the second with a conflict. */
const meetings = { success: "6911188411932033028", conflict: "6911188411932033409" } as const

export type Path = keyof typeof meetings

/** Calls one after the other until `more` says no. */
export interface Strand {
  readonly more: () => boolean
  /** The milliseconds that a call took. */
  readonly took: (millis: number) => void
}

export interface Client {
  /** Runs so many strands at a time. */
  readonly run: (path: Path, inFlight: number, strand: Strand) => Promise<void>
  readonly close: () => Promise<void>
}

const app = { appId: "cli_bench", appSecret: "secret" }

const swap = {
  host_user: { id: "ou_bob", user_type: 1 },
  old_host_user: { id: "ou_alice", user_type: 1 }
}

/** All answers of the stub name this host. */
const check = (path: Path, conflicted: boolean, host: unknown) => {
  if (conflicted !== (path === "conflict") || host !== "ou_bob") throw new Error("not the answer of the stub")
}

const hostIn = (answer: unknown) => {
  const data = Predicate.isObject(answer) && answer["data"]
  const host = Predicate.isObject(data) && data["host_user"]
  return Predicate.isObject(host) ? host["id"] : undefined
}

const promises = (call: (path: Path) => Promise<void>, close: () => Promise<void> = async () => {}): Client => ({
  run: async (path, inFlight, { more, took }) => {
    const strand = async () => {
      while (more()) {
        const start = performance.now()
        await call(path)
        took(performance.now() - start)
      }
    }
    await Promise.all(Array.from({ length: inFlight }, strand))
  },
  close
})

const effects = <R>(
  layer: Layer.Layer<R>,
  call: (path: Path) => Effect.Effect<void, unknown, R>
): Client => {
  const runtime = ManagedRuntime.make(layer)
  return {
    run: (path, inFlight, { more, took }) => {
      const strand = Effect.gen(function*() {
        while (more()) {
          const start = performance.now()
          yield* call(path)
          took(performance.now() - start)
        }
      })
      return runtime.runPromise(
        Effect.all(Array.from({ length: inFlight }, () => strand), { concurrency: "unbounded", discard: true })
      )
    },
    close: () => runtime.dispose()
  }
}

const rawUndici = (origin: string): Client => {
  const agent = new Agent()
  return promises(async (path) => {
    const response = await agent.request({
      origin,
      path: `/open-apis/vc/v1/meetings/${meetings[path]}/set_host?user_id_type=open_id`,
      method: "PATCH",
      headers: { authorization: "Bearer t-stub", "content-type": "application/json" },
      body: JSON.stringify(swap)
    })
    check(path, response.statusCode === 409, hostIn(await response.body.json()))
  }, () => agent.close())
}

const officialSdk = (origin: string): Client => {
  const silent = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, trace: () => {} }
  const client = new sdk.Client({ ...app, domain: origin, logger: silent, loggerLevel: sdk.LoggerLevel.fatal })
  const call = (path: Path) =>
    client.vc.v1.meeting.setHost({
      path: { meeting_id: meetings[path] },
      params: { user_id_type: "open_id" },
      data: swap
    })
  return promises((path) =>
    call(path).then(
      (reply) => check(path, false, reply.data?.host_user?.id),
      (error) => check(path, true, hostIn(error.response?.data))
    )
  )
}

const plainEffect = (origin: string): Client =>
  effects(NodeHttpClient.layerUndici, (path) =>
    HttpClient.HttpClient.use((client) => {
      const request = HttpClientRequest.patch(`${origin}/open-apis/vc/v1/meetings/${meetings[path]}/set_host`, {
        urlParams: { user_id_type: "open_id" }
      }).pipe(HttpClientRequest.bearerToken("t-stub"), HttpClientRequest.bodyJsonUnsafe(swap))
      return Effect.flatMap(client.execute(request), (response) =>
        Effect.map(response.json, (body) => check(path, response.status === 409, hostIn(body))))
    }))

const ours = (origin: string, transport: Layer.Layer<HttpClient.HttpClient>): Client => {
  const ids = { success: MeetingId.make(meetings.success), conflict: MeetingId.make(meetings.conflict) }
  const users = { expected: MeetingUser.openId("ou_alice"), desired: MeetingUser.openId("ou_bob") }
  const layer = Lark.layer({ appId: app.appId, appSecret: Redacted.make(app.appSecret), baseUrl: origin })
  return effects(
    Layer.orDie(Layer.provide(layer, transport)),
    (path) =>
      Effect.map(Meetings.swapHost(ids[path], users), (outcome) => {
        const host = outcome._tag === "Applied"
          ? outcome.current
          : outcome._tag === "Conflict"
          ? outcome.actual
          : Option.none()
        check(path, outcome._tag === "Conflict", Option.getOrUndefined(host)?.id)
      })
  )
}

export const makeClients = (origin: string) => ({
  "raw undici": rawUndici(origin),
  "HttpClient on layerUndici": plainEffect(origin),
  "ours on UndiciHttpClient": ours(origin, UndiciHttpClient.layer(NodeHttpClient.makeDispatcher)),
  "ours on layerUndici": ours(origin, NodeHttpClient.layerUndici),
  "ours on fetch": ours(origin, FetchHttpClient.layer),
  "ours on layerNodeHttp": ours(origin, NodeHttpClient.layerNodeHttp),
  "official SDK": officialSdk(origin)
})
