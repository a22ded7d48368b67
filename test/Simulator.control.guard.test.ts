/**
 * Who may control a simulator on a port: clients on its machine, or with its key, but no page of another site.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { at, get, on, refusal } from "./fixtures/control.ts"

const statusWith = (headers: Readonly<Record<string, string>>) => Effect.map(get("/health", headers), refusal)

type Outcome = [status: number, tag: string | undefined]

const ok: Outcome = [200, undefined]

describe("without a key", () => {
  it.live.each<readonly [string, Outcome]>([
    ["localhost:1", ok],
    ["LOCALHOST", ok],
    ["127.0.0.1", ok],
    ["127.8.9.1:80", ok],
    ["[::1]:8787", ok],
    ["rebound.example.com", [403, "HostRefused"]],
    ["127.0.0.1.example.com", [403, "HostRefused"]],
    ["localhost.example.com:1", [403, "HostRefused"]],
    ["192.168.0.1", [403, "HostRefused"]],
    ["a@127.0.0.1:80@example.com", [403, "HostRefused"]],
    ["0.0.0.0", [403, "HostRefused"]]
  ])("the host %s gets %j", ([host, expected]) =>
    on(
      {},
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* statusWith({ host }), expected)
      })
    ))

  it.live.each<readonly [string, Outcome]>([
    ["http://localhost:1", ok],
    ["http://localhost:2", [403, "OriginRefused"]],
    ["http://example.com", [403, "OriginRefused"]],
    ["null", [403, "OriginRefused"]],
    ["", [403, "OriginRefused"]]
  ])("a page of the origin %s gets %j", ([origin, expected]) =>
    on(
      {},
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* statusWith({ host: "localhost:1", origin }), expected)
      })
    ))
})

describe("with a key", () => {
  const control = { key: Redacted.make("Zq7Xw") }

  it.live.each<readonly [Readonly<Record<string, string>>, Outcome]>([
    [{ authorization: "Bearer Zq7Xw" }, ok],
    [{ authorization: "Bearer Zq7Xw", host: "example.com" }, ok],
    [{ authorization: "Bearer Zq7Xw", host: "example.com", origin: "http://example.com" }, ok],
    [{ authorization: "Bearer Zq7Xw", origin: "http://example.com" }, [403, "OriginRefused"]],
    [{ authorization: "Bearer Zq7X" }, [401, "KeyRefused"]],
    [{ authorization: "Bearer Zq7Xww" }, [401, "KeyRefused"]],
    [{ authorization: "Zq7Xw" }, [401, "KeyRefused"]],
    [{}, [401, "KeyRefused"]]
  ])("a request with %j gets %j", ([headers, expected]) =>
    on(
      { control },
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* statusWith(headers), expected)
      })
    ))

  it.live("every path needs it, and the description says so", () =>
    on(
      { control },
      Effect.gen(function*() {
        for (const path of ["/openapi.json", "/meetings", "/nothing", "/stream"]) {
          const reply = yield* get(path)
          assert.deepStrictEqual(refusal(reply), [401, "KeyRefused"])
          assert.strictEqual(reply.headers["www-authenticate"], "Bearer")
          assert.notInclude(reply.text, "Zq7Xw")
        }
        const { json } = yield* get("/openapi.json", { authorization: "Bearer Zq7Xw" })
        assert.deepStrictEqual(at(json, "security"), [{ key: [] }])
      })
    ))

  it.effect("that is empty the layer dies", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(on({ control: { key: Redacted.make("") } }, Effect.void))
      assert.include(String(exit), "key is empty")
    }))
})
