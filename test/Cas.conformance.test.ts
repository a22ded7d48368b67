import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Fiber, FileSystem, Layer, Ref, Semaphore } from "effect"
import { Cas, Lark, Meetings, MeetingUser } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "effect/http"
import { KeyValueStore } from "effect/persistence"
import { DatabaseSync } from "node:sqlite"
import { id } from "./fixtures/World.ts"
import { fromResource, type Representation } from "./registers/etag.ts"
import { makeServer } from "./registers/etagServer.ts"
import { fromMeeting } from "./registers/host.ts"
import { fromKey } from "./registers/keyValueStore.ts"
import { fromRef } from "./registers/ref.ts"
import { fromRow, type Row } from "./registers/sqlite.ts"
import { type Backend, elapse, suite } from "./registers/suite.ts"

const url = "http://documents.test/document"

const openDatabase = (path: string, name: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const database = new DatabaseSync(path)
      database.exec("CREATE TABLE documents (id TEXT PRIMARY KEY, version INTEGER NOT NULL, value TEXT NOT NULL)")
      database.prepare("INSERT INTO documents VALUES ('1', 1, ?)").run(name)
      return database
    }),
    (database) => Effect.sync(() => database.close())
  )

const asIs = { value: (name: string) => name, name: (value: string) => value, isVersioned: false }

suite("a Ref", {
  ...asIs,
  make: (name) => Effect.map(Ref.make(name), (ref) => ({ connect: Effect.succeed(fromRef(ref)) }))
})

suite("HTTP with ETag and If-Match", {
  make: (name) =>
    Effect.map(makeServer(name), ({ client }) => ({ connect: Effect.succeed(fromResource(client, url)) })),
  value: (body) => ({ body }),
  name: ({ body }) => body,
  isVersioned: true
})

suite("SQL with a version column", {
  make: (name) =>
    Effect.map(openDatabase(":memory:", name), (database) => ({ connect: Effect.sync(() => fromRow(database, "1")) })),
  value: (value) => ({ value }),
  name: ({ value }) => value,
  isVersioned: true
})

const keyValueStore = (layer: Layer.Layer<KeyValueStore.KeyValueStore>): Backend<string, never> => ({
  ...asIs,
  make: Effect.fnUntraced(function*(name) {
    const store = Context.get(yield* Layer.build(Layer.fresh(layer)), KeyValueStore.KeyValueStore)
    const lock = yield* Semaphore.make(1)
    yield* Effect.orDie(store.set("key", name))
    return { connect: Effect.succeed(fromKey(store, lock, "key")) }
  })
})

suite("a KeyValueStore in memory", keyValueStore(KeyValueStore.layerMemory))

const temporaryFiles = Layer.unwrap(
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    return KeyValueStore.layerFileSystem(yield* files.makeTempDirectoryScoped())
  })
).pipe(Layer.provide(NodeServices.layer), Layer.orDie)

suite("a KeyValueStore of files", keyValueStore(temporaryFiles))

const names = ["a", "b", "c", ...Array.from({ length: 21 }, (_, n) => `${n}`)]

suite("the host of a simulated meeting", {
  make: Effect.fnUntraced(function*(name) {
    const feishu = yield* Layer.build(Simulator.layer({
      meetings: [{ id, host: `ou_${name}`, participants: names.map((name) => `ou_${name}`) }]
    }))
    return {
      connect: Layer.build(Layer.fresh(Lark.layer(Simulator.defaultApp))).pipe(
        Effect.map((services) => fromMeeting(Context.get(services, Meetings.Meetings), id)),
        Effect.provide(feishu),
        Effect.orDie
      )
    }
  }),
  value: (name) => MeetingUser.openId(`ou_${name}`),
  name: ({ id }) => id.slice("ou_".length),
  isVersioned: false
})

