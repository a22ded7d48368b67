/**
 * What the compiler promises. These run under `tsc`; vitest only executes them.
 */
import { describe, expectTypeOf, it } from "@effect/vitest"
import { Effect, type Layer, type Option, Redacted, type Result, type Schedule, Schema, type Stream } from "effect"
import {
  Cas,
  Lark,
  type LarkConfig,
  LarkError,
  LarkHttp,
  type Meeting,
  Meetings,
  MeetingUser,
  type TenantToken,
  UserToken
} from "effect-lark-meetings"
import type { HttpClient } from "effect/http"
import { alice, bob, id } from "./fixtures/World.ts"

const unionBob = MeetingUser.unionId("on_bob")

type TagsOf<T> = T extends Effect.Effect<infer _A, infer E extends { readonly _tag: string }, infer _R> ? E["_tag"]
  : never

type RequirementsOf<T> = T extends Effect.Effect<infer _A, infer _E, infer R> ? R : never

type GenericCode =
  | "AppUnavailable"
  | "AuthenticationFailed"
  | "CredentialsRejected"
  | "FieldValidationFailed"
  | "InvalidRequest"
  | "IpDenied"
  | "MissingScope"
  | "PlatformError"
  | "QuotaExhausted"
  | "RateLimited"
  | "ReauthorizationRequired"
  | "RouteNotFound"
  | "TokenMissing"
  | "TokenNotPermitted"
  | "TokenRejected"
  | "UserIdRejected"
  | "UserTypeNotSupported"

type Generic =
  | GenericCode
  | "UnknownApiError"
  | "TransportError"
  | "MalformedResponse"
  | "InvalidParameter"
  | "SessionStoreError"
  | "AppTicketMissing"
  | "InvalidTenant"

/** Values of an outcome, not errors, of a swap or of a read in a loop. */
type Transient = "InternalError" | "PlatformError" | "RateLimited" | "TransportError"

type GetCodes = "InternalError" | "NotSupported" | "ParamError" | "DataNotExist" | "NoPermission"

type EndCodes =
  | "InternalError"
  | "NotSupported"
  | "ParamError"
  | "NoPermission"
  | "MeetingStatusUnexpected"
  | "MeetingNotExist"
  | "OperatorNotInMeeting"

type SetHostCodes =
  | "InternalError"
  | "NotSupported"
  | "ParamError"
  | "NoPermission"
  | "DataConflict"
  | "MeetingStatusUnexpected"
  | "MeetingNotExist"
  | "OperatorNotInMeeting"
  | "TargetNotInMeeting"
  | "CannotOperateSelf"
  | "ParticipantStatusNotExpected"

type Engine =
  | "CasExhausted"
  | "CasRefused"
  | "CasSuperseded"
  | "CasIndeterminate"
  | "CasConflictWithoutState"
  | "CasInconsistentRegister"
  | "CasInvalidPolicy"

/** Programs that do not compile; none of them runs. */
const refused = (..._programs: ReadonlyArray<unknown>) => {}

const get = () => Meetings.get(id)
const swapHost = () => Meetings.swapHost(id, { expected: alice, desired: bob })
const setHost = () => Meetings.setHost(id, bob)
const end = () => Meetings.end(id)

type Get = ReturnType<typeof get>
type SwapHost = ReturnType<typeof swapHost>
type SetHost = ReturnType<typeof setHost>
type End = ReturnType<typeof end>

