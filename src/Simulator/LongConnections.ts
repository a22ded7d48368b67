import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { type JsonObject, parseJson } from "./ArrivedRequest.ts"
import { between } from "./bounded.ts"
import type { ConnectionFault, EventFault } from "./EventFault.ts"
import { optional, Seconds } from "./field.ts"
import * as Frame from "./frame.ts"
import type { Plan } from "./Plan.ts"
import * as Ring from "./Ring.ts"

const longConnectionOptions = Schema.Struct({
  pingInterval: optional(Seconds, "How often a client pings, in seconds. Default 90."),
  reconnectCount: optional(
    between(-1, 1_000_000),
    "How often a client tries to connect again; -1 without end. Default -1."
  ),
  reconnectInterval: optional(Seconds, "How long a client waits between two of these tries, in seconds. Default 90."),
  reconnectNonce: optional(
    Seconds,
    "The most that a client waits at random before the first of these tries, in seconds. Default 25."
  ),
  maxConnections: optional(between(0, 1_000_000), "How many connections an app may have. Default 50.")
}).annotate({ identifier: "LongConnectionOptions", description: "How long connections behave." })

/**
 * How long connections behave.
 *
 * @stability unstable
 * @category models
 */
export interface LongConnectionOptions extends Schema.Schema.Type<typeof longConnectionOptions> {}

export const LongConnectionOptions: Schema.Codec<LongConnectionOptions, unknown> = longConnectionOptions

/**
 * A long connection. Times are in milliseconds since 1970.
 *
 * @stability unstable
 * @category models
 */
export interface ConnectionRecord {
  readonly deviceId: string
  readonly appId: string
  readonly openedAt: number
  /** When each ping came. */
  readonly pings: ReadonlyArray<number>
  /** When it ended, and by which code of WebSocket; `undefined` if it is open. */
  readonly closed: { readonly at: number; readonly code: number; readonly by: "client" | "server" } | undefined
}

/** How the server reaches one client. */
interface Wire {
  readonly send: (bytes: Uint8Array<ArrayBuffer>) => void
  /** 1006 breaks the connection off. */
  readonly close: (code: number) => void
}

/** The refusal of a handshake. */
interface Refusal {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

/** The server's end of an open connection. */
export interface Connection {
  readonly receive: (bytes: Uint8Array) => void
  readonly closed: (code: number) => void
}

interface Open extends Omit<ConnectionRecord, "pings"> {
  readonly pings: Ring.Ring<number>
  pinged: number
  closed: ConnectionRecord["closed"]
  readonly wire: Wire
  readonly stallsAfter: number
}

export interface LongConnections {
  /** Counts an attempt to connect, by a client of the app if it exists: the fault that hits it. */
  readonly nextFault: (appId: string | undefined) => ConnectionFault | undefined
  /** A new address for a client of the app, and its settings. `host` is that of the request for it. */
  readonly address: (appId: string, host: string, fault: ConnectionFault | undefined) => JsonObject | "too many"
  readonly isAddress: (url: URL) => boolean
  /** Takes a handshake to an address, each of which is good for one: what opens the connection, or the refusal. */
  readonly admit: (url: URL) => ((wire: Wire) => Connection) | Refusal
  /** Whether a client of the app has ever asked for an address. */
  readonly isUsedBy: (appId: string) => boolean
  /** Sends an event through one of the connections of the app: the code of its acknowledgement, if it comes in time. */
  readonly push: (
    appId: string,
    body: string,
    fault: EventFault | undefined
  ) => Effect.Effect<{ readonly sent: boolean; readonly code: Effect.Effect<number> }>
  readonly all: () => ReadonlyArray<ConnectionRecord>
  readonly closeAll: (code: number) => void
}

export const path = "/ws/v2"

/** The hosts of the long connections, by those of the Open API. */
const gateways: Readonly<Record<string, string>> = {
  "open.feishu.cn": "wss://msg-frontier.feishu.cn",
  "open.larksuite.com": "wss://msg-frontier-sg.larksuite.com"
}

const utf8 = new TextEncoder()
const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes)

const isStalled = ({ pinged, stallsAfter }: Open): boolean => pinged > stallsAfter

const serviceId = 33_554_678

