import fc from 'fast-check';
import { tableFromArrays } from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import { InvariantError } from '../../src/base/errors.js';
import {
  compact,
  concat,
  conform,
  constantColumn,
  emptyTable,
  fromIpc,
  project,
  structOf,
  tableOf,
  takeRows,
  toIpcStream,
  withColumn,
  type ArrowTable,
} from '../../src/columnar/arrow.js';
import { reader, rowsOf } from '../../src/columnar/cells.js';
import {
  array,
  BYTE,
  DATE,
  decimal,
  DOUBLE,
  field,
  FLOAT,
  INTEGER,
  LONG,
  SHORT,
  STRING,
  struct,
  TIMESTAMP_NTZ,
} from '../../src/schema/build.js';
import { formatType } from '../../src/schema/type-text.js';
import type { DataType, StructType, Value } from '../../src/schema/types.js';
import { dataType, rowsWithColumns, tableOfRows, valueOf } from './arbitraries.js';

/** The rows in several batches, cut at random places. */
function inBatches(schema: StructType, rows: Value[][], cuts: readonly number[]): ArrowTable {
  const ends = [...cuts.map((cut) => cut % (rows.length + 1)), rows.length].sort((a, b) => a - b);
  return concat(ends.map((end, index) => tableOfRows(schema, rows.slice(ends[index - 1] ?? 0, end))));
}

const cuts = fc.array(fc.nat(40), { maxLength: 4 });

describe('taking rows', () => {
  test('gives what picking them one by one gives, in the order asked, repeats included', () => {
    fc.assert(
      fc.property(
        rowsWithColumns(),
        cuts,
        fc.array(fc.nat(), { maxLength: 40 }),
        ({ struct: schema, rows }, at, picks) => {
          const table = inBatches(schema, rows, at);
          const wanted = rows.length === 0 ? [] : picks.map((pick) => pick % rows.length);
          const expected = wanted.map((row) => rows[row]);
          expect([...rowsOf(takeRows(table, wanted), schema)]).toEqual(expected);
          expect([...rowsOf(takeRows(table, Uint32Array.from(wanted)), schema)]).toEqual(expected);
        },
      ),
    );
  });

  test('works on slices of tables', () => {
    fc.assert(
      fc.property(rowsWithColumns(), fc.nat(), ({ struct: schema, rows }, cut) => {
        const from = cut % (rows.length + 1);
        const slice = tableOfRows(schema, rows).slice(from);
        const backwards = rows.slice(from).map((_, index, all) => all.length - 1 - index);
        expect([...rowsOf(slice, schema)]).toEqual(rows.slice(from));
        expect([...rowsOf(takeRows(slice, backwards), schema)]).toEqual(rows.slice(from).reverse());
      }),
    );
  });

  test('slices are joined into one batch again', () => {
    fc.assert(
      fc.property(rowsWithColumns(), fc.nat(), ({ struct: schema, rows }, cut) => {
        const from = cut % (rows.length + 1);
        const table = tableOfRows(schema, rows);
        const turned = compact(concat([table.slice(from), table.slice(0, from)]));
        expect([...rowsOf(turned, schema)]).toEqual([...rows.slice(from), ...rows.slice(0, from)]);
      }),
    );
  });

  test('a row that is not there is our bug', () => {
    const schema = struct([field('a', INTEGER)]);
    expect(() => takeRows(tableOfRows(schema, [[1]]), [1])).toThrow(InvariantError);
  });
});

test('IPC gives back the table', () => {
  fc.assert(
    fc.property(rowsWithColumns(), cuts, ({ struct: schema, rows }, at) => {
      const back = fromIpc(toIpcStream(inBatches(schema, rows, at)));
      expect([...rowsOf(back, schema)]).toEqual(rows);
      expect(structOf(back.schema)).toEqual(schema);
    }),
    { numRuns: 50 },
  );
});

