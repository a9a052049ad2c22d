import { join } from 'node:path';
import { localStore } from '../../../src/storage/local.js';
import type { ObjectStore } from '../../../src/storage/object-store.js';
import { openSnapshot } from '../../../src/table/snapshot.js';
import { feedErrorsByVersion, txnErrors } from '../../support/feed-laws.js';
import { never } from '../../support/postgres-replay.js';
import type { Recorded } from '../../support/recordings.js';
import { heldOffsets, leftoversOf, tilingErrors } from '../../support/table-laws.js';
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
    ...(await offsetErrors(store, topic, written)),
    ...missing.map((file) => `no such file: ${file}`),
    ...twice.map((file) => `added twice: ${file}`),
  ];
  return { table, versions: version + 1, ...(await compare(store)), unlawful, orphans: orphans.length };
}

/** What is wrong with a table's offsets: they must tile each partition up to the last record that says something. */
async function offsetErrors(
  store: ObjectStore,
  topic: string,
  written: ReadonlyMap<string, readonly Recorded[]>,
): Promise<readonly string[]> {
  // A table may begin behind records that say nothing of a row: nothing of them could be lost.
  const beginning = (key: string, base: number): number => (saysNothing(written.get(key), base) ? base : 0);
  const wrong = [...(await tilingErrors(store, beginning))];
  const held = heldOffsets(await openSnapshot(store, { signal: never }));
  for (const [key, records] of written) {
    if (!key.startsWith(`${topic}:`)) continue;
    const end = held.get(key) ?? 0;
    if (end > records.length || !saysNothing(records.slice(end), records.length)) {
      wrong.push(`${key}: the table ends at ${end} of ${records.length}`);
    }
  }
  return wrong;
}

/** Whether records below an offset are tombstones only. */
function saysNothing(records: readonly Recorded[] | undefined, end: number): boolean {
  return (records ?? []).slice(0, end).every(({ record }) => record.value === null);
}
