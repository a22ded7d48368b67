import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Arbitrary, Effect, Option, Redacted, Schema, Stream } from "effect"
import { Lark, LarkError, LarkHttp, UserToken } from "effect-lark-meetings"
import * as platform from "./fixtures/http/platform.ts"

const asAlice = Lark.asUser(UserToken.fromAccessToken(Redacted.make("u-alice")))

const on = (feishu: ReturnType<typeof platform.make>) => <A, E>(program: Effect.Effect<A, E, Lark.Services>) =>
  program.pipe(Effect.provide(Lark.layer(platform.app)), Effect.provide(feishu.layer))

/** Runs a program against a platform that answers every call with this. */
const answered = <A, E>(program: Effect.Effect<A, E, Lark.Services>, answer: platform.Reaction) =>
  on(platform.make(() => answer))(program)

/** Programs for the compiler alone. */
const compiled = (..._programs: ReadonlyArray<unknown>) => {}

/** What an own endpoint is declared with, unless a test says otherwise. */
const own = { name: "own.get", method: "GET", path: "/own", token: "either", errors: [] } as const

describe("the address of an endpoint", () => {
  const Sign = Arbitrary.schema(
    Schema.Literals([
      "a",
      "1",
      "/",
      "\\",
      "?",
      "&",
      "=",
      "+",
      "%",
      "%2e",
      ".",
      " ",
      "#",
      ":",
      "@",
      "\"",
      "ä",
      "😀",
      "\ud800"
    ])
  )
  const Text = Arbitrary.map(Arbitrary.array(Sign, { maxLength: 6 }), (signs) => signs.join(""))
  const Segment = Arbitrary.map(Text, (text) => ["", ".", ".."].includes(text) ? "a" : text.toWellFormed())

  it.effect.prop(
    "is called at the address that its parameters and its query make, whatever is in them",
    { one: Segment, two: Segment, pairs: Arbitrary.array(Arbitrary.all([Segment, Segment]), { maxLength: 3 }) },
    ({ one, pairs, two }) =>
      Effect.gen(function*() {
        const query = Object.fromEntries(pairs)
        const own = LarkHttp.endpoint({
          name: "own",
          method: "GET",
          path: "/a/:one/b/:two",
          token: "either",
          errors: [],
          data: Schema.Unknown
        })
        const feishu = platform.make(() => platform.ok({}))
        yield* on(feishu)(
          LarkHttp.call(own, { params: { one, two }, query })
        )
        const [arrived] = feishu.calls
        assert.deepStrictEqual(
          arrived?.path.split("/").map(decodeURIComponent),
          ["", "open-apis", "a", one, "b", two]
        )
        assert.deepStrictEqual(arrived?.query, query)
      })
  )

  it.effect("has the parameters that its segments begin with, and no others", () =>
    Effect.gen(function*() {
      const own = <const Path extends `/${string}`>(path: Path) =>
        LarkHttp.endpoint({ name: "own", method: "GET", path, token: "either", errors: [], data: Schema.Unknown })
      const feishu = platform.make(() => platform.ok({}))
      yield* on(feishu)(LarkHttp.LarkHttp.use((lark) =>
        Effect.all([
          lark.call(own("/a-:b/c:d/e:")),
          lark.call(own("/:/f:g/:h:i-:j"), { params: { "": "1", "h:i-:j": "2" } })
        ])
      ))
      assert.deepStrictEqual(feishu.calls.map(({ path }) => path), [
        "/open-apis/a-:b/c:d/e:",
        "/open-apis/1/f:g/2"
      ])
    }))

  it.effect.prop(
    "gets back what its schema says, whatever JSON that is",
    { data: Arbitrary.schema(Schema.Json) },
    ({ data }) =>
      Effect.gen(function*() {
        const echo = LarkHttp.endpoint({
          name: "echo",
          method: "POST",
          path: "/echo",
          token: "either",
          errors: [],
          data: Schema.Json
        })
        const feishu = platform.make(({ body }) => ({ body: `{"code":0,"data":${body}}` }))
        const answer = yield* on(feishu)(
          LarkHttp.call(echo, { body: { data } })
        )
        assert.deepStrictEqual(answer, JSON.parse(JSON.stringify({ data })))
      })
  )

  it.effect("has numbers, flags and repeated keys in its query, and leaves out what is undefined", () =>
    Effect.gen(function*() {
      const feishu = platform.make(() => platform.ok({}))
      const query = { page_size: 20, user_ids: ["a", "b&c"], recursive: false, page_token: undefined, none: [] }
      yield* on(feishu)(LarkHttp.call(LarkHttp.endpoint(own), { query }))
      assert.strictEqual(feishu.calls[0]?.url.split("?")[1], "page_size=20&user_ids=a&user_ids=b%26c&recursive=false")
    }))

  it.effect("cannot have half of a surrogate pair in its query: nothing is sent", () =>
    Effect.gen(function*() {
      const feishu = platform.make(() => platform.ok({}))
      const endpoint = LarkHttp.endpoint(own)
      for (const query of [{ q: "a\ud800" }, { q: ["a", "\udc00"] }, { "\ud800": "a" }]) {
        const error = yield* Effect.flip(on(feishu)(LarkHttp.call(endpoint, { query })))
        assert.include<object>(error, { _tag: "InvalidParameter", endpoint: "own.get", retry: "never" })
      }
      assert.deepStrictEqual([feishu.calls, feishu.mints], [[], []])
    }))

  it.effect("cannot have a body that is not JSON: nothing is sent", () =>
    Effect.gen(function*() {
      const feishu = platform.make(() => platform.ok({}))
      const circle: Record<string, unknown> = {}
      circle["circle"] = circle
      for (const body of [circle, { big: 1n }]) {
        const error = yield* Effect.flip(on(feishu)(LarkHttp.call(LarkHttp.endpoint(own), { body })))
        assert.include<object>(error, { _tag: "InvalidParameter", parameter: "body", kind: "caller" })
        assert.match(error.message, /circular/)
      }
      assert.deepStrictEqual([feishu.calls, feishu.mints], [[], []])
    }))
})

