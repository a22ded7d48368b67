/**
 * compose.yaml: its commands run with its environment, without containers. The YAML of the pages: it can be read, and fits the
 * settings of the cluster.
 */
import { assert, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Equal, Option, Schema } from "effect"
import { ShardingConfig } from "effect/cluster"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import { parse, parseAllDocuments } from "yaml"
import * as stores from "./cluster/stores.ts"
import { leaveOut } from "./leftOut.ts"

const root = new URL("..", import.meta.url)

const Compose = Schema.Struct({
  services: Schema.Record(
    Schema.String,
    Schema.Struct({
      image: Schema.String,
      build: Schema.optionalKey(Schema.Struct({ context: Schema.Literal("."), target: Schema.String })),
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

const dockerfile = fs.readFileSync(new URL("Dockerfile", root), "utf8")

/** The stages of the Dockerfile; without a target, the last one is built. */
const stages = Array.from(
  dockerfile.matchAll(/^FROM (\S+) AS (\S+)$((?:\n(?!FROM ).*)*)/gm),
  ([, base = "", name = "", steps = ""]) => ({
    name,
    base,
    copies: Array.from(steps.matchAll(/^COPY (?:--from=(\S+) )?(.+) \S+$/gm), ([, from, files = ""]) => ({
      from,
      files: files.split(" ")
    })),
    arguments: Array.from(
      steps.matchAll(/^(?:ENTRYPOINT|CMD) (.*)$/gm),
      ([, list = ""]) => Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Array(Schema.String)))(list)
    ).flat()
  })
)

/** What a stage copies from the repository, its base included. */
const copiedInto = (name: string): ReadonlyArray<string> => {
  const stage = stages.find((stage) => stage.name === name)
  if (stage === undefined) return []
  const own = stage.copies.flatMap(({ files, from }) => from === undefined ? files : [])
  return [...copiedInto(stage.base), ...own]
}

const command = (name: string): ReadonlyArray<string> =>
  services[name]?.command ?? stages.find((stage) => stage.name === services[name]?.build?.target)?.arguments ?? []

it("the Dockerfile copies what the commands of compose.yaml run", () => {
  const copied = stages.flatMap(({ name }) => copiedInto(name))
  assert.isAbove(copied.length, 0)
  assert.deepStrictEqual(copied.filter((file) => !fs.existsSync(new URL(file, root))), [])
  for (const { from } of stages.flatMap(({ copies }) => copies)) {
    assert.isTrue(from === undefined || stages.some(({ name }) => name === from), from)
  }
  for (const pod of pods) {
    const programs = command(pod).filter((word) => word.endsWith(".ts"))
    assert.strictEqual(programs.length, 1)
    const { target = "" } = services[pod]?.build ?? {}
    assert.deepStrictEqual(programs.filter((file) => !copiedInto(target).includes(file.split("/")[0] ?? "")), [])
  }
})

it("the image of the simulator starts the published command", () => {
  assert.strictEqual(stages.at(-1)?.name, "simulator")
  const [node, launcher, ...args] = command("simulator")
  const { bin } = JSON.parse(fs.readFileSync(new URL("package.json", root), "utf8"))
  assert.deepStrictEqual([node, launcher, args[0]], ["node", bin["effect-lark-meetings"], "simulator"])
  assert.include(copiedInto("simulator"), "package.json")
})

/** The service as a process of this machine, with other names for the places. */
const start = (name: string, places: ReadonlyArray<readonly [string, string]>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const placed = (text: string) => places.reduce((text, [from, to]) => text.replaceAll(from, to), text)
      const [, ...words] = command(name)
      // The bundle is made of this program.
      const args = words.flatMap((word) =>
        word.endsWith("launcher.cjs") ? ["--import", "tsx", "src/cli/main.ts"] : word
      )
      const environment = Object.entries(services[name]?.environment ?? {})
      let printed = ""
      let isEnding = false
      const launch = (): ChildProcess => {
        const launched = spawn(process.execPath, args.map(placed), {
          cwd: root,
          env: {
            PATH: process.env["PATH"],
            NO_COLOR: "1",
            ...Object.fromEntries(environment.map(([key, value]) => [key, placed(value)]))
          },
          stdio: ["ignore", "pipe", "inherit"]
        })
        launched.stdout?.on("data", (data) => printed += `${data}`)
        // `restart: on-failure`: of pods that create a table at the same time one may fail.
        launched.once("exit", (code) => {
          if (!isEnding && code !== 0) child = launch()
        })
        return launched
      }
      let child = launch()
      return {
        name,
        count: (pattern: RegExp) => printed.match(new RegExp(pattern, "g"))?.length ?? 0,
        end: Effect.promise(() => {
          isEnding = true
          const closed = once(child, "close")
          child.kill("SIGTERM")
          return closed
        }),
        kill: Effect.sync(() => {
          isEnding = true
          child.kill("SIGKILL")
        })
      }
    }),
    ({ kill }) => kill
  )

const until = (isSo: () => boolean) => Effect.sleep("200 millis").pipe(Effect.repeat({ until: isSo }))

it.live("the pods of compose.yaml work together, and go on when one stops", () =>
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
  }).pipe(Effect.scoped), { ...leaveOut(Effect.runSync(stores.missing)), timeout: 120_000 })

