import { defineConfig } from "vitest/config"

// One seed per run for all property tests. `SEED=… npm test` repeats a run.
const seed = process.env["SEED"] ?? String(Math.trunc(Math.random() * 2 ** 32))

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/setup.ts"],
    // Effect is large: loading it once for all files takes a third off the run. No test leaves state in a module.
    isolate: false,
    env: { SEED: seed },
    reporters: ["default", { onTestRunEnd: () => console.log(`  Properties  SEED=${seed}`) }]
  }
})
