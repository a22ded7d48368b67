import { defineConfig } from "vitest/config"
import { leftOut } from "./test/leftOut.ts"

// One seed per run for all property tests. `SEED=… npm test` repeats a run.
const seed = process.env["SEED"] ?? String(Math.trunc(Math.random() * 2 ** 32))

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/setup.ts"],
    // Effect is large: loading it once for all files takes a third off the run. No test leaves state in a module.
    isolate: false,
    // Servers of the tests are on this machine: a proxy of the surroundings has nothing to do with them.
    env: { SEED: seed, NO_PROXY: "127.0.0.1,localhost", no_proxy: "127.0.0.1,localhost" },
    // Only for a test that hangs: on a busy machine everything takes twenty times as long, and is right all the same.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ["default", leftOut, { onTestRunEnd: () => console.log(`  Properties  SEED=${seed}`) }]
  }
})
