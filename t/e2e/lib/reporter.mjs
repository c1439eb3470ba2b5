// Counts the tests of a run and writes { passed, failed, skipped } as JSON.
export default async function* count(source) {
  const result = { passed: 0, failed: 0, skipped: 0, skips: [] };
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    if (data.details?.type === 'suite') continue;
    if (data.skip !== undefined) {
      result.skipped++;
      result.skips.push(`${data.name}: ${data.skip === true ? 'no reason given' : data.skip}`);
    } else if (type === 'test:pass') {
      result.passed++;
    } else {
      result.failed++;
    }
  }
  yield JSON.stringify(result);
}
