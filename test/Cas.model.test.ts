import { assert, describe, it } from "@effect/vitest"
import { cases } from "./model/cases.ts"
import { check } from "./model/check.ts"

describe("the reducer, in every state of a small system", () => {
  for (const { fails, isLarge = false, name, properties, setup } of cases) {
    if (isLarge) continue
    it(`${name}: ${fails === undefined ? "all properties hold" : `${fails} is known to fail`}`, () => {
      const { states, violated } = check(setup, properties)
      assert.strictEqual(violated?.property, fails, violated?.trace.join("\n"))
      assert.isAbove(states, 20)
    })
  }
})
