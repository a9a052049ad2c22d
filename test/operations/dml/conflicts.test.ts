import { describe, expect, test } from 'vitest';
import { isSluiceError } from '../../../src/base/errors.js';
import { never } from '../../../src/base/signals.js';
import { createTable } from '../../../src/operations/create-table.js';
import { DeltaTable } from '../../../src/operations/delta-table.js';
import { LONG, STRING, field, struct } from '../../../src/schema/build.js';
import { memoryStore } from '../../../src/storage/memory.js';
import type { ObjectStore } from '../../../src/storage/object-store.js';

/** One file with the rows 1=a … 6=f. */
async function sixRows(
  properties: Record<string, string> = { 'delta.enableDeletionVectors': 'true' },
): Promise<{ readonly store: ObjectStore; readonly table: DeltaTable }> {
  const store = memoryStore();
  await createTable(store, {
    schema: struct([field('id', LONG), field('v', STRING)]),
    properties,
    signal: never,
  });
  const rows = ['a', 'b', 'c', 'd', 'e', 'f'].map((v, i) => ({ id: BigInt(i + 1), v }));
  const { table } = await (await DeltaTable.open(store)).append(rows);
  return { store, table };
}

async function rowsOf(store: ObjectStore): Promise<string> {
  const rows = await (await DeltaTable.open(store)).toRows();
  return rows
    .map(({ id, v }) => `${String(id)}${String(v)}`)
    .sort()
    .join(' ');
}

/** Each verb begins on the table as it was before any of the others. */
describe('writers at the same time', () => {
  test('that change other rows of one file both succeed, and neither is planned anew', async () => {
    const { store, table } = await sixRows();
    await table.delete({ where: 'id = 1' });
    await table.update({ where: 'id = 2', set: { v: "'B'" }, retries: 0 });
    await table.delete({ where: 'id = 3', retries: 0 });
    expect(await rowsOf(store)).toBe('2B 4d 5e 6f');
  });

  test('that change the same row come one after the other', async () => {
    const { store, table } = await sixRows();
    await table.update({ where: 'id = 2', set: { v: "concat(v, '1')" } });
    const { metrics } = await table.update({ where: 'id = 2', set: { v: "concat(v, '2')" } });
    expect(metrics['numUpdatedRows']).toBe('1');
    expect(await rowsOf(store)).toBe('1a 2b12 3c 4d 5e 6f');
    await table.delete({ where: 'id = 2' });
    expect(await rowsOf(store)).toBe('1a 3c 4d 5e 6f');
  });

  test('a row that another moved into the condition is seen', async () => {
    const { store, table } = await sixRows();
    await table.update({ where: 'id = 1', set: { id: '100' } });
    const { metrics } = await table.delete({ where: 'id > 5' });
    expect(metrics['numDeletedRows']).toBe('2');
    expect(await rowsOf(store)).toBe('2b 3c 4d 5e');
  });

  test('a row that was appended meanwhile is seen, unless the isolation lets appends pass', async () => {
    const { store, table } = await sixRows();
    await table.append([{ id: 7n, v: 'g' }]);
    expect((await table.delete({ where: 'id >= 6' })).metrics).toMatchObject({ numDeletedRows: '2' });
    expect(await rowsOf(store)).toBe('1a 2b 3c 4d 5e');
    const other = await sixRows();
    await other.table.append([{ id: 7n, v: 'g' }]);
    const { metrics } = await other.table.delete({ where: 'id >= 6', isolation: 'write-serializable' });
    expect(metrics).toMatchObject({ numDeletedRows: '1' });
    expect(await rowsOf(other.store)).toBe('1a 2b 3c 4d 5e 7g');
  });

  test('an append that does not meet the condition is let pass', async () => {
    const { store, table } = await sixRows();
    await table.append([{ id: 7n, v: 'g' }]);
    await table.delete({ where: 'id < 3', retries: 0 });
    expect(await rowsOf(store)).toBe('3c 4d 5e 6f 7g');
  });

  test('files that are written anew conflict as files', async () => {
    const { store, table } = await sixRows({ 'delta.enableDeletionVectors': 'false' });
    await table.delete({ where: 'id = 1' });
    const late = table.delete({ where: 'id = 2', retries: 0 });
    await expect(late).rejects.toSatisfy(
      (cause) =>
        isSluiceError(cause, 'CONFLICT') && cause.message.includes('version 2') && cause.retry === 'safe',
    );
    expect(await rowsOf(store)).toBe('2b 3c 4d 5e 6f');
    await table.delete({ where: 'id = 2' });
    expect(await rowsOf(store)).toBe('3c 4d 5e 6f');
  });

  test('a table that was redefined is planned on anew', async () => {
    const { store, table } = await sixRows();
    await table.delete({});
    expect(await rowsOf(store)).toBe('');
    await table.append([{ id: 1n, v: 'z' }]);
    await table.update({ set: { v: "'y'" } });
    expect(await rowsOf(store)).toBe('1y');
  });
});
