/**
 * A PostgreSQL and a Redis of one's own, to be stopped and started: each on a free port of loopback and in a temporary
 * directory, which are gone with the scope and when this process ends.
 */
import * as PgClient from "@effect/sql-pg/PgClient"
import { Data, Effect, Layer, Schedule, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import * as path from "node:path"

export class StoreMissing extends Data.TaggedError("StoreMissing")<{ readonly programs: ReadonlyArray<string> }> {
  override get message() {
    return `${
      this.programs.join(" and ")
    } not found in PATH. Install PostgreSQL (14 or newer) and Redis: apt-get install postgresql redis-server.`
  }
}

export interface Store {
  readonly port: number
  /** Ends it in the middle of what it does. */
  readonly stop: Effect.Effect<void>
  /** Starts it, and waits until it answers. */
  readonly start: Effect.Effect<void>
}

export const freePort: Effect.Effect<number> = Effect.callback((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const address = server.address()
    server.close(() => resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0)))
  })
})

/** Debian keeps the programs of the server out of PATH. */
const debian = "/usr/lib/postgresql"

const find = Effect.fnUntraced(function*(...programs: ReadonlyArray<string>) {
  const installed = fs.existsSync(debian) ? fs.readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const places = [
    ...(process.env["PATH"] ?? "").split(path.delimiter),
    ...installed.map((version) => path.join(debian, version, "bin"))
  ]
  const place = places.find((place) => programs.every((program) => fs.existsSync(path.join(place, program))))
  if (place === undefined) return yield* new StoreMissing({ programs })
  return programs.map((program) => path.join(place, program))
})

const postgresPrograms = find("initdb", "postgres")
const redisPrograms = find("redis-server")

/** Why the stores of this module cannot be started here, if so. */
export const missing: Effect.Effect<string | undefined> = Effect.match(Effect.all([postgresPrograms, redisPrograms]), {
  onFailure: ({ message }) => message,
  onSuccess: () => undefined
})

/** PostgreSQL refuses to run as root. */
const user = Effect.sync(() => {
  if (process.getuid?.() !== 0) return {}
  const idOf = (flag: string) => {
    try {
      return Number(execFileSync("id", [flag, "postgres"], { stdio: ["ignore", "pipe", "ignore"] }))
    } catch {
      return Number(execFileSync("id", [flag, "nobody"]))
    }
  }
  return { uid: idOf("-u"), gid: idOf("-g") }
})

const directory = (owner: { readonly uid?: number; readonly gid?: number }) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const made = fs.mkdtempSync(path.join(tmpdir(), "lark-store-"))
      if (owner.uid !== undefined && owner.gid !== undefined) fs.chownSync(made, owner.uid, owner.gid)
      return made
    }),
    (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
  )

/** Ends the server when its input does, so also when this process is killed. */
const guard = "\"$@\" & cat >/dev/null; kill -$0 $!; wait"

const makeStore = (
  port: number,
  signal: "KILL" | "QUIT",
  command: ReadonlyArray<string>,
  options: { readonly cwd: string; readonly uid?: number; readonly gid?: number },
  answers: Effect.Effect<unknown, unknown>
): Effect.Effect<Store, never, Scope.Scope> =>
  Effect.gen(function*() {
    let running: ChildProcess | undefined

    const stop = Effect.callback<void>((resume) => {
      if (running === undefined || running.exitCode !== null) return resume(Effect.void)
      running.once("exit", () => resume(Effect.void))
      running.stdin?.end()
      running = undefined
    })
    const start = Effect.suspend(() => {
      running ??= spawn("sh", ["-c", guard, signal, ...command], {
        ...options,
        // A signal to the group of this process is not for it.
        detached: true,
        stdio: ["pipe", "ignore", "ignore"]
      })
      return Effect.orDie(
        Effect.retry(answers, Schedule.upTo(Schedule.spaced("50 millis"), { duration: "60 seconds" }))
      )
    })

    yield* Effect.addFinalizer(() => stop)
    yield* start
    return { port, stop, start }
  })

/** A client of a PostgreSQL of this module. */
export const client = (port: number, options: { readonly maxConnections: number }) =>
  PgClient.layer({
    host: "127.0.0.1",
    port,
    database: "postgres",
    username: "postgres",
    connectTimeout: "2 seconds",
    ...options
  })

export const postgres: Effect.Effect<Store, StoreMissing, Scope.Scope> = Effect.gen(function*() {
  const [initdb = "", server = ""] = yield* postgresPrograms
  const owner = yield* user
  const cwd = yield* directory(owner)
  const port = yield* freePort
  const data = path.join(cwd, "data")
  execFileSync(
    initdb,
    ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
    { ...owner, cwd, stdio: ["ignore", "ignore", "pipe"] }
  )
  const settings = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    fsync: "off",
    max_connections: 200
  }
  return yield* makeStore(
    port,
    // An immediate shutdown: as if it had crashed.
    "QUIT",
    [server, "-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
    { ...owner, cwd },
    Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT 1`).pipe(
      Effect.provide(Layer.fresh(client(port, { maxConnections: 1 })))
    )
  )
})

export const redis: Effect.Effect<Store, StoreMissing, Scope.Scope> = Effect.gen(function*() {
  const [server = ""] = yield* redisPrograms
  const cwd = yield* directory({})
  const port = yield* freePort
  return yield* makeStore(
    port,
    "KILL",
    // Acknowledges what is written to the disk: it keeps what it acknowledged.
    [server, "--bind", "127.0.0.1", "--port", String(port), "--appendonly", "yes", "--appendfsync", "always"],
    { cwd },
    Effect.callback<void, Error>((resume) => {
      const socket = connect(port, "127.0.0.1")
      socket.once("connect", () => resume(Effect.void)).once("error", (error) => resume(Effect.fail(error)))
      return Effect.sync(() => socket.destroy())
    })
  )
})
