import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Result } from "effect"
import { Cas, Lark, Meeting, MeetingId, Meetings, MeetingUser, UndiciHttpClient, UserToken } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpServer } from "effect/http"
import { createServer } from "node:http"
import { styleText } from "node:util"

const id = MeetingId.make("6911188411932033028")
const alice = MeetingUser.openId("ou_alice")
const contenders = ["ou_bob", "ou_carol", "ou_dave"].map((openId) => MeetingUser.openId(openId))

const feishu = Simulator.layerServer({
  meetings: [{ id, host: "ou_alice", participants: [...contenders, "ou_erin"] }],
  latency: "20 millis",
  rivals: [{ _tag: "BeforeSwap", nth: 2, host: "ou_erin" }],
  faults: [
    { endpoint: "set_host", nth: 0, fault: { _tag: "DropAfter" } },
    { endpoint: "set_host", nth: 3, fault: { _tag: "RejectToken", status: 400 } }
  ]
}).pipe(Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })))

const title = (text: string) => Console.log(`\n${styleText("bold", text)}`)

const paint = (line: string): string =>
  / (conflict|stale conflict)/.test(line)
    ? styleText("yellow", line)
    : /unknown|not executed/.test(line)
    ? styleText("red", line)
    : /applied|^swapped|^converged|^already/.test(line)
    ? styleText("green", line)
    : line

const show = (report: Cas.Report<MeetingUser.MeetingUser> | Cas.FailureReport<MeetingUser.MeetingUser>) =>
  Console.log(Cas.timeline(report).map((line) => `  ${paint(line)}`).join("\n"))

/** Each contender builds its own client, as if it ran in its own process. */
const contend = (user: MeetingUser.MeetingUser<"open_id">, baseUrl: string) =>
  Meetings.setHost(id, user, { hint: alice }).pipe(
    Effect.provide(Layer.fresh(Lark.layer({ ...Simulator.defaultApp, baseUrl }))),
    Effect.result
  )

const wire = Effect.gen(function*() {
  const { requests } = yield* Simulator.Simulator
  const log = yield* requests
  const start = log[0]?.at ?? 0
  yield* title("Requests at the server")
  for (const request of log) {
    const target = /"host_user":\{"id":"(\w+)"/.exec(JSON.stringify(request.body))?.[1]
    const reply = request.reply === undefined
      ? styleText(
        "red",
        request.executed === undefined ? "connection lost" : `reply lost (code ${request.executed.code})`
      )
      : `${request.reply.status}, code ${request.reply.code}`
    const what = target === undefined ? request.endpoint : `${request.endpoint} to ${target}`
    yield* Console.log(`  ${String(request.at - start).padStart(6)} ms  ${what.padEnd(24)} ${reply}`)
  }
})

const demo = Effect.gen(function*() {
  const baseUrl = yield* HttpServer.addressFormattedWith(Effect.succeed)
  const simulator = yield* Simulator.Simulator
  yield* Console.log(`A simulated Feishu is listening on ${baseUrl}; ou_alice is host of meeting ${id}.`)
  yield* Console.log(
    "Three services call setHost at once, each for its own user, and a rival makes ou_erin host in between."
  )
  yield* Console.log("One reply gets lost, and the server revokes the token that all three services have.")

  const results = yield* Effect.forEach(contenders, (user) => contend(user, baseUrl), { concurrency: "unbounded" })
  for (const [index, result] of results.entries()) {
    yield* title(`setHost ${contenders[index]?.id}`)
    if (Result.isSuccess(result)) yield* show(result.success)
    else {
      yield* Console.log(`  ${styleText("red", result.failure.message)}`)
      if ("report" in result.failure) yield* show(result.failure.report)
    }
  }
  yield* wire

  const rivals = (yield* simulator.writes).filter((write) => write.by === "rival").map((write) => write.after.openId)
  yield* Console.log(`  meanwhile a rival made ${rivals.join(", ")} host`)

  const host = (yield* simulator.host(id))?.openId ?? "nobody"
  yield* title(`The host is now ${host}: the calls worked one after the other, and the last one counts`)
  const session = UserToken.fromAccessToken(yield* simulator.userToken(host), { user: MeetingUser.openId(host) })
  const meeting = yield* Meetings.end(id).pipe(
    Lark.asUser(session),
    Effect.andThen(Meetings.get(id)),
    Effect.provide(Lark.layer({ ...Simulator.defaultApp, baseUrl }))
  )
  const ended = meeting.status === Meeting.Status.Ended
  yield* Console.log(`  ${host} ends the meeting: it ${ended ? "has ended" : "has not ended"}.`)
  if (!ended || results.some(Result.isFailure)) {
    return yield* Effect.die("a setHost failed, or the meeting has not ended")
  }
})

demo.pipe(
  Effect.provide(feishu),
  Effect.provide(UndiciHttpClient.layer(NodeHttpClient.makeDispatcher)),
  NodeRuntime.runMain
)
