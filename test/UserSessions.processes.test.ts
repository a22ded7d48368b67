/**
 * Real processes share the sessions of some users in one store, and are killed at random moments. A refresh token is sent twice
 * only if its sender was killed, and a session is lost only if the platform had refreshed it for a dead process. Run it with
 * `npm run test:processes`.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, FileSystem, Layer, Random, Redacted } from "effect"
import { LarkConfig, MeetingUser, OAuth, Seal, SessionStore, UserSessions } from "effect-lark-meetings"
import * as Simulator from "effect-lark-meetings/Simulator"
import { HttpServer } from "effect/http"
import { createHash, randomBytes } from "node:crypto"
import * as fs from "node:fs"
import { createServer } from "node:http"
import * as path from "node:path"
import * as fromSource from "./fixtures/fromSource.ts"
import * as SqliteClient from "./fixtures/SqliteClient.ts"

/** Set by `npm run test:processes`: it takes too long for every test run. */
const refreshes = Number(
  process.env["REFRESHES"] ?? (process.env["npm_lifecycle_event"] === "test:processes" ? 200 : 0)
)
const claimTime = 3_000
const users = ["ou_alice", "ou_bob", "ou_carol", "ou_dan"].map((id) => MeetingUser.openId(id))

/** A process was killed, or reported a lost reply. */
interface Loss {
  readonly name: string
  readonly at: number
}

const hashOf = (token: string) => createHash("sha256").update(token).digest("hex").slice(0, 16)

const listen = NodeHttpServer.layer(createServer, {
  port: 0,
  host: "127.0.0.1",
  gracefulShutdownTimeout: "100 millis"
})

const filesIn = (directory: string) =>
  fs.readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => fs.readFileSync(path.join(entry.parentPath, entry.name), "latin1"))

