/**
 * The tests that a run leaves out for want of a server, and the reporter that names them and says how to run them.
 */
import type { TestOptions } from "vitest"
import type { Reporter } from "vitest/node"

declare module "vitest" {
  interface TaskMeta {
    /** What is missing without which the suite is left out, and what to do. */
    readonly leftOut?: string
  }
}

/** Options of a suite or a test that cannot run if there is a reason. With `CI` set it fails instead. */
export const leaveOut = (why: string | undefined): TestOptions => {
  if (why === undefined) return {}
  if (process.env["CI"] !== undefined) throw new Error(`${why} With CI set, no suite is left out.`)
  return { skip: true, meta: { leftOut: why } }
}

export const leftOut: Reporter = {
  onTestRunEnd: (modules) => {
    const suites = modules.flatMap((module) =>
      [...module.children.allSuites(), ...module.children.allTests()].flatMap((suite) => {
        const why = suite.meta().leftOut
        // Those within it inherit it.
        return why === undefined || (suite.parent.type === "suite" && suite.parent.meta().leftOut === why)
          ? []
          : [{ why, name: `${module.relativeModuleId} > ${suite.fullName}` }]
      })
    )
    for (const why of new Set(suites.map(({ why }) => why))) {
      const names = suites.filter((suite) => suite.why === why).map(({ name }) => `    ${name}\n`)
      console.log(`\n  Left out:\n${names.join("")}  ${why}`)
    }
  }
}