describe("the input of a call", () => {
  it("needs parameters where the path has any, and nothing at all where it has none", () => {
    const plain = LarkHttp.endpoint(own)
    const named = LarkHttp.endpoint({ ...own, path: "/own/:id" })
    expectTypeOf(LarkHttp.call(plain)).toEqualTypeOf<
      Effect.Effect<void, LarkError.GenericError, LarkHttp.LarkHttp>
    >()
    compiled(
      LarkHttp.call(plain, {}),
      LarkHttp.call(plain, { params: {} }),
      // @ts-expect-error the path has no parameter
      LarkHttp.call(plain, { params: { id: "1" } }),
      // @ts-expect-error the parameters are missing
      () => LarkHttp.call(named),
      // @ts-expect-error the parameters are missing
      LarkHttp.call(named, { query: {} }),
      // @ts-expect-error there is no such parameter
      LarkHttp.call(named, { params: { id: "1", other: "2" } }),
      // @ts-expect-error there is no such part of an input
      LarkHttp.call(plain, { headers: {} })
    )
  })
})

describe("the token of an endpoint", () => {
  const token = (kind: "app" | "either") => LarkHttp.call(LarkHttp.endpoint({ ...own, token: kind }))
  const user = LarkHttp.call(LarkHttp.endpoint({ ...own, token: "user" }))

  const bearers = (program: Effect.Effect<unknown, unknown, Lark.Services>) =>
    Effect.gen(function*() {
      const feishu = platform.make(() => platform.ok({}))
      yield* on(feishu)(program)
      return feishu.calls.map(({ headers }) => headers["authorization"])
    })

  it.effect("is the app's, inside asUser, too", () =>
    Effect.gen(function*() {
      const seen = yield* bearers(Effect.all([token("app"), asAlice(token("app"))]))
      assert.deepStrictEqual(seen, ["Bearer t-1", "Bearer t-1"])
    }))

  it.effect("is either: the user's inside asUser, but for what asApp runs", () =>
    Effect.gen(function*() {
      const either = token("either")
      const seen = yield* bearers(
        Effect.all([either, asAlice(either), asAlice(Effect.all([Lark.asApp(either), either]))])
      )
      assert.deepStrictEqual(seen, ["Bearer t-1", "Bearer u-alice", "Bearer t-1", "Bearer u-alice"])
    }))

  it.effect("is either where it declares none, and its errors are the generic ones", () =>
    Effect.gen(function*() {
      const bare = LarkHttp.call(LarkHttp.endpoint({ name: "own.get", method: "GET", path: "/own" }))
      expectTypeOf(bare).toEqualTypeOf<Effect.Effect<void, LarkError.GenericError, LarkHttp.LarkHttp>>()
      assert.deepStrictEqual(yield* bearers(Effect.all([bare, asAlice(bare)])), ["Bearer t-1", "Bearer u-alice"])
      const feishu = platform.make(() => platform.failed(403, 121005))
      assert.strictEqual((yield* Effect.flip(on(feishu)(bare)))._tag, "UnknownApiError")
    }))

  it.effect("is the user's, whom the call requires", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* bearers(asAlice(user)), ["Bearer u-alice"])
      expectTypeOf<Effect.Services<typeof user>>().toEqualTypeOf<LarkHttp.LarkHttp | UserToken.UserToken>()
      expectTypeOf<Effect.Services<ReturnType<typeof token>>>().toEqualTypeOf<LarkHttp.LarkHttp>()
      compiled(
        // @ts-expect-error it takes users only
        Lark.asApp(user),
        Lark.asApp(asAlice(user))
      )
    }))

  it.effect("of a user that is missing past the compiler is a defect that names the endpoint and asUser", () =>
    Effect.gen(function*() {
      const forced = user as Effect.Effect<void, LarkError.GenericError, LarkHttp.LarkHttp>
      const feishu = platform.make(() => platform.ok({}))
      const defect = yield* Effect.flip(Effect.catchDefect(on(feishu)(forced), (defect) => Effect.fail(String(defect))))
      assert.match(String(defect), /own\.get needs a user: .* Lark\.asUser/)
      assert.deepStrictEqual([feishu.calls, feishu.mints], [[], []])
    }))
})

