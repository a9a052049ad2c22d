/**
 * `npm run simulate -- [--seeds N] [--from S] [--seed S] [--trace] …` and `npm run breakages -- …`: compiles the
 * simulation and runs it.
 */
import { spawnSync } from 'node:child_process';

const [command, ...rest] = process.argv.slice(2);
const compiler = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.simulation.json'];
const built = spawnSync(process.execPath, compiler, { stdio: 'inherit' });
if (built.status !== 0) process.exit(built.status ?? 1);
const script = command === 'breakages' ? 'breakages/breakages.js' : 'main.js';
const run = spawnSync(
  process.execPath,
  ['--enable-source-maps', `.cache/simulation/test/simulation/${script}`, ...rest],
  { stdio: 'inherit' },
);
process.exitCode = run.status ?? 1;
