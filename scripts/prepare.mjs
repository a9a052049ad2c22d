/**
 * Installs what the longest suites need beyond Node, once, into the user's cache folder: the oracle's Python
 * environment (Spark, delta-rs, DuckDB) and its jars. `npm run prepare:oracle`; `.ci/run` calls it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice-oracle');
const python = join(cache, 'venv', 'bin', 'python');
const done = join(cache, 'installed-1');

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) {
    process.stderr.write(
      `could not run ${command} ${args.join(' ')}${error === undefined ? '' : `: ${error.message}`}\n`,
    );
    process.stderr.write('The oracle needs Python 3.11 or later, Java 17 and Maven.\n');
    process.exit(1);
  }
}

if (!existsSync(done)) {
  mkdirSync(cache, { recursive: true });
  run('python3', ['-m', 'venv', join(cache, 'venv')]);
  run(python, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '-r',
    'test/support/oracle/requirements.txt',
  ]);
  run(python, ['test/support/oracle/oracle.py', 'setup']);
  writeFileSync(done, '');
}
process.stdout.write(`oracle ready: ${python}\n`);
