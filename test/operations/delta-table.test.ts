import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { must } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { TableBuilder } from '../../src/columnar/table-builder.js';
import { DeltaTable } from '../../src/operations/delta-table.js';
import type { PlainRow } from '../../src/operations/plain-values.js';
import {
  BINARY,
  BOOLEAN,
  DATE,
  DOUBLE,
  INTEGER,
  LONG,
  STRING,
  TIMESTAMP,
  TIMESTAMP_NTZ,
  array,
  decimal,
  field,
  map,
  struct,
} from '../../src/schema/build.js';
import { localStore } from '../../src/storage/local.js';
import { memoryStore } from '../../src/storage/memory.js';
import { append } from '../../src/operations/append.js';
import { alterTableActions } from '../../src/operations/alter.js';
import { commit } from '../../src/table/commit.js';
import { commitActions, idV, newTable } from './tables.js';

const COPIED = join(import.meta.dirname, '..', 'fixtures', 'spark');
const FIXTURES = process.env['SLUICE_FIXTURES'] ?? join(process.cwd(), '..', 'shared', 'fixtures');

const folder = mkdtempSync(join(tmpdir(), 'sluice-delta-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function opened(): Promise<DeltaTable> {
  const store = memoryStore();
  let snapshot = await newTable(store);
  ({ snapshot } = await append(snapshot, [idV([1, 'a'], [2, 'b'], [3, 'c'])], { signal: never }));
  return DeltaTable.open(store);
}

describe('DeltaTable', () => {
  test('reads rows by column and condition, as batches, one Arrow table or objects', async () => {
    const table = await opened();
    let rows = 0;
    for await (const batch of table.scan({ columns: ['v'], where: 'id > 1' })) {
      rows += batch.numRows;
      expect(batch.schema.fields.map(({ name }) => name)).toEqual(['v']);
    }
    expect(rows).toBe(2);
    expect((await table.toArrow({ where: "v = 'b'" })).numRows).toBe(1);
    expect((await table.toArrow({ where: "v = 'z'" })).numRows).toBe(0);
    expect(await table.toRows({ limit: 1 })).toEqual([{ id: 1n, v: 'a' }]);
    expect(await table.toRows({ columns: ['v', 'id'], where: 'id = 3' })).toEqual([{ v: 'c', id: 3n }]);
  });

  test('says what is wrong with a column, a condition, a version or a moment', async () => {
    const table = await opened();
    await expect(table.toRows({ columns: ['x'] })).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
    await expect(table.toRows({ where: 'id >' })).rejects.toMatchObject({ code: 'EXPRESSION_INVALID' });
    const store = memoryStore();
    await expect(DeltaTable.open(store)).rejects.toMatchObject({ code: 'TABLE_NOT_FOUND' });
    await newTable(store);
    await expect(DeltaTable.open(store, { version: 9 })).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
    await expect(DeltaTable.open(store, { timestamp: 'yesterday' })).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('a snapshot stays as it was, and a verb gives the next one', async () => {
    const table = await opened();
    const { table: next, metrics } = await table.append([{ id: 4n, v: 'd' }]);
    expect(metrics).toMatchObject({ numFiles: '1', numOutputRows: '1' });
    expect([table.version, next.version]).toEqual([1, 2]);
    expect(await table.toRows()).toHaveLength(3);
    expect(await next.toRows()).toHaveLength(4);
    expect(next.files().map(({ rows, deletedRows }) => [rows, deletedRows])).toEqual([
      [3, 0],
      [1, 0],
    ]);
    const again = await table.append(idV([5, 'e']));
    expect(again.table.version).toBe(3);
  });

  test('opens by version and by moment', async () => {
    const url = join(folder, 'moments');
    let snapshot = await newTable(localStore(url));
    ({ snapshot } = await append(snapshot, [idV([1, 'a'])], { signal: never }));
    expect((await DeltaTable.open(url, { version: 0 })).version).toBe(0);
    const latest = await DeltaTable.open(url);
    const committed = (await latest.history({ limit: 1 }))[0]?.timestamp ?? '';
    expect((await DeltaTable.open(url, { timestamp: committed })).version).toBe(1);
    expect((await DeltaTable.open(url, { timestamp: new Date(committed) })).version).toBe(1);
    for (const timestamp of [
      '1999-01-01',
      new Date(new Date(committed).getTime() + 1),
      '2200-01-01T00:00:00Z',
    ]) {
      await expect(DeltaTable.open(url, { timestamp })).rejects.toMatchObject({
        code: 'VERSION_NOT_FOUND',
        context: { earliest: 0, latest: 1 },
      });
    }
  });

  test('gives the change feed by version or moment', async () => {
    const table = await opened();
    const { table: next } = await table.append([{ id: 4n }]);
    const count = async (from: Parameters<DeltaTable['changes']>[0]): Promise<number> => {
      let rows = 0;
      for await (const batch of next.changes(from)) rows += batch.numRows;
      return rows;
    };
    expect(await count({ from: { version: 0 } })).toBe(4);
    expect(await count({ from: { version: 2 } })).toBe(1);
    expect(await count({ from: { version: 0 }, to: { version: 1 } })).toBe(3);
    expect(await count({ from: { timestamp: '2020-01-01' } })).toBe(4);
    await expect(count({ from: { timestamp: '2200-01-01' } })).rejects.toMatchObject({
      code: 'VERSION_NOT_FOUND',
    });
  });

  const everyType = struct([
    field('long', LONG),
    field('int', INTEGER),
    field('double', DOUBLE),
    field('bool', BOOLEAN),
    field('text', STRING),
    field('bytes', BINARY),
    field('dec', decimal(20, 3)),
    field('day', DATE),
    field('at', TIMESTAMP),
    field('wall', TIMESTAMP_NTZ),
    field('list', array(LONG)),
    field('pairs', map(STRING, INTEGER)),
    field('inner', struct([field('a', LONG), field('b', array(decimal(4, 2)))])),
  ]);

  test('rows go in and come out as objects without losing a digit', async () => {
    const store = memoryStore();
    await newTable(store, { schema: everyType });
    const row: PlainRow = {
      long: 9223372036854775807n,
      int: -5,
      double: 0.1,
      bool: true,
      text: 'ä😀',
      bytes: Uint8Array.of(0, 255),
      dec: '12345678901234567.890',
      day: '2026-01-31',
      at: '2026-01-31T10:00:00.123456Z',
      wall: '2026-01-31T10:00:00.000000',
      list: [1n, null, -1n],
      pairs: [
        ['x', 1],
        ['y', null],
      ],
      inner: { a: 1n, b: ['1.50', null] },
    };
    const nulls = Object.fromEntries(everyType.fields.map(({ name }) => [name, null]));
    const { table } = await (await DeltaTable.open(store)).append([row, {}]);
    expect(await table.toRows()).toEqual([row, nulls]);
  });

  test('takes looser values than it gives, and refuses what would lose something', async () => {
    const store = memoryStore();
    await newTable(store, { schema: everyType });
    const table = await DeltaTable.open(store);
    const loose = {
      long: '42',
      int: 7n,
      dec: 1.5,
      day: new Date('2026-01-31T23:59:59Z'),
      at: '2026-01-31 10:00:00+02:00',
      pairs: new Map([['k', 1]]),
    };
    const { table: next } = await table.append([loose]);
    expect(await next.toRows({ columns: ['long', 'int', 'dec', 'day', 'at', 'pairs'] })).toEqual([
      {
        long: 42n,
        int: 7,
        dec: '1.500',
        day: '2026-01-31',
        at: '2026-01-31T08:00:00.000000Z',
        pairs: [['k', 1]],
      },
    ]);
    const refused: PlainRow[] = [
      { long: 1.5 },
      { long: 2 ** 60 },
      { long: 2n ** 63n },
      { int: 2 ** 31 },
      { dec: '1.2345' },
      { dec: '123456789012345678' },
      { text: 1 },
      { day: '2026-02-30' },
      { inner: { c: 1n } },
      { nope: 1 },
    ];
    for (const row of refused) {
      await expect(table.append([row])).rejects.toMatchObject({
        code: 'SCHEMA_MISMATCH',
      });
    }
  });

  test('appends record batches and streams, and refuses columns that are not there', async () => {
    const table = await opened();
    const rows = idV([7, 'g'], [8, 'h']);
    const batch = must(rows.batches[0], 'a batch');
    async function* stream(): AsyncGenerator<typeof batch | PlainRow | typeof rows> {
      yield batch;
      yield { id: 9n, v: 'i' };
      yield rows;
    }
    const { table: next } = await table.append(stream());
    expect((await next.toRows({ where: 'id >= 7' })).map(({ id }) => id)).toEqual([7n, 8n, 9n, 7n, 8n]);
    const other = new TableBuilder(struct([field('other', LONG)])).finish();
    await expect(table.append(other)).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH' });
  });

  test('an append of rows that a new schema overtook is a conflict', async () => {
    const store = memoryStore();
    const snapshot = await newTable(store);
    const table = await DeltaTable.open(store);
    const schema = struct([...snapshot.schema.fields, field('more', LONG)]);
    const { actions } = alterTableActions(snapshot, { schema });
    await commitActions(snapshot, 'ADD COLUMNS', () => actions);
    await expect(table.append([{ id: 1n }])).rejects.toMatchObject({ code: 'CONFLICT', retry: 'safe' });
  });

  test('history comes in the shape of DESCRIBE HISTORY, latest first', async () => {
    const table = await opened();
    const { table: next } = await table.append([{ id: 4n }]);
    const [latest, ...others] = await next.history();
    expect(others.map(({ version, operation }) => [version, operation])).toEqual([
      [1, 'WRITE'],
      [0, 'CREATE TABLE'],
    ]);
    expect(latest).toMatchObject({
      version: 2,
      operation: 'WRITE',
      operationParameters: { mode: 'Append', partitionBy: '[]' },
      readVersion: 1,
      isolationLevel: 'Serializable',
      isBlindAppend: true,
      operationMetrics: { numFiles: '1', numOutputRows: '1' },
      userId: null,
    });
    expect(latest?.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(await next.history({ limit: 1 })).toEqual([latest]);
    expect(await table.history()).toHaveLength(2);
  });

  test('history makes text of what other engines wrote as numbers and objects', async () => {
    const store = memoryStore();
    const snapshot = await newTable(store);
    const txnId = 'foreign';
    const info = {
      timestamp: 1,
      operation: 'MERGE',
      operationParameters: { n: 5, b: false, list: ['a'], none: null, s: 'x' },
      operationMetrics: { num_output_rows: 3, execution_time_ms: 9007199254740993n },
      txnId,
    };
    await commit(snapshot, store, {
      readVersion: 0,
      txnId,
      signal: never,
      actions: () => [{ kind: 'commitInfo', commitInfo: info }],
      reconcile: () => Promise.resolve({ conflict: '' }),
    });
    const [entry] = await (await DeltaTable.open(store)).history({ limit: 1 });
    expect(entry?.operationParameters).toEqual({ n: '5', b: 'false', list: '["a"]', s: 'x' });
    expect(entry?.operationMetrics).toEqual({
      num_output_rows: '3',
      execution_time_ms: '9007199254740993',
    });
  });

  /** What `detail` says, less what names the place and the time. */
  async function detailOf(url: string): Promise<object> {
    const { format, id, name, description, location, createdAt, lastModified, ...rest } = await (
      await DeltaTable.open(url)
    ).detail();
    expect([format, location.endsWith('/delta')]).toEqual(['delta', true]);
    expect([typeof id, typeof lastModified]).toEqual(['string', 'string']);
    expect([name, description, createdAt].every((text) => text === null || text.length > 0)).toBe(true);
    return rest;
  }

  test.each(['cdf-all-operations', 'cdf-enabled-late'])('detail of %s is as Spark says', async (name) => {
    const { detail } = JSON.parse(readFileSync(join(COPIED, name, 'meta.json'), 'utf8'));
    expect(await detailOf(join(COPIED, name, 'delta'))).toEqual(detail);
  });

  test.runIf(existsSync(FIXTURES))('detail of every table that Spark wrote is as Spark says', async () => {
    for (const name of readdirSync(join(FIXTURES, 'spark'))) {
      const meta = join(FIXTURES, 'spark', name, 'meta.json');
      if (!existsSync(meta)) continue;
      const { kind, detail } = JSON.parse(readFileSync(meta, 'utf8'));
      if (kind !== 'read' || detail === undefined || name === 'shallow-clone') continue;
      expect.soft(await detailOf(join(FIXTURES, 'spark', name, 'delta')), name).toEqual(detail);
    }
  });
});
