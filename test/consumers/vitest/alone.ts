// A test of the same kind without the library.
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"

const answering = Layer.succeed(
  HttpClient.HttpClient,
  HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, Response.json({ code: 0 }))))
)

it.effect("an answer comes", () =>
  Effect.gen(function*() {
    const asking = yield* Effect.forkChild(Effect.delay(HttpClient.get("https://example.com"), "1 second"))
    yield* TestClock.adjust("1 minute")
    assert.strictEqual((yield* Fiber.join(asking)).status, 200)
  }).pipe(Effect.provide(answering)))
