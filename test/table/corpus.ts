import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { rowsOf } from '../../src/columnar/cells.js';
import { canonicalRow } from '../../src/schema/canonical.js';
import type { Snapshot } from '../../src/table/snapshot.js';
import { scan } from '../../src/table/scan.js';
import { compareUtf8 } from '../../src/base/utf8-order.js';

/** A table of a conformance corpus, with what a correct reader says of it. */
export type CorpusTable = {
  readonly name: string;
  readonly kind: string;
  readonly features: readonly string[];
  readonly packed: boolean;
  readonly folder: string;
};

/** Where the corpora lie: beside the project, unless the environment says where. */
const FIXTURES = process.env['SLUICE_FIXTURES'] ?? join(process.cwd(), '..', 'shared', 'fixtures');

/** The tables below a corpus folder; undefined where the corpus is not on this machine. */
export function corpus(path: string): readonly CorpusTable[] | undefined {
  const root = join(FIXTURES, path);
  if (!existsSync(root)) return undefined;
  return readdirSync(root)
    .filter((name) => existsSync(join(root, name, 'meta.json')))
    .map((name) => {
      const folder = join(root, name);
      const meta = JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8'));
      return { name, kind: meta.kind, features: meta.features, packed: meta.packed === true, folder };
    });
}

/** The versions whose rows are on record. */
export function expectedVersions({ folder }: CorpusTable): readonly number[] {
  const expected = JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8')).expected ?? {};
  return Object.keys(expected).map(Number);
}

/** Whether these are the rows on record for a version: as text, or by its digest. */
export function differenceAt({ folder }: CorpusTable, version: number, text: string): string | undefined {
  const path = join(folder, 'expected', `v${version}.ndjson`);
  if (existsSync(path)) {
    const expected = readFileSync(path, 'utf8');
    return expected === text ? undefined : firstDifference(expected, text);
  }
  const digest = JSON.parse(readFileSync(join(folder, 'expected', `v${version}.digest.json`), 'utf8'));
  const sha256 = createHash('sha256').update(text).digest('hex');
  return sha256 === digest.sha256
    ? undefined
    : `digest of ${text.split('\n').length - 1} rows, expected ${digest.rows}`;
}

/** A snapshot's rows in the canonical form, sorted by their bytes. */
export async function canonicalRows(snapshot: Snapshot, signal: AbortSignal): Promise<string> {
  const lines: string[] = [];
  for await (const batch of scan(snapshot, { signal })) {
    for (const row of rowsOf(batch, snapshot.schema)) lines.push(canonicalRow(snapshot.schema, row));
  }
  return lines
    .sort(compareUtf8)
    .map((line) => `${line}\n`)
    .join('');
}

function firstDifference(expected: string, found: string): string {
  const left = expected.split('\n');
  const right = found.split('\n');
  const at = left.findIndex((line, i) => line !== right[i]);
  return `${left.length - 1} rows expected, ${right.length - 1} found; first difference:\n  - ${left[at]}\n  + ${right[at]}`;
}