const program = Effect.fnUntraced(function*(storeName: string) {
  const simulator = yield* Simulator.Simulator
  const clock = yield* Clock.Clock
  const files = yield* FileSystem.FileSystem
  const directory = yield* files.makeTempDirectoryScoped({ prefix: "sessions-" })
  const place = path.join(directory, storeName)
  const baseUrl = yield* HttpServer.addressFormattedWith(Effect.succeed)
  const key = randomBytes(32).toString("base64")
  const { appId, appSecret } = Simulator.defaultApp

  const sessions = yield* Layer.build(
    UserSessions.layer({ claimTime }).pipe(
      Layer.provideMerge(OAuth.layer),
      Layer.provide(Layer.mergeAll(
        storeName.endsWith(".sqlite")
          ? Layer.provide(SessionStore.layerSql(), SqliteClient.layer(place))
          : SessionStore.layerFileSystem({ directory: place }),
        Seal.layer({ key: Redacted.make(key) })
      )),
      Layer.provide(LarkConfig.layer({ appId, appSecret, baseUrl }))
    )
  )

  const login = (user: MeetingUser.MeetingUser<"open_id">) =>
    Effect.gen(function*() {
      const login = yield* OAuth.authorize({ redirectUri: "http://127.0.0.1/", scopes: ["offline_access"] })
      const grant = yield* OAuth.exchange(login, yield* simulator.authorize(login.url, user))
      // In a slow store the processes that contend for the session may win every turn.
      yield* Effect.retry(UserSessions.save(user, grant), { times: 20 })
    }).pipe(Effect.provideContext(sessions))

  const died: Array<Loss> = []
  const doubts: Array<Loss> = []
  const lines: Array<string> = []
  const lost = new Set<string>()

  const start = (name: string) => {
    const child = fromSource.spawn("sessionProcess.ts", {
      LARK_APP_ID: appId,
      LARK_APP_SECRET: Redacted.value(appSecret),
      LARK_BASE_URL: baseUrl,
      LARK_SEAL_KEY: key,
      PROCESS: name,
      STORE: place,
      CLAIM_TIME: String(claimTime),
      USERS: users.map(({ id }) => id).join(",")
    })
    const read = (chunk: unknown) => {
      for (const line of String(chunk).trimEnd().split("\n")) {
        const [tag, user] = line.split(" ")
        lines.push(`${name}: ${line}`)
        if (tag === "ReauthorizationRequired") lost.add(user ?? "")
        if (tag === "TransportError") doubts.push({ name, at: clock.currentTimeMillisUnsafe() })
      }
    }
    child.stdout.on("data", read)
    child.stderr.on("data", read)
    const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()))
    return { name, child, ended }
  }

  const kill = (process: ReturnType<typeof start>) =>
    Effect.promise(async () => {
      process.child.kill("SIGKILL")
      await process.ended
      died.push({ name: process.name, at: clock.currentTimeMillisUnsafe() })
    })

  yield* Effect.forEach(users, login)

  const arrivals = Effect.map(
    simulator.requests,
    (requests) => requests.filter(({ endpoint, query }) => endpoint === "oauth_token" && query["process"] !== undefined)
  )
  const rotations = Effect.map(simulator.sessions, (records) => records.filter(({ usedAt }) => usedAt !== undefined))

  const slots = [start("0 of slot 0"), start("0 of slot 1")]
  yield* Effect.addFinalizer(() => Effect.forEach(slots, kill))

  let kills = 0
  while ((yield* rotations).length < refreshes) {
    yield* Effect.sleep(yield* Random.nextIntBetween(300, 1_500))
    for (const id of lost) {
      lost.delete(id)
      yield* Effect.forEach(users.filter((user) => user.id === id), login)
    }
    const slot = yield* Random.nextIntBetween(0, 1)
    const victim = slots[slot] ?? assert.fail()
    const seen = (yield* arrivals).filter(({ query }) => query["process"] === victim.name).length
    // A process needs some time before it does anything.
    if (seen < 3) continue
    yield* kill(victim)
    slots[slot] = start(`${++kills} of slot ${slot}`)
  }
  yield* Effect.forEach(slots, kill)

  const wrong: Array<string> = []
  // A request may arrive after its sender has died, so only the time of the next request limits the death.
  const isLost = (name: unknown, from: number, to = Number.POSITIVE_INFINITY) =>
    died.some((loss) => loss.name === name && loss.at <= to)
    || doubts.some((loss) => loss.name === name && loss.at >= from && loss.at <= to)
  const sentAt = (use: Simulator.RequestRecord) => Number(use.query["sentAt"])
  const uses = yield* arrivals
  for (const [index, use] of uses.entries()) {
    const next = uses.slice(index + 1).find(({ query }) => query["token"] === use.query["token"])
    if (next === undefined) continue
    const after = sentAt(next) - sentAt(use)
    const by = `${use.query["process"]}, then by ${next.query["process"]} ${after} ms later`
    if (!isLost(use.query["process"], use.at, next.at)) wrong.push(`sent without need by ${by}`)
    // A sixth of the claim may pass before the token is sent, and more on a busy machine.
    if (!(after >= claimTime * 0.75)) wrong.push(`sent too soon by ${by}`)
  }
  const records = yield* simulator.sessions
  // The pairs above cover repeated uses by different processes. No process repeats a use that was answered.
  for (const { reusedAt, value } of records) {
    const senders = uses.filter(({ query }) => query["token"] === hashOf(Redacted.value(value))).map((use) =>
      use.query["process"]
    )
    const repeated = senders.filter((name, index) =>
      senders.indexOf(name) !== index && !doubts.some((loss) => loss.name === name)
    )
    if (reusedAt.length > 0 && repeated.length > 0) {
      wrong.push(`used again by ${repeated.join(", ")}, which had got its answer`)
    }
  }

  let losses = 0
  for (const record of records) {
    // Used up and sent again, and its successor was never used: the session is lost.
    if (record.usedAt === undefined || record.reusedAt.length === 0) continue
    const successor = records.find(({ generation, session }) =>
      session === record.session && generation === record.generation + 1
    )
    if (successor?.usedAt !== undefined) continue
    losses++
    const rotation = uses.find(({ executed, query }) =>
      query["token"] === hashOf(Redacted.value(record.value)) && executed?.code === 0
    )
    if (!isLost(rotation?.query["process"], record.usedAt)) wrong.push(`lost by ${rotation?.query["process"]}`)
  }
  // A busy machine may be slow: these errors are harmless.
  const expected =
    /: (ReauthorizationRequired \w+ 20073|SessionStoreError \w+ unavailable|TransportError \w+ no answer.*)$/
  wrong.push(...lines.filter((line) => !expected.test(line)))

  const contents = filesIn(directory).join("\n")
  const refreshTokens = records.map(({ value }) => ({ kind: "refresh", value }))
  for (const { kind, value } of [...refreshTokens, ...yield* simulator.tokensMinted]) {
    if (contents.includes(Redacted.value(value))) wrong.push(`a ${kind} token is stored unsealed`)
  }
  assert.isAbove(contents.length, 1_000)
  return { kills, losses, rotations: (yield* rotations).length, wrong }
})

describe.runIf(refreshes > 0)("processes that share sessions and are killed", () => {
  for (const store of ["a-directory", "sessions.sqlite"]) {
    it.live(`in ${store}`, () =>
      Effect.gen(function*() {
        const { wrong, ...figures } = yield* program(store)
        console.log(`${store}: ${JSON.stringify(figures)}`)
        assert.strictEqual([...new Set(wrong)].join("\n"), "")
        assert.isAbove(figures.kills, 0)
      }).pipe(
        Effect.scoped,
        Effect.provide(
          Layer.provideMerge(
            // A fresh token is not refreshed when it is rejected, so the tokens expire soon.
            Simulator.layerServer({ latency: "20 millis", app: { ...Simulator.defaultApp, userExpire: 1 } }),
            Layer.mergeAll(listen, NodeHttpClient.layerUndici, NodeServices.layer)
          )
        )
      ), 900_000)
  }
})
