/**
 * `npm run campaign -- [--seed S | --seeds N [--from S]]`: compiles the campaign on real servers and runs it. Ctrl-C ends
 * it and what it has started.
 */
import { spawnSync } from 'node:child_process';

const built = spawnSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.campaign.json'],
  {
    stdio: 'inherit',
  },
);
if (built.status !== 0) process.exit(built.status ?? 1);
const run = spawnSync(
  process.execPath,
  ['--enable-source-maps', '.cache/campaign/test/e2e/campaign/main.js', ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exitCode = run.status ?? 1;