describe('columns', () => {
  const schema = struct([field('a', INTEGER), field('b', STRING)]);
  const rows: Value[][] = [
    [1, 'x'],
    [null, 'y'],
    [3, null],
  ];

  test('are projected in the order asked', () => {
    const table = project(inBatches(schema, rows, [1]), ['b', 'a']);
    expect([...rowsOf(table, struct(schema.fields.toReversed()))]).toEqual(
      rows.map((row) => row.toReversed()),
    );
    expect(() => project(table, ['c'])).toThrow(InvariantError);
  });

  test('are replaced by name and added at the end, over any batches', () => {
    const table = inBatches(schema, rows, [1, 2]);
    const replaced = withColumn(table, field('a', LONG), constantColumn(LONG, 7n, 3));
    expect([...rowsOf(replaced, struct([field('a', LONG), field('b', STRING)]))]).toEqual([
      [7n, 'x'],
      [7n, 'y'],
      [7n, null],
    ]);
    const added = withColumn(table, field('c', STRING), constantColumn(STRING, null, 3));
    expect(added.schema.fields.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect([...reads(added, 'c', STRING)]).toEqual([null, null, null]);
  });

  test('make a table, which may also have none', () => {
    const table = tableOf(schema, [constantColumn(INTEGER, 1, 2), constantColumn(STRING, 'x', 2)]);
    expect([...rowsOf(table, schema)]).toEqual([
      [1, 'x'],
      [1, 'x'],
    ]);
    expect(tableOf(struct([]), [], 5).numRows).toBe(5);
    expect(emptyTable(schema).numRows).toBe(0);
  });

  test('hold any constant', () => {
    fc.assert(
      fc.property(
        dataType.chain((type) => fc.tuple(fc.constant(type), valueOf(type))),
        ([type, value]) => {
          const table = tableOf(struct([field('c', type)]), [constantColumn(type, value, 3)]);
          expect([...reads(table, 'c', type)]).toEqual([value, value, value]);
        },
      ),
    );
  });

  test('of other types or names are no rows of the same table', () => {
    const other = tableOfRows(struct([field('a', LONG), field('b', STRING)]), []);
    expect(() => concat([tableOfRows(schema, rows), other])).toThrow(InvariantError);
  });
});

function* reads(table: ArrowTable, name: string, type: DataType): Generator<Value> {
  const read = reader(table, name, type);
  for (let row = 0; row < table.numRows; row++) yield read(row);
}

describe('conforming', () => {
  const widenings: readonly (readonly [DataType, Value, DataType, Value])[] = [
    [BYTE, -5, LONG, -5n],
    [SHORT, 300, INTEGER, 300],
    [INTEGER, 7, DOUBLE, 7],
    [FLOAT, 0.5, DOUBLE, 0.5],
    [INTEGER, -12, decimal(12, 2), -1200n],
    [LONG, 2n ** 62n, decimal(20, 0), 2n ** 62n],
    [decimal(5, 2), -12345n, decimal(10, 4), -1234500n],
    [DATE, -1, TIMESTAMP_NTZ, -86_400_000_000n],
    [array(INTEGER), [1, null], array(LONG), [1n, null]],
  ];

  const titled = widenings.map((each) => [formatType(each[0]), formatType(each[2]), ...each] as const);
  test.each(titled)('%s is read as %s', (_, __, from, value, to, widened) => {
    const table = tableOfRows(struct([field('c', from)]), [[value], [null]]);
    const wanted = struct([field('c', to)]);
    expect([...rowsOf(table, wanted)]).toEqual([[widened], [null]]);
    expect([...rowsOf(conform(table, wanted), wanted)]).toEqual([[widened], [null]]);
    expect(structOf(conform(table, wanted).schema)).toEqual(wanted);
  });

  test('narrowing is refused', () => {
    const table = tableOfRows(struct([field('c', LONG)]), [[1n]]);
    expect(() => conform(table, struct([field('c', INTEGER)]))).toThrow(
      expect.objectContaining({ code: 'SCHEMA_MISMATCH' }),
    );
  });

  test('columns are renamed, ordered, filled and left out, inside structs and lists too', () => {
    const stored = struct([
      field('gone', INTEGER),
      field('p-s', array(struct([field('p-x', INTEGER), field('gone', STRING)]))),
    ]);
    const table = tableOfRows(stored, [
      [1, [{ 'p-x': 1, gone: 'g' }, null]],
      [2, null],
    ]);
    const wanted = struct([
      field('new', STRING),
      field('s', array(struct([field('new', LONG), field('x', LONG)]))),
    ]);
    const conformed = conform(table, wanted, ({ name }) => `p-${name}`);
    expect([...rowsOf(conformed, wanted)]).toEqual([
      [null, [{ new: null, x: 1n }, null]],
      [null, null],
    ]);
  });

  test('a table that fits already is not changed', () => {
    fc.assert(
      fc.property(rowsWithColumns(), cuts, ({ struct: schema, rows }, at) => {
        expect([...rowsOf(conform(inBatches(schema, rows, at), schema), schema)]).toEqual(rows);
      }),
    );
  });

  test('dictionaries become plain columns', () => {
    const table = tableFromArrays({ c: ['a', 'b', 'a', null] });
    const wanted = struct([field('c', STRING)]);
    expect(String(table.schema.fields[0]?.type)).toContain('Dictionary');
    expect([...rowsOf(table, wanted)]).toEqual([['a'], ['b'], ['a'], [null]]);
    expect([...rowsOf(conform(table, wanted), wanted)]).toEqual([['a'], ['b'], ['a'], [null]]);
  });
});
