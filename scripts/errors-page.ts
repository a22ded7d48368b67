import { LarkError } from "effect-lark-meetings"
import { readFileSync } from "node:fs"
import { parseSync } from "oxc-parser"

/** A code, or a range, as the docstring of its class has it. */
interface Documented {
  readonly code: number
  readonly through: number | undefined
  readonly status: number | undefined
  readonly msg: string | undefined
  readonly meaning: string
}

/** Reads `1500`, `99992351–99992381 (HTTP 400)` and ``121001 (HTTP 500, `internal error`)``, separated by commas. */
const codesIn = (list: string, meaning: string): ReadonlyArray<Documented> =>
  Array.from(
    list.matchAll(/(\d+)(?:–(\d+))?(?: \(HTTP (\d+)(?:, `([^`]+)`)?\))?/g),
    ([, code, through, status, msg]) => ({
      code: Number(code),
      through: numberIn(through),
      status: numberIn(status),
      msg,
      meaning
    })
  )

const numberIn = (text: string | undefined) => text === undefined ? undefined : Number(text)

const documentedIn = (docstring: string): ReadonlyArray<Documented> => {
  const text = docstring.replaceAll(/^ *\*+ ?/gm, "").replaceAll(/\n(?![-\n])/g, " ")
  const [, meaning = "", code] = /^ *(.+) Code (\d+(?: \([^)]*\))?)\./.exec(text) ?? []
  const listed = Array.from(text.matchAll(/^- (\d.*?): (.+?) *$/gm))
  return [
    ...(code === undefined ? [] : codesIn(code, meaning)),
    ...listed.flatMap(([, codes = "", meaning = ""]) => codesIn(codes, meaning))
  ]
}

/** The codes that the docstrings of the exported classes of a file name, by class. */
const documentedBy = (file: URL): ReadonlyMap<string, ReadonlyArray<Documented>> => {
  const source = readFileSync(file, "utf8")
  const { comments, program } = parseSync(file.pathname, source)
  return new Map(program.body.flatMap((statement) => {
    if (statement.type !== "ExportNamedDeclaration" || statement.declaration?.type !== "ClassDeclaration") return []
    const docstring = comments.find(({ end }) => source.slice(end, statement.start).trim() === "")
    return [[statement.declaration.id?.name ?? "", documentedIn(docstring?.value ?? "")] as const]
  }))
}

type Part = "meeting" | "contact" | "generic" | "session"

const fileOf = (part: Part) => new URL(`../src/LarkError/${part}.ts`, import.meta.url)

/** The codes that the docstrings of a part of `LarkError` name, by class. */
export const documented = (part: Part) => documentedBy(fileOf(part))

/** The rows of one class. An advice that is that of the row above is not repeated. */
const linesOf = (table: ReadonlyArray<LarkError.Row>, documented: ReadonlyArray<Documented>): ReadonlyArray<string> => {
  let above: string | undefined
  return documented.map(({ code, meaning, msg, status, through }) => {
    const row = table.find((row) => row.code === code)
    if (row === undefined) throw new Error(`${code} is documented, but in no class`)
    const codes = through === undefined ? `${code}` : `${code}–${through}`
    const advice = row.advice === above ? "as above" : row.advice
    above = row.advice
    const sent = `${status ?? "–"} | ${msg ?? "–"}`
    return `| ${codes} | \`${row.tag}\` | ${sent} | ${meaning} | ${row.kind} | ${row.retry} | ${advice} |`
  })
}

/** The codes of the classes that files export, with their docstrings. */
export const codesTable = (table: ReadonlyArray<LarkError.Row>, ...files: ReadonlyArray<URL>): string =>
  [
    "| code | tag | HTTP | msg | what it means | kind | retry | what to do |",
    "| ---: | --- | ---: | --- | --- | --- | --- | --- |",
    ...files.flatMap((file) => [...documentedBy(file).values()].flatMap((documented) => linesOf(table, documented)))
  ].join("\n")

const section = (...parts: ReadonlyArray<Part>): string => codesTable(LarkError.table, ...parts.map(fileOf))

