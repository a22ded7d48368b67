/**
 * The world of the simulator without a config, and what is said of a world.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Simulator from "../Simulator.ts"
import { plain } from "./text.ts"

const { login: { user: host }, meetings: [meeting], otherApps: [store], reserves: [{ meetingNo }] } =
  Simulator.defaultWorld

export const example: Simulator.Config = {
  ...Simulator.defaultWorld,
  // So that there are events.
  schedule: [
    { _tag: "Join", millis: 10_000, everyMillis: 20_000, user: "ou_dave" },
    { _tag: "Leave", millis: 20_000, everyMillis: 20_000, user: "ou_dave" }
  ]
}

/** What a world of a file has. */
export const summary = ({ app = Simulator.defaultApp, meetings = [] }: Simulator.Config): string =>
  [
    `App id       ${app.appId}`,
    ...meetings.map(({ id, meetingNo }) =>
      `Meeting      ${id}${meetingNo === undefined ? "" : ` (number ${meetingNo})`}`
    )
  ].map(plain).join("\n")

/** What the example has, and commands to try. */
export const introduction = Effect.fnUntraced(function*(base: string) {
  const simulator = yield* Simulator.Simulator
  const id = Simulator.defaultApp.appId
  const secret = Redacted.value(Simulator.defaultApp.appSecret)
  const tokens = yield* Effect.forEach(
    [host, ...meeting.participants],
    (user) => Effect.map(simulator.userToken(user, { expiresIn: Duration.days(1) }), Redacted.value)
  )
  const [token = ""] = tokens
  const open = `${base}/open-apis`
  const json = "-H 'Content-Type: application/json'"
  const curl = (url: string, body: object) => `curl -sS ${url} ${json} -d '${JSON.stringify(body)}'`
  const client = { client_id: id, client_secret: secret }

  const login = `${open}/authen/v1/authorize?${new URLSearchParams({
    client_id: id,
    response_type: "code",
    redirect_uri: "http://127.0.0.1:8788/callback",
    scope: "offline_access"
  })}`
  // The shell expands its variables between the quotes of the body.
  const exchange = curl(`${open}/authen/v2/oauth/token`, {
    grant_type: "authorization_code",
    ...client,
    code: "'$code'"
  })
  const refresh = curl(`${open}/authen/v2/oauth/token`, {
    grant_type: "refresh_token",
    ...client,
    refresh_token: "'$refresh'"
  })
  const swap = JSON.stringify({
    host_user: { id: "ou_bob", user_type: 1 },
    old_host_user: { id: host, user_type: 1 }
  })
  return `App id       ${id}
App secret   ${secret}
Meeting      ${meeting.id} (number ${meetingNo})
Users        ${host} (erin@example.com), the host, logged in in every browser
             ${meeting.participants.join(", ")} (alice@example.com, …)
User tokens  ${tokens.join(", ")}, in this order
Events       by long connection, also of the official SDKs: ou_dave joins or leaves every ten seconds

Get a tenant token:
${curl(`${open}/auth/v3/tenant_access_token/internal`, { app_id: id, app_secret: secret })}

Show the meeting (its host is "host_user"):
curl -sS ${open}/vc/v1/meetings/${meeting.id} -H 'Authorization: Bearer ${token}'

Make ou_bob the host, as the host (it works once: then somebody else is the host):
curl -sS -X PATCH ${open}/vc/v1/meetings/${meeting.id}/set_host -H 'Authorization: Bearer ${token}' ${json} -d '${swap}'

Log in as the host, exchange the code for tokens, and refresh them (a code and a refresh token work once):
code=$(curl -sS -o /dev/null -w '%{redirect_url}' '${login}' | sed 's/.*code=//')
pair=$(${exchange}); echo "$pair"
refresh=$(echo "$pair" | sed 's/.*"refresh_token":"\\([^"]*\\).*/\\1/'); ${refresh}

Show the user of the token:
curl -sS ${open}/authen/v1/user_info -H 'Authorization: Bearer ${token}'

Get a tenant token by OAuth v3:
${curl(`${base}/oauth/v3/token`, { grant_type: "client_credentials", ...client })}

Get an app token, for this app and for a store app with a ticket:
${curl(`${open}/auth/v3/app_access_token/internal`, { app_id: id, app_secret: secret })}
${
    curl(`${open}/auth/v3/app_access_token`, {
      app_id: store.appId,
      app_secret: store.appSecret,
      app_ticket: store.ticket
    })
  }

Get the address of a long connection (the official SDKs do, with "domain" set to the base URL):
${curl(`${base}/callback/ws/endpoint`, { AppID: id, AppSecret: secret })}`
})
