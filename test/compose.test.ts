/**
 * compose.yaml: its commands run with its environment, without containers.
 */
import { assert, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { parse } from "yaml"
import * as stores from "./cluster/stores.ts"

const root = new URL("..", import.meta.url)

const Compose = Schema.Struct({
  services: Schema.Record(
    Schema.String,
    Schema.Struct({
      image: Schema.String,
      command: Schema.optionalKey(Schema.Array(Schema.String)),
      environment: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
      ports: Schema.optionalKey(Schema.Array(Schema.String)),
      depends_on: Schema.optionalKey(Schema.Record(Schema.String, Schema.Struct({ condition: Schema.String }))),
      healthcheck: Schema.optionalKey(Schema.Struct({ test: Schema.Array(Schema.String) }))
    })
  )
})

const { services } = Schema.decodeUnknownSync(Compose)(
  parse(fs.readFileSync(new URL("compose.yaml", root), "utf8"), { merge: true })
)

const pods = Object.keys(services).filter((name) => name.startsWith("pod-"))

it("compose.yaml publishes to this machine only, and waits for services that say when they are ready", () => {
  const all = Object.values(services)
  const ports = all.flatMap(({ ports = [] }) => ports)
  assert.isAbove(ports.length, 0)
  assert.deepStrictEqual(ports.filter((port) => !port.startsWith("127.0.0.1:")), [])
  for (const name of all.flatMap(({ depends_on = {} }) => Object.keys(depends_on))) {
    assert.isDefined(services[name]?.healthcheck, name)
  }
  for (const pod of pods) assert.strictEqual(services[pod]?.environment?.["HOST"], pod)
})

it("the Dockerfile copies what the commands of compose.yaml run", () => {
  const copied = Array.from(fs.readFileSync(new URL("Dockerfile", root), "utf8").matchAll(/^COPY (.*) \S+$/gm))
    .flatMap(([, files = ""]) => files.split(" "))
  assert.deepStrictEqual(copied.filter((file) => !fs.existsSync(new URL(file, root))), [])
  const run = Object.values(services).flatMap(({ command = [] }) => command.filter((word) => word.endsWith(".ts")))
  assert.strictEqual(run.length, 4)
  assert.deepStrictEqual(run.filter((file) => !copied.includes(file.split("/")[0] ?? "")), [])
})

/** The service as a process of this machine, with other names for the places. */
const start = (name: string, places: ReadonlyArray<readonly [string, string]>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const placed = (text: string) => places.reduce((text, [from, to]) => text.replaceAll(from, to), text)
      const [, ...args] = services[name]?.command ?? []
      const environment = Object.entries(services[name]?.environment ?? {})
      const child = spawn(process.execPath, args.map(placed), {
        cwd: root,
        env: {
          PATH: process.env["PATH"],
          NO_COLOR: "1",
          ...Object.fromEntries(environment.map(([key, value]) => [key, placed(value)]))
        },
        stdio: ["ignore", "pipe", "inherit"]
      })
      const closed = once(child, "close")
      let printed = ""
      child.stdout.on("data", (data) => printed += `${data}`)
      return {
        name,
        count: (pattern: RegExp) => printed.match(new RegExp(pattern, "g"))?.length ?? 0,
        end: Effect.promise(() => {
          child.kill("SIGTERM")
          return closed
        }),
        kill: Effect.sync(() => child.kill("SIGKILL"))
      }
    }),
    ({ kill }) => kill
  )

const until = (isSo: () => boolean) => Effect.sleep("200 millis").pipe(Effect.repeat({ until: isSo }))

it.live("the pods of compose.yaml work together, and go on when one stops", (context) =>
  Effect.gen(function*() {
    const [postgres, redis, simulator, ...ports] = yield* Effect.all([
      Effect.map(stores.postgres, ({ port }) => port),
      Effect.map(stores.redis, ({ port }) => port),
      ...Array.from({ length: 1 + pods.length }, () => stores.freePort)
    ])
    const places = [
      ["@postgres:5432", `@127.0.0.1:${postgres}`],
      ["redis:6379", `127.0.0.1:${redis}`],
      ["simulator:8787", `127.0.0.1:${simulator}`],
      ["0.0.0.0", "127.0.0.1"]
    ] as const
    const feishu = yield* start("simulator", [...places, ["8787", String(simulator)]])
    yield* until(() => feishu.count(/A simulated Feishu is listening/) > 0)
    const running = yield* Effect.forEach(
      pods,
      (pod, index) => start(pod, [...places, [pod, "127.0.0.1"], ["34431", String(ports[index])]])
    )
    const [moves, watches] = [/ is the host \(swapped, swaps: 1\)/, /this pod watches/]
    yield* until(() => running.every((pod) => pod.count(moves) >= 5) && running.some((pod) => pod.count(watches) > 0))

    // Another one watches if this one did, or goes on to watch.
    const [stopped, ...others] = running.toSorted((a, b) => b.count(watches) - a.count(watches))
    yield* stopped?.end ?? Effect.void
    const before = others.map((pod) => [pod.count(moves), pod.count(watches)] as const)
    const since = () =>
      others.map((pod, index) =>
        [
          pod.count(moves) - (before[index]?.[0] ?? 0),
          pod.count(watches) - (before[index]?.[1] ?? 0)
        ] as const
      )
    yield* until(() => since().every(([moved]) => moved >= 3) && since().some(([, watched]) => watched > 0))
  }).pipe(
    Effect.scoped,
    Effect.catchTag("StoreMissing", ({ message }) =>
      Effect.sync(() => context.skip(process.env["CI"] === undefined, message)))
  ), 120_000)
