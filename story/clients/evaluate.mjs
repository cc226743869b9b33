// Evaluates flags with flagd's own JavaScript core, for tests that hold Slipway's evaluator to it.
//
// Each line on the standard input is {document, cases: [{key, context, now}]}; for each a line comes back, with one
// answer a case: what it is without code generation (as at the edge), and with it where that differs.
import { createInterface } from 'node:readline'
import { FlagdCore, MemoryStorage } from '@openfeature/flagd-core'

const silent = { error() {}, warn() {}, info() {}, debug() {} }
const realNow = Date.now
let now = 0
Date.now = () => now * 1000

function load(text, options) {
  const core = new FlagdCore(new MemoryStorage(silent, options), silent, options)
  core.setConfigurations(text)
  return core
}

function ask(core, { key, context }) {
  const flag = core.getFlag(key)
  if (!flag) return { reason: 'ERROR', code: 'FLAG_NOT_FOUND' }
  if (flag.state === 'DISABLED') return { reason: 'DISABLED' }
  try {
    const r = flag.evaluate(context, silent)
    return { variant: r.variant, value: r.value, reason: r.reason, code: r.errorCode }
  } catch (e) {
    return { reason: 'ERROR', code: 'GENERAL' }
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const { document, cases, generated } = JSON.parse(line)
  const text = JSON.stringify(document)
  let out
  try {
    const plain = load(text, { disableDynamicCodeGeneration: true })
    const compiled = generated ? load(text, {}) : null
    const started = realNow()
    out = cases.map((c) => {
      now = c.now
      const answer = ask(plain, c)
      if (compiled) {
        const other = ask(compiled, c)
        if (JSON.stringify(other) !== JSON.stringify(answer)) answer.generated = other
      }
      return answer
    })
    out = { answers: out, ms: realNow() - started }
  } catch (e) {
    out = { refused: String(e.message) }
  }
  process.stdout.write(JSON.stringify(out) + '\n')
}
