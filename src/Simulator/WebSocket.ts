import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Socket from "effect/socket/Socket"
import type { Connection, LongConnections } from "./LongConnections.ts"

type Type = "open" | "message" | "error" | "close"

type Listener = (event: Socket.WebSocketEvent) => void

/** The states of a WebSocket. */
const connecting = 0
const open = 1
const closing = 2
const closed = 3

/** WebSockets to the simulator, without a network. What either side sends arrives later, in order. */
export const makeConstructor = (
  longConnections: LongConnections,
  oneWay: Duration.Duration
): Effect.Effect<Socket.WebSocketConstructor["Service"]> =>
  Effect.map(Effect.context<never>(), (context) => (address: string): Socket.WebSocketLike => {
    const fork = Effect.runForkWith(context)
    const travel = Duration.isZero(oneWay) ? Effect.yieldNow : Effect.andThen(Effect.yieldNow, Effect.sleep(oneWay))
    const later = (f: () => void): void => {
      fork(Effect.andThen(travel, Effect.sync(f)))
    }
    const listeners = new Map<Type, Set<{ readonly listener: Listener; readonly once: boolean }>>()
    const emit = (type: Type, event: Socket.WebSocketEvent & { readonly message?: string } = {}): void => {
      const all = listeners.get(type) ?? new Set()
      for (const one of all) {
        if (one.once) all.delete(one)
        one.listener({ type, ...event })
      }
    }
    let state = connecting
    const end = (code: number): void => {
      if (state === closed) return
      state = closed
      emit("close", { code, reason: "" })
    }
    const url = new URL(address)

    let connection: Connection | undefined
    later(() => {
      if (state !== connecting) return
      const admitted = longConnections.isAddress(url) ? longConnections.admit(url) : { status: 404 }
      if (typeof admitted !== "function") {
        // The text of the `ws` package.
        emit("error", { message: `Unexpected server response: ${admitted.status}` })
        return end(1006)
      }
      connection = admitted({
        send: (bytes) =>
          later(() => {
            if (state === open) emit("message", { data: bytes.buffer })
          }),
        close: (code) => later(() => end(code))
      })
      state = open
      emit("open")
    })

    return {
      get readyState() {
        return state
      },
      addEventListener: (type, listener, options) => {
        const all = listeners.get(type) ?? new Set()
        listeners.set(type, all.add({ listener, once: options?.once === true }))
      },
      removeEventListener: (type, listener) => {
        const all = listeners.get(type) ?? new Set()
        for (const one of all) if (one.listener === listener) all.delete(one)
      },
      send: (data) => {
        if (state === connecting) throw new Error("WebSocket is not open: readyState 0 (CONNECTING)")
        if (state !== open || typeof data === "string") return
        const bytes = data.slice()
        later(() => connection?.receive(bytes))
      },
      close: (code = 1000) => {
        if (state === closing || state === closed) return
        state = closing
        later(() => {
          connection?.closed(code)
          end(code)
        })
      }
    }
  })
