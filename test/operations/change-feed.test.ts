import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { readChanges } from '../../src/operations/change-feed.js';
import { CHANGE_TYPE, COMMIT_TIMESTAMP, COMMIT_VERSION } from '../../src/operations/change-types.js';
import { append } from '../../src/operations/append.js';
import { removalOf } from '../../src/protocol/file-actions.js';
import { LONG, STRING, field, struct } from '../../src/schema/build.js';
import { localStore } from '../../src/storage/local.js';
import { memoryStore } from '../../src/storage/memory.js';
import { alterTableActions } from '../../src/operations/alter.js';
import { checkTable } from '../golden/checks.js';
import { recordsIn } from '../golden/table-rows.js';
import { commitActions, idV, newTable, rowsTable } from './tables.js';

const COPIED = join(import.meta.dirname, '..', 'fixtures', 'spark');

describe('readChanges', () => {
  test.each(recordsIn(join(COPIED, '..'), 'spark'))(
    'reads the feeds of $name as Spark does',
    async (record) => {
      const feeds = (await checkTable(record)).filter(({ kind }) => kind === 'feed');
      expect(feeds.length).toBeGreaterThanOrEqual(10);
      expect(feeds.filter(({ wrong }) => wrong !== undefined)).toEqual([]);
    },
  );

  test('a range with the feed off anywhere is refused before the first batch', async () => {
    const table = localStore(join(COPIED, 'cdf-enabled-late', 'delta'));
    const batches = readChanges(table, { from: 1, to: 6, signal: never });
    await expect(batches.next()).rejects.toMatchObject({ code: 'FEED_UNAVAILABLE', context: { version: 1 } });
    const later = readChanges(table, { from: 7, signal: never });
    await expect(later.next()).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
    const backwards = readChanges(table, { from: 5, to: 4, signal: never });
    await expect(backwards.next()).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('rows carry their commit’s version and time, under the schema at the end of the range', async () => {
    const store = memoryStore();
    let snapshot = await newTable(store);
    ({ snapshot } = await append(snapshot, [idV([1, 'a'])], { signal: never }));
    const first = snapshot;
    const schema = struct([...snapshot.schema.fields, field('extra', LONG)]);
    const altered = alterTableActions(snapshot, { schema });
    snapshot = await commitActions(snapshot, 'ADD COLUMNS', () => altered.actions);
    const rows = rowsTable(schema, [[2n, 'b', 7n]]);
    ({ snapshot } = await append(snapshot, [rows], { signal: never }));
    const found: unknown[] = [];
    for await (const batch of readChanges(store, { from: 0, signal: never })) {
      const columns = struct([...schema.fields, CHANGE_TYPE, COMMIT_VERSION, COMMIT_TIMESTAMP]);
      expect(batch.schema.fields.map(({ name }) => name)).toEqual(columns.fields.map(({ name }) => name));
      found.push(...rowsOf(batch, columns));
    }
    const [old, young] = found;
    expect(old).toEqual([1n, 'a', null, 'insert', 1n, expect.any(BigInt)]);
    expect(young).toEqual([2n, 'b', 7n, 'insert', 3n, expect.any(BigInt)]);
    expect(first.version).toBe(1);
  });

  test('rows that a compaction moved are no changes, and a MERGE of nothing is none', async () => {
    const store = memoryStore();
    let snapshot = await newTable(store);
    ({ snapshot } = await append(snapshot, [idV([1, 'a'])], { signal: never }));
    const [file] = snapshot.files;
    if (file === undefined) throw new Error('no file');
    snapshot = await commitActions(snapshot, 'OPTIMIZE', (nowMs) => [
      { kind: 'remove', remove: removalOf(file, { deletionTimestamp: nowMs, dataChange: false }) },
      { kind: 'add', add: { ...file, path: 'moved.parquet', dataChange: false } },
    ]);
    const batches: unknown[] = [];
    for await (const batch of readChanges(store, { from: 2, signal: never })) batches.push(batch);
    expect(batches).toEqual([]);
  });

  test('deletes are derived before inserts, partition values from the log', async () => {
    const schema = struct([field('id', LONG), field('part', STRING)]);
    const store = memoryStore();
    let snapshot = await newTable(store, { schema, partitionBy: ['part'] });
    const rows = rowsTable(schema, [[1n, 'x']]);
    ({ snapshot } = await append(snapshot, [rows], { signal: never }));
    const [old] = snapshot.files;
    if (old === undefined) throw new Error('no file');
    const other = memoryStore();
    const copy = await newTable(other, { schema, partitionBy: ['part'] });
    const moved = rowsTable(schema, [[1n, 'y']]);
    const [fresh] = (await append(copy, [moved], { signal: never })).snapshot.files;
    if (fresh === undefined) throw new Error('no file');
    const body = await other.get(fresh.path, { signal: never });
    await store.put(fresh.path, body ?? new Uint8Array(), { signal: never });
    snapshot = await commitActions(snapshot, 'WRITE', (nowMs) => [
      { kind: 'add', add: fresh },
      { kind: 'remove', remove: removalOf(old, { deletionTimestamp: nowMs }) },
    ]);
    const found: unknown[] = [];
    for await (const batch of readChanges(store, { from: 2, signal: never })) {
      found.push(...rowsOf(batch, struct([...schema.fields, CHANGE_TYPE])));
    }
    expect(found).toEqual([
      [1n, 'x', 'delete'],
      [1n, 'y', 'insert'],
    ]);
  });
});
