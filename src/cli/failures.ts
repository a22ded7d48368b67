/** What a failed command says and returns: an exit and the next step for every error, by its tag. */
import * as Duration from "effect/Duration"
import type { FailureReport } from "../Cas.ts"
import type * as Contacts from "../Contacts.ts"
import type { InvalidLarkConfig } from "../LarkConfig.ts"
import type { InvalidMeetingId } from "../MeetingId.ts"
import type * as Meetings from "../Meetings.ts"
import type { InvalidMeetingUser, MeetingUser } from "../MeetingUser.ts"
import type { InvalidLogin, LoginRefused } from "../OAuth.ts"
import type * as errors from "./errors.ts"
import type { Exit } from "./exits.ts"

/** Every error of every command. */
export type Failure =
  | InstanceType<(typeof errors)[keyof typeof errors]>
  | InvalidLarkConfig
  | InvalidLogin
  | InvalidMeetingId
  | InvalidMeetingUser
  | LoginRefused
  | Contacts.FindError
  | Meetings.ActiveByNoError
  | Meetings.ErrorOf<"get">
  | Meetings.ErrorOf<"end">
  | Meetings.SetHostError<"open_id">

type Tagged<Tag> = Extract<Failure, { readonly _tag: Tag }>

interface Row<Error> {
  readonly exit: Exit | ((error: Error) => Exit)
  /** What happened; without it, as the error itself says. */
  readonly message?: (error: Error) => string
  /** What to do next; without it, as the error itself says. */
  readonly next?: string | ((error: Error) => string)
}

const login = "Run `effect-lark-meetings login` as the user who is meant, with the same --config or --simulator."
const laterWithId = "If it began more than a day ago, name it by its id."
const customOnly = "The command line serves custom apps only."
const support = "Give the log id to support."
const inConsole = "in the developer console, and publish a version of the app"

const rows: { readonly [Tag in Failure["_tag"]]: Row<Tagged<Tag>> } = {
  // Of the command line and this machine.
  InvalidMeetingId: { exit: "usage", next: "Name the meeting by its number, which has 9 digits, or by its id." },
  InvalidMeetingUser: { exit: "usage", next: "Copy the open_id again." },
  InvalidPerson: { exit: "usage", next: "An open_id begins with ou_, as `effect-lark-meetings who` shows it." },
  InvalidFile: { exit: "usage", next: ({ next }) => next },
  InvalidLarkConfig: {
    exit: "usage",
    next: "Set it in the environment or in the credentials file (see --config), or try the command with --simulator."
  },
  InvalidLogin: { exit: "usage", next: "Correct --scope." },
  CannotListen: { exit: "usage", next: "The developer console has to list the callback with that port." },
  NotConfirmed: { exit: "usage", next: "Answer yes on a terminal, or give --yes." },
  SessionStoreError: { exit: "usage" },
  InvalidParameter: { exit: "usage" },
  CasInvalidPolicy: { exit: "usage", next: "Choose another --timeout." },
  InvalidTenant: { exit: "usage", next: customOnly },
  AppTicketMissing: { exit: "usage", next: customOnly },
  ParamError: { exit: "usage", next: "Check the arguments." },
  FieldValidationFailed: {
    exit: "usage",
    next: ({ violations = [] }) =>
      violations.length === 0 ? "Check the arguments." : `Invalid: ${violations.join(", ")}.`
  },
  InvalidRequest: { exit: "usage" },
  UserTypeNotSupported: { exit: "usage", next: "This kind of user cannot do it." },
  RouteNotFound: { exit: "usage" },

  NotLoggedIn: { exit: "notAllowed", next: login },
  ReauthorizationRequired: {
    exit: "notAllowed",
    message: ({ code, msg }) =>
      code === undefined ? "The login has ended." : `The platform refuses the login: ${msg} [${code}].`,
    next: login
  },
  LoginRefused: {
    exit: "notAllowed",
    next: ({ reason }) =>
      reason === "failed"
        ? `Check that the app has the scopes of the login, and lists the redirect URL, ${inConsole}.`
        : "Log in again."
  },
  MissingScope: {
    exit: "notAllowed",
    next: ({ code, scopes = [] }) => {
      const which = scopes.length === 0 ? "the missing scope" : `one of these scopes: ${scopes.join(", ")}`
      return code === 99991679
        ? `Log in again with ${which} (\`effect-lark-meetings login --scope …\`).`
        : `Grant the app ${which}, ${inConsole}.`
    }
  },
  NoPermission: {
    exit: "notAllowed",
    next: "A user must be the host of the meeting, and the meeting must belong to the app's tenant or to the user."
  },
  TokenRejected: { exit: "notAllowed", next: "Check that the app is installed in the tenant, and run it again." },
  TokenMissing: { exit: "notAllowed" },
  TokenNotPermitted: { exit: "notAllowed" },
  AppUnavailable: { exit: "notAllowed" },
  CredentialsRejected: {
    exit: "notAllowed",
    next: ({ advice, code }) => code === 10012 || code === 10016 ? customOnly : advice
  },
  IpDenied: { exit: "notAllowed" },
  AuthenticationFailed: { exit: "notAllowed", next: `Check the login settings of the tenant. ${support}` },

  NoActiveMeeting: { exit: "notFound", next: `Check the number. ${laterWithId}` },
  NoHost: { exit: "notFound", next: "Somebody has to join first." },
  PersonNotFound: {
    exit: "notFound",
    next: `Check the address, and that the person is in the app's contact range ${inConsole}. An open_id works, too.`
  },
  DataNotExist: { exit: "notFound", next: "Check the id. Meetings are kept for 90 days." },
  MeetingNotExist: { exit: "notFound" },
  UserIdRejected: { exit: "notFound", next: "Check the open_id: each app has its own for a person." },

  UnsuitablePerson: { exit: "refused", next: "Name somebody else who is in the meeting, and not its host." },
  MeetingEnded: { exit: "refused", next: "Name a meeting in progress." },
  NotSupported: { exit: "refused", next: "This kind of meeting cannot do it." },
  MeetingStatusUnexpected: { exit: "refused", next: "The meeting has to be in progress." },
  OperatorNotInMeeting: { exit: "refused", next: "Join the meeting as the logged-in user first." },
  TargetNotInMeeting: { exit: "refused", next: "The person has to join the meeting first." },
  ParticipantStatusNotExpected: { exit: "refused", next: "The person has to join the meeting first." },
  CannotOperateSelf: { exit: "refused", next: "Name somebody else." },
  CasConflictWithoutState: { exit: "refused", next: "Try again when somebody is host." },

  CasRefused: {
    exit: ({ reason }) => reason === "OperatorNotHost" ? "notAllowed" : "refused",
    next: "Run it as the app (without --as user), or log in as the host."
  },
  CasSuperseded: { exit: "contended", next: "Look who is host, and decide again." },
  CasExhausted: {
    exit: ({ kind }) => kind === "conflict" ? "contended" : "unavailable",
    next: "Run it again, or give it more time with --timeout."
  },
  CasIndeterminate: { exit: "unknown" },
  CasInconsistentRegister: { exit: "unavailable", next: "Try again later, and tell the operators of the platform." },

  TimedOut: { exit: "unavailable", next: "Run it again, or give it more time with --timeout." },
  RateLimited: {
    exit: "unavailable",
    next: ({ retryAfter }) =>
      `Wait ${retryAfter === undefined ? "a minute" : Duration.format(retryAfter)}, and run it again.`
  },
  QuotaExhausted: { exit: "unavailable" },
  InternalError: { exit: "unavailable" },
  PlatformError: { exit: "unavailable" },
  UnknownApiError: { exit: "unavailable", next: support },
  TransportError: { exit: "unavailable" },
  MalformedResponse: { exit: "unavailable" }
}

