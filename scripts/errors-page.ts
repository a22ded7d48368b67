import type { LarkError } from "effect-lark-meetings"

type Row = (typeof LarkError.table)[number]

const proves: Record<Row["retry"], string> = {
  never: "refused",
  wait: "not executed",
  token: "not executed",
  unknown: "unknown"
}

const line = (row: Row): string => {
  const code = row.through === undefined ? `${row.code}` : `${row.code}–${row.through}`
  return `| ${code} | \`${row.tag}\` | ${row.status ?? "–"} | ${row.msg ?? "–"} | ${row.meaning} | ${
    proves[row.retry]
  } | ${row.advice} |`
}

const section = (rows: ReadonlyArray<Row>): string =>
  [
    "| code | tag | HTTP | msg | what it means | the request was | what to do |",
    "| ---: | --- | ---: | --- | --- | --- | --- |",
    ...rows.map(line)
  ].join("\n")

/** The page of error codes, made of nothing but the table. */
export const errorsPage = (table: ReadonlyArray<Row>): string =>
  `# Errors

Generated from the code table by \`npm run docs\`; a test keeps the two equal.

Every error is a tagged class of the \`LarkError\` module (\`Effect.catchTag("NoPermission", …)\`) with \`code\`, \`msg\`,
\`status\`, \`endpoint\`, \`logId\`, \`advice\` and \`retry\`. Errors are told apart by \`code\`, never by HTTP status or message: the
platform sends codes with other statuses than documented. No error holds a token, a secret, a request or a body.

## Meeting codes

One class each. An operation lists exactly the codes that are documented for its endpoint; another one of these, coming
from an endpoint that does not document it, is an \`UnknownApiError\`.

${section(table.filter((row) => row.kind === "meeting"))}

## Generic codes

Any endpoint may answer them. Codes that call for the same action share a class; \`code\` tells them apart.

${section(table.filter((row) => row.kind === "generic"))}

## Codes of the token endpoints

What getting or renewing a token may answer, and so any call that needs one.

${section(table.filter((row) => row.kind === "token"))}

## Without a code

| tag | when | \`retry\` |
| --- | --- | --- |
| \`UnknownApiError\` | a code that is not documented for the endpoint | \`wait\` with HTTP 429, \`unknown\` with 408 or 5xx, else \`never\` |
| \`TransportError\` | no reply: connection failed or lost, nothing within 10 seconds (9 for a token), or no token in time to send it | \`wait\` if it was certainly not executed, else \`unknown\` |
| \`MalformedResponse\` | not JSON, no \`code\`, a gateway's page, a success without its data | \`wait\` with HTTP 429, \`never\` with another 4xx but 408, else \`unknown\` |
| \`ReauthorizationRequired\` | the session of a user has ended: \`reason\` says how, \`code\` is there if the platform said it | \`never\` |
| \`SessionStoreError\` | the store of sessions failed, or holds what cannot be read | \`wait\` if it failed, else \`never\` |
| \`AppTicketMissing\` | a store app has no \`app_ticket\`, or an outdated one | \`never\` |
| \`InvalidTenant\` | a store app was called without \`Lark.asTenant\`, or a custom app with it | \`never\` |

## Errors of the engine

\`Meetings.setHost\` and \`Cas.run\` also fail with these. Each has a \`report\`; so has every error above when it ends a
\`setHost\`. \`report.effect\` says whether a swap took effect: \`none\`, \`applied\` or \`unknown\`.

| tag | when | what to do |
| --- | --- | --- |
| \`CasExhausted\` | a schedule ended or a bound was reached; \`limit\` says which: \`conflicts\`, \`transients\`, \`budget\`, \`swaps\`, \`deadline\` | call again, or widen the policy |
| \`CasRefused\` | the intent refused the value in place: \`Changed\`, \`Protected\`, \`NoCandidate\`, the reason that \`update\` gave, or \`OperatorNotHost\` (a user who is not host cannot move the host) | read \`actual\`, decide anew |
| \`CasSuperseded\` | a reply was lost and the value moved on, under \`stopIfMoved\`; or a later call asked for \`latest\` | read \`actual\`; call again if the target is still wanted |
| \`CasIndeterminate\` | a reply was lost and the target was not seen, under \`neverResend\` | read the value before you decide |
| \`CasConflictWithoutState\` | nothing tells the current value | pass a hint; grant \`vc:meeting:readonly\` |
| \`CasInconsistentRegister\` | conflicts name the very value that was expected | check that all ids are of this app and one kind |
| \`CasInvalidPolicy\` | a setting of the policy or the call makes no sense; nothing was sent | correct the setting it names |
`
