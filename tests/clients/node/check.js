// What the Node programs share: the target, and a count of checks.
'use strict'
const assert = require('assert')

exports.target = {
  host: process.env.GYRE_HOST || 'localhost',
  port: Number(process.env.GYRE_PORT || 6875),
  user: process.env.GYRE_USER || 'materialize',
  database: process.env.GYRE_DB || 'materialize'
}

let passed = 0
let failed = 0

exports.equal = (name, got, expected) => {
  try {
    assert.deepStrictEqual(got, expected)
    passed++
  } catch (error) {
    failed++
    console.log(`${name}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`)
  }
}

exports.refused = async (name, code, promise) => {
  try {
    await promise
    exports.equal(name, 'no error', code)
  } catch (error) {
    exports.equal(name, error.code, code)
  }
}

exports.run = async (steps) => {
  for (const step of steps) {
    try {
      await step()
    } catch (error) {
      failed++
      console.log(`${step.name}: ${error.stack}`)
    }
  }
}

exports.finish = () => {
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed || !passed ? 1 : 0)
}