describe("the error channel", () => {
  it("of get is its documented codes and the generic ones", () => {
    expectTypeOf<TagsOf<Get>>().toEqualTypeOf<GetCodes | Generic>()
  })

  it("of a bound that was reached has a typed cause", () => {
    type Exhausted = Extract<Effect.Error<SetHost>, { readonly _tag: "CasExhausted" }>
    type Causes = NonNullable<Exhausted["cause"]>["_tag"]
    expectTypeOf<Causes>().toEqualTypeOf<
      | Transient
      | "UnknownApiError"
      | "MalformedResponse"
      | "SessionStoreError"
      | "AppTicketMissing"
      | "CasAttemptCut"
    >()
  })

  it("of end is its documented codes and the generic ones", () => {
    expectTypeOf<TagsOf<End>>().toEqualTypeOf<EndCodes | Generic>()
  })

  it("of swapHost leaves out what is a value of its outcome", () => {
    expectTypeOf<TagsOf<SwapHost>>().toEqualTypeOf<Exclude<SetHostCodes | Generic, Transient | "DataConflict">>()
  })

  it("of setHost has the errors of set_host, of get and of the engine", () => {
    expectTypeOf<TagsOf<SetHost>>().toEqualTypeOf<
      Exclude<SetHostCodes | GetCodes | Generic, Transient | "DataConflict"> | Engine
    >()
  })

  it("of setHost keeps each error under its own tag, with the report", () => {
    type Refused = Extract<Effect.Error<SetHost>, { readonly _tag: "NoPermission" }>
    expectTypeOf<Refused>().toExtend<LarkError.NoPermission>()
    expectTypeOf<Refused["report"]["observed"]>().toEqualTypeOf<Option.Option<MeetingUser.MeetingUser<"open_id">>>()
    type Exhausted = Extract<Effect.Error<SetHost>, { readonly _tag: "CasExhausted" }>
    expectTypeOf<Exhausted["report"]["effect"]>().toEqualTypeOf<"none" | "applied" | "unknown">()
  })

  it("has no tag that cannot occur", () => {
    const none = () => Effect.void
    refused(
      // @ts-expect-error get documents no conflict
      get().pipe(Effect.catchTag("DataConflict", none)),
      // @ts-expect-error get documents no 122002
      get().pipe(Effect.catchTag("MeetingNotExist", none)),
      // @ts-expect-error end documents no 121004
      end().pipe(Effect.catchTag("DataNotExist", none)),
      // @ts-expect-error end documents no 122004
      end().pipe(Effect.catchTag("TargetNotInMeeting", none)),
      // @ts-expect-error a conflict is a value
      swapHost().pipe(Effect.catchTag("DataConflict", none)),
      // @ts-expect-error a lost reply is a value
      swapHost().pipe(Effect.catchTag("TransportError", none)),
      // @ts-expect-error a throttle is waited for
      setHost().pipe(Effect.catchTag("RateLimited", none)),
      // @ts-expect-error the engine does not run here
      swapHost().pipe(Effect.catchTag("CasExhausted", none)),
      // @ts-expect-error no such tag
      setHost().pipe(Effect.catchTag("NoPermision", none))
    )

    const caught = end().pipe(Effect.catchTag("NoPermission", none))
    expectTypeOf<TagsOf<typeof caught>>().toEqualTypeOf<Exclude<EndCodes, "NoPermission"> | Generic>()
  })

  it("of a policy's schedules is part of the operation's", () => {
    class Stop extends Error {
      readonly _tag = "Stop"
    }
    const run = (conflict: Schedule.Schedule<unknown, Cas.FreshConflict<unknown>, Stop>) =>
      Meetings.setHost(id, bob, { policy: Cas.Policy.make({ conflict }) })
    expectTypeOf<Extract<TagsOf<ReturnType<typeof run>>, "Stop">>().toEqualTypeOf<"Stop">()
  })

  it("of an endpoint of one's own follows from its error classes", () => {
    class RoomBusy
      extends LarkError.ApiError("RoomBusy", { kind: "conflict", advice: "Choose another.", codes: [105001] })
    {}
    const own = LarkHttp.endpoint({
      name: "own",
      method: "GET",
      path: "/a/:b/c/:d",
      token: "either",
      errors: [LarkError.DataConflict, RoomBusy],
      data: Schema.Unknown
    })
    const call = (lark: LarkHttp.LarkHttp["Service"]) => lark.call(own, { params: { b: "1", d: "2" } })
    expectTypeOf<TagsOf<ReturnType<typeof call>>>().toEqualTypeOf<"DataConflict" | "RoomBusy" | Generic>()
    LarkHttp.endpoint({
      name: "own",
      method: "GET",
      path: "/a",
      token: "either",
      // @ts-expect-error a code is no class
      errors: [424242]
    })
    const { TransportError } = LarkError
    LarkHttp.endpoint({
      name: "own",
      method: "GET",
      path: "/a",
      token: "either",
      // @ts-expect-error a class without codes
      errors: [TransportError]
    })
    // @ts-expect-error a path begins with a slash
    LarkHttp.endpoint({ name: "own", method: "GET", path: "a" })
    const computed = LarkHttp.endpoint({ name: "own", method: "GET", path: "/a/:b".replace("a", "c") as `/${string}` })
    const dynamic = (lark: LarkHttp.LarkHttp["Service"]) => lark.call(computed, { params: { b: "1" } })
    expectTypeOf(dynamic).toBeFunction()
    const withoutParameter = (lark: LarkHttp.LarkHttp["Service"]) =>
      // @ts-expect-error d is missing
      lark.call(own, { params: { b: "1" } })
    expectTypeOf(withoutParameter).toBeFunction()
  })
})

