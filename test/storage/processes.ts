import { fork } from 'node:child_process';
import type { ChildProcess, ForkOptions } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const SOURCES = fileURLToPath(new URL('../../src', import.meta.url));

/** Folders of `src` that the workers import, and that import nothing from outside. */
const FOLDERS = ['base', 'storage'];

/** A folder for one test, with the worker and the sources it needs as plain JavaScript in `code`. */
export type Workbench = AsyncDisposable & {
  readonly root: string;
  /** A process that runs the worker; it begins when it is sent a message. */
  start(args: readonly string[], options?: ForkOptions): ChildProcess;
};

/** Compiles `worker`, a TypeScript file beside this one, so that separate Node processes can run it. */
export async function openWorkbench(worker: string): Promise<Workbench> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-processes-'));
  const code = join(dir, 'code');
  await mkdir(join(code, 'test', 'storage'), { recursive: true });
  await writeFile(join(code, 'package.json'), '{"type":"module"}');
  for (const folder of FOLDERS) {
    const target = join(code, 'src', folder);
    await mkdir(target, { recursive: true });
    for (const name of await readdir(join(SOURCES, folder)))
      await compile(join(SOURCES, folder, name), target);
  }
  const source = fileURLToPath(new URL(worker, import.meta.url));
  const script = await compile(source, join(code, 'test', 'storage'));
  // Processes of other users run the code too.
  await chmod(dir, 0o755);
  const root = join(dir, 'table');
  const children: ChildProcess[] = [];
  return {
    root,
    start(args, options = {}) {
      const child = fork(script, [root, ...args], { execArgv: [], ...options });
      children.push(child);
      return child;
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) child.kill('SIGKILL');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** The next message of a process; fails if it ends without one. */
export async function answerOf(child: ChildProcess): Promise<unknown> {
  const settled = new AbortController();
  const { signal } = settled;
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([message]) => message as unknown),
      once(child, 'exit', { signal }).then(([code]) => {
        throw new Error(`the worker ended with ${String(code)}`);
      }),
    ]);
  } finally {
    settled.abort();
  }
}

async function compile(path: string, folder: string): Promise<string> {
  const { outputText } = ts.transpileModule(await readFile(path, 'utf8'), {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const target = join(folder, basename(path).replace(/\.ts$/, '.js'));
  await writeFile(target, outputText);
  return target;
}
