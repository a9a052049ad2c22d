import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvariantError } from '../../src/base/errors.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { dataReader } from '../../src/columnar/data-reader.js';
import {
  BooleanBuilder,
  columnBuilder,
  DateBuilder,
  DecimalBuilder,
  IntBuilder,
  ListBuilder,
  LongBuilder,
  StructBuilder,
  TableBuilder,
  TimestampBuilder,
  Utf8Builder,
  type ColumnBuilder,
} from '../../src/columnar/table-builder.js';
import { array, BYTE, decimal, field, INTEGER, LONG, STRING, struct } from '../../src/schema/build.js';
import type { DataType, Value } from '../../src/schema/types.js';
import { rowsWithColumns } from './arbitraries.js';

function valuesOf(builder: ColumnBuilder, type: DataType, name = 'c'): Value[] {
  const table = new TableBuilder(struct([field(name, type)]));
  const { length } = builder;
  const data = builder.finish();
  expect(data.length).toBe(length);
  const read = dataReader(data, type, name);
  expect(table.length).toBe(0);
  return Array.from({ length }, (_, row) => read(row));
}

test('truncating gives the table of the rows before, wherever a row broke off', () => {
  fc.assert(
    fc.property(rowsWithColumns(), fc.nat(), fc.nat(), ({ struct: schema, rows }, cut, broken) => {
      const builder = new TableBuilder(schema);
      const kept = rows.length === 0 ? 0 : cut % (rows.length + 1);
      const append = (row: readonly Value[], columns: number): void =>
        row.slice(0, columns).forEach((value, column) => builder.column(column).append(value));
      for (const row of rows.slice(0, kept)) append(row, schema.fields.length);
      // What is undone holds other values and other nulls than what comes in its place.
      for (const row of rows.toReversed()) append(row, schema.fields.length);
      for (const row of rows.slice(0, 1)) append(row, broken % schema.fields.length);
      builder.truncate(kept);
      expect(builder.length).toBe(kept);
      for (const row of rows.slice(kept)) append(row, schema.fields.length);
      expect([...rowsOf(builder.finish(), schema)]).toEqual(rows);
    }),
  );
});

test('a builder that handed over its table starts anew and leaves the table alone', () => {
  fc.assert(
    fc.property(rowsWithColumns(), ({ struct: schema, rows }) => {
      const builder = new TableBuilder(schema);
      const fill = (): void => {
        for (const row of rows) row.forEach((value, column) => builder.column(column).append(value));
      };
      fill();
      const first = builder.finish();
      expect(builder.length).toBe(0);
      fill();
      const second = builder.finish();
      expect([...rowsOf(first, schema)]).toEqual(rows);
      expect([...rowsOf(second, schema)]).toEqual(rows);
    }),
    { numRuns: 30 },
  );
});

