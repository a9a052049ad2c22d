import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concat } from '../../src/columnar/arrow.js';
import { keyReader } from '../../src/columnar/key-columns.js';
import { field, INTEGER, LONG, struct } from '../../src/schema/build.js';
import { joinKey, keyPart } from '../../src/schema/key-text.js';
import { rowsWithColumns, scalarType, tableOfRows } from './arbitraries.js';

test('the key of a row is the canonical text of its values, and none if one of them is null', () => {
  fc.assert(
    fc.property(rowsWithColumns(scalarType), ({ struct: schema, rows }) => {
      const key = keyReader(concat([tableOfRows(schema, rows), tableOfRows(schema, rows)]), schema.fields);
      const expected = rows.map((row) => {
        if (row.includes(null)) return null;
        return joinKey(schema.fields.map(({ type }, index) => keyPart(type, row[index] ?? null)));
      });
      const keys = [...expected, ...expected].map((_, row) => key(row));
      expect(keys).toEqual([...expected, ...expected]);
    }),
    { numRuns: 300 },
  );
});

test('an int column read as its widened type has the keys of that type', () => {
  const table = tableOfRows(struct([field('id', INTEGER)]), [[-7], [2 ** 31 - 1]]);
  const key = keyReader(table, [field('id', LONG)]);
  expect([key(0), key(1)]).toEqual(['-7', '2147483647']);
});