describe("the parameters of an endpoint", () => {
  it("are the segments of its path that begin with a colon", () => {
    type NamesOf<Path extends string> = keyof NonNullable<LarkHttp.Input<Path>[0]>["params"]
    expectTypeOf<NamesOf<"/a/:b/:c/d/:e">>().toEqualTypeOf<"b" | "c" | "e">()
    expectTypeOf<NamesOf<"/a-:b/c:d/e:">>().toEqualTypeOf<never>()
    expectTypeOf<NamesOf<"/a:b/:c:d-:e/f">>().toEqualTypeOf<"c:d-:e">()
    expectTypeOf<NamesOf<"/:a//:a/:b/">>().toEqualTypeOf<"a" | "b">()
    expectTypeOf<NamesOf<"/:">>().toEqualTypeOf<"">()
  })
})

describe("the requirements", () => {
  it("end needs a user, and nothing else does", () => {
    expectTypeOf<RequirementsOf<End>>().toEqualTypeOf<Meetings.Meetings | UserToken.UserToken>()
    expectTypeOf<RequirementsOf<Get>>().toEqualTypeOf<Meetings.Meetings>()
    expectTypeOf<RequirementsOf<SwapHost>>().toEqualTypeOf<Meetings.Meetings>()
    expectTypeOf<RequirementsOf<SetHost>>().toEqualTypeOf<Meetings.Meetings>()
  })

  it("asUser satisfies that one", () => {
    const session = UserToken.fromAccessToken(Redacted.make("u-1"))
    const ended = end().pipe(Lark.asUser(session))
    expectTypeOf<RequirementsOf<typeof ended>>().toEqualTypeOf<Meetings.Meetings>()
    expectTypeOf<typeof ended>().toExtend<Effect.Effect<void, unknown, Meetings.Meetings>>()
    expectTypeOf<End>().not.toExtend<Effect.Effect<void, unknown, Meetings.Meetings>>()
    // @ts-expect-error a bare text may be shown by accident
    UserToken.fromAccessToken("u-1")
  })

  it("Lark.layer needs an HTTP client only", () => {
    expectTypeOf(Lark.layer).returns.toEqualTypeOf<
      Layer.Layer<
        Meetings.Meetings | LarkHttp.LarkHttp | TenantToken.TenantToken | LarkConfig.LarkConfig,
        LarkConfig.InvalidLarkConfig,
        HttpClient.HttpClient
      >
    >()
    expectTypeOf(Lark.layerConfig).returns.toEqualTypeOf<ReturnType<typeof Lark.layer>>()
    // @ts-expect-error a bare text may be shown by accident
    Lark.layer({ appId: "cli_a", appSecret: "secret" })
    // @ts-expect-error there are two brands
    Lark.layer({ appId: "cli_a", appSecret: Redacted.make("secret"), brand: "dingtalk" })
  })
})

describe("ids", () => {
  it("a plain text is no meeting id", () => {
    refused(
      // @ts-expect-error not a MeetingId
      Meetings.get("6911188411932033028"),
      // @ts-expect-error not a MeetingId
      Meetings.setHost("6911188411932033028", bob),
      // @ts-expect-error not a MeetingId
      Meetings.swapHost("6911188411932033028", { expected: alice, desired: bob }),
      // @ts-expect-error not a MeetingId
      Meetings.end("6911188411932033028"),
      // @ts-expect-error a number cannot hold it
      Meetings.get(6911188411932033000)
    )
    expectTypeOf(id).toExtend<string>()
  })

  it("a plain text is no user", () => {
    refused(
      // @ts-expect-error not a user
      Meetings.setHost(id, "ou_bob"),
      // @ts-expect-error a user has an id
      Meetings.setHost(id, { idType: "open_id", userType: 1 })
    )
  })

  it("the kinds of user id cannot be mixed in one operation", () => {
    refused(
      // @ts-expect-error two kinds
      Meetings.swapHost(id, { expected: alice, desired: unionBob }),
      // @ts-expect-error two kinds
      Meetings.setHost(id, Cas.handover(alice, unionBob)),
      // @ts-expect-error two kinds
      Meetings.setHost(id, bob, { hint: unionBob }),
      // @ts-expect-error two kinds
      Meetings.setHost(id, Cas.ensureUnless(bob, [unionBob]))
    )
  })

  it("the kind of the answer is the kind that was asked for", () => {
    const byUnion = () => Meetings.get(id, { idType: "union_id" })
    expectTypeOf<Effect.Success<Get>["hostUser"]>().toEqualTypeOf<Option.Option<MeetingUser.MeetingUser<"open_id">>>()
    expectTypeOf<Effect.Success<ReturnType<typeof byUnion>>["hostUser"]>().toEqualTypeOf<
      Option.Option<MeetingUser.MeetingUser<"union_id">>
    >()
    expectTypeOf<Effect.Success<SetHost>["after"]>().toEqualTypeOf<MeetingUser.MeetingUser<"open_id">>()
    expectTypeOf<Effect.Success<SwapHost>>().toEqualTypeOf<
      Cas.Outcome<MeetingUser.MeetingUser<"open_id">, Meetings.TransientError>
    >()
  })
})