export const make = (
  options: LongConnectionOptions,
  faults: Plan<ConnectionFault>,
  logLength: number,
  scope: Scope.Scope
): Effect.Effect<LongConnections> =>
  Effect.map(Effect.context<never>(), (context) => {
    const clientConfig = {
      ReconnectCount: options.reconnectCount ?? -1,
      ReconnectInterval: options.reconnectInterval ?? 90,
      ReconnectNonce: options.reconnectNonce ?? 25,
      PingInterval: options.pingInterval ?? 90
    }
    const maxConnections = options.maxConnections ?? 50
    /** Addresses that were not used yet, by their ticket. */
    const tickets = new Map<string, { readonly appId: string; readonly fault: ConnectionFault | undefined }>()
    const connections: Array<Open> = []
    const known = new Set<string>()
    const acknowledgements = new Map<string, Deferred.Deferred<number>>()
    let addresses = 0
    let closed = 0
    let pushed = 0

    const run = Effect.runSyncWith(context)
    const now = () => run(Clock.currentTimeMillis)
    const later = (effect: Effect.Effect<unknown>) => void run(Effect.forkIn(effect, scope, { startImmediately: true }))

    const openOf = (appId: string) => connections.filter((one) => one.appId === appId && one.closed === undefined)

    const end = (record: Open, code: number, by: "client" | "server") => {
      if (record.closed !== undefined) return
      record.closed = { at: now(), code, by }
      if (by === "server") record.wire.close(code)
      if (++closed > logLength) {
        connections.splice(connections.findIndex((one) => one.closed !== undefined), 1)
        closed--
      }
    }

    const receive = (record: Open, frame: Frame.Frame) => {
      const header = (name: string) => frame.headers.find(([key]) => key === name)?.[1]
      if (frame.method === 0 && header("type") === "ping") {
        record.pings.add(now())
        record.pinged++
        if (isStalled(record)) return
        record.wire.send(Frame.encode({
          ...frame,
          headers: [["type", "pong"]],
          payload: utf8.encode(JSON.stringify(clientConfig))
        }))
      }
      if (frame.method === 1 && !isStalled(record)) {
        const code = parseJson(text(frame.payload))?.["code"]
        const waiting = acknowledgements.get(header("message_id") ?? "")
        if (waiting !== undefined && typeof code === "number") run(Deferred.succeed(waiting, code))
      }
    }

    return {
      isUsedBy: (appId) => known.has(appId),
      nextFault: (appId) => {
        if (appId !== undefined) known.add(appId)
        return faults.take()
      },
      address: (appId, host, fault) => {
        if (openOf(appId).length >= maxConnections) return "too many"
        const serial = String(++addresses)
        const ticket = `00000000-0000-4000-8000-${serial.padStart(12, "0")}`
        tickets.set(ticket, { appId, fault })
        const [oldest] = tickets.keys()
        if (tickets.size > logLength && oldest !== undefined) tickets.delete(oldest)
        const query = new URLSearchParams({
          fpid: "493",
          aid: "552564",
          device_id: `7${serial.padStart(18, "0")}`,
          access_key: serial.padStart(32, "5"),
          service_id: String(serviceId),
          ticket
        })
        return { URL: `${gateways[host] ?? `ws://${host}`}${path}?${query}`, ClientConfig: clientConfig }
      },
      isAddress: ({ pathname }) => pathname === path,
      admit: (url) => {
        const ticket = url.searchParams.get("ticket") ?? ""
        const given = tickets.get(ticket)
        tickets.delete(ticket)
        const deviceId = url.searchParams.get("device_id")
        if (given === undefined || deviceId === null || connections.some((one) => one.deviceId === deviceId)) {
          return { status: 403, headers: { "handshake-status": "514", "handshake-msg": "auth failed" } }
        }
        const { appId, fault } = given
        if (fault?._tag === "Handshake") {
          return {
            status: fault.status,
            headers: {
              "handshake-status": String(fault.status),
              "handshake-msg": "refused",
              ...(fault.code === undefined ? {} : { "handshake-autherrcode": String(fault.code) })
            }
          }
        }
        return (wire) => {
          const record: Open = {
            deviceId,
            appId,
            openedAt: now(),
            pings: Ring.make(logLength),
            pinged: 0,
            closed: undefined,
            wire,
            stallsAfter: fault?._tag === "Stall" ? fault.pings : Number.POSITIVE_INFINITY
          }
          connections.push(record)
          if (fault?._tag === "Close") {
            later(Effect.delay(Effect.sync(() => end(record, fault.code, "server")), fault.millis))
          }
          return {
            receive: (bytes) => {
              const frame = Frame.decode(bytes)
              if (Option.isSome(frame) && record.closed === undefined) receive(record, frame.value)
            },
            closed: (code) => end(record, code, "client")
          }
        }
      },
      push: (appId, body, fault) =>
        Effect.sync(() => {
          const open = openOf(appId)
          // One connection of several, as the platform chooses one at random; in turn, so that tests are reproducible.
          const chosen = open[pushed++ % Math.max(1, open.length)]
          const id = `simulated-message-${String(pushed).padStart(8, "0")}`
          const acknowledged = Deferred.makeUnsafe<number>()
          const code = Deferred.await(acknowledged).pipe(
            Effect.ensuring(Effect.sync(() => acknowledgements.delete(id)))
          )
          if (chosen === undefined) return { sent: false, code }
          acknowledgements.set(id, acknowledged)

          const payload = utf8.encode(body)
          const sum = fault?._tag === "Split" ? Math.max(1, Math.min(fault.parts, payload.length)) : 1
          const size = Math.ceil(payload.length / sum)
          const frames = Array.from({ length: sum }, (_, seq) =>
            Frame.encode({
              seqId: BigInt(pushed),
              logId: BigInt(pushed),
              service: serviceId,
              method: 1,
              headers: [
                ["type", "event"],
                ["message_id", id],
                ["sum", String(sum)],
                ["seq", String(seq)],
                ["trace_id", `simulated-${pushed}`],
                ["timestamp", String(now())]
              ],
              payload: payload.subarray(seq * size, (seq + 1) * size),
              logIdNew: `simulated-${pushed}`
            }))
          if (fault?._tag === "Split" && fault.order === "backward") frames.reverse()
          const isDead = () => chosen.closed !== undefined || isStalled(chosen)
          const send = () => {
            if (!isDead()) { for (const frame of frames) chosen.wire.send(frame) }
          }
          switch (fault?._tag) {
            case "Lost":
              break
            case "Late":
              later(Effect.delay(Effect.sync(send), fault.millis))
              break
            case "Disconnect":
              if (fault.when === "after") send()
              end(chosen, 1006, "server")
              break
            default:
              send()
              if (fault?._tag === "Twice") send()
          }
          return { sent: true, code }
        }),
      all: () =>
        connections.map(({ appId, closed, deviceId, openedAt, pings }) => ({
          deviceId,
          appId,
          openedAt,
          pings: pings.all(),
          closed
        })),
      closeAll: (code) => {
        // Those that are over may be forgotten meanwhile.
        for (const record of connections.filter((one) => one.closed === undefined)) end(record, code, "server")
      }
    }
  })
