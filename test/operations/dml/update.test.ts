import { describe, expect, test } from 'vitest';
import { isSluiceError } from '../../../src/base/errors.js';
import { never } from '../../../src/base/signals.js';
import { createTable } from '../../../src/operations/create-table.js';
import { DeltaTable } from '../../../src/operations/delta-table.js';
import { INTEGER, LONG, STRING, decimal, field, struct } from '../../../src/schema/build.js';
import { memoryStore } from '../../../src/storage/memory.js';

const SCHEMA = struct([
  field('id', LONG, false),
  field('small', INTEGER),
  field('price', decimal(5, 2)),
  field('at', struct([field('City', STRING), field('zip', STRING)])),
]);

async function opened(properties: Record<string, string> = {}): Promise<DeltaTable> {
  const store = memoryStore();
  await createTable(store, { schema: SCHEMA, properties, signal: never });
  const rows = [
    { id: 1n, small: 1, price: '1.00', at: { City: 'Bonn', zip: '53111' } },
    { id: 2n, small: null, price: null, at: null },
  ];
  return (await (await DeltaTable.open(store)).append(rows)).table;
}

const refused =
  (code: 'EXPRESSION_INVALID' | 'SCHEMA_MISMATCH' | 'USAGE' | 'PROTOCOL_UNSUPPORTED', says: string) =>
  (cause: unknown) =>
    isSluiceError(cause, code) && cause.message.includes(says);

describe('UPDATE', () => {
  test('computes every value from the row as it was', async () => {
    const { table } = await (
      await opened()
    ).update({ set: { id: 'small + 10', small: 'id' }, where: 'id = 1' });
    expect(await table.toRows({ columns: ['id', 'small'], where: 'small = 1' })).toEqual([
      { id: 11n, small: 1 },
    ]);
  });

  test('sets a field of a struct, whose other fields stay', async () => {
    const { table } = await (await opened()).update({ set: { 'at.city': "'Köln'" } });
    expect((await table.toRows({ columns: ['at'] })).map(({ at }) => at)).toEqual([
      { City: 'Köln', zip: '53111' },
      { City: 'Köln', zip: null },
    ]);
  });

  test('casts what fits, and refuses what its column cannot hold', async () => {
    const table = await opened();
    const { table: cast } = await table.update({ set: { price: '2', small: "'7'" } });
    expect(await cast.toRows({ columns: ['small', 'price'], where: 'id = 1' })).toEqual([
      { small: 7, price: '2.00' },
    ]);
    for (const set of [{ small: '3000000000' }, { price: '1000' }, { small: "'seven'" }])
      await expect(table.update({ set })).rejects.toSatisfy(refused('SCHEMA_MISMATCH', 'cannot hold'));
    await expect(table.update({ set: { id: 'NULL' } })).rejects.toSatisfy(refused('SCHEMA_MISMATCH', 'id'));
    await expect(table.update({ set: { at: '1' } })).rejects.toSatisfy(
      refused('EXPRESSION_INVALID', 'at is'),
    );
  });

  test('refuses targets that are no column, twice the same, or one inside another', async () => {
    const table = await opened();
    await expect(table.update({ set: { nope: '1' } })).rejects.toSatisfy(
      refused('EXPRESSION_INVALID', 'nope'),
    );
    await expect(table.update({ set: { 'id + 1': '1' } })).rejects.toSatisfy(
      refused('EXPRESSION_INVALID', 'only a column'),
    );
    await expect(table.update({ set: { id: '1', ID: '2' } })).rejects.toSatisfy(
      refused('EXPRESSION_INVALID', 'together'),
    );
    await expect(table.update({ set: { at: 'NULL', 'at.zip': "'1'" } })).rejects.toSatisfy(
      refused('EXPRESSION_INVALID', 'together'),
    );
    await expect(table.update({ set: {} })).rejects.toSatisfy(refused('USAGE', 'no column'));
  });

  test('a table of appends only gives no row up', async () => {
    const table = await opened({ 'delta.appendOnly': 'true' });
    await expect(table.delete({ where: 'id = 1' })).rejects.toSatisfy(
      refused('PROTOCOL_UNSUPPORTED', 'appends only'),
    );
    await expect(table.update({ set: { small: '1' } })).rejects.toSatisfy(
      refused('PROTOCOL_UNSUPPORTED', 'appends only'),
    );
  });

  test('the history says what was done, in Delta Spark’s words', async () => {
    const { table } = await (
      await opened({ 'delta.enableDeletionVectors': 'false' })
    ).update({
      set: { small: '1' },
      where: 'id = 2',
    });
    const { table: after } = await table.delete({ where: 'small = 1 AND id = 2' });
    const [deleted, updated] = await after.history({ limit: 2 });
    expect(deleted).toMatchObject({
      operation: 'DELETE',
      operationParameters: { predicate: '["((small = 1) AND (id = 2))"]' },
      operationMetrics: { numDeletedRows: '1' },
      isBlindAppend: false,
    });
    expect(updated).toMatchObject({
      operation: 'UPDATE',
      operationParameters: { predicate: '["(id = 2)"]' },
      operationMetrics: { numUpdatedRows: '1', numCopiedRows: '1' },
    });
  });
});
