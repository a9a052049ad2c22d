import { describe, expect, test } from 'vitest';
import { debezium } from '../../../src/cdc/debezium.js';
import { append } from '../../../src/operations/append.js';
import { createTable } from '../../../src/operations/create-table.js';
import { TableBuilder } from '../../../src/columnar/table-builder.js';
import { parseColumnsText } from '../../../src/schema/type-text.js';
import { memoryStore } from '../../../src/storage/memory.js';
import { loadSnapshot } from '../../../src/table/snapshot.js';
import { sliceOf, UNAVAILABLE } from '../../support/change-events.js';
import { never, settlerOf, tableRows } from '../../support/postgres-replay.js';

const schemaOf = (text: string) => debezium({ schema: () => parseColumnsText(text) });

describe('the settler of a table', () => {
  test('finds a row again whose composite key widens in the batch', async () => {
    const store = memoryStore();
    const { settler } = settlerOf(store);
    const row = (a: number, v: number, type: 'int32' | 'int64') => ({
      key: { a, b: 'x' },
      after: { a, b: 'x', v },
      types: { a: type, b: 'string', v: 'int64' } as const,
    });
    await settler.settle([sliceOf(0, [{ op: 'c', ...row(7, 1, 'int32') }])], never);
    const wide = [
      { op: 'u', ...row(7, 2, 'int64') } as const,
      { op: 'c', ...row(5_000_000_000, 3, 'int64') } as const,
    ];
    await settler.settle([sliceOf(1, wide)], never);
    const rows = await tableRows(store);
    expect(new Map(rows.map(({ a, v }) => [a, v]))).toEqual(
      new Map([
        [7n, 2n],
        [5_000_000_000n, 3n],
      ]),
    );
    expect(rows).toHaveLength(2);
  });

  test('R16: a value is carried over a key change whose halves lie in two batches, though the row came and went in the first', async () => {
    const store = memoryStore();
    const k1 = { id: 1 };
    const k2 = { id: 2 };
    const first = [
      { op: 'c', key: { id: 9 }, after: { id: 9, big: 'other' }, lsn: 10 } as const,
      { op: 'c', key: k1, after: { id: 1, big: 'long text' }, lsn: 20 } as const,
      { op: 'd', key: k1, before: { id: 1, big: null }, newKey: k2, lsn: 30 } as const,
    ];
    await settlerOf(store).settler.settle([sliceOf(0, first)], never);
    // Another process goes on: nothing but the table remembers.
    const { settler } = settlerOf(store);
    await settler.recover([{ topic: 'test.public.items', partition: 0 }], never);
    const create = { op: 'c', key: k2, after: { id: 2, big: UNAVAILABLE }, oldKey: k1, lsn: 30 } as const;
    await settler.settle([sliceOf(3, [create])], never);
    expect((await tableRows(store)).find(({ id }) => id === 2n)).toMatchObject({ big: 'long text' });
  });

  test('R16: the same where the table is yet to be made', async () => {
    const store = memoryStore();
    const { settler } = settlerOf(store);
    const k1 = { id: 1 };
    const k2 = { id: 2 };
    const first = [
      { op: 'c', key: k1, after: { id: 1, big: 'long text' }, lsn: 20 } as const,
      { op: 'd', key: k1, before: { id: 1, big: null }, newKey: k2, lsn: 30 } as const,
    ];
    await settler.settle([sliceOf(0, first)], never);
    const create = { op: 'c', key: k2, after: { id: 2, big: UNAVAILABLE }, oldKey: k1, lsn: 30 } as const;
    await settler.settle([sliceOf(2, [create])], never);
    expect(await tableRows(store)).toMatchObject([{ id: 2n, big: 'long text' }]);
  });

  test('a value that cannot be read is a bad record, also in a row that lends and borrows values', async () => {
    const store = memoryStore();
    const { settler } = settlerOf(store);
    const decoder = schemaOf('id BIGINT, n INT, big STRING');
    await settler.settle(
      [sliceOf(0, [{ op: 'c', key: { id: 1 }, after: { id: 1, n: 1, big: 'x' } }], { decoder })],
      never,
    );
    const batch = [
      { op: 'u', key: { id: 1 }, after: { id: 1, n: 'no number', big: UNAVAILABLE } } as const,
      { op: 'u', key: { id: 1 }, after: { id: 1, n: 3, big: UNAVAILABLE } } as const,
    ];
    const outcome = await settler.settle([sliceOf(1, batch, { decoder })], never);
    expect(outcome).toMatchObject({ kind: 'bad-records', records: [{ offset: 1, problem: { field: 'n' } }] });
    if (outcome.kind === 'bad-records') expect(outcome.records).toHaveLength(1);
  });

  test('rows without the column that their key names are bad records', async () => {
    const { settler } = settlerOf(memoryStore());
    const outcome = await settler.settle([sliceOf(0, [{ op: 'c', key: { id: 1 }, after: { v: 1 } }])], never);
    expect(outcome).toMatchObject({
      kind: 'bad-records',
      records: [{ offset: 0, problem: { kind: 'key' } }],
    });
  });

  test('rows copied to new files are told to a feed that is on, whatever the configuration says', async () => {
    const store = memoryStore();
    const at = (lsn: number, v: number) => ({ key: { id: 1 }, after: { id: 1, v }, lsn });
    await settlerOf(store).settler.settle([sliceOf(0, [{ op: 'c', ...at(1, 1) }])], never);
    const { settler } = settlerOf(store, { changeDataFeed: false, mergeStrategy: 'copy-on-write' });
    const outcome = await settler.settle([sliceOf(1, [{ op: 'u', ...at(2, 2) }])], never);
    expect(outcome).toMatchObject({ kind: 'committed', metrics: { updated: 1 } });
    expect(await tableRows(store)).toMatchObject([{ v: 2n }]);
  });

  test('a table that others made takes keyed rows, after a commit of offsets too, and a null position loses', async () => {
    const store = memoryStore();
    const schema = {
      kind: 'struct',
      fields: parseColumnsText('id BIGINT, v BIGINT').map(({ field }) => field),
    } as const;
    await createTable(store, { schema, properties: {}, signal: never });
    const made = await loadSnapshot(store, { signal: never });
    if (made === undefined) throw new Error('no table');
    const rows = new TableBuilder(schema);
    rows.column(0).append(1n);
    rows.column(1).append(1n);
    await append(made, [rows.finish()], { signal: never });
    const { settler } = settlerOf(store);
    const range = { topic: 'test.public.items', partition: 0, base: 0, next: 3 };
    expect(await settler.progress([range], { signal: never })).toMatchObject({ kind: 'committed' });
    const outcome = await settler.settle(
      [sliceOf(3, [{ op: 'u', key: { id: 1 }, after: { id: 1, v: 2 } }])],
      never,
    );
    expect(outcome).toMatchObject({ kind: 'committed', metrics: { updated: 1, inserted: 0 } });
    expect(await tableRows(store)).toMatchObject([{ id: 1n, v: 2n }]);
  });

  test('R14: where only offsets order, a truncate says nothing of another partition’s rows to come', async () => {
    const store = memoryStore();
    const { settler } = settlerOf(store);
    const oracle = 'oracle';
    const row = (id: number) => ({ key: { id }, after: { id }, connector: oracle });
    await settler.settle(
      [
        sliceOf(1000, [
          { op: 'c', ...row(1) },
          { op: 't', connector: oracle },
        ]),
      ],
      never,
    );
    await settler.settle([sliceOf(5, [{ op: 'c', ...row(2) }], { partition: 1 })], never);
    expect(await tableRows(store)).toMatchObject([{ id: 2n }]);
  });

  test('R14: rows delivered again after a truncate stay dead; R15: its commit has no change file', async () => {
    const store = memoryStore();
    const { settler } = settlerOf(store);
    const create = { op: 'c', key: { id: 1 }, after: { id: 1 }, lsn: 10 } as const;
    await settler.settle([sliceOf(0, [create, { op: 't', lsn: 20 }])], never);
    const outcome = await settler.settle(
      [sliceOf(2, [create, { op: 'c', key: { id: 2 }, after: { id: 2 }, lsn: 30 }])],
      never,
    );
    expect(outcome).toMatchObject({ kind: 'committed', metrics: { inserted: 1, stale: 1 } });
    expect(await tableRows(store)).toMatchObject([{ id: 2n }]);
    const commit = Buffer.from(
      (await store.get('_delta_log/00000000000000000001.json', { signal: never })) ?? [],
    );
    expect(commit.toString()).toContain('"TRUNCATE"');
    expect(commit.toString()).not.toContain('"cdc"');
  });

  test('R8: a base older than what the table holds is compared with the newest version, not with a remembered one', async () => {
    const store = memoryStore();
    const slow = settlerOf(store).settler;
    const row = (id: number) => ({ op: 'c', key: { id }, after: { id } }) as const;
    await slow.settle([sliceOf(0, [row(1)])], never);
    await settlerOf(store).settler.settle([sliceOf(1, [row(2), row(3)])], never);
    expect(await slow.settle([sliceOf(1, [row(2)])], never)).toEqual({
      kind: 'moved',
      at: new Map([['test.public.items:0', 3]]),
    });
    expect(await tableRows(store)).toHaveLength(3);
  });
});
