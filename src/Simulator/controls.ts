import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { homeTenant } from "./App.ts"
import { parametersIn } from "./ArrivedRequest.ts"
import { authorize } from "./endpoints/authorize.ts"
import type { ConnectionFaultRule, EventFaultRule } from "./EventFault.ts"
import type { FaultRule } from "./Fault.ts"
import * as Meetings from "./Meeting.ts"
import {
  endEvents,
  joinEvents,
  leaveEvents,
  pushWhenReady,
  recordEvents,
  shareEvents,
  startEvents
} from "./meetingEvent.ts"
import type { Deliver, EventOptions, Pushes } from "./Push.ts"
import type { PushedEvent } from "./PushedEvent.ts"
import * as Reply from "./Reply.ts"
import * as Reserve from "./Reserve.ts"
import type { Rival } from "./Rival.ts"
import type { Parts } from "./Server.ts"
import { same, type User, type UserInput } from "./User.ts"
import * as World from "./World.ts"

/** The test is wrong, so it is a defect. */
const mistake = (message: string) => Effect.die(new Error(message))

const absent = ({ openId }: User): string => `lacks a person: ${openId} is not in the meeting`

/** The members of the `Simulator` service. */
export const make = (
  { connectionFaults, endpoints, eventFaults, faults, log, rivals, scope, world }: Parts<unknown>,
  pushes: Pushes
) => {
  /** Without an id: the first meeting. */
  const meeting = (meetingId?: string): Effect.Effect<Meetings.Meeting> =>
    Effect.suspend(() => {
      const found = meetingId === undefined ? world.meetings.values().next().value : world.meetings.get(meetingId)
      return found === undefined
        ? mistake(`The simulator has no meeting ${meetingId ?? "at all"}`)
        : Effect.succeed(found)
    })

  const moveRival = (rival: Rival, meetingId: string, at: number): void => {
    const target = world.meetings.get(meetingId)
    // Nobody can move the host of a meeting that has ended.
    if (target === undefined || target.status === "ended") return
    World.moveHost(world, target, world.directory.resolve(rival.host), { by: "rival", request: undefined, at })
  }

  const addRival = (rival: Rival): Effect.Effect<void> =>
    Effect.flatMap(meeting(rival.meetingId), ({ id }) => {
      if (rival._tag !== "At") {
        return Effect.sync(() => rivals.add(rival._tag, rival.nth, (at) => moveRival(rival, id, at)))
      }
      const move = Effect.map(Clock.currentTimeMillis, (now) => moveRival(rival, id, now))
      return Effect.asVoid(Effect.forkIn(Effect.delay(move, rival.millis), scope, { startImmediately: true }))
    })

  /** Changes a meeting that has not ended, and pushes the events of it. A change that is a text is a mistake. */
  const change = (
    meetingId: string,
    next: (meeting: Meetings.Meeting, now: number) => Meetings.Meeting | string,
    eventsOf: (before: Meetings.Meeting, after: Meetings.Meeting) => ReadonlyArray<PushedEvent>
  ) =>
    Effect.flatMap(Effect.zip(meeting(meetingId), Clock.currentTimeMillis), ([found, now]) => {
      const after = found.status === "ended" ? "has ended" : next(found, now)
      if (typeof after === "string") return mistake(`The meeting ${meetingId} ${after}`)
      world.meetings.set(found.id, after)
      return Effect.andThen(
        pushes.events(eventsOf(found, after)),
        after.status === "ended" ? pushWhenReady(world, after) : Effect.void
      )
    })

  /** A change that is documented for meetings in progress only. */
  const inProgress =
    (next: (meeting: Meetings.Meeting, now: number) => Meetings.Meeting | string): typeof next => (found, now) =>
      found.status === "in_progress" ? next(found, now) : "is not in progress"

  return {
    connections: Effect.sync(world.longConnections.all),
    closeConnections: (code = 1006) => Effect.sync(() => world.longConnections.closeAll(code)),
    addEventFaults: (rules: ReadonlyArray<EventFaultRule>) => Effect.sync(() => eventFaults.add(rules)),
    addConnectionFaults: (rules: ReadonlyArray<ConnectionFaultRule>) => Effect.sync(() => connectionFaults.add(rules)),
    pushEvent: (event: PushedEvent) => pushes.events([event]),
    joinMeeting: (meetingId: string, user: UserInput) => {
      const joiner = world.directory.resolve(user)
      return change(
        meetingId,
        (found, now) =>
          Meetings.isOpenTo(found, joiner) ? Meetings.withParticipant(found, joiner, now) : "is locked (122008)",
        (_, after) => joinEvents(world, after, joiner)
      )
    },
    startMeeting: (options: Meetings.MeetingOptions) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (world.meetings.has(options.id)) return mistake(`The simulator has a meeting ${options.id} already`)
        if (options.reserveId !== undefined && !world.reserves.has(options.reserveId)) {
          return mistake(`The simulator has no reservation ${options.reserveId}`)
        }
        const started = Meetings.make(Reserve.inMeeting(options, world), world.directory, homeTenant(world.app), now)
        world.meetings.set(started.id, started)
        return pushes.events(startEvents(world, started))
      }),
    leaveMeeting: (meetingId: string, user: UserInput) => {
      const leaver = world.directory.resolve(user)
      return change(
        meetingId,
        (found, now) => Meetings.withoutParticipant(found, leaver, now),
        // A user who was invited and has not answered was not in the meeting.
        (before, after) => Meetings.isIn(before, leaver) ? leaveEvents(before, after, leaver, "left") : []
      )
    },
    kickout: (meetingId: string, user: UserInput) => {
      const removed = world.directory.resolve(user)
      return change(
        meetingId,
        inProgress((found, now) =>
          same(found.host, removed)
            ? `cannot lose ${removed.openId}, because ${removed.openId} is the host`
            : Meetings.isIn(found, removed)
            ? Meetings.withoutParticipant(found, removed, now)
            : absent(removed)
        ),
        (before, after) => leaveEvents(before, after, removed, "kickedOut")
      )
    },
    endMeeting: (meetingId: string) =>
      change(meetingId, Meetings.ended, (before, after) => endEvents(world, before, after, after.host)),
    record: (meetingId: string, running: boolean) =>
      change(
        meetingId,
        inProgress((found, now) =>
          Meetings.isRecorded(found) === running
            ? running ? "is recorded already" : "is not recorded"
            : Meetings.withRecording(found, running, now)
        ),
        (_, after) => recordEvents(after, after.host, running)
      ),
    share: (meetingId: string, user: UserInput, running: boolean) => {
      const sharer = world.directory.resolve(user)
      return change(
        meetingId,
        inProgress((found) => {
          if (!running) {
            return same(found.sharedBy, sharer)
              ? { ...found, sharedBy: undefined }
              : `has another screen or none: ${sharer.openId} does not share one`
          }
          if (found.sharedBy !== undefined) return `has a screen already: ${found.sharedBy.openId} shares one`
          return Meetings.isIn(found, sharer) ? { ...found, sharedBy: sharer } : absent(sharer)
        }),
        (_, after) => shareEvents(after, sharer, running)
      )
    },
    reserve: (options: Reserve.ReserveOptions) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) =>
        world.reserves.has(options.id ?? "")
          ? mistake(`The simulator has a reservation ${options.id} already`)
          : Effect.succeed(Reserve.add(world, Reserve.fromOptions(options, world.directory, now)))),
    requests: Effect.sync(log.all),
    writes: Effect.sync(() => [...world.writes]),
    tokensMinted: Effect.sync(world.tokens.minted),
    sessions: Effect.sync(world.sessions.all),
    pushes: Effect.sync(pushes.all),
    meeting: (meetingId: string) => meeting(meetingId),
    host: (meetingId: string) => Effect.map(meeting(meetingId), ({ host }) => host),
    moveHost: (meetingId: string, user: UserInput) =>
      Effect.map(
        Effect.zip(meeting(meetingId), Clock.currentTimeMillis),
        ([found, at]) =>
          World.moveHost(world, found, world.directory.resolve(user), { by: "control", request: undefined, at })
      ),
    lock: (meetingId: string, locked: boolean) => change(meetingId, (found) => ({ ...found, locked }), () => []),
    reserves: Effect.sync(() => [...world.reserves.values()]),
    userToken: (user: UserInput, options?: { readonly expiresIn?: Duration.Input | undefined }) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const lifetimeMillis = Duration.toMillis(options?.expiresIn ?? Duration.hours(2))
        const given = { now, lifetimeMillis, format: "opaque", requested: false } as const
        return Redacted.make(world.tokens.user(world.app, world.directory.resolve(user), given).text)
      }),
    authorize: (url: string, user: UserInput, options?: { readonly deny?: boolean | undefined }) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        const login = URL.parse(url)
        if (login === null) return mistake(`A login needs a URL, not ${url}`)
        const query = parametersIn(login.searchParams)
        const denied = options?.deny ?? false
        const callback = authorize(world, query, world.directory.resolve(user), { denied, now })
        return Reply.is(callback)
          ? mistake(`The login was refused with code ${callback.code}`)
          : Effect.succeed(callback)
      }),
    revokeSessions: (user: UserInput) =>
      Effect.sync(() => {
        const revoked = world.directory.resolve(user)
        world.sessions.revoke((token) => same(token.consent.user, revoked))
        world.tokens.revokeUser(revoked)
      }),
    rejectTokens: Effect.sync(() => world.tokens.revokeTenantTokens(undefined)),
    rejectTokensOf: (tenant: string) => Effect.sync(() => world.tokens.revokeTenantTokens(tenant)),
    appTicketEvent: (options: EventOptions = {}) => pushes.ticketEvent(options),
    pushTicket: Effect.suspend(() => pushes.ticket(world.app.id)),
    deliverTo: (deliver: Deliver) => Effect.sync(() => pushes.deliverTo(deliver)),
    verifyUrl: pushes.verifyUrl,
    addFaults: (rules: ReadonlyArray<FaultRule<string>>) => {
      const unknown = rules.find(({ endpoint }) => endpoints.every(({ name }) => name !== endpoint))
      return unknown === undefined
        ? Effect.sync(() => faults.add(rules))
        : mistake(
          `The simulator has no endpoint ${unknown.endpoint}; it has ${
            [...new Set(endpoints.map(({ name }) => name))].toSorted().join(", ")
          }`
        )
    },
    addRivals: (added: ReadonlyArray<Rival>) => Effect.forEach(added, addRival, { discard: true })
  }
}
