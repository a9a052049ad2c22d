import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The command line program, as the package ships it. */
export const PROGRAM = 'dist/src/cli/main.js';

/** Builds the package unless what is built is newer than all of its sources. */
export async function buildPackage(): Promise<void> {
  const built = await modifiedAt(PROGRAM);
  const sources = await Promise.all(
    ['src', 'connectors', 'package.json', 'tsconfig.build.json'].map((path) => newestIn(path)),
  );
  if (built > Math.max(...sources)) return;
  await run('npm', ['run', '--silent', 'build']).catch((cause: unknown) => {
    const said = cause instanceof Error && 'stdout' in cause ? String(cause.stdout) : '';
    throw new Error(`the package does not build:\n${said}`, { cause });
  });
}

async function newestIn(path: string): Promise<number> {
  const own = await modifiedAt(path);
  if (!(await stat(path)).isDirectory()) return own;
  const inside = await readdir(path, { recursive: true });
  return Math.max(own, ...(await Promise.all(inside.map((name) => modifiedAt(join(path, name))))));
}

async function modifiedAt(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}
