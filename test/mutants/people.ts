/** What calls people twice, tells a wrong outcome of one, or finds a wrong meeting behind a number. */
import { type Mutant, testIn } from "./Mutant.ts"

const people = "src/Meetings/people.ts"
const numbers = "src/Meetings/numbers.ts"

const invites = testIn("Meetings.invite")
const limits = testIn("Meetings.invite.rateLimits")
const interrupted = testIn("Meetings.people.interruption")
const removes = testIn("Meetings.kickout")
const finds = testIn("Meetings.numbers")

export const mutants: ReadonlyArray<Mutant> = [
  {
    name: "people: a room is taken for the person with its id",
    file: people,
    find: " && (user_type ?? user.userType) === user.userType",
    replace: "",
    killer: invites("matches results by id and type, in any order, and sends duplicates once")
  },
  {
    name: "people: a number that may name two names the first",
    file: people,
    find: " && other === undefined",
    replace: "",
    killer: removes("is not matched if the number may name either of two")
  },
  {
    name: "people: who is not reported is done",
    file: people,
    find: "?? (\"unreported\" as const)",
    replace: "?? (\"done\" as const)",
    killer: removes("that leaves people out leaves them unreported")
  },
  {
    name: "people: one busy person fails ten",
    file: people,
    find: "batch.length > 1 && isPersonal(error)",
    replace: "batch.length > 10 && isPersonal(error)",
    killer: invites("has the same outcomes if one busy person fails the request of ten")
  },
  {
    name: "people: a lost reply is a reason to call again",
    file: people,
    find: "batch.length > 1 && isPersonal(error)",
    replace: "batch.length > 1",
    killer: invites("has the right outcome for 25 people, one busy, one absent, and a lost reply on the second ten")
  },
  {
    name: "people: goes on after a refusal of all",
    file: people,
    find: "if (isForEveryone(error) || (",
    replace: "if ((",
    killer: invites("sends the others after a request that may have been executed, but not after a refusal of all")
  },
  {
    name: "people: stops at a lost reply",
    file: people,
    find: "if (isForEveryone(error) || (",
    replace: "if (true || (",
    killer: invites("sends the others after a request that may have been executed, but not after a refusal of all")
  },
  {
    name: "people: tries everybody alone though nobody may be removed",
    file: people,
    find: " || (batch[0] === split.at(-1) && split.every(isDenied))",
    replace: "",
    killer: removes("removes the others if the host is among them, and stops if nobody may be removed")
  },
  {
    name: "people: waits for a rate limit for ever",
    file: people,
    find: "Duration.subtract(left, wait)",
    replace: "left",
    killer: limits("is sent again until its waits exceed a minute; those after it are not sent")
  },
  {
    name: "people: sends others while a rate limit lasts",
    file: people,
    find: "error._tag === \"RateLimited\" || ((",
    replace: "((",
    killer: limits("is sent again until its waits exceed a minute; those after it are not sent")
  },
  {
    name: "people: a request that waits for a rate limit may have been executed",
    file: people,
    find: "underWay = retry === \"unknown\" ? batch : []",
    replace: "underWay = batch",
    killer: interrupted("knows that a request which waits for a rate limit was not executed")
  },
  {
    name: "people: an interruption after a lost reply finds its people unsent",
    file: people,
    find: "underWay = retry === \"unknown\" ? batch : []",
    replace: "underWay = []",
    killer: interrupted("at any step never takes people for unsent whose request may have been executed")
  },
  {
    name: "people: lost replies say that nobody was called",
    file: people,
    find: " && one.error.retry !== \"unknown\"",
    replace: "",
    killer: invites("does not fail if each may have been invited: every reply was lost")
  },
  {
    name: "people: one reason is given for all",
    file: people,
    find: "failures.every(({ _tag }) => _tag === error._tag)",
    replace: "true",
    killer: invites("tells the reasons apart if nobody was invited for several")
  },
  {
    name: "people: a person who is named twice is called twice",
    file: people,
    find: "const users = distinct(people)",
    replace: "const users = [...people]",
    killer: invites("matches results by id and type, in any order, and sends duplicates once")
  },
  {
    name: "people: eleven go in a request",
    file: people,
    find: "const batchSize = 10",
    replace: "const batchSize = 11",
    killer: invites("has the right outcome for 25 people, one busy, one absent, and a lost reply on the second ten")
  },
  {
    name: "numbers: the oldest meeting first",
    file: numbers,
    find: "Order.flip(Order.BigInt)",
    replace: "Order.BigInt",
    killer: finds("finds the meeting in progress, newest first")
  },
  {
    name: "numbers: the newest meeting is in progress",
    file: numbers,
    find: "Option.exists(meeting, ({ status }) => status === Meeting.Status.InProgress)",
    replace: "Option.isSome(meeting)",
    killer: finds("finds none if all have ended, have not begun, or the number is unknown")
  },
  {
    name: "numbers: a meeting of a clock that is ahead is not there",
    file: numbers,
    find: "until: DateTime.addDuration(now, skew)",
    replace: "until: now",
    killer: finds("finds a meeting that started by a clock that is ahead")
  },
  {
    name: "numbers: looks back for longer than meetings are kept",
    file: numbers,
    find: "Duration.min(given.value, Duration.subtract(kept, skew))",
    replace: "given.value",
    killer: finds("looks back for a day, or as told")
  },
  {
    name: "numbers: a meeting that may not be read is none",
    file: numbers,
    find: "unreadable === undefined ? Option.none() : yield* unreadable",
    replace: "Option.none()",
    killer: finds("passes over meetings that are gone or not to be read, but does not take those for an answer")
  },
  {
    name: "numbers: a meeting that is gone ends the search",
    file: numbers,
    find: "          DataNotExist: () => Effect.succeedNone,\n",
    replace: "",
    killer: finds("passes over meetings that are gone or not to be read, but does not take those for an answer")
  },
  {
    name: "numbers: the last second is left out",
    file: numbers,
    find: "end_time: seconds(until, Math.ceil)",
    replace: "end_time: seconds(until, Math.floor)",
    killer: finds("sends whole seconds that contain the time, in any zone")
  },
  {
    name: "numbers: a span of more than 90 days is sent",
    file: numbers,
    find: "Duration.isGreaterThan(span, kept)",
    replace: "false",
    killer: finds("refuses a time that is empty, backwards or too long, and sends nothing")
  },
  {
    name: "numbers: an empty span is sent",
    file: numbers,
    find: "!Duration.isGreaterThan(span, Duration.zero)",
    replace: "Duration.isNegative(span)",
    killer: finds("refuses a time that is empty, backwards or too long, and sends nothing")
  }
]
