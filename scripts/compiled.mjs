import { spawnSync } from 'node:child_process';

/**
 * Compiles what `tsconfig.NAME.json` names into `.cache/NAME` and runs one of its files with these arguments; the exit code
 * of this process becomes its own. What the compiler says goes to standard error: standard output is the report's.
 */
export function runCompiled(name, file, args) {
  const compiler = ['node_modules/typescript/bin/tsc', '-p', `tsconfig.${name}.json`];
  const built = spawnSync(process.execPath, compiler, { stdio: ['ignore', 2, 2] });
  if (built.status !== 0) process.exit(built.status ?? 1);
  const program = ['--enable-source-maps', `.cache/${name}/${file}`, ...args];
  process.exitCode = spawnSync(process.execPath, program, { stdio: 'inherit' }).status ?? 1;
}