const page = fs.readFileSync(new URL("docs/cluster.md", root), "utf8")

const documents = Array.from(page.matchAll(/^```yaml\n([\s\S]*?)^```/gm), ([, text = ""]) => parseAllDocuments(text))
  .flat()

/** What the cluster makes of environment variables. */
const settings = (env: Readonly<Record<string, string>>) =>
  Effect.provideService(
    ShardingConfig.config,
    ConfigProvider.ConfigProvider,
    ConfigProvider.constantCase(ConfigProvider.fromEnvRecord(env))
  )

/** The settings that are not Effect's, places aside: those that notice a dead pod within seconds. */
const changed = (
  { runnerAddress: _, runnerListenAddress: __, ...config }: ShardingConfig.ShardingConfig["Service"]
) => {
  const defaults = new Map<string, unknown>(Object.entries(ShardingConfig.defaults))
  const entries = Object.entries(config).filter(([name, value]) => !Equal.equals(value, defaults.get(name)))
  assert.strictEqual(entries.length, 4)
  return entries
}

const Environment = Schema.Array(
  Schema.Struct({
    name: Schema.String,
    value: Schema.optionalKey(Schema.String),
    valueFrom: Schema.optionalKey(Schema.Json)
  })
)

const Labels = Schema.Record(Schema.String, Schema.String)

const Deployment = Schema.Struct({
  kind: Schema.Literal("Deployment"),
  spec: Schema.Struct({
    replicas: Schema.Literal(3),
    selector: Schema.Struct({ matchLabels: Labels }),
    template: Schema.Struct({
      metadata: Schema.Struct({ labels: Labels }),
      spec: Schema.Struct({
        terminationGracePeriodSeconds: Schema.Int,
        containers: Schema.Tuple([Schema.Struct({
          env: Environment,
          ports: Schema.Tuple([Schema.Struct({ name: Schema.String, containerPort: Schema.Int })]),
          readinessProbe: Schema.Struct({ tcpSocket: Schema.Struct({ port: Schema.String }) })
        })])
      })
    })
  })
})

const NetworkPolicy = Schema.Struct({
  kind: Schema.Literal("NetworkPolicy"),
  spec: Schema.Struct({
    podSelector: Schema.Struct({ matchLabels: Labels }),
    ingress: Schema.Tuple([Schema.Struct({
      from: Schema.Tuple([Schema.Struct({ podSelector: Schema.Struct({ matchLabels: Labels }) })]),
      ports: Schema.Tuple([Schema.Struct({ protocol: Schema.Literal("TCP"), port: Schema.Int })])
    })])
  })
})

it.effect("the manifest of docs/cluster.md names settings that exist, and opens the runner's port to its pods only", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(documents.flatMap(({ errors }) => errors), [])
    const [first, second] = documents.map((document) => document.toJS())
    const deployment = yield* Schema.decodeUnknownEffect(Deployment)(first)
    const policy = yield* Schema.decodeUnknownEffect(NetworkPolicy)(second)
    const { metadata, spec } = deployment.spec.template
    const [{ env, ports: [port], readinessProbe }] = spec.containers
    const [rule] = policy.spec.ingress
    for (
      const labels of [
        deployment.spec.selector.matchLabels,
        policy.spec.podSelector.matchLabels,
        rule.from[0].podSelector.matchLabels
      ]
    ) assert.deepStrictEqual(labels, metadata.labels)
    assert.strictEqual(rule.ports[0].port, port.containerPort)
    assert.strictEqual(readinessProbe.tcpSocket.port, port.name)

    const values = Object.fromEntries(env.map(({ name, value = "10.0.0.1" }) => [name, value]))
    const config = yield* settings(values)
    assert.deepStrictEqual(
      config.runnerListenAddress.pipe(Option.map(({ port }) => port)),
      Option.some(port.containerPort)
    )
    assert.deepStrictEqual(config.runnerAddress.pipe(Option.map(({ host }) => host)), Option.some("10.0.0.1"))
    assert.isBelow(Duration.toSeconds(config.entityTerminationTimeout) + 10, spec.terminationGracePeriodSeconds)
    assert.deepStrictEqual(changed(config), changed(yield* settings(services["pod-1"]?.environment ?? {})))
  }))
