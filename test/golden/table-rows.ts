import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { compareUtf8 } from '../../src/base/utf8-order.js';
import { never } from '../../src/base/signals.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { canonicalRow } from '../../src/schema/canonical.js';
import { scan } from '../../src/table/scan.js';
import type { Snapshot } from '../../src/table/snapshot.js';

/** What a corpus says of a table: what kind it is, and at which versions its rows are on record. */
export type TableRecord = {
  readonly name: string;
  readonly kind: string;
  /** What the table is made of or for, in the words of the corpus. */
  readonly features: readonly string[];
  readonly folder: string;
  readonly versions: readonly number[];
};

/** Where the large corpus is looked for: beside the project, unless `SLUICE_CORPUS` names another folder. */
export function corpusFolder(): string {
  return process.env['SLUICE_CORPUS'] ?? path.resolve('../shared/fixtures');
}

/** The tables of every origin in the corpus; none where it is not there. */
export function tableRecords(): readonly TableRecord[] {
  const root = corpusFolder();
  const golden = foldersIn(path.join(root, 'golden')).map((origin) => path.join('golden', origin));
  return ['spark', ...golden].flatMap((origin) => recordsIn(root, origin));
}

/** The tables that lie beside this file: a small part of the corpus, which is always there. */
export function ownRecords(): readonly TableRecord[] {
  return recordsIn(path.resolve('test/golden'), 'spark');
}

/** The tables of one origin below a folder. */
export function recordsIn(root: string, origin: string): readonly TableRecord[] {
  return foldersIn(path.join(root, origin)).flatMap((name): TableRecord[] => {
    const folder = path.join(root, origin, name);
    const meta = path.join(folder, 'meta.json');
    if (!existsSync(meta)) return [];
    const { kind, features = [], expected = {} } = JSON.parse(readFileSync(meta, 'utf8'));
    const versions = Object.keys(expected).map(Number);
    return [{ name: `${origin}/${name}`, kind, features, folder, versions }];
  });
}

/** A folder with the table, unpacked and with its absolute paths set where it needs a copy; gone when disposed of. */
export function placed(record: TableRecord): { readonly url: string } & Disposable {
  const archive = path.join(record.folder, 'delta.tar.gz');
  const source = path.join(record.folder, 'source');
  if (!existsSync(archive) && !existsSync(source)) {
    return { url: path.join(record.folder, 'delta'), [Symbol.dispose]: () => {} };
  }
  const copy = mkdtempSync(path.join(tmpdir(), 'sluice-golden-'));
  if (existsSync(archive)) execFileSync('tar', ['-xzf', archive, '-C', copy]);
  else cpSync(record.folder, copy, { recursive: true });
  const log = path.join(copy, 'delta', '_delta_log');
  for (const name of readdirSync(log)) {
    if (!name.endsWith('.json')) continue;
    const file = path.join(log, name);
    const uri = pathToFileURL(copy).href.replace('file://', 'file:');
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('file:@@ROOT@@', uri));
  }
  return { url: path.join(copy, 'delta'), [Symbol.dispose]: () => rmSync(copy, { recursive: true }) };
}

/** A JSON file of what is expected, undefined if there is none. */
export function expectedJson(record: TableRecord, name: string): unknown {
  const file = path.join(record.folder, 'expected', name);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** A snapshot's rows in the canonical form, one a line, sorted by their bytes. */
export async function canonicalText(snapshot: Snapshot): Promise<string> {
  const lines: string[] = [];
  for await (const batch of scan(snapshot, { signal: never })) {
    for (const row of rowsOf(batch, snapshot.schema)) lines.push(canonicalRow(snapshot.schema, row));
  }
  return lines
    .sort(compareUtf8)
    .map((line) => `${line}\n`)
    .join('');
}

/** How a text differs from the rows on record, undefined if it does not. Large tables are on record as a digest. */
export function differenceAt(record: TableRecord, version: number, text: string): string | undefined {
  const file = path.join(record.folder, 'expected', `v${version}.ndjson`);
  if (existsSync(file)) return firstDifference(readFileSync(file, 'utf8'), text);
  const digest = expectedJson(record, `v${version}.digest.json`);
  const sha256 = createHash('sha256').update(text).digest('hex');
  return JSON.stringify(digest).includes(sha256) ? undefined : 'other rows than those of the digest';
}

function firstDifference(expected: string, found: string): string | undefined {
  if (expected === found) return undefined;
  const [left, right] = [expected.split('\n'), found.split('\n')];
  const at = left.findIndex((line, i) => line !== right[i]);
  return `${left.length - 1} rows expected, ${right.length - 1} found: ${left[at]} is ${right[at]}`;
}

function foldersIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
}
