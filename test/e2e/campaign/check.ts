import { localStore } from '../../../src/storage/local.js';
import { openSnapshot } from '../../../src/table/snapshot.js';
import { feedErrorsByVersion, txnErrors } from '../../support/feed-laws.js';
import { never } from '../../support/postgres-replay.js';
import type { Recorded } from '../../support/recordings.js';
import { leftoversOf, rangesOf, heldOffsets } from '../../support/table-laws.js';
import { join } from 'node:path';
import type { TableTruth } from './workload.js';

/** What one table came to. */
export type TableReport = {
  readonly table: string;
  readonly versions: number;
  readonly rows: number;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
  readonly different: readonly string[];
  /** Broken laws of its log: feed, offsets, files. */
  readonly unlawful: readonly string[];
  /** Data files that no commit names: what killed workers left behind. */
  readonly orphans: number;
};

/** Compares a table with its truth and its log with itself. `written`: what stands in Kafka, by `topic:partition`. */
export async function checkTable(
  base: string,
  { table, topic, compare }: TableTruth,
  written: ReadonlyMap<string, readonly Recorded[]>,
): Promise<TableReport> {
  const store = localStore(join(base, table));
  const { version } = await openSnapshot(store, { signal: never });
  const { orphans, missing, doubled: twice } = await leftoversOf(store);
  const unlawful = [
    ...(await feedErrorsByVersion(store)).map((text) => `feed: ${text}`),
    ...(await txnErrors(store)).map((text) => `offset went back: ${text}`),
    ...(await offsetErrors(base, table, topic, written)),
    ...missing.map((file) => `no such file: ${file}`),
    ...twice.map((file) => `added twice: ${file}`),
  ];
  return { table, versions: version + 1, ...(await compare(store)), unlawful, orphans: orphans.length };
}

/**
 * What is wrong with a table's offsets: the ranges of its commits must tile each partition from the first record that
 * says something to its end.
 */
async function offsetErrors(
  base: string,
  table: string,
  topic: string,
  written: ReadonlyMap<string, readonly Recorded[]>,
): Promise<readonly string[]> {
  const store = localStore(join(base, table));
  const wrong: string[] = [];
  const at = new Map<string, number>();
  for (const { version, ranges } of await rangesOf(store)) {
    for (const { topic: of, partition, base: from, next } of ranges) {
      const key = `${of}:${partition}`;
      // A table may begin behind records that say nothing of a row: nothing of them could be lost.
      const expected = at.get(key) ?? (saysNothing(written.get(key), from) ? from : 0);
      if (from !== expected || next <= from) {
        wrong.push(`version ${version}: ${key} [${from}, ${next}) where ${expected} was next`);
      }
      at.set(key, next);
    }
  }
  const held = heldOffsets(await openSnapshot(store, { signal: never }));
  for (const [key, records] of written) {
    if (!key.startsWith(`${topic}:`)) continue;
    const end = at.get(key) ?? 0;
    if (end !== (held.get(key) ?? 0))
      wrong.push(`${key}: the ranges end at ${end}, txn says ${held.get(key)}`);
    if (end !== records.length && !saysNothing(records.slice(end), records.length)) {
      wrong.push(`${key}: the table ends at ${end} of ${records.length}`);
    }
  }
  return wrong;
}

/** Whether records below an offset are tombstones only. */
function saysNothing(records: readonly Recorded[] | undefined, end: number): boolean {
  return (records ?? []).slice(0, end).every(({ record }) => record.value === null);
}
