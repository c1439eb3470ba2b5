// Counts the tests of a run and writes { passed, failed, skipped } as JSON, with
// the names of those that failed or were skipped behind the name of the pass
// (LLM_PASS). Every file a tool has left in LLM_REPORTS is a failure as well.
import fs from 'node:fs';
import path from 'node:path';

const { LLM_PASS: pass = 'e2e', LLM_REPORTS: reports } = process.env;

function findings() {
  const files = reports ? fs.readdirSync(reports).map((name) => path.join(reports, name)) : [];
  return files.filter((file) => fs.statSync(file).size > 0).map((file) => `${file}:\n${fs.readFileSync(file, 'utf8').slice(0, 20000)}`);
}

export default async function* count(source) {
  const result = { passed: 0, failed: 0, skipped: 0, skips: [], failures: [] };
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite') continue;
    if (data.skip !== undefined) {
      result.skipped++;
      result.skips.push(`${pass}: ${data.name}: ${data.skip === true ? 'no reason given' : data.skip}`);
    } else if (type === 'test:pass') {
      result.passed++;
    } else {
      result.failed++;
      result.failures.push(`${pass}: ${data.file ? `${path.basename(data.file)}: ` : ''}${data.name}`);
    }
  }
  for (const finding of findings()) {
    result.failed++;
    result.failures.push(`${pass}: ${finding}`);
  }
  yield JSON.stringify(result);
}
