/**
 * The questions that the documentation of the platform leaves open.
 *
 * 1 to 17 are about `set_host`, `end` and tokens, S.c to S.j about the conflict of `set_host`, V.1 to V.9 about the endpoints,
 * events and connections around them.
 */

export interface Question {
  readonly number: string
  readonly question: string
  /** Why `verify` does not ask; absent if it does. */
  readonly unasked?: string
}

const ends = "verify never ends a meeting"
const removes = "verify removes nobody from the meeting"
const calls = "verify calls nobody into the meeting"
const listens = "it needs events, and verify receives none"
const reserves = "it needs a reservation and the scope vc:reserve"
const records = "it needs a recording and the scope vc:record"

export const questions = [
  { number: "1.1", question: "Does a 121006 name the host in data.host_user?" },
  { number: "1.2", question: "Which kind of id names that host, if the request uses union_id?" },
  { number: "1.3", question: "Is that host_user complete, with id and user_type?" },
  { number: "2.1", question: "What does set_host without old_host_user do?" },
  { number: "2.2", question: "What does set_host do if old_host_user has no user_type?" },
  { number: "3", question: "Does a 121006, or any other 12xxxx, come with HTTP 200?" },
  { number: "4.1", question: "What does set_host answer if host_user and old_host_user are both the host?" },
  {
    number: "4.2",
    question: "What does set_host answer if host_user and old_host_user are one person who is not the host?"
  },
  { number: "4.3", question: "Who is \"self\" in a 122005 to an app?" },
  { number: "5.1", question: "May the app move the host of this meeting?" },
  { number: "5.2", question: "Of which meetings may an app remove people?", unasked: removes },
  { number: "6", question: "What does end answer in a meeting that has ended?", unasked: ends },
  { number: "7.1", question: "What does set_host answer if it is sent again after it took effect?" },
  { number: "7.2", question: "What does end answer if it is sent again after it took effect?", unasked: ends },
  { number: "8", question: "Does kickout take user tokens, and how many people?", unasked: removes },
  { number: "9.1", question: "How often may recording.start and stop be called?", unasked: records },
  { number: "9.2", question: "Do the x-ogw-ratelimit headers come with successes, too?" },
  {
    number: "9.3",
    question: "Does a 429 have Retry-After?",
    unasked: "verify stays below the limits, so that it meets no 429"
  },
  { number: "10", question: "With which HTTP statuses do the 9999xxxx codes come?" },
  {
    number: "11",
    question: "OAuth v3 on Lark, PKCE, scopes of one authorization, refresh tokens that were used?",
    unasked: "it needs logins in a browser, and would use up a refresh token"
  },
  { number: "12.1", question: "Is the log id in a refusal error.log_id or error.logid?" },
  { number: "12.2", question: "What does error.permission_violations look like?" },
  { number: "13.1", question: "What does the token endpoint answer to an unknown app id?" },
  { number: "13.2", question: "What does it answer to a wrong app secret?" },
  { number: "13.3", question: "What does it answer without an app id?" },
  { number: "14.1", question: "What is host_user in get if the meeting has no host?" },
  { number: "14.2", question: "What is host_user in get by user_id if the host is a room?" },
  {
    number: "15",
    question: "Is an app ticket valid after a newer one was pushed?",
    unasked: "it needs a store app and an hour of pushes"
  },
  { number: "16", question: "Is there an event for a new host, and do events come in order?", unasked: listens },
  { number: "17", question: "What does get_active_meeting answer without an active meeting?", unasked: reserves },
  { number: "S.c", question: "Does user_id_type=user_id work for this app?" },
  { number: "S.e", question: "Does set_host compare the user_type of old_host_user?" },
  { number: "S.j", question: "What does set_host answer to a user who is not the host any more?" },
  { number: "V.1", question: "kickout: tokens, ids, how many people, order, and removing the host?", unasked: removes },
  { number: "V.2", question: "invite: does one busy person fail the call?", unasked: calls },
  { number: "V.3.1", question: "What does list_by_no answer if no meeting of the number is in the range?" },
  { number: "V.3.2", question: "In which order does list_by_no list meetings?" },
  { number: "V.3.3", question: "Does list_by_no list this meeting for the app?" },
  {
    number: "V.4",
    question: "Reservations: empty values, \"own\" for an app, deletion in a meeting?",
    unasked: reserves
  },
  { number: "V.5", question: "Recordings: the rate, the time until one is ready, none at all?", unasked: records },
  { number: "V.6", question: "Join and leave events: operators, devices, the host who leaves?", unasked: listens },
  { number: "V.7", question: "Is all_meeting_ended lost, and are event times ever microseconds?", unasked: listens },
  {
    number: "V.8",
    question: "Long connection: close codes, lifetimes, parts, redelivery?",
    unasked: "it needs a long connection for hours"
  },
  {
    number: "V.9",
    question: "Do the reports take an app's token, and can their scopes be granted?",
    unasked: "it needs the scopes of reports and a role in the admin console"
  }
] as const satisfies ReadonlyArray<Question>

type Row = (typeof questions)[number]

/** The number of a question that `verify` asks. */
export type Asked = Exclude<Row, { readonly unasked: string }>["number"]
