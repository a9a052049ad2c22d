import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { never } from '../../src/base/signals.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { writeParquet } from '../../src/columnar/parquet.js';
import type { ArrowTable } from '../../src/columnar/arrow.js';
import { keyProbe } from '../../src/operations/merge/key-probe.js';
import { locateInFiles } from '../../src/operations/merge/probe-files.js';
import { KeySetBuilder } from '../../src/operations/merge/key-set.js';
import { locateEqualRows, rowTexts } from '../../src/operations/merge/locate-equal.js';
import { locateRows } from '../../src/operations/merge/locate.js';
import { readRows } from '../../src/operations/merge/read-rows.js';
import type { LocatedRows, RowPlaces } from '../../src/operations/merge/rows.js';
import { stageRowChanges, type MergeStrategy } from '../../src/operations/merge/stage.js';
import { stageTruncate } from '../../src/operations/merge/truncate.js';
import { append } from '../../src/operations/append.js';
import { readChanges } from '../../src/operations/change-feed.js';
import { DATE, DOUBLE, LONG, STRING, decimal, field, struct } from '../../src/schema/build.js';
import { joinKey, keyPart } from '../../src/schema/key-text.js';
import type { StructField, Value } from '../../src/schema/types.js';
import { localStore } from '../../src/storage/local.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import type { Snapshot } from '../../src/table/snapshot.js';
import { openSnapshot } from '../../src/table/snapshot.js';
import { readCommit } from '../../src/table/log.js';
import { ID_V, commitActions, idV, idVs, liveRows, mustCommit, newTable, rowsTable, text } from './tables.js';

const ID = field('id', LONG);

function keysOf(columns: readonly StructField[], keys: readonly (readonly Value[])[]): KeySetBuilder {
  const set = new KeySetBuilder(columns);
  for (const values of keys) {
    set.add(joinKey(columns.map((column, i) => keyPart(column.type, values[i] ?? null))), values);
  }
  return set;
}

function ids(...keys: readonly number[]): KeySetBuilder {
  return keysOf(
    [ID],
    keys.map((key) => [BigInt(key)]),
  );
}

async function locateIds(snapshot: Snapshot, ...keys: readonly number[]): Promise<LocatedRows> {
  return locateRows(snapshot, { keyColumns: ['id'], keys: ids(...keys), extra: ['v'], signal: never });
}

async function appended(snapshot: Snapshot, ...tables: readonly ReturnType<typeof idV>[]): Promise<Snapshot> {
  let at = snapshot;
  for (const rows of tables) ({ snapshot: at } = await append(at, [rows], { signal: never }));
  return at;
}

/** Updates, deletes and inserts by id in one commit, as a sink does. */
async function mergeIds(
  snapshot: Snapshot,
  change: { readonly put?: readonly (readonly [number, string])[]; readonly drop?: readonly number[] },
  strategy: MergeStrategy = 'merge-on-read',
): Promise<Snapshot> {
  const { put = [], drop = [] } = change;
  const found = await locateIds(snapshot, ...put.map(([id]) => id), ...drop);
  const standing = new Set(found.key);
  const dropped = new Set(drop.map(String));
  const pick = (wanted: (key: string) => boolean): RowPlaces => {
    const kept = found.key.flatMap((key, i) => (wanted(key) ? [i] : []));
    return {
      files: found.files,
      file: kept.map((i) => found.file[i] ?? -1),
      ordinal: kept.map((i) => found.ordinal[i] ?? -1),
    };
  };
  const read = (wanted: (key: string) => boolean) => readRows(snapshot, pick(wanted), { signal: never });
  const updated = put.filter(([id]) => standing.has(String(id)));
  const inserted = put.filter(([id]) => !standing.has(String(id)));
  const staged = await stageRowChanges({
    snapshot,
    removed: found,
    inserted: idV(...put),
    changes: {
      before: await read((key) => !dropped.has(key)),
      after: idV(...updated),
      deleted: await read((key) => dropped.has(key)),
      inserted: idV(...inserted),
    },
    counts: {
      source: put.length + drop.length,
      inserted: inserted.length,
      updated: updated.length,
      deleted: found.count - updated.length,
    },
    strategy,
    alwaysStats: ['id'],
    signal: never,
  });
  return mustCommit(snapshot, staged);
}

