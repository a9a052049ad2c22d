import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { corpusFolder } from './table-rows.js';

/** One table of a corpus: its folder, and the folder with what a reader must find. */
export type CorpusTable = { readonly name: string; readonly table: string; readonly expected: string };

/** Tables that Spark wrote for this project; they lie beside this file. */
export const OWN: readonly CorpusTable[] = tablesIn(fileURLToPath(new URL('spark', import.meta.url)));

/**
 * The large corpus of conformance tables, in the folder that `SLUICE_CORPUS` names. Empty, and said so once, where
 * there is none.
 */
export function corpusTables(): readonly CorpusTable[] {
  const root = corpusFolder();
  if (!existsSync(root)) {
    console.log(
      `The conformance tables are not at ${root}: set SLUICE_CORPUS to their folder to test against them.`,
    );
    return [];
  }
  const spark = tablesIn(path.join(root, 'spark'));
  const golden = foldersIn(path.join(root, 'golden')).flatMap((origin) => tablesIn(origin));
  return [...spark, ...golden];
}

/** Names in the table's `_delta_log`, sorted; none where there is no log. */
export function logFiles(table: CorpusTable): string[] {
  const folder = path.join(table.table, '_delta_log');
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

export function readLog(table: CorpusTable, name: string): string {
  return readFileSync(path.join(table.table, '_delta_log', name), 'utf8');
}

/** A JSON file of what is expected, undefined if there is none. */
export function expectedText(table: CorpusTable, name: string): string | undefined {
  const file = path.join(table.expected, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function tablesIn(folder: string): CorpusTable[] {
  return foldersIn(folder).flatMap((inner): CorpusTable[] => {
    const name = path.join(path.basename(path.dirname(inner)), path.basename(inner));
    if (existsSync(path.join(inner, '_delta_log')))
      return [{ name, table: inner, expected: path.join(inner, 'expected') }];
    const table = path.join(inner, 'delta');
    return existsSync(table) ? [{ name, table, expected: path.join(inner, 'expected') }] : [];
  });
}

function foldersIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => path.join(folder, name))
    .sort();
}
