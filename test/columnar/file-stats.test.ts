import { Field, Int32, makeData, Struct, Vector } from 'apache-arrow';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareUtf8 } from '../../src/base/utf8-order.js';
import { concat, tableOf } from '../../src/columnar/arrow.js';
import { computeStats } from '../../src/columnar/file-stats.js';
import { statsColumns } from '../../src/protocol/stats-columns.js';
import { decimal, DOUBLE, field, INTEGER, LONG, STRING, struct } from '../../src/schema/build.js';
import type { DataType, StructType, Value } from '../../src/schema/types.js';
import { rowsWithColumns, tableOfRows } from './arbitraries.js';

function at(value: Value, names: readonly string[]): Value {
  let inner = value;
  for (const name of names) {
    if (inner === null || typeof inner !== 'object' || inner instanceof Uint8Array) return null;
    inner = Object.entries(inner).find(([key]) => key === name)?.[1] ?? null;
  }
  return inner;
}

function less(type: DataType, one: Value, other: Value): boolean {
  if (typeof one === 'string' && typeof other === 'string') return compareUtf8(one, other) < 0;
  return one !== null && other !== null && one < other;
}

/** Stats by looking at each value. */
function naiveStats(schema: StructType, rows: readonly (readonly Value[])[]) {
  const [min, max, nulls] = [new Map<string, Value>(), new Map<string, Value>(), new Map<string, number>()];
  for (const { names, path, type, bounded } of statsColumns(schema, { columns: -1 })) {
    const [top = '', ...inner] = names;
    const index = schema.fields.findIndex(({ name }) => name === top);
    const values = rows.map((row) => at(row[index] ?? null, inner));
    const present = values.filter((value) => value !== null);
    nulls.set(path, values.length - present.length);
    const [first] = present;
    if (!bounded || first === undefined || present.some(Number.isNaN)) continue;
    min.set(
      path,
      present.reduce((least, value) => (less(type, value, least) ? value : least), first),
    );
    max.set(
      path,
      present.reduce((most, value) => (less(type, most, value) ? value : most), first),
    );
  }
  return { min, max, nulls };
}

test('bounds and null counts are those of looking at each value', () => {
  fc.assert(
    fc.property(rowsWithColumns(), fc.nat(), ({ struct: schema, rows }, cut) => {
      const half = cut % (rows.length + 1);
      const table = concat([tableOfRows(schema, rows.slice(0, half)), tableOfRows(schema, rows.slice(half))]);
      const stats = computeStats(table, schema, { columns: -1 });
      const { min, max, nulls } = naiveStats(schema, rows);
      expect(stats.numRecords).toBe(rows.length);
      expect(stats.nullCount).toEqual(nulls);
      expect([...stats.minValues.keys()]).toEqual([...min.keys()]);
      // The zeros are one value, whichever of them a bound is.
      const plain = (values: ReadonlyMap<string, Value>) =>
        [...values.values()].map((value) => (value === 0 ? 0 : value));
      expect(plain(stats.minValues)).toEqual(plain(min));
      expect(plain(stats.maxValues)).toEqual(plain(max));
    }),
    { numRuns: 500 },
  );
});

test('texts are ordered by their UTF-8 bytes, not by their UTF-16 units', () => {
  const table = tableOfRows(struct([field('s', STRING)]), [['\u{1f600}'], ['\uff5e'], ['z']]);
  const { minValues, maxValues } = computeStats(table, struct([field('s', STRING)]), { columns: 32 });
  expect([minValues.get('s'), maxValues.get('s')]).toEqual(['z', '\u{1f600}']);
});

test('a NaN takes the bounds away, but not the null count', () => {
  const schema = struct([field('x', DOUBLE)]);
  const stats = computeStats(tableOfRows(schema, [[1], [NaN], [null]]), schema, { columns: 32 });
  expect(stats.minValues.size + stats.maxValues.size).toBe(0);
  expect(stats.nullCount.get('x')).toBe(1);
});

test('a leaf counts as null wherever a struct around it is', () => {
  const schema = struct([field('s', struct([field('a', INTEGER)]))]);
  const stats = computeStats(tableOfRows(schema, [[{ a: 1 }], [null], [{ a: null }]]), schema, {
    columns: 32,
  });
  expect(stats.nullCount).toEqual(new Map([['s.a', 2]]));
});

test('a value that lies under a null struct counts for nothing', () => {
  const type = new Struct([new Field('a', new Int32(), true)]);
  const child = makeData({ type: new Int32(), length: 3, nullCount: 0, data: Int32Array.of(5, 99, 7) });
  // As other writers leave it: the struct of the second row is null, the number in it is not.
  const data = makeData({
    type,
    length: 3,
    nullCount: 1,
    nullBitmap: Uint8Array.of(0b101),
    children: [child],
  });
  const schema = struct([field('s', struct([field('a', INTEGER)]))]);
  const stats = computeStats(tableOf(schema, [new Vector([data])]), schema, { columns: 32 });
  expect([stats.nullCount.get('s.a'), stats.minValues.get('s.a'), stats.maxValues.get('s.a')]).toEqual([
    1, 5, 7,
  ]);
});

test('only the first columns are counted, and those that are always wanted', () => {
  const schema = struct([field('a', INTEGER), field('b', LONG), field('c', decimal(5, 1))]);
  const stats = computeStats(tableOfRows(schema, [[1, 2n, 3n]]), schema, {
    columns: 1,
    alwaysInclude: ['c'],
  });
  expect([...stats.nullCount.keys()]).toEqual(['a', 'c']);
});
