import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import type { Breakage } from './list.js';

/**
 * Makes a copy of the compiled tree with the breakage in it, and gives the script that plays seeds there. Throws where a
 * patch's text is not found exactly once: the source has moved on, and the patch must follow.
 *
 * @param compiled - the root of the compiled tree; its sources lie in the working folder
 */
export function breakTree(compiled: string, { name, patches }: Breakage): string {
  const broken = join(dirname(compiled), 'breakages', name.replace(/\W+/g, '-'));
  rmSync(broken, { recursive: true, force: true });
  cpSync(compiled, broken, { recursive: true });
  const sources = new Map<string, string>();
  for (const { file, find, put } of patches) {
    const source = sources.get(file) ?? readFileSync(file, 'utf8');
    if (source.split(find).length !== 2)
      throw new Error(`${name}: ${file} has not exactly one ${JSON.stringify(find)}`);
    sources.set(
      file,
      source.replace(find, () => put),
    );
  }
  for (const [file, source] of sources) {
    const script = join(broken, file.replace(/\.ts$/, '.js'));
    if (!existsSync(script)) throw new Error(`${name}: ${file} is not part of the simulation`);
    writeFileSync(script, transpiled(source));
  }
  return join(broken, 'test/simulation/main.js');
}

function transpiled(source: string): string {
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      target: ts.ScriptTarget.ES2023,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
    },
  });
  return outputText;
}
