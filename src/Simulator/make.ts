import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Cipher from "effect/crypto/Cipher"
import * as Digest from "effect/crypto/Digest"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import type { WebSocketConstructor } from "effect/socket/Socket"
import * as Controls from "./controls.ts"
import * as builtIn from "./endpoints.ts"
import type { ConnectionFault, EventFault } from "./EventFault.ts"
import * as Faults from "./Fault.ts"
import type { Publish } from "./Feed.ts"
import * as LongConnections from "./LongConnections.ts"
import type { Options } from "./Options.ts"
import { makePlan } from "./Plan.ts"
import * as Pushes from "./Push.ts"
import * as RateLimit from "./RateLimit.ts"
import * as RequestLog from "./RequestLog.ts"
import * as Rivals from "./Rival.ts"
import type { Run } from "./Run.ts"
import * as Schedules from "./ScheduledChange.ts"
import * as Server from "./Server.ts"
import * as VirtualClock from "./VirtualClock.ts"
import { makeConstructor } from "./WebSocket.ts"
import * as World from "./World.ts"

// Documented: about once an hour.
const ticketInterval = Duration.hours(1)

type App = Effect.Success<ReturnType<typeof Server.make>>

/** A run, and what serves it. */
interface Running extends Run {
  readonly app: App
  readonly webSocket: WebSocketConstructor["Service"]
}

/** Starts a run from its initial state. It ends with its scope. */
const start = Effect.fnUntraced(
  function*<R>(
    options: Options<string, R>,
    services: Context.Context<R>,
    publish: Publish
  ): Effect.fn.Return<Running, never, Scope.Scope | Digest.Digest | Cipher.Cipher> {
    const scope = yield* Effect.scope
    const digest = yield* Digest.Digest
    const around = Option.getOrUndefined(yield* Effect.serviceOption(HttpClient.HttpClient))
    const resendDelay = Duration.fromInputUnsafe(options.webhook?.resendDelay ?? Duration.zero)
    const { logLength = Number.POSITIVE_INFINITY } = options
    const endpoints = [...builtIn.endpoints, ...(options.endpoints ?? [])]

    const inBackground = (effect: Effect.Effect<void>): Effect.Effect<void> =>
      Effect.asVoid(Effect.forkIn(effect, scope, { startImmediately: true }))

    const eventFaults = makePlan<EventFault>()
    const connectionFaults = makePlan<ConnectionFault>()
    const longConnections = yield* LongConnections.make(
      options.longConnection ?? {},
      connectionFaults,
      logLength,
      scope
    )
    const world: World.World = World.make(options, yield* Clock.currentTimeMillis, logLength, {
      digest,
      longConnections,
      publish,
      push: (events, after = Duration.zero) =>
        inBackground(Duration.isZero(after) ? pushes.events(events) : Effect.delay(pushes.events(events), after)),
      resendTicket: (appId) => inBackground(Effect.delay(pushes.ticket(appId), resendDelay))
    })
    const pushes = yield* Pushes.make(world, options.webhook, around?.execute, eventFaults, logLength, publish, scope)
    const parts: Server.Parts<R> = {
      endpoints,
      world,
      log: RequestLog.make(logLength),
      faults: Faults.makePlan(),
      eventFaults,
      connectionFaults,
      rivals: Rivals.makePlan(),
      rateLimit: options.rateLimits === true ? RateLimit.make() : undefined,
      publish,
      latency: Duration.fromInputUnsafe(options.latency ?? Duration.zero),
      scope
    }
    const run: Running = {
      ...parts,
      pushes,
      app: yield* Server.make({ ...parts, services }),
      webSocket: yield* makeConstructor(longConnections, Duration.divideUnsafe(parts.latency, 2))
    }

    const controls = Controls.make(() => run, identity)
    yield* Effect.orDie(controls.addFaults(options.faults ?? []))
    yield* Effect.orDie(controls.addRivals(options.rivals ?? []))
    yield* Schedules.run(options.schedule ?? [], world, controls, inBackground)
    eventFaults.add(options.eventFaults ?? [])
    connectionFaults.add(options.connectionFaults ?? [])
    for (const { id, type } of world.apps.values()) {
      const push = inBackground(pushes.ticket(id))
      if (type === "store") yield* inBackground(Effect.forever(Effect.andThen(Effect.sleep(ticketInterval), push)))
    }
    return run
  }
)

/** The HTTP app, and the services that control it: handlers of endpoints can use them too. */
export const make = Effect.fnUntraced(
  function*<R>(
    options: Options<string, R>,
    servicesOf: (controls: Controls.Controls) => Context.Context<R>,
    publish: Publish = () => {}
  ) {
    const outer = yield* Effect.scope
    const context = yield* Effect.context<Digest.Digest | Cipher.Cipher>()
    const clock = yield* Clock.clockWith(Effect.succeed)
    const inTime = VirtualClock.is(clock) ? clock.provide : identity
    const controls = Controls.make(() => current.run, inTime)
    const services = servicesOf(controls)

    const begin = Effect.fnUntraced(function*(initial: Options<string, R>) {
      const scope = yield* Scope.fork(outer)
      const run = yield* Effect.provideContext(
        start(initial, services, publish),
        Context.add(context, Scope.Scope, scope)
      )
      return { run, scope }
    })
    let current = yield* begin(options)

    return {
      services,
      controls,
      app: inTime(Effect.suspend(() => current.run.app)),
      webSocket: (...call: Parameters<Running["webSocket"]>) => current.run.webSocket(...call),
      /** Ends the run, with everything that it does, and starts another. */
      restart: (initial: Options<string, R> = options): Effect.Effect<void> =>
        Effect.uninterruptible(
          Effect.gen(function*() {
            current.run.world.longConnections.closeAll(1006)
            yield* Scope.close(current.scope, Exit.void)
            if (VirtualClock.is(clock)) clock.reset()
            current = yield* begin(initial)
          })
        )
    }
  },
  Effect.provide(
    Layer.mergeAll(Digest.layerWebCrypto, Layer.provide(Cipher.layerWebCrypto, SecureRandom.layerWebCrypto))
  )
)
