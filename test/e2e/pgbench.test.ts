import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { micros } from '../../src/cli/demo/postgres-text.js';
import { deltaSink, replay } from '../../src/index.js';
import { memoryStore } from '../../src/storage/memory.js';
import { tableRows } from '../support/postgres-replay.js';
import { RECORDINGS } from '../support/recordings.js';

/** 180,011 records without schemas: four tables from one run, one hot row with 20,000 updates, one table without a key. */
test('a recorded pgbench run ends with PostgreSQL’s own rows in all four tables', async () => {
  const folder = join(RECORDINGS, 'pgbench');
  const store = memoryStore();
  const source = replay({ files: [join(folder, 'records')], id: 'pgbench' });
  const batch = { maxRows: 30_000 };
  const summary = await deltaSink(source, { base: store, untilEnd: true, batch }).done;
  await source[Symbol.asyncDispose]();
  expect(summary.failed).toEqual([]);
  expect(summary.records).toBe(180_011);
  for (const table of ['pgbench_accounts', 'pgbench_branches', 'pgbench_tellers', 'pgbench_history']) {
    const rows = await tableRows(store.at(`public/${table}`));
    expect(rows.map(asCsv).toSorted(), table).toEqual(readTruth(folder, table).toSorted());
  }
});

/** Columns of a row in the source's order, as COPY prints them; a timestamp without a unit came as microseconds. */
function asCsv(row: Readonly<Record<string, unknown>>): string {
  const cells = Object.entries(row).filter(([name]) => !name.startsWith('__'));
  return cells
    .filter(([name]) => name !== 'filler')
    .map(([, cell]) => String(cell ?? ''))
    .join(',');
}

function readTruth(folder: string, table: string): string[] {
  const text = gunzipSync(readFileSync(join(folder, 'truth', `${table}.csv.gz`))).toString('utf8');
  const [header = '', ...lines] = text.trimEnd().split('\n');
  const names = header.split(',');
  return lines.map((line) =>
    line
      .split(',')
      .map((cell, at) => (names[at] === 'mtime' ? String(micros(cell)) : cell))
      .filter((_, at) => names[at] !== 'filler')
      .join(','),
  );
}
