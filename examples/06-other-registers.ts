import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Option, Ref } from "effect"
import { Cas } from "effect-lark-meetings"
import { FetchHttpClient, HttpBody, HttpClient } from "effect/http"
import { DatabaseSync } from "node:sqlite"

// A counter in any store. A store with versions puts one on every value that it returns. A target has none, and is compared
// by its count.
interface Counter {
  readonly count: number
  readonly version?: string | undefined
}

const equals = (a: Counter, b: Counter): boolean =>
  a.version !== undefined && b.version !== undefined ? a.version === b.version : a.count === b.count

const inMemory = (ref: Ref.Ref<Counter>): Cas.Register<Counter> => ({
  equals,
  read: Effect.map(Ref.get(ref), Cas.observed),
  swap: (expected, desired) =>
    Ref.modify(
      ref,
      (actual): readonly [Cas.Outcome<Counter>, Counter] =>
        equals(actual, expected) ? [Cas.applied, desired] : [Cas.conflict(actual), actual]
    )
})

// A web server with one resource, in this process: it takes a write only with the tag of the current state.
const makeServer = (): typeof fetch => {
  let [count, version] = ["0", 1]
  return async (input, init) => {
    const request = new Request(input, init)
    const wanted = await request.text()
    const isWrite = request.method === "PUT"
    const isStale = isWrite && request.headers.get("if-match") !== `"${version}"`
    if (isWrite && !isStale) [count, version] = [wanted, version + 1]
    return new Response(count, { status: isStale ? 412 : 200, headers: { etag: `"${version}"` } })
  }
}

// Any other answer may have been executed. A real client distinguishes more of them: docs/guides/own-register.md.
const overHttp = (client: HttpClient.HttpClient, url: string): Cas.Register<Counter> => ({
  equals,
  read: Effect.gen(function*() {
    const { headers, text } = yield* client.get(url)
    return Cas.observed({ count: Number(yield* text), version: headers["etag"] })
  }).pipe(Effect.catch((cause) => Effect.succeed(Cas.unknown(cause)))),
  swap: (expected, desired) =>
    Effect.gen(function*() {
      const { headers, status, text } = yield* client.put(url, {
        headers: { "if-match": expected.version ?? "\"\"" },
        body: HttpBody.text(`${desired.count}`)
      })
      const actual = { count: Number(yield* text), version: headers["etag"] }
      return status === 200 ? Cas.appliedWith(actual) : status === 412 ? Cas.conflict(actual) : Cas.unknown(status)
    }).pipe(Effect.catch((cause) => Effect.succeed(Cas.unknown(cause))))
})

const inSqlite = (database: DatabaseSync): Cas.Register<Counter> => {
  const select = database.prepare("SELECT count, version FROM counters WHERE id = 1")
  const update = database.prepare("UPDATE counters SET count = ?, version = version + 1 WHERE id = 1 AND version = ?")
  const current = (): Counter => {
    const { count, version } = select.get() ?? {}
    return { count: Number(count), version: String(version) }
  }
  return {
    equals,
    read: Effect.sync(() => Cas.observed(current())),
    swap: (expected, desired) =>
      Effect.sync(() => {
        const { changes } = update.run(desired.count, expected.version ?? null)
        return changes === 1 ? Cas.appliedWith(current()) : Cas.conflict(current())
      })
  }
}

const show = ({ count, version }: Counter) => version === undefined ? `${count}` : `${count} (version ${version})`

const addOne = Cas.update((counter: Counter) => ({ _tag: "Swap", to: { count: counter.count + 1 } }))

// The same three lines for each of them.
const increment = Effect.fnUntraced(function*(title: string, register: Cas.Register<Counter>, hint?: Counter) {
  const report = yield* Cas.run(register, addOne, { hint })
  yield* Console.log([title, ...Cas.timeline(report, show)].join("\n  "))
  return Option.getOrUndefined(report.before)
})

const twice = Effect.fnUntraced(function*(title: string, register: Cas.Register<Counter>) {
  const before = yield* increment(title, register)
  yield* increment("  and once more, with an outdated hint", register, before)
})

const program = Effect.gen(function*() {
  const ref = yield* Ref.make<Counter>({ count: 0 })
  const client = yield* HttpClient.HttpClient
  const database = new DatabaseSync(":memory:")
  database.exec(
    "CREATE TABLE counters (id INTEGER, version INTEGER, count INTEGER); INSERT INTO counters VALUES (1, 1, 0)"
  )

  yield* twice("in a Ref", inMemory(ref))
  yield* twice("over HTTP, with ETag and If-Match", overHttp(client, "http://counters.test/document"))
  yield* twice("in SQLite, with a version column", inSqlite(database))
})

program.pipe(
  Effect.provide(FetchHttpClient.layer),
  Effect.provideService(FetchHttpClient.Fetch, makeServer()),
  NodeRuntime.runMain
)