/** Whether an error of the library is one of a command. */
export const isFailure = (error: { readonly _tag: string }): error is Failure => Object.hasOwn(rows, error._tag)

/** Whether the change took effect. */
const effectOf = (error: Failure): "none" | "unknown" => {
  if ("report" in error) return error.report.effect === "unknown" ? "unknown" : "none"
  if (error._tag === "TimedOut") return error.effect
  // The commands read from all other endpoints.
  return "endpoint" in error && error.endpoint === "vc.v1.meeting.end" && error.retry === "unknown" ? "unknown" : "none"
}

const messageOf = (error: Failure): string => {
  // The messages of these end with advice for programs.
  if ("detail" in error && "report" in error) return `${error.detail}.`
  if ("advice" in error && "code" in error && error.code !== undefined) {
    const { code, endpoint, logId, msg, status } = error
    return `${msg} [${code}] (${endpoint}, HTTP ${status}${logId === undefined ? "" : `, log id ${logId}`}).`
  }
  return "advice" in error ? error.message.replace(error.advice, "").trim() : error.message
}

/** A failure for people and programs. */
export interface Described {
  readonly exit: Exit
  readonly effect: "none" | "unknown"
  readonly tag: Failure["_tag"]
  readonly message: string
  /** What to do next, if the message does not say it. */
  readonly next: string | undefined
  readonly report: FailureReport<MeetingUser<"open_id">> | undefined
}

export const describe = (error: Failure): Described => {
  // Each row takes the errors of its own tag.
  const row = rows[error._tag] as Row<Failure>
  const effect = effectOf(error)
  const next = typeof row.next === "function" ? row.next(error) : row.next
  return {
    exit: effect === "unknown" ? "unknown" : typeof row.exit === "function" ? row.exit(error) : row.exit,
    effect,
    tag: error._tag,
    message: row.message === undefined ? messageOf(error) : row.message(error),
    next: effect === "unknown"
      ? "The change may have taken effect. Look with `effect-lark-meetings host` before you repeat it."
      : next ?? ("advice" in error && "code" in error ? error.advice : undefined),
    report: "report" in error ? error.report : undefined
  }
}