describe("HTTP with ETag and If-Match: what an answer proves", () => {
  type Reply = Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>

  /** Does something else with the first write. */
  const onFirstWrite = (
    client: HttpClient.HttpClient,
    answer: (reply: Reply, request: HttpClientRequest.HttpClientRequest) => Reply
  ) => {
    let isFirst = true
    return HttpClient.transform(client, (reply, request) => {
      if (request.method !== "PUT" || !isFirst) return reply
      isFirst = false
      return answer(reply, request)
    })
  }
  const withStatus = (request: HttpClientRequest.HttpClientRequest, status: number, headers?: Record<string, string>) =>
    HttpClientResponse.fromWeb(request, new Response(null, { status, ...(headers === undefined ? {} : { headers }) }))
  const reset = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.fail(
      new HttpClientError.HttpClientError({
        reason: new HttpClientError.TransportError({ request, description: "reset" })
      })
    )

  it.effect("a lost connection and a 5xx leave it open whether the write was executed", () =>
    Effect.gen(function*() {
      const answers: ReadonlyArray<(reply: Reply, request: HttpClientRequest.HttpClientRequest) => Reply> = [
        (_, request) => reset(request),
        (_, request) => Effect.succeed(withStatus(request, 503)),
        (reply, request) => Effect.andThen(reply, reset(request)),
        (reply, request) => Effect.as(reply, withStatus(request, 502))
      ]
      const results = yield* Effect.forEach(answers, (answer) =>
        Effect.gen(function*() {
          const { client, writes } = yield* makeServer("alice")
          const register = fromResource(onFirstWrite(client, answer), url)
          const report = yield* elapse(Cas.run(register, Cas.ensure({ body: "bob" })))
          return [report.outcome, report.effect, report.after.body, yield* writes]
        }))
      assert.deepStrictEqual(results, [
        ["swapped", "applied", "bob", 1],
        ["swapped", "applied", "bob", 1],
        ["converged", "unknown", "bob", 1],
        ["converged", "unknown", "bob", 1]
      ])
    }))

  it.effect("a server that takes the repetition for the write it has seen says so with 2xx", () =>
    Effect.gen(function*() {
      const { client, writes } = yield* makeServer("alice", { acceptsRepeats: true })
      const lossy = onFirstWrite(client, (reply, request) => Effect.andThen(reply, reset(request)))
      const report = yield* elapse(Cas.run(fromResource(lossy, url), Cas.ensure({ body: "bob" })))
      assert.deepStrictEqual([report.outcome, report.effect, report.after, yield* writes], [
        "swapped",
        "applied",
        { etag: "\"2\"", body: "bob" },
        1
      ])
    }))

  it.effect("429 was not executed, and says how long to wait", () =>
    Effect.gen(function*() {
      const { client, writes } = yield* makeServer("alice")
      const busy = onFirstWrite(
        client,
        (_, request) => Effect.succeed(withStatus(request, 429, { "retry-after": "2" }))
      )
      const report = yield* elapse(Cas.run(fromResource(busy, url), Cas.ensure({ body: "bob" })))
      assert.deepStrictEqual([report.outcome, report.effect, report.swaps, yield* writes], ["swapped", "applied", 2, 1])
      assert.isAtLeast(Duration.toMillis(report.waited), 2_000)
    }))

  it.effect("428 and every other refusal ends the operation, with its report", () =>
    Effect.gen(function*() {
      const { client, writes } = yield* makeServer("alice")
      const stripped = HttpClient.transform(client, (reply, request) =>
        request.method === "PUT" ? client.put(request.url, { body: request.body }) : reply)
      for (
        const [through, status] of [
          [stripped, 428],
          [
            onFirstWrite(client, (_, request) =>
              Effect.succeed(withStatus(request, 403))),
            403
          ]
        ] as const
      ) {
        const error = yield* Effect.flip(Cas.run(fromResource(through, url), Cas.ensure({ body: "bob" })))
        assert.strictEqual(error._tag, "HttpClientError")
        if (error._tag === "HttpClientError") {
          assert.strictEqual(error.response?.status, status)
        }
        if (error._tag !== "CasInvalidPolicy") assert.strictEqual(error.report.effect, "none")
      }
      assert.strictEqual(yield* writes, 0)
    }))

  it.effect("a weak tag never matches: nothing is written, and the operation does not go on for ever", () =>
    Effect.gen(function*() {
      const { client, writes } = yield* makeServer("alice", { tags: "Weak" })
      const error = yield* Effect.flip(elapse(Cas.run(fromResource(client, url), Cas.ensure({ body: "bob" }))))
      assert.strictEqual(error._tag, "CasInconsistentRegister")
      assert.strictEqual(yield* writes, 0)
    }))

  it.effect("an acknowledgement without a tag costs the next in the queue one conflict", () =>
    Effect.gen(function*() {
      const { client } = yield* makeServer("0")
      const untagged = HttpClient.transform(client, (reply, request) =>
        request.method === "GET"
          ? Effect.delay(reply, "20 millis")
          : Effect.map(reply, (response) => response.status === 200 ? withStatus(request, 204) : response))
      const queue = Cas.makeQueue<string, Representation>()
      const increment = Cas.update(({ body }: Representation) => ({
        _tag: "Swap",
        to: { body: `${Number(body) + 1}` }
      }))
      const reports = yield* elapse(Effect.forEach(
        [1, 2, 3],
        () => queue.run("key", fromResource(untagged, url), increment),
        { concurrency: "unbounded" }
      ))
      assert.deepStrictEqual(reports.map(({ after, reads, swaps }) => [after.body, reads, swaps]), [
        ["1", 1, 1],
        ["2", 0, 2],
        ["3", 0, 2]
      ])
    }))
})

