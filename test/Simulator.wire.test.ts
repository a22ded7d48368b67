/**
 * What a client sees on the wire: the names of headers as they are documented, and paths exactly as they are.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type * as Simulator from "effect-lark-meetings/Simulator"
import { raw } from "./fixtures/raw.ts"
import { id, server } from "./fixtures/sdk.ts"
import { credentials } from "./fixtures/simulated.ts"

const asJson = "Content-Type: application/json; charset=utf-8"
const tokenPath = "/open-apis/auth/v3/tenant_access_token/internal"
const throttled: Simulator.FaultRule = {
  endpoint: "get",
  nth: 0,
  fault: { _tag: "Throttle", reset: 7, status: 429 }
}

describe("the names of headers", () => {
  it.live("are spelled as they are documented", () =>
    Effect.gen(function*() {
      const token = yield* raw(`POST ${tokenPath}`, { body: JSON.stringify(credentials), headers: [asJson] })
      assert.include(token.headers.map(([name]) => name), "X-Tt-Logid")
      assert.deepInclude(token.headers, ["Content-Type", "application/json; charset=utf-8"])
      assert.deepInclude(token.headers, ["Content-Length", String(token.body.length)])

      const refused = yield* raw(`GET /open-apis/vc/v1/meetings/${id}`)
      assert.strictEqual(refused.status, 429)
      assert.deepInclude(refused.headers, ["x-ogw-ratelimit-limit", "50"])
      assert.deepInclude(refused.headers, ["x-ogw-ratelimit-reset", "7"])

      const login = yield* raw(
        `GET /open-apis/authen/v1/authorize?client_id=${credentials.app_id}&redirect_uri=http://127.0.0.1/&response_type=code`
      )
      assert.strictEqual(login.status, 302)
      assert.include(login.headers.map(([name]) => name), "Location")

      const unknown = yield* raw("GET /")
      assert.include(unknown.headers.map(([name]) => name), "X-Tt-Logid")
      const names = [token, refused, login, unknown].flatMap(({ headers }) => headers.map(([name]) => name))
      assert.deepStrictEqual(
        names.filter((name) => /^[a-z]/.test(name) && !name.startsWith("x-ogw-")),
        []
      )
    }).pipe(Effect.provide(server({ faults: [throttled], login: { user: "ou_alice" } }))))
})
