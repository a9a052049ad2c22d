import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The command line as plain JavaScript in a folder of its own, for processes of their own. */
export type CompiledCli = AsyncDisposable & {
  readonly folder: string;
  /** A call of the command; it is killed with the rest at the end. */
  start(...args: readonly string[]): ChildProcessWithoutNullStreams;
};

export async function compileCli(): Promise<CompiledCli> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-cli-'));
  await copyFile(join(ROOT, 'package.json'), join(folder, 'package.json'));
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const top of ['src', 'connectors']) {
    for (const entry of await readdir(join(ROOT, top), { recursive: true })) {
      if (!entry.endsWith('.ts') || entry.endsWith('.d.ts')) continue;
      const target = join(folder, 'dist', top, entry.replace(/\.ts$/, '.js'));
      const { outputText } = ts.transpileModule(await readFile(join(ROOT, top, entry), 'utf8'), {
        compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext },
      });
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, outputText);
    }
  }
  const running: ChildProcessWithoutNullStreams[] = [];
  return {
    folder,
    start(...args) {
      const child = spawn(process.execPath, [join(folder, 'dist/src/cli/main.js'), ...args], { cwd: folder });
      running.push(child);
      return child;
    },
    async [Symbol.asyncDispose]() {
      for (const child of running) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}
