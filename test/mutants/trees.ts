/** Copies of the package outside of it, to make mistakes in. */
import { execFile } from "node:child_process"
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))

const parts = ["src", "test", "package.json", "tsconfig.json", "vitest.config.ts"]

export interface Tree {
  readonly path: (file: string) => string
  /** Runs `use` while `file` is changed. */
  readonly changed: <X>(file: string, change: (source: string) => string, use: () => Promise<X>) => Promise<X>
  /** Runs tests; the exit code of vitest, `undefined` if it did not end in time. */
  readonly test: (...parameters: ReadonlyArray<string>) => Promise<number | undefined>
}

const copy = (directory: string): Tree => {
  const path = (file: string) => join(directory, file)
  for (const part of parts) cpSync(join(root, part), path(part), { recursive: true })
  symlinkSync(join(root, "node_modules"), path("node_modules"))
  return {
    path,
    changed: async (file, change, use) => {
      const source = readFileSync(path(file), "utf8")
      writeFileSync(path(file), change(source))
      try {
        return await use()
      } finally {
        writeFileSync(path(file), source)
      }
    },
    test: (...parameters) =>
      new Promise((resolve) => {
        // A thread ends with its process, even in an endless loop. A test that hangs fails by its timeout.
        const settings = ["--pool=threads", "--no-cache", `--fsModuleCachePath=${path("cache")}`, "--testTimeout=10000"]
        const child = execFile(
          process.execPath,
          ["node_modules/vitest/vitest.mjs", "run", ...parameters, ...settings],
          { cwd: directory, timeout: 60_000, killSignal: "SIGKILL", env: { ...process.env, SEED: "1" } },
          () => resolve(child.exitCode ?? undefined)
        )
      })
  }
}

/** Shares the work out between as many copies as there are processors. */
export const forEach = async <A>(
  work: Iterable<A>,
  begin: (tree: Tree) => Promise<void>,
  each: (tree: Tree, a: A) => Promise<void>
): Promise<void> => {
  const directory = mkdtempSync(join(tmpdir(), "mutants-"))
  try {
    const trees = Array.from(
      { length: Math.min(availableParallelism(), 4) },
      (_, n) => copy(join(directory, String(n)))
    )
    await begin(trees[0]!)
    // All draw from one iterator.
    const remaining = work[Symbol.iterator]()
    await Promise.all(trees.map(async (tree) => {
      for (let next = remaining.next(); next.done !== true; next = remaining.next()) await each(tree, next.value)
    }))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
