/** The questions that moving the host answers. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as wire from "../../internal/wire.ts"
import type { MeetingId } from "../../MeetingId.ts"
import * as MeetingUser from "../../MeetingUser.ts"
import type * as Simulator from "../../Simulator.ts"
import { TenantToken } from "../../TenantToken.ts"
import type { UserToken } from "../../UserToken.ts"
import { answer, type Finding, type Findings, missing, said } from "./findings.ts"
import type { Asked } from "./questions.ts"
import { getMeeting, meetingIn } from "./reads.ts"
import { type Reply, type Requests, Stopped } from "./requests.ts"
import * as Stage from "./stage.ts"

/** Who takes part. */
export interface Cast {
  /** The host at the start, a Feishu or Lark user. */
  readonly first: Stage.User
  readonly other: Stage.User
  /** A second person who was named, if there is one. */
  readonly third: Option.Option<Stage.User>
  /** A user who is in the meeting, and the token. */
  readonly user: Option.Option<{ readonly user: Stage.User; readonly session: UserToken["Service"] }>
  /** Who owns the meeting, as the caller says: no endpoint shows it. */
  readonly owner: Option.Option<"user" | "app">
}

const conflict = 121006

/** A 121006 by open ids, and the id of the host at that time. */
interface Conflict {
  readonly reply: Reply
  readonly host: string
}

type Naming = "complete" | "without user_type" | "not at all" | "somebody else"

const namingOf = ({ host, reply }: Conflict): Naming => {
  const { id, user_type } = wire.object(wire.object(reply.body["data"])["host_user"])
  if (wire.text(id) === "") return "not at all"
  if (id !== host) return "somebody else"
  return user_type === undefined ? "without user_type" : "complete"
}

/** 1.1 and 1.3: what all conflicts show together. */
const aboutConflicts = (conflicts: ReadonlyArray<Conflict>, findings: Findings): void => {
  const replies = conflicts.map(({ reply }) => reply)
  const namings = conflicts.map(namingOf)
  const count = (naming: Naming) => namings.filter((each) => each === naming).length
  const named = namings.length - count("not at all")
  if (namings.length === 0) findings.set("1.1", missing("there was no 121006"))
  else if (count("complete") === namings.length) {
    findings.set("1.1", answer("yes", replies, { conflictCarriesHost: true }))
  } else if (named === 0) findings.set("1.1", answer("no", replies, { conflictCarriesHost: false }))
  else {
    const others = count("somebody else")
    const wrong = others === 0 ? "" : `, and ${others} name somebody else`
    findings.set("1.1", answer(`${named} of ${namings.length} replies do${wrong}`, replies))
  }
  findings.set(
    "1.3",
    named === 0
      ? missing("no 121006 named the host")
      : answer(
        count("without user_type") === 0 ? "yes" : `${count("without user_type")} of ${named} have no user_type`,
        replies
      )
  )
}

/** An answer, and the behavior of the simulator, by the code of the reply. */
type Meanings = Readonly<Record<number, readonly [answer: string, behavior: Simulator.BehaviorOptions]>>

const disturbed = missing("somebody else moved the host at the same time")

const meaningOf = (reply: Option.Option<Reply>, meanings: Meanings): Finding => {
  if (Option.isNone(reply)) return disturbed
  const [words, behavior] = meanings[reply.value.code] ?? [said(reply.value), {}]
  return answer(words, reply.value, behavior)
}

/** 1.2: how a conflict by union ids names the host. */
const idKind = (reply: Option.Option<Reply>, unionId: string, openId: string): Finding => {
  if (Option.isNone(reply)) return disturbed
  if (reply.value.code !== conflict) return missing(`the answer was ${said(reply.value)}`)
  const id = wire.text(wire.object(wire.object(reply.value.body["data"])["host_user"])["id"])
  return id === ""
    ? missing("the 121006 does not name the host")
    : id === unionId
    ? answer("union_id", reply.value, { conflictIdType: "asked" })
    : id === openId
    ? answer("open_id", reply.value, { conflictIdType: "open_id" })
    : answer("an id of another kind", reply.value)
}

