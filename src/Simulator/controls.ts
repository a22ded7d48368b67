import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { homeTenant } from "./App.ts"
import { authorize } from "./endpoints/authorize.ts"
import type { ConnectionFaultRule, EventFaultRule } from "./EventFault.ts"
import type { FaultRule } from "./Fault.ts"
import * as Meetings from "./Meeting.ts"
import { meetingEvents } from "./meetingEvent.ts"
import type { Deliver, EventOptions, Pushes } from "./Push.ts"
import type { PushedEvent } from "./PushedEvent.ts"
import { recordingEvents } from "./recordingEvents.ts"
import * as Reply from "./Reply.ts"
import * as Reserve from "./Reserve.ts"
import type { Rival } from "./Rival.ts"
import type { Parts } from "./Server.ts"
import { same, type UserInput } from "./User.ts"
import * as World from "./World.ts"

/** The test is wrong, so it is a defect. */
const mistake = (message: string) => Effect.die(new Error(message))

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

  /** Changes a meeting that has not ended, and pushes the events of it. */
  const change = (
    meetingId: string,
    next: (meeting: Meetings.Meeting, now: number) => Meetings.Meeting,
    eventsOf: (after: Meetings.Meeting) => ReadonlyArray<PushedEvent>
  ) =>
    Effect.flatMap(Effect.zip(meeting(meetingId), Clock.currentTimeMillis), ([found, now]) => {
      if (found.status === "ended") return mistake(`The meeting ${meetingId} has ended`)
      const after = next(found, now)
      world.meetings.set(found.id, after)
      return Effect.andThen(
        pushes.events(eventsOf(after)),
        after.status === "ended" ? recordingEvents(world, found, after, after.host) : Effect.void
      )
    })

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
        (found, now) => Meetings.withParticipant(found, joiner, now),
        (after) => meetingEvents("join_meeting", after, joiner)
      )
    },
    startMeeting: (options: Meetings.MeetingOptions) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (world.meetings.has(options.id)) return mistake(`The simulator has a meeting ${options.id} already`)
        const reserve = world.reserves.get(options.reserveId ?? "")
        if (options.reserveId !== undefined && reserve === undefined) {
          return mistake(`The simulator has no reservation ${options.reserveId}`)
        }
        const started = Meetings.make(
          { ...options, ...reserve && Reserve.meetingOf(reserve) },
          world.directory,
          homeTenant(world.app),
          now
        )
        world.meetings.set(started.id, started)
        return pushes.events(meetingEvents("meeting_started", started, started.host ?? started.owner))
      }),
    leaveMeeting: (meetingId: string, user: UserInput) => {
      const leaver = world.directory.resolve(user)
      return change(
        meetingId,
        (found) => Meetings.withoutParticipant(found, leaver),
        (after) => meetingEvents("leave_meeting", after, leaver, { leave_reason: 1, leave_user: leaver })
      )
    },
    endMeeting: (meetingId: string) =>
      change(meetingId, Meetings.ended, (after) => meetingEvents("meeting_ended", after, after.host)),
    record: (meetingId: string, running: boolean) =>
      Effect.flatMap(meeting(meetingId), (found) =>
        Meetings.isRecorded(found) === running
          ? mistake(`The meeting ${meetingId} is ${running ? "recorded already" : "not recorded"}`)
          : change(
            meetingId,
            (before, now) => Meetings.withRecording(before, running, now),
            (after) => meetingEvents(running ? "recording_started" : "recording_ended", after, after.host)
          )),
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
    lock: (meetingId: string, locked: boolean) =>
      Effect.map(meeting(meetingId), (found) => {
        world.meetings.set(found.id, { ...found, locked })
      }),
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
        const query = Object.fromEntries(login.searchParams)
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
