/** `npm run simulate -- [--seeds N] [--from S] [--seed S] [--trace] …`: compiles the simulation and runs it. */
import { spawnSync } from 'node:child_process';

const built = spawnSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.simulation.json'],
  {
    stdio: 'inherit',
  },
);
if (built.status !== 0) process.exit(built.status ?? 1);
const run = spawnSync(
  process.execPath,
  ['--enable-source-maps', '.cache/simulation/test/simulation/main.js', ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exitCode = run.status ?? 1;