describe("errors", () => {
  it("have an instance type for each class in a list", () => {
    const fail = (failure: LarkError.Failure) =>
      LarkError.fromFailure(failure, [LarkError.NoPermission, LarkError.DataConflict])
    expectTypeOf<ReturnType<typeof fail>>().toEqualTypeOf<
      LarkError.NoPermission | LarkError.DataConflict | LarkError.GenericError
    >()
    const generic = (failure: LarkError.Failure) => LarkError.fromFailure(failure, [])
    expectTypeOf<ReturnType<typeof generic>>().toEqualTypeOf<LarkError.GenericError>()
    expectTypeOf<LarkError.GenericError["_tag"]>().toEqualTypeOf<Generic>()
    expectTypeOf(fail).toBeFunction()
    expectTypeOf(generic).toBeFunction()
  })

  it("each knows its kind and what it proves, as narrowly as its codes do", () => {
    expectTypeOf<LarkError.NoPermission["kind"]>().toEqualTypeOf<"caller">()
    expectTypeOf<LarkError.NoPermission["retry"]>().toEqualTypeOf<"never">()
    expectTypeOf<LarkError.MissingScope["kind"]>().toEqualTypeOf<"setup" | "caller">()
    expectTypeOf<LarkError.RateLimited["retry"]>().toEqualTypeOf<"wait">()
    expectTypeOf<LarkError.LarkError["kind"]>().toEqualTypeOf<LarkError.Kind>()
    expectTypeOf<LarkError.LarkError["retry"]>().toEqualTypeOf<LarkError.Retry>()
  })
})

describe("watch and keepHost", () => {
  type Fails<T> = T extends Stream.Stream<infer _A, infer E extends { readonly _tag: string }, infer _R> ? E["_tag"]
    : never

  it("name users by the kind of id asked for", () => {
    const byUnion = () => Meetings.watch(id, { idType: "union_id" })
    type Snapshot<T> = T extends Stream.Stream<infer A, infer _E, infer _R> ? A : never
    expectTypeOf<Snapshot<ReturnType<typeof byUnion>>>().toEqualTypeOf<Meeting.Meeting<"union_id">>()
    const kept = () => Meetings.keepHost(id, Cas.prefer([alice, bob]))
    expectTypeOf<Snapshot<ReturnType<typeof kept>>>().toEqualTypeOf<
      Result.Result<Cas.Report<MeetingUser.MeetingUser<"open_id">>, Meetings.KeepHostError<"open_id">>
    >()
  })

  it("fail as get and setHost do, or contested", () => {
    const watched = () => Meetings.watch(id)
    const kept = () => Meetings.keepHost(id, bob)
    expectTypeOf<Fails<ReturnType<typeof watched>>>().toEqualTypeOf<GetCodes | Generic>()
    expectTypeOf<Fails<ReturnType<typeof kept>>>().toEqualTypeOf<TagsOf<Get> | TagsOf<SetHost> | "CasContested">()
    expectTypeOf(watched).returns.toExtend<Stream.Stream<Meeting.Meeting<"open_id">, unknown, Meetings.Meetings>>()
  })

  it("mix no kinds of id, and take no hint", () => {
    refused(
      // @ts-expect-error a union id among open ids
      () => Meetings.keepHost(id, Cas.prefer([alice, unionBob])),
      // @ts-expect-error the snapshot is the hint
      () => Meetings.keepHost(id, bob, { hint: alice })
    )
  })
})