describe('the typed ways to append', () => {
  test('64-bit integers come as words, as safe numbers and as BigInts', () => {
    const values = [
      0n,
      -1n,
      1n,
      2n ** 31n,
      -(2n ** 31n) - 1n,
      2n ** 53n - 1n,
      -(2n ** 53n) + 1n,
      2n ** 63n - 1n,
      -(2n ** 63n),
    ];
    const builder = new LongBuilder();
    for (const value of values) builder.appendBigInt(value);
    for (const value of values) {
      builder.appendInt64(Number(BigInt.asIntN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));
    }
    const safe = values.slice(0, -2);
    for (const value of safe) builder.appendNumber(Number(value));
    expect(valuesOf(builder, LONG)).toEqual([...values, ...values, ...safe]);
  });

  test('decimals come as BigInts and as safe numbers', () => {
    fc.assert(
      fc.property(fc.array(fc.maxSafeInteger()), (numbers) => {
        const type = decimal(38, 4);
        const builder = new DecimalBuilder(type);
        for (const number of numbers) builder.appendUnscaledNumber(number);
        for (const number of numbers) builder.appendUnscaled(BigInt(number));
        const expected = numbers.map(BigInt);
        expect(valuesOf(builder, type)).toEqual([...expected, ...expected]);
      }),
    );
  });

  test('texts come as strings and as ranges of UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 40 })), (texts) => {
        const builder = new Utf8Builder();
        for (const text of texts) builder.appendString(text);
        for (const text of texts) {
          const bytes = Buffer.from(`<${text}>`);
          builder.appendUtf8(bytes, 1, bytes.length - 1);
        }
        expect(valuesOf(builder, STRING)).toEqual([...texts, ...texts]);
      }),
    );
  });

  test('a lone surrogate becomes the replacement character', () => {
    const builder = new Utf8Builder();
    builder.appendString('a\ud800b');
    expect(valuesOf(builder, STRING)).toEqual(['a\ufffdb']);
  });

  test('elements and fields are appended in place, a row at a time', () => {
    const type = array(struct([field('a', INTEGER), field('b', STRING)]));
    const list = columnBuilder(type);
    if (!(list instanceof ListBuilder) || !(list.element instanceof StructBuilder))
      throw new Error('another class');
    for (const count of [2, 0, 1]) {
      for (let i = 0; i < count; i++) {
        list.element.field(0).append(i);
        list.element.field(1).append(`b${i}`);
        list.element.endRow();
      }
      list.endRow();
    }
    expect(valuesOf(list, type)).toEqual([
      [
        { a: 0, b: 'b0' },
        { a: 1, b: 'b1' },
      ],
      [],
      [{ a: 0, b: 'b0' }],
    ]);
  });
});

describe('what does not belong into a column is our bug, and leaves the column as it was', () => {
  const wrong: readonly (readonly [string, ColumnBuilder, (builder: never) => void])[] = [
    ['an integer past its range', new IntBuilder('byte'), (b: IntBuilder) => b.appendNumber(128)],
    ['a fraction', new IntBuilder('integer'), (b: IntBuilder) => b.appendNumber(1.5)],
    ['NaN among integers', new IntBuilder('integer'), (b: IntBuilder) => b.appendNumber(NaN)],
    ['an unsafe number', new LongBuilder(), (b: LongBuilder) => b.appendNumber(2 ** 53)],
    ['more than 64 bits', new LongBuilder(), (b: LongBuilder) => b.appendBigInt(2n ** 63n)],
    [
      'a fraction of a microsecond',
      new TimestampBuilder('timestamp'),
      (b: TimestampBuilder) => b.appendMicros(0.5),
    ],
    ['a day past its range', new DateBuilder(), (b: DateBuilder) => b.appendDays(2 ** 31)],
    ['too many digits', new DecimalBuilder(decimal(5, 2)), (b: DecimalBuilder) => b.appendUnscaled(100_000n)],
    [
      'too many digits in a number',
      new DecimalBuilder(decimal(5, 2)),
      (b: DecimalBuilder) => b.appendUnscaledNumber(-100_000),
    ],
    ['a value of another type', new BooleanBuilder(), (b: BooleanBuilder) => b.append('true')],
  ];
  test.each(wrong)('%s', (_, builder, append) => {
    builder.appendNull();
    expect(() => Reflect.apply(append, undefined, [builder])).toThrow(InvariantError);
    expect(builder.length).toBe(1);
  });

  test('a null where a column takes none', () => {
    const builder = new TableBuilder(struct([field('id', BYTE, false)]));
    builder.column(0).appendNull();
    expect(() => builder.finish()).toThrow(InvariantError);
  });

  test('a row that lacks a cell', () => {
    const builder = new TableBuilder(struct([field('a', BYTE), field('b', BYTE)]));
    builder.column(0).append(1);
    expect(() => builder.finish()).toThrow(InvariantError);
  });
});

test('bytes grow with what is appended', () => {
  const builder = new TableBuilder(struct([field('id', LONG), field('name', STRING)]));
  expect(builder.bytes).toBe(0);
  builder.column(0).append(1n);
  builder.column(1).append('x'.repeat(1000));
  expect(builder.bytes).toBe(8 + 1000 + 4);
});
