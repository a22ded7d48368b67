import { defineConfig } from "vitest/config"

// One seed per run for all property tests. `SEED=… npm test` repeats a run.
const seed = process.env["SEED"] ?? String(Math.trunc(Math.random() * 2 ** 32))

export default defineConfig({
  resolve: { tsconfigPaths: true },
  test: {
    include: ["test/**/*.test.ts"],
    setupFiles: ["test/setup.ts"],
    env: { SEED: seed },
    reporters: ["default", { onTestRunEnd: () => console.log(`  Properties  SEED=${seed}`) }]
  }
})
