// Adds up the results of all runners; the exit status is true to them.
import fs from 'node:fs';

const total = { passed: 0, failed: 0, skipped: 0 };
const skips = [];
const failures = [];

function addGtest({ testsuites }) {
  for (const suite of testsuites) {
    for (const test of suite.testsuite) {
      const skipped = test.result === 'SKIPPED' || test.status === 'NOTRUN';
      if (skipped) {
        total.skipped++;
        skips.push(`${test.classname}.${test.name}: ${test.why ?? 'no reason given'}`);
      } else if (test.failures) {
        total.failed++;
        failures.push(`${test.classname}.${test.name}`);
      } else {
        total.passed++;
      }
    }
  }
}

function addNode(result) {
  for (const kind of Object.keys(total)) total[kind] += result[kind];
  skips.push(...result.skips);
  failures.push(...(result.failures ?? []));
}

for (const file of process.argv.slice(2)) {
  // A runner that left no result has crashed: that is a failure, too.
  if (!fs.existsSync(file) || fs.statSync(file).size === 0) {
    failures.push(`${file}: no result`);
    total.failed++;
    continue;
  }
  const result = JSON.parse(fs.readFileSync(file, 'utf8'));
  (result.testsuites ? addGtest : addNode)(result);
}

for (const failure of failures) console.log(`failed: ${failure}`);
for (const skip of skips) console.log(`skipped: ${skip.replaceAll('\n', ' ')}`);
console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
