import { mkdtempSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { must } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { structOf } from '../../src/columnar/arrow.js';
import { alterTableActions } from '../../src/operations/alter.js';
import { append } from '../../src/operations/append.js';
import { readChanges } from '../../src/operations/change-feed.js';
import { DeltaTable } from '../../src/operations/delta-table.js';
import { changeFeed } from '../../src/source/feed/change-feed.js';
import { removalOf } from '../../src/protocol/file-actions.js';
import { commitKey } from '../../src/protocol/log-files.js';
import { formatSchemaString } from '../../src/schema/schema-string.js';
import {
  DATE,
  DOUBLE,
  INTEGER,
  LONG,
  STRING,
  TIMESTAMP_NTZ,
  array,
  decimal,
  field,
  struct,
} from '../../src/schema/build.js';
import type { StructField, StructType, Value } from '../../src/schema/types.js';
import { localStore } from '../../src/storage/local.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { openSnapshot, type Snapshot } from '../../src/table/snapshot.js';
import { writeDataFiles } from '../../src/table/data-files.js';
import { perform } from './histories.js';
import { appended } from './merging.js';
import { commitActions, idV, newTable, rowsTable, text } from './tables.js';

/** Another schema, partitioning and properties without any check, as `overwriteSchema` gives a table. */
function redefined(
  snapshot: Snapshot,
  schema: StructType,
  partitionColumns: readonly string[] = [],
): Promise<Snapshot> {
  const { metadata } = snapshot.state;
  const metaData = { ...metadata, schemaString: formatSchemaString(schema), partitionColumns };
  return commitActions(snapshot, 'REPLACE TABLE', () => [{ kind: 'metaData', metaData }]);
}

async function told(store: ObjectStore, from: number, to?: number): Promise<string[]> {
  const lines: string[] = [];
  const range = { from, signal: never, ...(to === undefined ? {} : { to }) };
  for await (const batch of readChanges(store, range)) {
    for (const values of rowsOf(batch, structOf(batch.schema))) {
      lines.push(values.slice(0, -1).map(cell).join(' '));
    }
  }
  return lines;
}

/** A cell as text, integers of any size in lists and objects among it. */
function cell(value: Value): string {
  if (value === null || typeof value !== 'object') return text(value);
  return JSON.stringify(value, (_, one: unknown) => (typeof one === 'bigint' ? String(one) : one));
}

const id = field('id', LONG);

/** What a range says when its first version has the column `before` and its last one `after`. */
async function across(
  before: readonly StructField[],
  after: readonly StructField[],
  value: Value = null,
): Promise<unknown> {
  let snapshot = await newTable(memoryStore(), { schema: struct([id, ...before]) });
  const row = [1n, ...before.map(() => value)];
  ({ snapshot } = await append(snapshot, [rowsTable(snapshot.schema, [row])], { signal: never }));
  snapshot = await redefined(snapshot, struct([id, ...after]));
  return told(snapshot.store, 0).catch((cause: unknown) => cause);
}

describe('a schema that changes inside a range', () => {
  const SHOWN: readonly (readonly [string, StructField[], StructField[], Value, string])[] = [
    ['a new column', [], [field('c', LONG)], null, 'null'],
    ['a wider integer', [field('c', INTEGER)], [field('c', LONG)], 5, '5'],
    ['an integer as a decimal', [field('c', INTEGER)], [field('c', decimal(12, 2))], 5, '500'],
    ['an integer as a double', [field('c', INTEGER)], [field('c', DOUBLE)], 5, '5'],
    ['a wider decimal', [field('c', decimal(8, 2))], [field('c', decimal(12, 4))], 125n, '12500'],
    ['a date with a time', [field('c', DATE)], [field('c', TIMESTAMP_NTZ)], 1, '86400000000'],
    [
      'a field in a struct',
      [field('c', struct([field('a', LONG)]))],
      [field('c', struct([field('a', LONG), field('b', STRING)]))],
      { a: 1n },
      '{"a":"1","b":null}',
    ],
    ['a wider element', [field('c', array(INTEGER))], [field('c', array(LONG))], [7], '["7"]'],
  ];
  test.each(SHOWN)('is shown as it is at the end: %s', async (_, before, after, value, shown) => {
    expect(await across(before, after, value)).toEqual([`1 ${shown} insert 1`]);
  });

  test.each([
    ['dropped', [field('c', LONG)], [], 'column c is dropped'],
    ['renamed without mapping', [field('c', LONG)], [field('d', LONG)], 'column c is dropped'],
    ['of another type', [field('c', LONG)], [field('c', STRING)], 'column c changes from bigint to string'],
    ['narrower', [field('c', LONG)], [field('c', INTEGER)], 'column c changes from bigint to int'],
    ['lossy', [field('c', LONG)], [field('c', DOUBLE)], 'column c changes from bigint to double'],
    [
      'too short',
      [field('c', LONG)],
      [field('c', decimal(18, 0))],
      'column c changes from bigint to decimal(18,0)',
    ],
    ['not null any more', [field('c', LONG)], [field('c', LONG, false)], 'column c may not be null any more'],
    ['new and not null', [], [field('c', LONG, false)], 'column c is new and may not be null'],
    [
      'of a struct dropped',
      [field('c', struct([field('a', LONG), field('b', LONG)]))],
      [field('c', struct([field('a', LONG)]))],
      'column c.b is dropped',
    ],
  ] satisfies readonly (readonly [string, StructField[], StructField[], string])[])(
    'is refused by the version that changes it: a column %s',
    async (_, before, after, why) => {
      const failure = await across(before, after);
      expect(failure).toMatchObject({ code: 'SCHEMA_CHANGED', context: { version: 2 } });
      expect(String(failure)).toContain(why);
    },
  );

  test('names the last version that stands in the way, and the ranges on both sides of it are read', async () => {
    let snapshot = await newTable(memoryStore(), { schema: struct([id, field('a', LONG)]) });
    const put = async (...row: readonly (bigint | string | null)[]) => {
      ({ snapshot } = await append(snapshot, [rowsTable(snapshot.schema, [row])], { signal: never }));
    };
    await put(1n, 1n);
    snapshot = await redefined(snapshot, struct([id, field('a', STRING)]));
    snapshot = await redefined(snapshot, struct([id, field('a', STRING), field('b', LONG)]));
    const failure = await told(snapshot.store, 0).catch((cause: unknown) => cause);
    expect(failure).toMatchObject({
      code: 'SCHEMA_CHANGED',
      context: { version: 2 },
      hint: 'read the changes up to version 1, then those from version 2 on',
    });
    expect(await told(snapshot.store, 0, 1)).toEqual(['1 1 insert 1']);
    expect(await told(snapshot.store, 2)).toEqual([]);
  });

  test('rows that lay under the schema before are not shown cut by the version that takes them out', async () => {
    let snapshot = await appended(await newTable(memoryStore()), idV([1, 'a']));
    const [file] = snapshot.files;
    const schema = struct([id, field('n', LONG)]);
    const { metadata } = snapshot.state;
    const metaData = { ...metadata, schemaString: formatSchemaString(schema) };
    const layout = { ...snapshot.layout, schema };
    const adds = await writeDataFiles(snapshot.store, rowsTable(schema, [[1n, 5n]]), {
      layout,
      signal: never,
    });
    snapshot = await commitActions(snapshot, 'WRITE', (nowMs) => [
      { kind: 'metaData', metaData },
      { kind: 'remove', remove: removalOf(must(file, 'a file'), { deletionTimestamp: nowMs }) },
      ...adds.map((add) => ({ kind: 'add' as const, add })),
    ]);
    snapshot = await perform(snapshot, { kind: 'note' });
    const refused = { code: 'SCHEMA_CHANGED', context: { version: 2 } };
    for (const from of [0, 1, 2]) await expect(told(snapshot.store, from)).rejects.toMatchObject(refused);
    expect(await told(snapshot.store, 3)).toEqual([]);
    const feed = changeFeed(snapshot.store, { from: { version: 2 }, follow: false })[Symbol.asyncIterator]();
    await expect(feed.next()).rejects.toMatchObject({
      ...refused,
      hint: expect.stringContaining('version 3'),
    });
  });

  test('a column that is renamed under column mapping has its new name in all rows, partition columns too', async () => {
    const schema = struct([id, field('part', STRING), field('v', STRING)]);
    let snapshot = await newTable(memoryStore(), {
      schema,
      partitionBy: ['part'],
      properties: { 'delta.columnMapping.mode': 'name' },
    });
    const put = async (...row: readonly [bigint, string, string]) => {
      ({ snapshot } = await append(snapshot, [rowsTable(snapshot.schema, [row])], { signal: never }));
    };
    await put(1n, 'x', 'a');
    const [file] = snapshot.files;
    const names: Readonly<Record<string, string>> = { part: 'region', v: 'value' };
    const fields = snapshot.schema.fields.map((one) => ({ ...one, name: names[one.name] ?? one.name }));
    snapshot = await redefined(snapshot, struct(fields), ['region']);
    await put(2n, 'y', 'b');
    snapshot = await commitActions(snapshot, 'DELETE', (nowMs) => [
      { kind: 'remove', remove: removalOf(must(file, 'a file'), { deletionTimestamp: nowMs }) },
    ]);
    expect(await told(snapshot.store, 0)).toEqual(['1 x a insert 1', '2 y b insert 3', '1 x a delete 4']);
    // A subscriber was given rows under the old names: it is told.
    const batches = changeFeed(snapshot.store, { from: { version: 0 }, follow: false })[
      Symbol.asyncIterator
    ]();
    await (await batches.next()).value?.ack();
    await expect(batches.next()).rejects.toMatchObject({ code: 'SCHEMA_CHANGED', context: { version: 2 } });
  });

  test('a table that is partitioned anew is refused across the change', async () => {
    let snapshot = await appended(await newTable(memoryStore()), idV([1, 'a']));
    snapshot = await redefined(snapshot, snapshot.schema, ['v']);
    const failure = await told(snapshot.store, 0).catch((cause: unknown) => cause);
    expect(failure).toMatchObject({ code: 'SCHEMA_CHANGED', context: { version: 2 } });
  });
});

describe('what is gone', () => {
  test('versions that the log does not hold are refused with those that it does', async () => {
    const { store } = await appended(await newTable(memoryStore()), idV([1, 'a']), idV([2, 'b']));
    const context = { earliest: 0, latest: 2 };
    await expect(told(store, 3)).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND', context });
    await expect(told(store, 0, 3)).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND', context });
  });

  test('files that VACUUM took are refused with the first version whose changes are whole', async () => {
    let snapshot = await appended(await newTable(memoryStore()), idV([1, 'a']), idV([2, 'b']), idV([3, 'c']));
    const { store } = snapshot;
    snapshot = await perform(snapshot, { kind: 'merge', put: [1], drop: [] });
    const before = await openSnapshot(store, { signal: never, version: 2 });
    for (const { path } of before.files) await store.delete(path, { signal: never });
    await expect(told(store, 0)).rejects.toMatchObject({
      code: 'FEED_UNAVAILABLE',
      context: { version: 1, earliest: 3, latest: 4, file: expect.stringContaining('part-') },
    });
    expect((await told(store, 3)).length).toBe(3);
    for await (const { key } of store.list('_change_data/', { signal: never })) {
      await store.delete(key, { signal: never });
    }
    await expect(told(store, 3)).rejects.toMatchObject({
      code: 'FEED_UNAVAILABLE',
      context: { version: 4, earliest: undefined, latest: 4 },
    });
  });

  test('the feed’s first version is the one from which on it is on', async () => {
    let snapshot = await newTable(memoryStore(), { properties: { 'delta.enableChangeDataFeed': 'false' } });
    snapshot = await appended(snapshot, idV([1, 'a']));
    const refused = { code: 'FEED_UNAVAILABLE', context: { version: 0, earliest: undefined } };
    await expect(told(snapshot.store, 0, 1)).rejects.toMatchObject(refused);
    const { actions } = alterTableActions(snapshot, { set: { 'delta.enableChangeDataFeed': 'true' } });
    snapshot = await commitActions(snapshot, 'SET TBLPROPERTIES', () => actions);
    snapshot = await appended(snapshot, idV([2, 'b']));
    const now = { code: 'FEED_UNAVAILABLE', context: { version: 0, earliest: 2 } };
    await expect(told(snapshot.store, 0, 1)).rejects.toMatchObject(now);
    expect(await told(snapshot.store, 2)).toEqual(['2 b insert 3']);
  });
});

describe('commit times', () => {
  test('are those of the files made to increase, then in-commit timestamps, in feed and time travel alike', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-times-'));
    try {
      const store = localStore(folder);
      let snapshot = await appended(await newTable(store), idV([1, 'a']), idV([2, 'b']), idV([3, 'c']));
      // Version 2's file seems older than that of version 1, as after a copy.
      const seconds = [1_000, 3_000, 2_000, 4_000];
      for (const [version, at] of seconds.entries()) utimesSync(join(folder, commitKey(version)), at, at);
      snapshot = await openSnapshot(store, { signal: never });
      const { actions } = alterTableActions(snapshot, {
        set: { 'delta.enableInCommitTimestamps': 'true' },
        features: ['inCommitTimestamp'],
      });
      snapshot = await commitActions(snapshot, 'SET TBLPROPERTIES', () => actions);
      const enabledAt = snapshot.commitTimestampMs;
      snapshot = await appended(snapshot, idV([5, 'e']));
      const lastAt = snapshot.commitTimestampMs;
      expect(lastAt).toBeGreaterThan(enabledAt);
      // Times of files do not count any more.
      for (const version of [4, 5]) utimesSync(join(folder, commitKey(version)), 9_000, 9_000);
      const times: Record<string, number> = {};
      for await (const batch of readChanges(store, { from: 0, signal: never })) {
        for (const [, , , version, at] of rowsOf(batch, structOf(batch.schema))) {
          times[text(version)] = Number(at) / 1000;
        }
      }
      expect(times).toEqual({ 1: 3_000_000, 2: 3_000_001, 3: 4_000_000, 5: lastAt });
      const asOf = async (ms: number) => (await DeltaTable.open(store, { timestamp: new Date(ms) })).version;
      expect(await asOf(1_000_000)).toBe(0);
      expect(await asOf(2_999_999)).toBe(0);
      expect(await asOf(3_000_000)).toBe(1);
      expect(await asOf(3_000_001)).toBe(2);
      expect(await asOf(enabledAt - 1)).toBe(3);
      expect(await asOf(enabledAt)).toBe(4);
      expect(await asOf(lastAt)).toBe(5);
      const outside = { code: 'VERSION_NOT_FOUND', context: { earliest: 0, latest: 5 } };
      await expect(asOf(lastAt + 1)).rejects.toMatchObject(outside);
      await expect(asOf(999_999)).rejects.toMatchObject(outside);
      const table = await DeltaTable.open(store);
      const counted = async (from: number, to: number) => {
        let rows = 0;
        const range = { from: { timestamp: new Date(from) }, to: { timestamp: new Date(to) } };
        for await (const batch of table.changes(range)) rows += batch.numRows;
        return rows;
      };
      expect(await counted(3_000_000, 3_000_001)).toBe(2);
      expect(await counted(3_000_001, enabledAt)).toBe(2);
      expect(await counted(3_000_002, lastAt + 1)).toBe(2);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