describe("SQL with a version column", () => {
  it.effect("a database that another connection has locked was not written to; the wait ends with its transaction", () =>
    Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const path = `${yield* files.makeTempDirectoryScoped()}/documents.sqlite`
      const rival = yield* openDatabase(path, "alice")
      const database = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(path)),
        (database) => Effect.sync(() => database.close())
      )
      rival.exec("BEGIN IMMEDIATE; UPDATE documents SET value = 'carol', version = version + 1")
      const fiber = yield* Effect.forkChild(Cas.run(fromRow(database, "1"), Cas.ensure<Row>({ value: "bob" })), {
        startImmediately: true
      })
      yield* Effect.yieldNow
      rival.exec("COMMIT")
      const report = yield* elapse(Fiber.join(fiber))
      assert.deepStrictEqual(report.attempts.map(({ answer }) => answer._tag), [
        "Observed",
        "Unsent",
        "Conflict",
        "Applied"
      ])
      assert.deepStrictEqual(report.after, { version: 3, value: "bob" })
      assert.deepStrictEqual(report.conflicts, { fresh: 0, stale: 1 })
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect("a row that is not there cannot be swapped", () =>
    Effect.gen(function*() {
      const database = yield* openDatabase(":memory:", "alice")
      const register = fromRow(database, "2")
      const ensure = Cas.ensure<Row>({ value: "bob" })
      for (const hint of [undefined, { version: 1, value: "alice" }]) {
        const error = yield* Effect.flip(Cas.run(register, ensure, { hint }))
        assert.strictEqual(error._tag, "CasConflictWithoutState")
      }
    }))
})

