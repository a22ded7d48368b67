/** The questions that reading answers. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as wire from "../../internal/wire.ts"
import { LarkConfig } from "../../LarkConfig.ts"
import type { Meeting } from "../../Meeting.ts"
import type { MeetingId } from "../../MeetingId.ts"
import type { MeetingNo } from "../../MeetingNo.ts"
import * as MeetingUser from "../../MeetingUser.ts"
import { TenantToken } from "../../TenantToken.ts"
import { answer, type Findings, missing, said } from "./findings.ts"
import type { Asked } from "./questions.ts"
import type { Reply, Request, Requests } from "./requests.ts"

/** Reads the meeting, as the app unless another token is given. */
export const getMeeting = (id: MeetingId, query: Readonly<Record<string, string>>): Request => ({
  endpoint: "vc.v1.meeting.get",
  method: "GET",
  path: `/vc/v1/meetings/${id}`,
  query
})

export const meetingIn = ({ body }: Reply): wire.Wire => wire.object(wire.object(body["data"])["meeting"])

/** How an answer names a user, without the id. */
const form = (user: unknown): string => {
  if (user === undefined) return "absent"
  if (user === null) return "null"
  const { id, user_type } = wire.object(user)
  return [
    id === undefined ? "no id" : id === "" ? "an empty id" : "an id",
    user_type === undefined ? "no user_type" : "a user_type"
  ].join(" and ")
}

const scopeMissing = 99991672

const byUserId = (reply: Reply, meeting: Meeting<"open_id">, findings: Findings): void => {
  const isRoom = Option.exists(meeting.hostUser, ({ userType }) => userType === MeetingUser.UserType.Room)
  if (reply.code === 0) {
    findings.set("S.c", answer("yes", reply, { userIdScope: true }))
    if (isRoom) findings.set("14.2", answer(form(meetingIn(reply)["host_user"]), reply))
  } else if (reply.code === scopeMissing) {
    findings.set("S.c", answer(`no: ${said(reply)}`, reply, { userIdScope: false }))
  } else {
    findings.set("S.c", answer(said(reply), reply))
  }
}

/** In seconds, not before 1970. */
const seconds = (time: DateTime.DateTime) => String(Math.max(0, Math.floor(DateTime.toEpochMillis(time) / 1_000)))

const listByNo = (meetingNo: MeetingNo, from: DateTime.DateTime, until: DateTime.DateTime): Request => ({
  endpoint: "vc.v1.meeting.list_by_no",
  method: "GET",
  path: "/vc/v1/meetings/list_by_no",
  query: { meeting_no: meetingNo, start_time: seconds(from), end_time: seconds(until), page_size: "50" }
})

const briefsIn = ({ body }: Reply): unknown => wire.object(body["data"])["meeting_briefs"]

/** The platform's ids grow with time. */
const orderOf = (ids: ReadonlyArray<string>) => {
  const isSorted = (isBefore: (a: bigint, b: bigint) => boolean) =>
    ids.every((id, index) => index === 0 || isBefore(BigInt(ids[index - 1] ?? "0"), BigInt(id)))
  if (isSorted((a, b) => a > b)) return "newestFirst"
  return isSorted((a, b) => a < b) ? "oldestFirst" : undefined
}

const inOrder = (reply: Reply, id: MeetingId, findings: Findings): void => {
  if (reply.code !== 0) {
    for (const number of ["V.3.2", "V.3.3"] as const) findings.set(number, missing(`the answer was ${said(reply)}`))
    return
  }
  const ids = wire.list(briefsIn(reply)).map((brief) => wire.text(brief["id"])).filter((id) => /^\d+$/.test(id))
  findings.set("V.3.3", answer(ids.includes(id) ? "yes" : "no", reply))
  if (ids.length < 2) return void findings.set("V.3.2", missing("the number had one meeting in 90 days"))
  const order = orderOf(ids)
  findings.set(
    "V.3.2",
    order === undefined
      ? answer("neither newest nor oldest first", reply)
      : answer(order === "newestFirst" ? "newest first" : "oldest first", reply, { briefOrder: order })
  )
}