describe("the answer of an endpoint", () => {
  it.effect("is nothing where none is declared, whatever comes", () =>
    Effect.gen(function*() {
      for (const data of [undefined, null, {}, "x", [1]]) {
        assert.isUndefined(yield* answered(LarkHttp.call(LarkHttp.endpoint(own)), platform.ok(data)))
      }
    }))

  it.effect("may be null where its schema has null", () =>
    Effect.gen(function*() {
      const data = Schema.NullOr(Schema.Struct({ name: Schema.String }))
      const call = LarkHttp.call(LarkHttp.endpoint({ ...own, data }))
      expectTypeOf<Effect.Success<typeof call>>().toEqualTypeOf<{ readonly name: string } | null>()
      assert.isNull(yield* answered(call, platform.ok(null)))
      assert.isNull(yield* answered(call, { body: { code: 0 } }))
      assert.deepStrictEqual(yield* answered(call, platform.ok({ name: "n" })), { name: "n" })
      for (const wrong of [{}, [], 7]) {
        assert.strictEqual((yield* Effect.flip(answered(call, platform.ok(wrong))))._tag, "MalformedResponse")
      }
    }))

  it.effect("is empty where null or nothing comes and every field may be missing", () =>
    Effect.gen(function*() {
      const data = Schema.Struct({ name: Schema.optional(Schema.String) })
      const call = LarkHttp.call(LarkHttp.endpoint({ ...own, data }))
      for (const nothing of [platform.ok(null), { body: { code: 0 } }]) {
        assert.deepStrictEqual(yield* answered(call, nothing), {})
      }
    }))

  it.effect("may stand beside the code, not under data", () =>
    Effect.gen(function*() {
      const response = Schema.Struct({ bot: Schema.Struct({ app_name: Schema.String }) })
      const call = LarkHttp.call(LarkHttp.endpoint({ ...own, response }))
      const bot = { app_name: "Host tool" }
      assert.deepStrictEqual(yield* answered(call, { body: { code: 0, msg: "ok", bot } }), { bot })
      const error = yield* Effect.flip(answered(call, platform.ok({ bot })))
      assert.include<object>(error, { _tag: "MalformedResponse", endpoint: "own.get", status: 200 })
    }))
})

