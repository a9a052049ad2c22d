/** `npm run fuzz -- [--seeds N] [--from S] [--seed S] [--workers N]`: compiles the fuzzer and runs it. */
import { spawnSync } from 'node:child_process';

const compiler = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.fuzz.json'];
const built = spawnSync(process.execPath, compiler, { stdio: ['ignore', 2, 2] });
if (built.status !== 0) process.exit(built.status ?? 1);
const script = '.cache/fuzz/test/fuzz/main.js';
const run = spawnSync(process.execPath, ['--enable-source-maps', script, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exitCode = run.status ?? 1;