const withoutMeetings = (reply: Reply) => {
  if (reply.code !== 0) return answer(said(reply), reply)
  const briefs = briefsIn(reply)
  return wire.list(briefs).length > 0
    ? missing("a meeting of the number is in the range")
    : answer(
      `success, meeting_briefs is ${briefs === undefined ? "absent" : briefs === null ? "null" : "empty"}`,
      reply
    )
}

/** The codes that the simulator knows for refused credentials. */
const unknownApps = [10014, 99991543] as const
const wrongSecrets = [10014, 10015, 99991543] as const

/** Asks everything that changes nothing. */
export const ask = Effect.fnUntraced(function*(
  requests: Requests,
  meeting: Meeting<"open_id">,
  findings: Findings
) {
  const app = yield* TenantToken
  const { appId } = yield* LarkConfig
  const now = yield* DateTime.now
  const about = (number: Asked, request: Request, use: (reply: Reply) => void) =>
    requests.read(request).pipe(
      Effect.map(use),
      Effect.catchTag("Unanswered", ({ reason }) => Effect.sync(() => void findings.set(number, missing(reason))))
    )

  yield* about("14.1", { ...getMeeting(meeting.id, { user_id_type: "open_id" }), token: app }, (reply) => {
    const { host_user } = meetingIn(reply)
    findings.set(
      "14.1",
      reply.code !== 0 || Option.isSome(MeetingUser.fromWire("open_id", host_user))
        ? missing("the meeting has a host")
        : answer(form(host_user), reply)
    )
  })
  findings.set("14.2", missing("the host is not a room, or user_id_type=user_id does not work"))
  yield* about(
    "S.c",
    { ...getMeeting(meeting.id, { user_id_type: "user_id" }), token: app },
    (reply) => byUserId(reply, meeting, findings)
  )

  // 10: what the gateway refuses.
  const own = getMeeting(meeting.id, {})
  const refused: ReadonlyArray<Request> = [
    own,
    { ...own, token: Redacted.make("t-effect-lark-meetings-verify") },
    { ...own, token: Redacted.make("u-effect-lark-meetings-verify") },
    { ...own, token: Redacted.make("effect-lark-meetings-verify") },
    { ...getMeeting(meeting.id, { user_id_type: "verify" }), token: app }
  ]
  for (const request of refused) yield* about("10", request, () => {})

  if (Option.isNone(meeting.meetingNo)) {
    for (const number of ["V.3.1", "V.3.2", "V.3.3"] as const) {
      findings.set(number, missing("the meeting has no number"))
    }
  } else {
    const number = meeting.meetingNo.value
    const ago = (days: number) => DateTime.subtract(now, { days })
    const ninetyDays = listByNo(number, DateTime.add(ago(90), { minutes: 5 }), DateTime.add(now, { minutes: 5 }))
    yield* about("V.3.2", { ...ninetyDays, token: app }, (reply) => inOrder(reply, meeting.id, findings))
    const oneSecond = listByNo(number, ago(89), DateTime.add(ago(89), { seconds: 1 }))
    yield* about("V.3.1", { ...oneSecond, token: app }, (reply) => void findings.set("V.3.1", withoutMeetings(reply)))
  }

  const tokenFor = (body: Readonly<Record<string, string>>): Request => ({
    endpoint: "auth.v3.tenant_access_token.internal",
    method: "POST",
    path: "/auth/v3/tenant_access_token/internal",
    body
  })
  const app_secret = "made up by effect-lark-meetings verify"
  yield* about("13.1", tokenFor({ app_id: "cli_0000000000000000", app_secret }), (reply) => {
    const unknownApp = unknownApps.find((code) => code === reply.code)
    findings.set("13.1", answer(said(reply), reply, unknownApp && { unknownApp }))
  })
  yield* about("13.2", tokenFor({ app_id: appId, app_secret }), (reply) => {
    const wrongSecret = wrongSecrets.find((code) => code === reply.code)
    findings.set("13.2", answer(said(reply), reply, wrongSecret && { wrongSecret }))
  })
  yield* about("13.3", tokenFor({ app_secret }), (reply) => void findings.set("13.3", answer(said(reply), reply)))
})