async function feedOf(store: ObjectStore, version: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const batch of readChanges(store, { from: version, to: version, signal: never })) {
    const columns = struct([...ID_V.fields, field('_change_type', STRING)]);
    for (const [id, v, type] of rowsOf(batch, columns)) lines.push(`${text(type)} ${text(id)}=${text(v)}`);
  }
  return lines.sort();
}

describe('locateRows', () => {
  test('finds live rows by an integer key in every file, with their extra columns', async () => {
    const store = memoryStore();
    const snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b']), idV([3, 'c'], [1, 'd']));
    const found = await locateIds(snapshot, 1, 3, 9);
    expect(found.key).toEqual(['1', '3', '1']);
    expect([...found.file]).toEqual([0, 1, 1]);
    expect([...found.ordinal]).toEqual([0, 0, 1]);
    expect(found.extra).toEqual([['a', 'c', 'd']]);
  });

  test('leaves out rows that a deletion vector names', async () => {
    const store = memoryStore();
    let snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b'], [3, 'c']));
    snapshot = await mergeIds(snapshot, { drop: [2] });
    const found = await locateIds(snapshot, 1, 2, 3);
    expect(found.key).toEqual(['1', '3']);
    expect([...found.ordinal]).toEqual([0, 2]);
  });

  test('does not open files whose stats rule the keys out', async () => {
    const store = memoryStore();
    const snapshot = await appended(
      await newTable(store),
      idV([1, 'a'], [9, 'b']),
      idV([10, 'c'], [19, 'd']),
    );
    const [first, second] = [...snapshot.files];
    await store.delete(first?.path ?? '', { signal: never });
    expect((await locateIds(snapshot, 12, 19)).key).toEqual(['19']);
    await expect(locateIds(snapshot, 5)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await store.delete(second?.path ?? '', { signal: never });
    expect((await locateIds(snapshot, 100, 0, -5)).count).toBe(0);
  });

  test('tests single keys between the bounds of a batch against each file', async () => {
    const store = memoryStore();
    const snapshot = await appended(
      await newTable(store),
      idV([10, 'a'], [20, 'b']),
      idV([30, 'c'], [40, 'd']),
    );
    for (const add of snapshot.files) await store.delete(add.path, { signal: never });
    expect((await locateIds(snapshot, 1, 25, 50)).count).toBe(0);
  });

  test('long keys beyond 2^53 are told apart', async () => {
    const big = 2n ** 53n;
    const store = memoryStore();
    const rows = rowsTable(ID_V, [
      [big, 'even'],
      [big + 1n, 'odd'],
      [-big - 1n, 'low'],
      [-1n, 'minus one'],
    ]);
    const snapshot = await appended(await newTable(store), rows);
    const keys = keysOf([ID], [[big + 1n], [-big - 1n], [-1n]]);
    const found = await locateRows(snapshot, { keyColumns: ['id'], keys, extra: ['v'], signal: never });
    expect(found.extra).toEqual([['odd', 'low', 'minus one']]);
  });

  test('finds keys of several columns, parts of them partition columns', async () => {
    const schema = struct([
      field('region', STRING),
      field('n', decimal(10, 2)),
      field('day', DATE),
      field('v', STRING),
    ]);
    const store = memoryStore();
    let snapshot = await newTable(store, { schema, partitionBy: ['region'] });
    const rows = rowsTable(schema, [
      ['EU/1', 100n, 10, 'a'],
      ['EU/1', 200n, 10, 'b'],
      ['US', 100n, 10, 'c'],
      ['US', null, 10, 'null key'],
      [null, 100n, 10, 'no region'],
    ]);
    ({ snapshot } = await append(snapshot, [rows], { signal: never }));
    const columns = schema.fields.slice(0, 3);
    const keys = keysOf(columns, [
      ['US', 100n, 10],
      ['EU/1', 200n, 10],
      ['EU/1', 300n, 10],
    ]);
    const options = { keyColumns: ['region', 'n', 'day'], keys, extra: ['v'], signal: never };
    const found = await locateRows(snapshot, options);
    expect(found.extra[0]?.toSorted()).toEqual(['b', 'c']);
  });

  test('names a key column that the table does not have', async () => {
    const snapshot = await newTable(memoryStore());
    await expect(
      locateRows(snapshot, { keyColumns: ['nope'], keys: ids(1), signal: never }),
    ).rejects.toMatchObject({ code: 'SCHEMA_MISMATCH', context: { column: 'nope' } });
  });
});

describe('locateEqualRows', () => {
  const schema = struct([
    field('a', LONG),
    field('b', DOUBLE),
    field('c', STRING),
    field('__position', STRING),
  ]);
  const columns = ['a', 'b', 'c'];

  async function table(): Promise<Snapshot> {
    const snapshot = await newTable(memoryStore(), { schema });
    const rows = rowsTable(schema, [
      [1n, 1.5, 'x', 'p1'],
      [1n, 1.5, 'x', 'p2'],
      [1n, 1.5, null, 'p3'],
      [2n, NaN, 'x', 'p4'],
      [1n, 1.5, 'x', 'p5'],
    ]);
    return (await append(snapshot, [rows], { signal: never })).snapshot;
  }

  async function find(images: readonly (readonly Value[])[]): Promise<readonly Value[] | undefined> {
    const snapshot = await table();
    const rows = rowsTable(
      schema,
      images.map((image) => [...image, null]),
    );
    const found = await locateEqualRows(snapshot, { rows, columns, extra: ['__position'], signal: never });
    const text = rowTexts(rows, schema.fields.slice(0, 3));
    const texts = new Set(images.map((_, i) => text(i)));
    expect(found.key.every((key) => texts.has(key))).toBe(true);
    return found.extra[0];
  }

  test('finds an image as often as it is given, in file order', async () => {
    expect(await find([[1n, 1.5, 'x']])).toEqual(['p1']);
    expect(
      await find([
        [1n, 1.5, 'x'],
        [1n, 1.5, 'x'],
      ]),
    ).toEqual(['p1', 'p2']);
  });

  test('null equals null and NaN equals NaN, and nothing else', async () => {
    expect(
      await find([
        [1n, 1.5, null],
        [2n, NaN, 'x'],
      ]),
    ).toEqual(['p3', 'p4']);
    expect(await find([[3n, 1.5, 'x']])).toEqual([]);
    expect(await find([[1n, 1.25, 'x']])).toEqual([]);
  });
});

describe('readRows', () => {
  test('gives rows in the order asked, across files, repetitions included', async () => {
    const snapshot = await appended(
      await newTable(memoryStore()),
      idV([1, 'a'], [2, 'b']),
      idV([3, 'c'], [4, 'd']),
    );
    const files = [...snapshot.files];
    const rows = await readRows(
      snapshot,
      { files, file: [1, 0, 1, 0, 1], ordinal: [1, 0, 0, 1, 1] },
      { columns: ['v'], signal: never },
    );
    expect([...rowsOf(rows, struct([field('v', STRING)]))].flat()).toEqual(['d', 'a', 'c', 'b', 'd']);
  });

  test('no places give an empty table with the columns', async () => {
    const snapshot = await newTable(memoryStore());
    const rows = await readRows(snapshot, { files: [], file: [], ordinal: [] }, { signal: never });
    expect(rows.numRows).toBe(0);
    expect(rows.schema.fields.map(({ name }) => name)).toEqual(['id', 'v']);
  });
});

describe.each(['merge-on-read', 'copy-on-write'] as const)('stageRowChanges %s', (strategy) => {
  test('updates, deletes and inserts leave the right rows and the right feed', async () => {
    const store = memoryStore();
    let snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b'], [3, 'c']), idV([4, 'd']));
    snapshot = await mergeIds(
      snapshot,
      {
        put: [
          [1, 'A'],
          [5, 'e'],
        ],
        drop: [3, 4],
      },
      strategy,
    );
    const reopened = await openSnapshot(store, { signal: never });
    expect(await idVs(reopened)).toEqual(['1=A', '2=b', '5=e']);
    expect(await idVs(snapshot)).toEqual(['1=A', '2=b', '5=e']);
    expect(await feedOf(store, snapshot.version)).toEqual([
      'delete 3=c',
      'delete 4=d',
      'insert 5=e',
      'update_postimage 1=A',
      'update_preimage 1=a',
    ]);
  });

  test('a file with no row left is only removed', async () => {
    const store = memoryStore();
    let snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b']));
    snapshot = await mergeIds(snapshot, { drop: [1] }, strategy);
    snapshot = await mergeIds(snapshot, { drop: [2] }, strategy);
    expect(snapshot.files.size).toBe(0);
    const actions = (await readCommit(store, snapshot.version, { signal: never }))?.actions ?? [];
    expect(actions.map(({ kind }) => kind)).toEqual(['commitInfo', 'remove', 'cdc']);
  });

  test('R28: a commit of plain inserts writes no change file; one update puts the inserts there too', async () => {
    const store = memoryStore();
    let snapshot = await mergeIds(
      await newTable(store),
      {
        put: [
          [1, 'a'],
          [2, 'b'],
        ],
      },
      strategy,
    );
    const plain = (await readCommit(store, snapshot.version, { signal: never }))?.actions ?? [];
    expect(plain.map(({ kind }) => kind)).toEqual(['commitInfo', 'add']);
    expect(await feedOf(store, snapshot.version)).toEqual(['insert 1=a', 'insert 2=b']);
    snapshot = await mergeIds(
      snapshot,
      {
        put: [
          [1, 'A'],
          [3, 'c'],
        ],
      },
      strategy,
    );
    expect(await feedOf(store, snapshot.version)).toEqual([
      'insert 3=c',
      'update_postimage 1=A',
      'update_preimage 1=a',
    ]);
  });

  test('a truncate has no change file, and its deletes are derived', async () => {
    const store = memoryStore();
    let snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b']), idV([3, 'c']));
    snapshot = await mergeIds(snapshot, { drop: [1] }, strategy);
    snapshot = await mustCommit(snapshot, await stageTruncate({ snapshot, strategy, signal: never }));
    const actions = (await readCommit(store, snapshot.version, { signal: never }))?.actions ?? [];
    expect(actions.map(({ kind }) => kind)).toEqual(['commitInfo', 'remove', 'remove']);
    expect(await idVs(snapshot)).toEqual([]);
    expect(await feedOf(store, snapshot.version)).toEqual(['delete 2=b', 'delete 3=c']);
  });

  test('R15: rows past the floor of a truncate stay', async () => {
    const store = memoryStore();
    let snapshot = await appended(
      await newTable(store),
      idV([1, 'a'], [2, 'b'], [3, 'z']),
      idV([4, 'z']),
      idV([5, 'c']),
    );
    const keep = { column: 'v', stays: (value: Value) => value === 'z' };
    const staged = await stageTruncate({ snapshot, keep, strategy, signal: never });
    snapshot = await mustCommit(snapshot, staged);
    expect(await idVs(snapshot)).toEqual(['3=z', '4=z']);
    const actions = (await readCommit(store, snapshot.version, { signal: never }))?.actions ?? [];
    expect(actions.some(({ kind }) => kind === 'cdc')).toBe(false);
    expect(staged.metrics['numTargetRowsDeleted']).toBe('3');
  });
});

describe('stageRowChanges', () => {
  test('the second deletion vector of a file holds the first, and the remove names the first', async () => {
    const store = memoryStore();
    let snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b'], [3, 'c'], [4, 'd']));
    snapshot = await mergeIds(snapshot, { drop: [1] });
    const first = [...snapshot.files][0];
    snapshot = await mergeIds(snapshot, { drop: [3] });
    const second = [...snapshot.files][0];
    expect(second?.deletionVector?.cardinality).toBe(2);
    expect(second?.path).toBe(first?.path);
    const actions = (await readCommit(store, snapshot.version, { signal: never }))?.actions ?? [];
    const remove = actions.find((action) => action.kind === 'remove')?.remove;
    expect(remove?.deletionVector).toEqual(first?.deletionVector);
    expect(remove?.extendedFileMetadata).toBe(true);
    const stats = JSON.parse(second?.stats ?? '{}');
    expect(stats).toMatchObject({ numRecords: 4, tightBounds: false, minValues: { id: 1 } });
  });

  test('all touched files share one deletion-vector file', async () => {
    const store = memoryStore();
    let snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b']), idV([3, 'c'], [4, 'd']));
    snapshot = await mergeIds(snapshot, { drop: [1, 3] });
    const vectors = [...snapshot.files].map(({ deletionVector }) => deletionVector);
    expect(new Set(vectors.map((vector) => vector?.pathOrInlineDv)).size).toBe(1);
    expect(new Set(vectors.map((vector) => vector?.offset)).size).toBe(2);
  });

  test('metrics bear the names and numbers of Delta Spark', async () => {
    const store = memoryStore();
    let snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b'], [3, 'c']), idV([4, 'd']));
    snapshot = await mergeIds(snapshot, {
      put: [
        [1, 'A'],
        [9, 'i'],
      ],
      drop: [4],
    });
    const info = (await readCommit(store, snapshot.version, { signal: never }))?.commitInfo;
    expect(info?.['operationMetrics']).toMatchObject({
      numSourceRows: '3',
      numTargetRowsInserted: '1',
      numTargetRowsUpdated: '1',
      numTargetRowsMatchedUpdated: '1',
      numTargetRowsDeleted: '1',
      numTargetRowsMatchedDeleted: '1',
      numTargetRowsCopied: '0',
      numOutputRows: '2',
      numTargetFilesAdded: '1',
      numTargetFilesRemoved: '1',
      numTargetChangeFilesAdded: '1',
      numTargetDeletionVectorsAdded: '1',
      numTargetDeletionVectorsRemoved: '0',
      numTargetDeletionVectorsUpdated: '0',
    });
  });

  test('images=inferred writes no change file: readers derive delete, then insert', async () => {
    const store = memoryStore();
    let snapshot = await appended(await newTable(store), idV([1, 'a'], [2, 'b']));
    const staged = await stageRowChanges({
      snapshot,
      removed: await locateIds(snapshot, 1),
      inserted: idV([1, 'A']),
      counts: { source: 1, inserted: 0, updated: 1, deleted: 0 },
      strategy: 'merge-on-read',
      signal: never,
    });
    snapshot = await mustCommit(snapshot, staged);
    expect(await feedOf(store, snapshot.version)).toEqual(['delete 1=a', 'insert 1=A']);
  });

  test('a table without a feed gets no change files', async () => {
    const store = memoryStore();
    const properties = { 'delta.enableChangeDataFeed': 'false' };
    let snapshot = await appended(await newTable(store, { properties }), idV([1, 'a']));
    snapshot = await mergeIds(snapshot, { put: [[1, 'A']] });
    const actions = (await readCommit(store, snapshot.version, { signal: never }))?.actions ?? [];
    expect(actions.map(({ kind }) => kind)).toEqual(['commitInfo', 'remove', 'add']);
  });

  test('rows are not taken out of a table that takes appends only, nor by vectors that are off', async () => {
    const appendOnly = await appended(
      await newTable(memoryStore(), { properties: { 'delta.appendOnly': 'true' } }),
      idV([1, 'a']),
    );
    await expect(mergeIds(appendOnly, { drop: [1] })).rejects.toMatchObject({ code: 'PROTOCOL_UNSUPPORTED' });
    const vectorsOff = await appended(
      await newTable(memoryStore(), { properties: { 'delta.enableDeletionVectors': 'false' } }),
      idV([1, 'a']),
    );
    await expect(mergeIds(vectorsOff, { drop: [1] })).rejects.toMatchObject({ code: 'PROTOCOL_UNSUPPORTED' });
    expect(await idVs(await mergeIds(vectorsOff, { drop: [1] }, 'copy-on-write'))).toEqual([]);
  });

  test('works on a local disk, partitioned and with mapped names', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-merge-'));
    try {
      const schema = struct([field('the id', LONG), field('country code', STRING), field('v', STRING)]);
      const store = localStore(folder);
      let snapshot = await newTable(store, { schema, partitionBy: ['country code'] });
      const rows = rowsTable(schema, [
        [1n, 'DE', 'a'],
        [2n, 'DE', 'b'],
        [3n, 'FR', 'c'],
      ]);
      ({ snapshot } = await append(snapshot, [rows], { signal: never }));
      const keys = keysOf([schema.fields[0] ?? ID], [[2n], [3n]]);
      const removed = await locateRows(snapshot, { keyColumns: ['the id'], keys, signal: never });
      const deleted = await readRows(snapshot, removed, { signal: never });
      const staged = await stageRowChanges({
        snapshot,
        removed,
        changes: { deleted },
        counts: { source: 2, inserted: 0, updated: 0, deleted: 2 },
        strategy: 'merge-on-read',
        signal: never,
      });
      await mustCommit(snapshot, staged);
      const reopened = await openSnapshot(folder, { signal: never });
      expect(await liveRows(reopened)).toEqual([[1n, 'DE', 'a']]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('files of several row groups', () => {
  /** Ten rows, three a group, in one file. */
  async function grouped(): Promise<Snapshot> {
    const store = memoryStore();
    const snapshot = await newTable(store);
    const rows = idV(
      ...Array.from({ length: 10 }, (_, i): [number, string] => [i, i % 4 === 3 ? 'z' : `v${i}`]),
    );
    const body = writeParquet(rows, { rowsPerGroup: 3 });
    await store.put('grouped.parquet', body, { signal: never });
    const add = {
      path: 'grouped.parquet',
      partitionValues: new Map<string, string>(),
      size: body.length,
      modificationTime: 1,
      dataChange: true,
    };
    return commitActions(snapshot, 'WRITE', () => [{ kind: 'add', add }]);
  }

  test('rows keep their ordinals, and are read back by them', async () => {
    const snapshot = await grouped();
    const found = await locateIds(snapshot, 0, 4, 5, 9);
    expect([...found.ordinal]).toEqual([0, 4, 5, 9]);
    const rows = await readRows(
      snapshot,
      { ...found, file: [0, 0, 0], ordinal: [9, 2, 3] },
      { signal: never },
    );
    expect([...rowsOf(rows, ID_V)].map(([id]) => id)).toEqual([9n, 2n, 3n]);
  });

  test.each([1, 4, 7, 100])('rows keep their ordinals when read %i at a time', async (rowsPerRead) => {
    const snapshot = await mergeIds(await grouped(), { drop: [5] });
    const keys = ids(0, 4, 5, 6, 9);
    const open = (table: ArrowTable) => keyProbe(table, [ID], keys);
    const found = await locateInFiles(snapshot.store, [...snapshot.files], {
      probes: [{ columns: ['id'], open }],
      extra: [field('v', STRING)],
      layout: snapshot.layout,
      rowsPerRead,
      signal: never,
    });
    expect([...found.ordinal]).toEqual([0, 4, 6, 9]);
    expect(found.extra).toEqual([['v0', 'v4', 'v6', 'v9']]);
  });

  test('a file without stats gets the number of its rows with its first deletion vector', async () => {
    let snapshot = await grouped();
    snapshot = await mergeIds(snapshot, { drop: [4, 9] });
    expect((await liveRows(snapshot)).map(([id]) => Number(id))).toEqual([0, 1, 2, 3, 5, 6, 7, 8]);
    expect(JSON.parse([...snapshot.files][0]?.stats ?? '{}')).toMatchObject({
      numRecords: 10,
      tightBounds: false,
    });
    expect(await feedOf(snapshot.store, snapshot.version)).toEqual(['delete 4=v4', 'delete 9=v9']);
  });

  test.each(['merge-on-read', 'copy-on-write'] as const)(
    'R15: a truncate keeps the right rows, %s',
    async (strategy) => {
      let snapshot = await mergeIds(await grouped(), { drop: [3] });
      const keep = { column: 'v', stays: (value: Value) => value === 'z' };
      snapshot = await mustCommit(snapshot, await stageTruncate({ snapshot, keep, strategy, signal: never }));
      expect(await idVs(snapshot)).toEqual(['7=z']);
    },
  );

  test('derived changes are those rows and no others', async () => {
    const snapshot = await grouped();
    const staged = await stageRowChanges({
      snapshot,
      removed: await locateIds(snapshot, 2, 3, 8),
      counts: { source: 3, inserted: 0, updated: 0, deleted: 3 },
      strategy: 'merge-on-read',
      signal: never,
    });
    const { store, version } = await mustCommit(snapshot, staged);
    expect(await feedOf(store, version)).toEqual(['delete 2=v2', 'delete 3=z', 'delete 8=v8']);
  });
});

test('locateRows finds what a naive look at every row finds', async () => {
  const schema = struct([field('a', STRING), field('b', LONG), field('v', STRING)]);
  const columns = schema.fields.slice(0, 2);
  const part = fc.constantFrom(null, 'a', 'b', 'ab', '', '\u{1F600}', 'x'.repeat(40), `${'x'.repeat(40)}y`);
  const number = fc.constantFrom(null, 0n, 1n, -1n, 2n ** 53n + 1n, 2n ** 62n);
  const rows = fc.array(fc.tuple(part, number), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.array(rows, { minLength: 1, maxLength: 3 }), rows, async (files, wanted) => {
      let snapshot = await newTable(memoryStore(), { schema });
      const all: [string | null, bigint | null, string][] = [];
      for (const file of files) {
        const part = file.map(([a, b], i): [string | null, bigint | null, string] => [
          a,
          b,
          `${all.length + i}`,
        ]);
        all.push(...part);
        ({ snapshot } = await append(snapshot, [rowsTable(schema, part)], { signal: never }));
      }
      const asked = wanted.filter(([a, b]) => a !== null && b !== null);
      const options = { keyColumns: ['a', 'b'], keys: keysOf(columns, asked), extra: ['v'], signal: never };
      const found = await locateRows(snapshot, options);
      const expected = all
        .filter(([a, b]) => asked.some((one) => one[0] === a && one[1] === b))
        .map(([, , v]) => v);
      expect(found.extra[0]).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});