/** Asks everything for which the host role moves. */
export const ask = Effect.fnUntraced(function*(
  requests: Requests,
  id: MeetingId,
  { first, other, owner, third, user }: Cast,
  findings: Findings
) {
  const app = yield* TenantToken
  const people = [first, other, ...Option.toArray(third)]
  const stage = yield* Stage.make(requests, id, people)
  const conflicts: Array<Conflict> = []

  const attempt = Effect.fnUntraced(function*(trial: Stage.Trial) {
    const reply = yield* stage.attempt(trial)
    if (Option.isSome(reply) && reply.value.code === conflict) conflicts.push({ reply: reply.value, host: trial.at.id })
    return reply
  })
  const about = Effect.fnUntraced(function*(number: Asked, trial: Stage.Trial, meanings: Meanings) {
    const reply = yield* attempt(trial)
    findings.set(number, meaningOf(reply, meanings))
    return Option.map(reply, ({ code }) => code)
  })

  const swap = (to: MeetingUser.MeetingUser, from: MeetingUser.MeetingUser) => ({
    host_user: MeetingUser.toWire(to),
    old_host_user: MeetingUser.toWire(from)
  })

  /** The union id of somebody, read while that is the host. */
  const unionIdOf = (user: Stage.User) =>
    requests.read({ ...getMeeting(id, { user_id_type: "union_id" }), token: app }).pipe(
      Effect.map((reply) => MeetingUser.fromWire("union_id", meetingIn(reply)["host_user"])),
      Effect.catchTag("Unanswered", () => Effect.succeedNone),
      (read) => stage.whileHost(user, read),
      Effect.map(Option.flatten)
    )

  /** S.j: a user who is not the host sends a swap that begins with that user. */
  const formerHost = Effect.fnUntraced(function*(
    { session, user }: Option.Option.Value<Cast["user"]>
  ): Effect.fn.Return<Finding, Stopped> {
    const token = yield* Effect.result(session.get)
    if (Result.isFailure(token)) return missing(`the user has no token (${token.failure._tag})`)
    const isOther = (each: Stage.User) => !MeetingUser.equals(each, user)
    const at = isOther(other) ? other : first
    const target = people.find((each) => isOther(each) && each !== at) ?? at
    const reply = yield* stage.attempt({ at, target, body: swap(target, user), session, isDoubtful: true })
    return Option.exists(reply, ({ error }) => error?._tag === "TokenRejected" || error?._tag === "MissingScope")
      ? missing("the token of the user was not accepted")
      : meaningOf(reply, {
        121005: ["121005, NoPermission", { formerHost: "noPermission" }],
        121006: ["121006, DataConflict", { formerHost: "dataConflict" }]
      })
  })

  const firstByUnionId = yield* unionIdOf(first)
  const moved = yield* about("5.1", { at: first, target: other, body: swap(other, first) }, {
    0: ["yes", Option.contains(owner, "user") ? { tenantTokenMayMoveAnyHost: true } : {}],
    121005: ["no: 121005, NoPermission", Option.contains(owner, "app") ? {} : { tenantTokenMayMoveAnyHost: false }]
  })
  if (Option.exists(moved, (code) => code !== 0)) {
    return yield* new Stopped({ reason: "the app cannot move the host of this meeting" })
  }

  const repeated = yield* about("7.1", { at: other, target: other, body: swap(other, first), isDoubtful: true }, {
    0: ["success: the host stays", { staleSwapToHost: "success" }],
    121006: ["121006, DataConflict", { staleSwapToHost: "dataConflict" }],
    122005: ["122005, CannotOperateSelf", { staleSwapToHost: "cannotOperateSelf" }]
  })
  const otherByUnionId = yield* unionIdOf(other)
  findings.set(
    "1.2",
    Option.isSome(firstByUnionId) && Option.isSome(otherByUnionId)
      ? idKind(
        yield* stage.attempt({
          at: other,
          target: first,
          body: swap(firstByUnionId.value, firstByUnionId.value),
          idType: "union_id",
          isDoubtful: true
        }),
        otherByUnionId.value.id,
        other.id
      )
      : missing("get does not name the host by union_id")
  )

  findings.set(
    "S.j",
    yield* Option.match(user, {
      onNone: () => Effect.succeed(missing("it needs the login of a user who is in the meeting")),
      onSome: formerHost
    })
  )

  const same = yield* about("4.1", { at: first, target: first, body: swap(first, first) }, {
    0: ["success: the host stays", { targetIsHost: "success" }],
    122005: ["122005, CannotOperateSelf", { targetIsHost: "cannotOperateSelf" }]
  })
  findings.set(
    "4.3",
    [repeated, same].some(Option.contains(122005))
      ? answer("the host, as host_user", requests.replies().filter(({ code }) => code === 122005))
      : missing("no set_host of the app got a 122005")
  )
  yield* about("4.2", { at: first, target: other, body: swap(other, other), isDoubtful: true }, {})
  // The clearest conflict, if there are three people: all that is wrong is old_host_user.
  if (Option.isSome(third)) {
    yield* attempt({ at: first, target: third.value, body: swap(third.value, other), isDoubtful: true })
  }
  aboutConflicts(conflicts, findings)

  const host_user = MeetingUser.toWire(other)
  const byIdOf = (user: Stage.User): Stage.Trial => ({
    at: first,
    target: other,
    body: { host_user, old_host_user: { id: user.id } },
    isDoubtful: true
  })
  const byOtherId = yield* attempt(byIdOf(other))
  if (Option.exists(byOtherId, ({ code }) => code === conflict)) {
    yield* about("2.2", byIdOf(first), {
      0: ["it compares the id alone", { oldHostWithoutType: "comparedById" }],
      121006: ["it fails: 121006, DataConflict", { oldHostWithoutType: "dataConflict" }]
    })
  } else {
    findings.set(
      "2.2",
      meaningOf(byOtherId, {
        0: ["it moves the host, whatever the id", { oldHostWithoutType: "ignored" }],
        121003: ["it fails: 121003, ParamError", { oldHostWithoutType: "paramError" }]
      })
    )
  }
  const mistyped = { host_user, old_host_user: { id: first.id, user_type: MeetingUser.UserType.Room } }
  yield* about("S.e", { at: first, target: other, body: mistyped, isDoubtful: true }, {
    0: ["no: it moves the host", { oldHostType: "ignored" }],
    121006: ["yes: 121006, DataConflict", { oldHostType: "compared" }]
  })
  yield* about("2.1", { at: first, target: other, body: { host_user } }, {
    0: ["it moves the host", { withoutOldHost: "unconditional" }],
    121003: ["it fails: 121003, ParamError", { withoutOldHost: "paramError" }]
  })
  yield* stage.moveTo(first)
})