describe("a KeyValueStore", () => {
  const twoClients = (locks: readonly [Semaphore.Semaphore, Semaphore.Semaphore]) =>
    Effect.gen(function*() {
      const store = yield* KeyValueStore.KeyValueStore
      yield* store.set("key", "alice")
      const slow: KeyValueStore.KeyValueStore = { ...store, get: (key) => Effect.tap(store.get(key), Effect.sleep(5)) }
      const swaps = locks.map((lock, index) => fromKey(slow, lock, "key").swap("alice", `client ${index}`))
      const outcomes = yield* elapse(Effect.all(swaps, { concurrency: "unbounded" }))
      return outcomes.map(({ _tag }) => _tag)
    }).pipe(Effect.provide(Layer.fresh(KeyValueStore.layerMemory)))

  it.effect("one lock makes a get and a set one step; with a lock each, as in two processes, a write is lost", () =>
    Effect.gen(function*() {
      const [one, other] = [Semaphore.makeUnsafe(1), Semaphore.makeUnsafe(1)]
      assert.deepStrictEqual(yield* twoClients([one, one]), ["Applied", "Conflict"])
      assert.deepStrictEqual(yield* twoClients([one, other]), ["Applied", "Applied"])
    }))

  it.effect("a get that fails has changed nothing, a set that fails may have", () =>
    Effect.gen(function*() {
      const store = yield* KeyValueStore.KeyValueStore
      yield* store.set("key", "alice")
      const failure = (method: string) =>
        Effect.fail(new KeyValueStore.KeyValueStoreError({ method, key: "key", message: "disk" }))
      const lock = Semaphore.makeUnsafe(1)
      const unreadable = fromKey({ ...store, get: () => failure("get") }, lock, "key")
      const unread = yield* Effect.flip(elapse(Cas.run(unreadable, Cas.ensure("bob"), { hint: "alice" })))
      assert.strictEqual(unread._tag === "CasExhausted" ? unread.report.effect : unread._tag, "none")

      const writesAndFails = fromKey(
        { ...store, set: (key, value) => Effect.andThen(store.set(key, value), failure("set")) },
        lock,
        "key"
      )
      const report = yield* elapse(Cas.run(writesAndFails, Cas.ensure("bob"), { hint: "alice" }))
      assert.deepStrictEqual([report.outcome, report.effect], ["converged", "unknown"])
    }).pipe(Effect.provide(Layer.fresh(KeyValueStore.layerMemory))))
})

describe("the host of a simulated meeting", () => {
  it.effect("rotate passes over those who have left", () =>
    Effect.gen(function*() {
      const register = fromMeeting(yield* Meetings.Meetings, id)
      const [a, b, c] = [MeetingUser.openId("ou_a"), MeetingUser.openId("ou_b"), MeetingUser.openId("ou_c")]
      const report = yield* Cas.run(register, Cas.rotate([a, b, c]))
      assert.deepStrictEqual([report.outcome, report.after.id, report.swaps], ["swapped", "ou_c", 2])
      const error = yield* Effect.flip(Cas.run(register, Cas.ensure(b)))
      assert.strictEqual(error._tag, "ParticipantStatusNotExpected")
    }).pipe(
      Effect.provide(Lark.layer(Simulator.defaultApp)),
      Effect.provide(Simulator.layer({
        meetings: [{ id, host: "ou_a", participants: [{ user: "ou_b", status: "left" }, "ou_c"] }]
      }))
    ))

  it.effect("a reply that the network loses is of unknown effect, a refusal to serve of none", () =>
    Effect.gen(function*() {
      const register = fromMeeting(yield* Meetings.Meetings, id)
      const simulator = yield* Simulator.Simulator
      const report = yield* elapse(Cas.run(register, Cas.ensure(MeetingUser.openId("ou_b"))))
      assert.deepStrictEqual([report.outcome, report.effect], ["converged", "unknown"])
      assert.deepStrictEqual(report.attempts.map(({ answer }) => answer._tag), [
        "Unsent",
        "Observed",
        "Unsent",
        "Unknown",
        "Conflict"
      ])
      assert.strictEqual((yield* simulator.writes).length, 1)
    }).pipe(
      Effect.provide(Lark.layer(Simulator.defaultApp)),
      Effect.provide(Simulator.layer({
        meetings: [{ id, host: "ou_a", participants: ["ou_b"] }],
        faults: [
          { endpoint: "get", nth: 0, fault: { _tag: "ServerError", status: 502, applied: false, body: "html" } },
          { endpoint: "set_host", nth: 0, fault: { _tag: "Throttle", reset: 1, status: 429 } },
          { endpoint: "set_host", nth: 1, fault: { _tag: "DropAfter" } }
        ]
      }))
    ))
})
