// node summary.mjs FOLDER [FAILED_STEP ...]: adds up vitest's JSON reports in FOLDER, one `<step>.json` each.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder, ...failedSteps] = process.argv.slice(2)
const sum = { passed: 0, failed: 0, skipped: 0 }

for (const file of readdirSync(folder)) {
  const step = file.replace('.json', '').replace('-', ':')
  const { testResults } = JSON.parse(readFileSync(join(folder, file), 'utf8'))
  const before = sum.failed
  for (const { status, assertionResults } of testResults) {
    for (const test of assertionResults)
      sum[test.status === 'passed' || test.status === 'failed' ? test.status : 'skipped'] += 1
    // A file can fail outside its tests: an import, a hook.
    if (status === 'failed' && assertionResults.every((test) => test.status !== 'failed')) sum.failed += 1
  }
  if (sum.failed > before) failedSteps.splice(failedSteps.indexOf(step) >>> 0, 1)
}

// What is left failed without a test to show for it: a check, or a suite that broke off.
for (const step of failedSteps) console.log(`failed: ${step}`)
sum.failed += failedSteps.length
if (sum.skipped > 0) console.log(`${sum.skipped} skipped`)
console.log(`${sum.passed} passed, ${sum.failed} failed`)
process.exitCode = sum.failed > 0 ? 1 : 0
