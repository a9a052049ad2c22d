/** `npm run bench -- NAME [--flag value …]`: compiles the benchmark `bench/NAME.ts` and runs it. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const [name, ...rest] = process.argv.slice(2);
if (name === undefined || !existsSync(`bench/${name}.ts`)) {
  process.stderr.write(
    'usage: npm run bench -- ingest [--events 1000000] | snapshot [--files 300000] [--commits 10000]\n',
  );
  process.exit(2);
}
const built = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.bench.json'], {
  stdio: 'inherit',
});
if (built.status !== 0) process.exit(built.status ?? 1);
const run = spawnSync(process.execPath, ['--enable-source-maps', `.cache/bench/bench/${name}.js`, ...rest], {
  stdio: 'inherit',
});
process.exitCode = run.status ?? 1;
