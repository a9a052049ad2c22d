import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { never } from '../../src/base/signals.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { locateEqualRows, rowTexts } from '../../src/operations/merge/locate-equal.js';
import { locateRows } from '../../src/operations/merge/locate.js';
import { readRows } from '../../src/operations/merge/read-rows.js';
import { append } from '../../src/operations/append.js';
import { DATE, DOUBLE, LONG, STRING, decimal, field, struct } from '../../src/schema/build.js';
import type { Value } from '../../src/schema/types.js';
import { memoryStore } from '../../src/storage/memory.js';
import type { Snapshot } from '../../src/table/snapshot.js';
import { ID_V, idV, newTable, rowsTable } from './tables.js';

import { ID, keysOf, ids, locateIds, appended, mergeIds } from './merging.js';

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

  test('finds every row that equals an image, in file order', async () => {
    expect(await find([[1n, 1.5, 'x']])).toEqual(['p1', 'p2', 'p5']);
    expect(
      await find([
        [1n, 1.5, 'x'],
        [1n, 1.5, 'x'],
      ]),
    ).toEqual(['p1', 'p2', 'p5']);
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
