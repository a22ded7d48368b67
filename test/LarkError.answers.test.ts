/**
 * The errors of an operation as answers of an HTTP server.
 */
import { assert, describe, it } from "@effect/vitest"
import type { Cas, LarkError, Meetings, MeetingUser } from "effect-lark-meetings"
import { spawnSync } from "node:child_process"
import { expectTypeOf } from "vitest"

type SetHostError = Meetings.SetHostError<"open_id">

describe("every error of setHost", () => {
  it("has a kind and says what it proves", () => {
    expectTypeOf<SetHostError["kind"]>().toEqualTypeOf<LarkError.Kind>()
    expectTypeOf<SetHostError["retry"]>().toEqualTypeOf<LarkError.Retry>()
    type Engine = Cas.CasError<MeetingUser.MeetingUser<"open_id">>
    expectTypeOf<Exclude<Engine, { readonly kind: LarkError.Kind; readonly retry: LarkError.Retry }>>().toBeNever()
    expectTypeOf<Meetings.ErrorOf<"get" | "end"> | Meetings.SwapHostError>().toExtend<LarkError.Classified>()
  })

  it("is mapped by a record of the kinds, which does not compile without one of them", () => {
    // @ts-expect-error `platform` has no status
    const statuses: Record<SetHostError["kind"], number> = { caller: 400, conflict: 409, setup: 500 }
    expectTypeOf(statuses).toBeObject()
  })

  it("is answered by examples/11-http-answers.ts with the status of its kind", () => {
    const { stderr, stdout } = spawnSync(process.execPath, ["--import", "tsx", "examples/11-http-answers.ts"], {
      cwd: new URL("..", import.meta.url),
      encoding: "utf8"
    })
    assert.strictEqual(stderr, "")
    assert.deepStrictEqual(stdout.trim().split("\n"), [
      "6911188411932033028/host/ou_alice/ou_bob 200 {\"host\":\"ou_bob\"}",
      "6911188411932033028/host/ou_alice/ou_carol 409 {\"error\":\"CasRefused\",\"retry\":\"never\"}",
      "6911188411932033029/host/ou_bob/ou_carol 404 {\"error\":\"MeetingNotExist\",\"retry\":\"never\"}"
    ])
  })
})