describe("the errors of an endpoint", () => {
  class RoomBusy extends LarkError.ApiError("RoomBusy", {
    kind: "conflict",
    advice: "Choose another room.",
    codes: [105001, 99991400, 121001]
  }) {}

  const call = LarkHttp.call(LarkHttp.endpoint({ ...own, errors: [RoomBusy, LarkError.InternalError] }))

  it.effect("may be of any code, and of a code that means something else elsewhere, the first class that has it", () =>
    Effect.gen(function*() {
      for (const code of [105001, 99991400, 121001]) {
        assert.instanceOf(yield* Effect.flip(answered(call, platform.failed(400, code))), RoomBusy)
      }
      expectTypeOf<Effect.Error<typeof call>>().toEqualTypeOf<
        RoomBusy | LarkError.InternalError | LarkError.GenericError
      >()
    }))

  it.effect("may have a code that elsewhere rejects the token: the call is not sent again", () =>
    Effect.gen(function*() {
      class Taken
        extends LarkError.ApiError("Taken", { kind: "conflict", advice: "Choose another.", codes: [20005] })
      {}
      const feishu = platform.make(() => platform.failed(400, 20005))
      const call = LarkHttp.call(LarkHttp.endpoint({ ...own, method: "POST", errors: [Taken] }))
      assert.strictEqual((yield* Effect.flip(on(feishu)(call)))._tag, "Taken")
      assert.deepStrictEqual([feishu.calls.length, feishu.mints.length], [1, 1])
    }))

  it.effect("are no others: a code that it does not declare is unknown, unless it is generic", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* Effect.flip(answered(call, platform.failed(400, 121005))))._tag, "UnknownApiError")
      assert.strictEqual((yield* Effect.flip(answered(call, platform.failed(400, 99991672))))._tag, "MissingScope")
    }))
})

