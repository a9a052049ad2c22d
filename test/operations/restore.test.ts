import { describe, expect, test } from 'vitest';
import { isSluiceError } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { createTable } from '../../src/operations/create-table.js';
import { alterTableActions } from '../../src/operations/alter.js';
import { DeltaTable } from '../../src/operations/delta-table.js';
import { plainRows } from '../../src/operations/plain-rows.js';
import { INTEGER, LONG, STRING, field, struct } from '../../src/schema/build.js';
import { memoryStore } from '../../src/storage/memory.js';
import { openSnapshot } from '../../src/table/snapshot.js';
import { tableOfBatch } from './dml/batches.js';
import { commitActions } from './tables.js';

const ID_V = struct([field('id', LONG), field('v', STRING)]);

async function rowsOf(table: DeltaTable): Promise<string> {
  const rows = await table.toRows();
  return rows
    .map(({ id, v }) => `${String(id)}${String(v)}`)
    .sort()
    .join(' ');
}

/** Version 1: 1a 2b 3c in one file; 2: 2b gone; 3: 1a is 1A; 4: all gone. */
async function history(properties: Record<string, string> = {}) {
  const store = memoryStore();
  await createTable(store, {
    schema: ID_V,
    properties: { 'delta.enableChangeDataFeed': 'true', ...properties },
    signal: never,
  });
  const rows = ['a', 'b', 'c'].map((v, i) => ({ id: BigInt(i + 1), v }));
  let { table } = await (await DeltaTable.open(store)).append(rows);
  ({ table } = await table.delete({ where: 'id = 2' }));
  ({ table } = await table.update({ set: { v: 'upper(v)' }, where: 'id = 1' }));
  ({ table } = await table.delete());
  return { store, table };
}

describe('RESTORE', () => {
  test.each(['true', 'false'])(
    'gives every version back, and the feed sums up (vectors %s)',
    async (vectors) => {
      const then = ['', '1a 2b 3c', '1a 3c', '1A 3c', ''];
      for (const [version, rows] of then.entries()) {
        const { store, table } = await history({ 'delta.enableDeletionVectors': vectors });
        const { table: restored, metrics } = await table.restore({ version });
        expect([restored.version, await rowsOf(restored)]).toEqual([5, rows]);
        expect(await rowsOf(await DeltaTable.open(store))).toBe(rows);
        expect(metrics['numOfFilesAfterRestore']).toBe(String(restored.files().length));
        const fed: string[] = [];
        for await (const batch of restored.changes({ from: { version: 5 } })) {
          const { rows: changes, struct: columns } = tableOfBatch(batch);
          for (const row of plainRows(changes, columns)) {
            expect(row['_change_type']).toBe('insert');
            fed.push(`${String(row['id'])}${String(row['v'])}`);
          }
        }
        expect(fed.sort().join(' ')).toBe(rows);
      }
    },
  );

  test('names itself as Delta Spark does', async () => {
    const { table } = await history();
    const { table: restored } = await table.restore({ version: 1 });
    const [entry] = await restored.history({ limit: 1 });
    expect(entry).toMatchObject({
      operation: 'RESTORE',
      operationParameters: { version: '1' },
      operationMetrics: { numRestoredFiles: '1', numRemovedFiles: '0', numOfFilesAfterRestore: '1' },
    });
  });

  test('by time gives the version of that time', async () => {
    const { store, table } = await history();
    const at = (await openSnapshot(store, { version: 3, signal: never })).commitTimestampMs;
    const { table: restored } = await table.restore({ timestamp: new Date(at) });
    const [entry] = await restored.history({ limit: 1 });
    expect(entry?.operationParameters).toEqual({ timestamp: new Date(at).toISOString() });
    expect(await rowsOf(restored)).toBe(
      await rowsOf(await DeltaTable.open(store, { timestamp: new Date(at) })),
    );
    expect(restored.version).toBe(5);
  });

  test('brings columns and properties back, and lowers neither protocol nor the highest column id', async () => {
    const { store } = await history({ 'delta.columnMapping.mode': 'name' });
    const before = await openSnapshot(store, { signal: never });
    const { actions } = alterTableActions(before, {
      schema: struct([...before.schema.fields, field('n', INTEGER)]),
      set: { 'delta.enableDeletionVectors': 'false', 'delta.logRetentionDuration': 'interval 5 days' },
    });
    const altered = await commitActions(before, 'SET TBLPROPERTIES', () => actions);
    expect(altered.configuration['delta.columnMapping.maxColumnId']).toBe('3');
    const { table } = await (await DeltaTable.open(store)).restore({ version: 1 });
    const after = await openSnapshot(store, { signal: never });
    expect(table.schema()).toEqual(before.schema);
    expect(after.configuration).toEqual({ ...before.configuration, 'delta.columnMapping.maxColumnId': '3' });
    expect(after.state.protocol).toEqual(altered.state.protocol);
    expect(after.state.metadata.id).toBe(before.state.metadata.id);
  });

  test('refuses a version whose files are gone, and names them', async () => {
    const { store, table } = await history({ 'delta.enableDeletionVectors': 'false' });
    const [file] = (await DeltaTable.open(store, { version: 2 })).files();
    await store.delete(file?.path ?? '', { signal: never });
    await expect(table.restore({ version: 2 })).rejects.toSatisfy(
      (cause) => isSluiceError(cause, 'FILE_NOT_FOUND') && cause.message.includes(file?.path ?? 'no file'),
    );
    expect((await DeltaTable.open(store)).version).toBe(4);
    await expect(table.restore({ version: 9 })).rejects.toSatisfy((cause) =>
      isSluiceError(cause, 'VERSION_NOT_FOUND'),
    );
  });

  test('undoes what others commit while it is worked out', async () => {
    const { store, table } = await history();
    await table.append([{ id: 9n, v: 'z' }]);
    const { table: restored } = await table.restore({ version: 1 });
    expect([restored.version, await rowsOf(restored)]).toEqual([6, '1a 2b 3c']);
    expect(await rowsOf(await DeltaTable.open(store, { version: 5 }))).toBe('9z');
  });
});
