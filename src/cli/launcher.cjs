#!/usr/bin/env node
"use strict"

// Without new syntax, so that an outdated Node parses it and says what is needed.

const { engines, name } = require("../../package.json")

const numbersIn = (version) => version.match(/\d+/g).map(Number)

const needed = numbersIn(engines.node)
const found = numbersIn(process.versions.node)
const differing = needed.findIndex((number, index) => number !== found[index])

if (differing !== -1 && found[differing] < needed[differing]) {
  console.error(
    `${name} needs Node ${needed.join(".")} or newer, and this is Node ${process.versions.node}. ` +
      "A newer one is at https://nodejs.org."
  )
  process.exitCode = 1
} else {
  require("node:module").enableCompileCache()
  require("./main.cjs")
}
