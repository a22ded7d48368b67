import * as Clock from "effect/Clock"
import * as Cipher from "effect/crypto/Cipher"
import * as Digest from "effect/crypto/Digest"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as App from "./App.ts"
import { authorize } from "./Authorize.ts"
import * as Behavior from "./Behavior.ts"
import * as Faults from "./Fault.ts"
import type { Meeting } from "./Meeting.ts"
import type { Options } from "./Options.ts"
import * as Pushes from "./Push.ts"
import * as RateLimit from "./RateLimit.ts"
import * as Reply from "./Reply.ts"
import * as RequestLog from "./RequestLog.ts"
import * as Rivals from "./Rival.ts"
import * as Server from "./Server.ts"
import { same, type UserInput } from "./User.ts"
import * as World from "./World.ts"

// The documents: about once an hour.
const ticketEvery = Duration.hours(1)

const mistake = (message: string) => Effect.die(new Error(message))

/**
 * The server, and the hand that holds it.
 */
export const make = Effect.fnUntraced(
  function*(options: Options) {
    const scope = yield* Effect.scope
    const world = World.make(
      options.app ?? App.defaultApp,
      options.otherApps ?? [],
      Behavior.fromOptions(options),
      options.meetings ?? [],
      yield* Clock.currentTimeMillis
    )
    const log = RequestLog.make()
    const faults = Faults.makePlan()
    const rivals = Rivals.makePlan()
    const around = Option.getOrUndefined(yield* Effect.serviceOption(HttpClient.HttpClient))
    const resendDelay = Duration.fromInputUnsafe(options.webhook?.resendDelay ?? Duration.zero)
    const pushes = yield* Pushes.make(world, options.webhook, around?.execute, scope)

    const meeting = (meetingId: string | undefined): Effect.Effect<Meeting> =>
      Effect.suspend(() => {
        const found = meetingId === undefined ? world.meetings.values().next().value : world.meetings.get(meetingId)
        return found === undefined
          ? mistake(`The simulator has no meeting ${meetingId ?? "at all"}`)
          : Effect.succeed(found)
      })

    const moveRival = (rival: Rivals.Rival, meetingId: string, at: number): void => {
      const target = world.meetings.get(meetingId)
      // Nobody can move the host of a meeting that is over.
      if (target === undefined || target.status === "ended") return
      World.moveHost(world, target, world.directory.resolve(rival.host), { by: "rival", request: undefined, at })
    }

    const addRival = (rival: Rivals.Rival): Effect.Effect<void> =>
      Effect.flatMap(meeting(rival.meetingId), ({ id }) => {
        if (rival._tag !== "At") {
          return Effect.sync(() => rivals.add(rival._tag, rival.nth, (at) => moveRival(rival, id, at)))
        }
        const move = Effect.map(Clock.currentTimeMillis, (now) => moveRival(rival, id, now))
        return Effect.asVoid(Effect.forkIn(Effect.delay(move, rival.millis), scope, { startImmediately: true }))
      })

    /** Sends a ticket without waiting for it to arrive. */
    const pushTicket = (appId: string, delay: Duration.Duration): Effect.Effect<void> =>
      Effect.asVoid(Effect.forkIn(Effect.delay(pushes.ticket(appId), delay), scope, { startImmediately: true }))

    const controls = {
      requests: Effect.sync(log.all),
      writes: Effect.sync(() => [...world.writes]),
      tokensMinted: Effect.sync(world.tokens.minted),
      sessions: Effect.sync(world.sessions.all),
      pushes: Effect.sync(pushes.all),
      host: (meetingId: string) => Effect.map(meeting(meetingId), (found) => found.host),
      meeting: (meetingId: string) => meeting(meetingId),
      moveHost: (meetingId: string, user: UserInput) =>
        Effect.map(
          Effect.zip(meeting(meetingId), Clock.currentTimeMillis),
          ([found, at]) =>
            World.moveHost(world, found, world.directory.resolve(user), { by: "control", request: undefined, at })
        ),
      userToken: (user: UserInput, options?: { readonly expiresIn?: Duration.Input | undefined }) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const lifetimeMillis = Duration.toMillis(options?.expiresIn ?? Duration.hours(2))
          const given = { now, lifetimeMillis, format: "opaque", requested: false } as const
          return Redacted.make(world.tokens.user(world.app, world.directory.resolve(user), given).text)
        }),
      authorize: (url: string, user: UserInput, options?: { readonly deny?: boolean | undefined }) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          const login = URL.parse(url)
          if (login === null) return mistake("A login needs a URL")
          const query = Object.fromEntries(login.searchParams)
          const denied = options?.deny ?? false
          const callback = authorize(world, query, world.directory.resolve(user), { denied, now })
          return Reply.is(callback) ? mistake(`The login ends on a page: ${callback.code}`) : Effect.succeed(callback)
        }),
      revokeSessions: (user: UserInput) =>
        Effect.sync(() => {
          const gone = world.directory.resolve(user)
          world.sessions.revoke((token) => same(token.consent.user, gone))
          world.tokens.revokeUser(gone)
        }),
      rejectTokens: Effect.sync(() => world.tokens.revokeTenantTokens(undefined)),
      rejectTokensOf: (tenant: string) => Effect.sync(() => world.tokens.revokeTenantTokens(tenant)),
      appTicketEvent: (options: Pushes.EventOptions = {}) => pushes.ticketEvent(options),
      pushTicket: Effect.suspend(() => pushes.ticket(world.app.id)),
      deliverTo: (deliver: Pushes.Deliver) => Effect.sync(() => pushes.deliverTo(deliver)),
      verifyUrl: pushes.verifyUrl,
      addFaults: (rules: ReadonlyArray<Faults.FaultRule>) => Effect.sync(() => faults.add(rules)),
      addRivals: (added: ReadonlyArray<Rivals.Rival>) => Effect.forEach(added, addRival, { discard: true })
    }

    yield* controls.addFaults(options.faults ?? [])
    yield* controls.addRivals(options.rivals ?? [])
    for (const { id, type } of world.apps.values()) {
      const hourly = Effect.forever(Effect.andThen(Effect.sleep(ticketEvery), pushTicket(id, Duration.zero)))
      if (type === "store") yield* Effect.forkIn(hourly, scope, { startImmediately: true })
    }

    const app = yield* Server.make({
      room: {
        world,
        rivals,
        digest: yield* Digest.Digest,
        login: options.login === undefined ? undefined : world.directory.resolve(options.login.user),
        rateLimit: options.rateLimits === true ? RateLimit.make() : undefined,
        resendTicket: (appId) => pushTicket(appId, resendDelay)
      },
      log,
      faults,
      latency: Duration.fromInputUnsafe(options.latency ?? Duration.zero),
      scope
    })
    return { controls, app }
  },
  Effect.provide(
    Layer.mergeAll(Digest.layerWebCrypto, Layer.provide(Cipher.layerWebCrypto, SecureRandom.layerWebCrypto))
  )
)
