import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compact, concat } from '../../src/columnar/arrow.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { openParquet, writeParquet } from '../../src/columnar/parquet.js';
import { parseColumnsText } from '../../src/schema/type-text.js';
import type { StructType, Value } from '../../src/schema/types.js';
import { rowsWithColumns, tableOfRows } from './arbitraries.js';
import { inMemory } from './sources.js';

test('a table gives back the values that were put into it, of every type', () => {
  fc.assert(
    fc.property(rowsWithColumns(), ({ struct, rows }) => {
      expect([...rowsOf(tableOfRows(struct, rows), struct)]).toEqual(rows);
    }),
  );
});

test('a Parquet file gives back the values of the table, in order, whatever its row groups', async () => {
  await fc.assert(
    fc.asyncProperty(
      rowsWithColumns(),
      fc.integer({ min: 1, max: 12 }),
      async ({ struct, rows }, rowsPerGroup) => {
        const bytes = writeParquet(tableOfRows(struct, rows), { rowsPerGroup });
        using file = await openParquet(inMemory(bytes));
        expect(file.rows).toBe(rows.length);
        expect([...rowsOf(await file.read(), struct)]).toEqual(rows);
      },
    ),
  );
});

test('several batches read as one table does', () => {
  fc.assert(
    fc.property(rowsWithColumns(), fc.array(fc.nat(30), { maxLength: 4 }), ({ struct, rows }, cuts) => {
      const ends = [...cuts.map((cut) => cut % (rows.length + 1)), rows.length].sort((a, b) => a - b);
      const parts = ends.map((end, index) => tableOfRows(struct, rows.slice(ends[index - 1] ?? 0, end)));
      const joined = concat(parts);
      expect([...rowsOf(joined, struct)]).toEqual(rows);
      expect(compact(joined).batches).toHaveLength(1);
      expect([...rowsOf(compact(joined), struct)]).toEqual(rows);
    }),
  );
});

const EXTREMES: StructType = {
  kind: 'struct',
  fields: parseColumnsText(
    'l BIGINT, d DECIMAL(38,10), s STRING, at TIMESTAMP, ntz TIMESTAMP_NTZ, day DATE, n STRUCT<a: STRUCT<b: INT>>',
  ).map(({ field }) => field),
};

test('the ends of each range, empty texts, emoji and nulls inside structs survive Parquet', async () => {
  const most = 10n ** 38n - 1n;
  const rows: Value[][] = [
    [
      -(2n ** 63n),
      -most,
      '',
      -62_135_596_800_000_000n,
      -62_135_596_800_000_000n,
      -719_162,
      { a: { b: null } },
    ],
    [
      2n ** 63n - 1n,
      most,
      '\u{1f600}é',
      253_402_300_799_999_999n,
      253_402_300_799_999_999n,
      2_932_896,
      { a: null },
    ],
    [null, null, null, null, null, null, null],
    [0n, -1n, '\0', -1n, 1n, 0, { a: { b: -(2 ** 31) } }],
  ];
  const bytes = writeParquet(tableOfRows(EXTREMES, rows), { rowsPerGroup: 2 });
  using file = await openParquet(inMemory(bytes));
  expect([...rowsOf(await file.read(), EXTREMES)]).toEqual(rows);
});
