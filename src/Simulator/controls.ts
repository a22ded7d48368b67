import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { parametersIn } from "./ArrivedRequest.ts"
import { authorize } from "./endpoints/authorize.ts"
import type { ConnectionFaultRule, EventFaultRule } from "./EventFault.ts"
import type { FaultRule } from "./Fault.ts"
import * as Meetings from "./meetingControls.ts"
import type { Deliver, EventOptions } from "./Push.ts"
import type { PushedEvent } from "./PushedEvent.ts"
import { Refusal } from "./Refusal.ts"
import * as Reply from "./Reply.ts"
import * as Reserve from "./Reserve.ts"
import type { Rival } from "./Rival.ts"
import type { Act, Run } from "./Run.ts"
import { same, type UserInput } from "./User.ts"
import * as World from "./World.ts"

const moveRival = ({ world }: Run, rival: Rival, meetingId: string, at: number): void => {
  const target = world.meetings.get(meetingId)
  // Nobody can move the host of a meeting that has ended.
  if (target === undefined || target.status === "ended") return
  World.moveHost(world, target, world.directory.resolve(rival.host), { by: "rival", request: undefined, at })
}

const addRival = (run: Run, rival: Rival, meetingId: string): Effect.Effect<void> => {
  if (rival._tag !== "At") {
    return Effect.sync(() => run.rivals.add(rival._tag, rival.nth, (at) => moveRival(run, rival, meetingId, at)))
  }
  const move = Effect.map(Clock.currentTimeMillis, (now) => moveRival(run, rival, meetingId, now))
  return Effect.asVoid(Effect.forkIn(Effect.delay(move, rival.millis), run.scope, { startImmediately: true }))
}

const badInput = (path: string, message: string, known?: ReadonlyArray<string>) =>
  Effect.fail(new Refusal({ reason: "BadInput", path, message, known }))

const notIn = (path: string) => ({ known, message, reason }: Refusal) => new Refusal({ reason, message, known, path })

/** The members of the `Simulator` service, with typed refusals. */
export const make = (
  current: () => Run,
  /** Provides the clock of the run, if it is not that of the caller. */
  inTime: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>
) => {
  const act: Act = (f) => inTime(Effect.flatMap(Clock.currentTimeMillis, (now) => f(current(), now)))
  const look = <A>(f: (run: Run) => A): Effect.Effect<A> => Effect.sync(() => f(current()))
  const meeting = (meetingId: string) => act((run) => Meetings.find(run, meetingId))

  return {
    ...Meetings.make(act),
    meeting,
    meetings: look(({ world }) => [...world.meetings.values()]),
    host: (meetingId: string) => Effect.map(meeting(meetingId), ({ host }) => host),
    requests: look(({ log }) => log.all()),
    writes: look(({ world }) => world.writes.all()),
    /** How many records each log has forgotten. */
    forgotten: look(({ log, pushes, world }) => ({
      requests: log.forgotten(),
      writes: world.writes.forgotten(),
      events: pushes.forgotten()
    })),
    tokensMinted: look(({ world }) => world.tokens.minted()),
    sessions: look(({ world }) => world.sessions.all()),
    pushes: look(({ pushes }) => pushes.all()),
    reserves: look(({ world }) => [...world.reserves.values()]),
    connections: look(({ world }) => world.longConnections.all()),
    closeConnections: (code = 1006) => look(({ world }) => world.longConnections.closeAll(code)),
    pushEvent: (event: PushedEvent) => act(({ pushes }) => pushes.events([event])),
    reserve: (options: Reserve.ReserveOptions): Effect.Effect<Reserve.Reserve, Refusal> =>
      act(({ world }, now) =>
        world.reserves.has(options.id ?? "")
          ? Effect.fail(
            new Refusal({
              reason: "ReserveExists",
              path: "id",
              message: `The simulator has a reservation ${options.id} already`
            })
          )
          : Effect.succeed(Reserve.add(world, Reserve.fromOptions(options, world.directory, now)))
      ),
    userToken: (user: UserInput, options?: { readonly expiresIn?: Duration.Input | undefined }) =>
      act(({ world }, now) => {
        const lifetimeMillis = Duration.toMillis(options?.expiresIn ?? Duration.hours(2))
        const given = { now, lifetimeMillis, format: "opaque", requested: false } as const
        const { text } = world.tokens.user(world.app, world.directory.resolve(user), given)
        return Effect.succeed(Redacted.make(text))
      }),
    authorize: (
      url: string,
      user: UserInput,
      options?: { readonly deny?: boolean | undefined }
    ): Effect.Effect<URL, Refusal> =>
      act(({ world }, now) => {
        const login = URL.parse(url)
        if (login === null) return badInput("url", `A login needs a URL, not ${url}`)
        const query = parametersIn(login.searchParams)
        const denied = options?.deny ?? false
        const callback = authorize(world, query, world.directory.resolve(user), { denied, now })
        return Reply.is(callback)
          ? badInput("url", `The login was refused with code ${callback.code}`)
          : Effect.succeed(callback)
      }),
    revokeSessions: (user: UserInput) =>
      look(({ world }) => {
        const revoked = world.directory.resolve(user)
        world.sessions.revoke((token) => same(token.consent.user, revoked))
        world.tokens.revokeUser(revoked)
      }),
    rejectTokens: look(({ world }) => world.tokens.revokeTenantTokens(undefined)),
    rejectTokensOf: (tenant: string) => look(({ world }) => world.tokens.revokeTenantTokens(tenant)),
    appTicketEvent: (options: EventOptions = {}) => act(({ pushes }) => pushes.ticketEvent(options)),
    pushTicket: act(({ pushes, world }) => pushes.ticket(world.app.id)),
    deliverTo: (deliver: Deliver) => look(({ pushes }) => pushes.deliverTo(deliver)),
    verifyUrl: act(({ pushes }) => pushes.verifyUrl),
    addFaults: (rules: ReadonlyArray<FaultRule<string>>): Effect.Effect<void, Refusal> =>
      act(({ endpoints, faults }) => {
        const unknown = rules.findIndex((rule) => endpoints.every(({ name }) => name !== rule.endpoint))
        if (unknown === -1) return Effect.sync(() => faults.add(rules))
        const known = [...new Set(endpoints.map(({ name }) => name))].toSorted()
        const message = `The simulator has no endpoint ${rules[unknown]?.endpoint}; it has ${known.join(", ")}`
        return badInput(`faults[${unknown}].endpoint`, message, known)
      }),
    addEventFaults: (rules: ReadonlyArray<EventFaultRule>) => look(({ eventFaults }) => eventFaults.add(rules)),
    addConnectionFaults: (rules: ReadonlyArray<ConnectionFaultRule>) =>
      look(({ connectionFaults }) => connectionFaults.add(rules)),
    /** Adds all or none. */
    addRivals: (rivals: ReadonlyArray<Rival>): Effect.Effect<void, Refusal> =>
      act((run) =>
        Effect.forEach(rivals, (rival, index) =>
          Meetings.find(run, rival.meetingId).pipe(
            Effect.mapError(notIn(`rivals[${index}].meetingId`)),
            Effect.map(({ id }) => addRival(run, rival, id))
          )).pipe(
            Effect.flatMap((added) => Effect.all(added, { discard: true }))
          )
      )
  }
}

export type Controls = ReturnType<typeof make>
