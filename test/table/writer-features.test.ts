import { describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { openParquet } from '../../src/columnar/parquet.js';
import type { Action } from '../../src/protocol/actions.js';
import { addFeatures } from '../../src/protocol/features.js';
import { LONG, STRING, field, struct } from '../../src/schema/build.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { openSnapshot, type Snapshot } from '../../src/table/snapshot.js';
import { appendRows, createTable, mustCommit, scanRows } from './tables.js';

const signal = never;
const WIDE = struct([
  ...Array.from({ length: 33 }, (_, n) => field(`c${n}`, LONG)),
  field('inner', struct([field('deep', LONG), field('other', STRING)])),
]);

async function supporting(
  snapshot: Snapshot,
  feature: string,
  more: readonly Action[] = [],
): Promise<Snapshot> {
  const protocol = addFeatures(snapshot.state.protocol, [feature]);
  return mustCommit(snapshot.store, snapshot, { actions: () => [{ kind: 'protocol', protocol }, ...more] });
}

async function columnsOf(store: ObjectStore, path: string): Promise<readonly string[]> {
  const body = (await store.get(path, { signal })) ?? new Uint8Array();
  using parquet = await openParquet({
    size: body.byteLength,
    read: async (start, end) => body.subarray(start, end),
  });
  return parquet.columns;
}

describe('a table', () => {
  test('whose files hold its partition columns too is written so, and read by the log', async () => {
    const store = memoryStore();
    const schema = struct([field('p', STRING), field('id', LONG)]);
    const plain = await createTable(store, { schema, partitionColumns: ['p'] });
    const rows = [
      ['a', 1n],
      [null, 2n],
    ];
    const before = await appendRows(plain, rows);
    const after = await appendRows(await supporting(before, 'materializePartitionColumns'), rows);
    const [old, ...rest] = after.files.toArray();
    expect(await columnsOf(store, old?.path ?? '')).toEqual(['id']);
    expect(await columnsOf(store, rest.at(-1)?.path ?? '')).toEqual(['p', 'id']);
    expect(await scanRows(await openSnapshot(store, { signal }))).toEqual([...rows, ...rows]);
  });

  test('that is clustered keeps its domain, and stats of the clustering columns wherever they stand', async () => {
    const store = memoryStore();
    const configuration = '{"clusteringColumns":[["inner","deep"]],"domainName":"delta.clustering"}';
    const clustered = await supporting(await createTable(store, { schema: WIDE }), 'clustering', [
      {
        kind: 'domainMetadata',
        domainMetadata: { domain: 'delta.clustering', configuration, removed: false },
      },
    ]);
    expect(clustered.layout.clusteredBy).toEqual([['inner', 'deep']]);
    const row = [...Array.from({ length: 33 }, (_, n) => BigInt(n)), { deep: 7n, other: 'x' }];
    const written = await appendRows(clustered, [row]);
    const stats: unknown = JSON.parse(written.files.toArray()[0]?.stats ?? '{}');
    expect(stats).toMatchObject({ minValues: { c0: 0, inner: { deep: 7 } } });
    expect(stats).not.toHaveProperty('minValues.c32');
    expect(stats).not.toHaveProperty('minValues.inner.other');
    expect((await openSnapshot(store, { signal })).domain('delta.clustering')).toBe(configuration);
  });
});
