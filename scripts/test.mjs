/**
 * `npm test`: every suite, then one closing line `N passed, N failed`. What a suite needs beyond Node (Java and
 * Maven for a broker, Python for the oracle) is found or named by the suite itself; with CI=true a missing
 * piece is a failure.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
const report = join(folder, 'report.json');
const run = spawnSync(
  process.execPath,
  [
    'node_modules/vitest/vitest.mjs',
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  { stdio: 'inherit', env: process.env },
);

let passed = 0;
let failed = 0;
let skipped = 0;
try {
  const found = JSON.parse(readFileSync(report, 'utf8'));
  passed = found.numPassedTests;
  skipped = found.numPendingTests + (found.numTodoTests ?? 0);
  // A file that could not even be loaded has no tests to count, but it has failed.
  failed =
    found.numFailedTests +
    found.testResults.filter((f) => f.status === 'failed' && f.assertionResults.length === 0).length;
} catch (cause) {
  process.stderr.write(`no test report: ${cause instanceof Error ? cause.message : String(cause)}\n`);
  failed = 1;
}
rmSync(folder, { recursive: true, force: true });
if (run.status !== 0 && failed === 0) failed = 1;
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