/** The page of errors: the codes with the docstrings and declarations of their classes. */
export const errorsPage = (): string =>
  `# Errors

Generated from the classes of \`LarkError\` by \`npm run docs\`; a test keeps the two equal.

Every error is a tagged class of the \`LarkError\` module (\`Effect.catchTag("NoPermission", …)\`) with \`kind\` and
\`retry\`. Every error that the platform answered with also has \`code\`, \`msg\`, \`status\`, \`endpoint\`, \`advice\` and, if
the platform sent one, \`logId\`. These errors are told apart by \`code\`, never by HTTP status or message: the platform sends
codes with other statuses than documented. No error holds a token, a secret, a request or a body.

\`kind\` says who can do something about it:

| \`kind\` | meaning |
| --- | --- |
| \`caller\` | the call is wrong, or the caller has no right to it |
| \`conflict\` | somebody else changed the meeting |
| \`setup\` | the app, its secret, its scopes or the configuration |
| \`platform\` | the server, the network, throttling, a quota |

\`retry\` says what the error proves of the request:

| \`retry\` | the request was |
| --- | --- |
| \`never\` | refused, and would be refused again |
| \`wait\` | not executed; it may be, later |
| \`token\` | not executed; another token may help |
| \`unknown\` | perhaps executed |

For a code that this library does not know, declare a class with \`LarkError.ApiError\` and list it in the \`errors\` of the
endpoint ([an example](architecture.md#an-endpoint)).

## Meeting codes

One class each. An operation lists exactly the codes that are documented for its endpoint; any other of these codes is an
\`UnknownApiError\` there.

${section("meeting")}

## Contact codes

\`Contacts.get\` lists them.

${section("contact")}

## Generic codes

Any endpoint may answer with them. Codes below 100000 come from the token endpoints and from older endpoints. Codes that
call for the same action share a class; \`code\` tells them apart.

${section("generic", "session")}

## Without a code

| tag | when | \`kind\` | \`retry\` |
| --- | --- | --- | --- |
| \`UnknownApiError\` | a code that is not documented for the endpoint | \`platform\` with HTTP 408, 429 or 5xx, else \`caller\` | \`wait\` if it is the reply to the request for the call's token, else \`unknown\` |
| \`TransportError\` | no reply: connection failed or lost, nothing within 10 seconds (9 for a token), or the circuit is open | \`platform\` | \`wait\` if it was certainly not executed, else \`unknown\` |
| \`MalformedResponse\` | not JSON, no \`code\`, a gateway's page, a success without its data, more than 10 MiB | \`setup\` with a 4xx but 408 and 429, else \`platform\` | \`wait\` if it is the reply to the request for the call's token, else \`unknown\` |
| \`InvalidParameter\` | a path parameter is empty or dots, a parameter has half of a surrogate pair in it, the body is not JSON, no header can hold the token, the users of a call have different kinds of id, \`setHost\` is given no user, or the time of \`listByNo\` is empty, backwards or too long | \`caller\` | \`never\` |
| \`ReauthorizationRequired\` | the session of a user has ended: \`reason\` says how, \`code\` is there if the platform refused it | \`caller\` | \`never\` |
| \`SessionStoreError\` | the store of sessions failed, or holds what cannot be read | \`platform\` if it failed, else \`setup\` | \`wait\` if it failed, else \`never\` |
| \`AppTicketMissing\` | a store app has no \`app_ticket\`, or an outdated one | \`platform\` if a new one was requested, else \`setup\` | \`wait\` if a new one was requested, else \`never\` |
| \`InvalidTenant\` | a store app was called without \`Lark.asTenant\`, or a custom app with it | \`caller\` | \`never\` |

## Errors of the engine

\`Meetings.setHost\` and \`Cas.run\` also fail with these. Each has a \`report\`; so has every error above when it ends a
\`setHost\`. \`report.effect\` is \`none\` or \`unknown\` on an error: no swap took effect, or one may have. With \`unknown\`,
\`retry\` of these is \`unknown\` too. \`retry\` of an error above is about the request that it answers: after a lost reply the
next swap may be refused (\`never\`), and the effect of the operation is still \`unknown\`.

| tag | when | \`kind\` | \`retry\` otherwise | what to do |
| --- | --- | --- | --- | --- |
| \`CasExhausted\` | a schedule ended or a bound was reached; \`limit\` says which: \`conflicts\`, \`transients\`, \`budget\`, \`swaps\`, \`deadline\` | \`conflict\` after a conflict, else \`platform\` | \`wait\` | call again, or widen the policy |
| \`CasRefused\` | the intent refused the current value: \`Changed\`, \`Protected\`, \`NoCandidate\`, the reason that \`update\` gave, or \`OperatorNotHost\` (a user who is not host cannot move the host) | \`conflict\` | \`never\` | read \`actual\` and decide again |
| \`CasSuperseded\` | a reply was lost and the value moved on, under \`stopIfMoved\`; or a later call with \`latest\` took its place | \`conflict\` | \`never\` | read \`actual\`; call again if the target is still wanted |
| \`CasIndeterminate\` | a reply was lost and the target was not seen, under \`neverResend\` | \`platform\` | \`unknown\` | read the value before you decide |
| \`CasConflictWithoutState\` | the current value is not known: no hint, no conflict that names it, no read | \`setup\` | \`never\` | pass a hint; grant \`vc:meeting:readonly\` |
| \`CasInconsistentRegister\` | conflicts name the very value that was expected | \`setup\` | \`never\` | check that all ids are of this app and one kind |
| \`CasInvalidPolicy\` | a setting of the policy or the call is invalid; nothing was sent | \`caller\` | \`never\` | correct the setting that it names |

## Errors of events

\`Events.handle\` and \`Events.stream\` fail with \`EventsRefused\` when the platform refuses a long connection for good. Its
\`kind\` is \`setup\`, its \`retry\` is \`never\`. The codes are those of this endpoint alone.

| \`reason\` | \`code\` | what to do |
| --- | --- | --- |
| \`credentials\` | 514, 1000040344, 1000040345 | check the app id and secret |
| \`brand\` | 1000040351 | check \`LARK_BRAND\` |
| \`forbidden\` | 403 | check that the app is a custom app, enabled, and receives events through a long connection |
| \`attempts\` | none, or that of the last attempt | check the network and the proxy |

They fail with \`EventsClosed\` after the layer of the source has ended, and with \`InvalidLarkConfig\` for a \`capacity\` that is not
a whole number of at least 1, or \`Infinity\`.
`