describe("the pages of an endpoint", () => {
  const list = LarkHttp.endpoint({
    ...own,
    path: "/own/:id/items",
    data: Schema.Struct({ ...LarkHttp.paged, items: Schema.Array(Schema.Finite) })
  })
  const items = LarkHttp.pages(list, { params: { id: "1" }, query: { page_size: 2 } }).pipe(
    Stream.flatMap(({ items }) => Stream.fromArray(items))
  )

  const page = (nth: number, page_token: unknown, has_more = true) =>
    platform.ok({ items: [2 * nth, 2 * nth + 1], has_more, page_token })

  /** What came before the end, and the tag of the error that it ended with. */
  const streamed = (feishu: ReturnType<typeof platform.make>, stream = items) => {
    const seen: Array<number> = []
    return stream.pipe(
      Stream.runForEach((item) => Effect.sync(() => seen.push(item))),
      Effect.flip,
      Effect.option,
      Effect.map((error) => ({ seen, error: Option.getOrUndefined(error) })),
      on(feishu)
    )
  }

  it.effect("come one after the other, each by the token of the one before", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, nth) => page(nth, `p${nth + 1}`, nth < 2))
      for (const already of [0, 3]) {
        assert.deepStrictEqual(yield* streamed(feishu), {
          seen: already === 0 ? [0, 1, 2, 3, 4, 5] : [6, 7],
          error: undefined
        })
      }
      assert.deepStrictEqual(feishu.calls.slice(0, 3).map(({ path, query }) => [path, query]), [
        ["/open-apis/own/1/items", { page_size: "2" }],
        ["/open-apis/own/1/items", { page_size: "2", page_token: "p1" }],
        ["/open-apis/own/1/items", { page_size: "2", page_token: "p2" }]
      ])
    }))

  it.effect("may begin with another than the first", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, nth) => page(nth, "b", nth < 1))
      const rest = LarkHttp.pages(list, { params: { id: "1" }, query: { page_token: "a" } })
      yield* on(feishu)(Stream.runDrain(rest))
      assert.deepStrictEqual(feishu.calls.map(({ query }) => query["page_token"]), ["a", "b"])
    }))

  it.effect("are asked for only as far as they are taken", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, nth) => page(nth, `p${nth + 1}`))
      const taken = yield* on(feishu)(Stream.runCollect(Stream.take(items, 3)))
      assert.deepStrictEqual([taken, feishu.calls.length], [[0, 1, 2], 2])
    }))

  it.effect("end with the first that has no more", () =>
    Effect.gen(function*() {
      const lasts = [
        platform.ok({ items: [0] }),
        platform.ok({ items: [0], has_more: null, page_token: null }),
        platform.ok({ items: [0], has_more: false, page_token: "p1" })
      ]
      for (const last of lasts) {
        const feishu = platform.make(() => last)
        assert.deepStrictEqual(yield* streamed(feishu), { seen: [0], error: undefined })
        assert.strictEqual(feishu.calls.length, 1)
      }
    }))

  it.effect.each(
    [
      ["no token", () => undefined, 1],
      ["a token of null", () => null, 1],
      ["an empty token", () => "", 1],
      ["the token of the same page again", () => "same", 2],
      ["tokens that go round", (nth: number) => ["a", "b", "c", "a"][nth % 4], 4]
    ] as const
  )("fail where more follow, but with %s", ([, token, calls]) =>
    Effect.gen(function*() {
      const feishu = platform.make((_, nth) => page(nth, token(nth), nth < 9))
      const { error } = yield* streamed(feishu)
      assert.include<object>(error ?? {}, { _tag: "MalformedResponse", endpoint: "own.get" })
      assert.match(error?.message ?? "", /says has_more, but names no new page_token/)
      assert.strictEqual(feishu.calls.length, calls)
    }))

  it.effect("fail where one names a token and does not say whether more follow", () =>
    Effect.gen(function*() {
      const feishu = platform.make(() => platform.ok({ items: [0], page_token: "p1" }))
      const { error } = yield* streamed(feishu)
      assert.match(error?.message ?? "", /names a page_token, but has no has_more/)
      assert.lengthOf(feishu.calls, 1)
    }))

  it.effect("fail where the first names the token that it was asked for with", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, nth) => page(nth, "a"))
      const rest = LarkHttp.pages(list, { params: { id: "1" }, query: { page_token: "a" } })
      assert.strictEqual((yield* Effect.flip(on(feishu)(Stream.runDrain(rest))))._tag, "MalformedResponse")
      assert.strictEqual(feishu.calls.length, 1)
    }))

  it("need a schema that reads whether more follow", () => {
    const blind = LarkHttp.endpoint({ ...own, data: Schema.Struct({ items: Schema.Array(Schema.Int) }) })
    // @ts-expect-error it would end after the first page
    compiled(LarkHttp.pages(blind))
  })

  it.effect("fail where one does", () =>
    Effect.gen(function*() {
      const feishu = platform.make((_, nth) => nth === 1 ? platform.failed(400, 99992402) : page(nth, "p1"))
      const { error, seen } = yield* streamed(feishu)
      assert.deepStrictEqual([seen, error?._tag], [[0, 1], "FieldValidationFailed"])
    }))

  it("need the user whom a call needs", () => {
    const users = LarkHttp.pages(LarkHttp.endpoint({ ...own, token: "user", data: Schema.Struct(LarkHttp.paged) }))
    expectTypeOf<Stream.Services<typeof users>>().toEqualTypeOf<LarkHttp.LarkHttp | UserToken.UserToken>()
    expectTypeOf<Stream.Error<typeof users>>().toEqualTypeOf<LarkError.GenericError>()
    // @ts-expect-error its answer has no pages
    compiled(LarkHttp.pages(LarkHttp.endpoint(own)))
  })
})
