/**
 * A reporter that names the suites that a run left out for want of a server, and says how to run them.
 */
import type { Reporter } from "vitest/node"

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
