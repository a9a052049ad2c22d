import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseTypeText } from '../../src/schema/type-text.js';
import { field, struct } from '../../src/schema/build.js';
import { columnsOf, created, rowsIn } from './events.js';

const rowsOfColumn = (...values: readonly string[]) => created(values.map((value) => `{"a":${value}}`));

describe('a column without schema half, table or configuration', () => {
  test.each([
    [['1', '-5', '9223372036854775807'], 'a bigint'],
    [['1', '1.5'], 'a double'],
    [['1e3'], 'a double'],
    [['0.1', '4.9E-324', '1.7976931348623157E308'], 'a double'],
    [['9007199254740992', '0.5'], 'a double'],
    [['"2020-01-01"'], 'a string'],
    [['"12.30"', '"x"'], 'a string'],
    [['true', 'false'], 'a boolean'],
    [['[1,null,3]', '[]'], 'a array<bigint>'],
    [['["x"]', '[1.5]'], { kind: 'schema' }],
    [['{"x":1,"y":{"z":"t"}}', '{"w":true,"x":null}'], 'a struct<x:bigint,y:struct<z:string>,w:boolean>'],
    [['null', 'null'], ''],
    [['[]', '[null]'], ''],
    [['{}'], ''],
    [['1', '"NaN"'], 'a double'],
    [['"Infinity"', '2.5'], 'a double'],
    [['"NaN"'], 'a string'],
    [['"NaN"', '"text"'], 'a string'],
    [['1', '"x"'], { kind: 'schema' }],
    [['"x"', 'true'], { kind: 'schema' }],
    [['1', 'true'], { kind: 'schema' }],
    [['[1]', '1'], { kind: 'schema' }],
    [['{"x":1}', '[1]'], { kind: 'schema' }],
    [['9223372036854775808'], { kind: 'value' }],
    [['0.12345678901234567890'], { kind: 'value' }],
    [['1e999'], { kind: 'value' }],
    [['9007199254740993', '0.5'], { kind: 'value' }],
    [['0.5', '9007199254740993'], { kind: 'value' }],
    [['9007199254740993', '"NaN"'], { kind: 'value' }],
  ])('with %j is %j', (values, found) => {
    const columns = columnsOf(rowsOfColumn(...values));
    const seen = typeof columns === 'string' ? columns : { kind: columns.kind, field: columns.field };
    expect(seen).toEqual(typeof found === 'string' ? found : { ...found, field: 'a' });
  });

  test('nested beyond reason is refused', () => {
    expect(columnsOf(rowsOfColumn('['.repeat(65) + '1' + ']'.repeat(65)))).toMatchObject({ kind: 'schema' });
    expect(columnsOf(rowsOfColumn('['.repeat(5000) + ']'.repeat(5000)))).toMatchObject({ kind: 'schema' });
  });

  test('names the row that does not agree with those before', () => {
    const changes = rowsOfColumn('1', '2', '"x"', '3');
    const found = changes.columns(Uint32Array.of(0, 1, 2, 3), 'after', undefined);
    expect(found).toMatchObject({ kind: 'problem', row: 2, problem: { field: 'a' } });
  });

  test('keeps the order of the source, new columns behind those of earlier rows', () => {
    expect(columnsOf(created(['{"b":1,"a":2}', '{"a":2,"c":3}']))).toBe('b bigint, a bigint, c bigint');
  });

  test('loses no digit of what it takes', () => {
    const number = fc.oneof(
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
      fc.maxSafeInteger().map(String),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(fc.array(number, { minLength: 1, maxLength: 4 }), (literals) => {
        const changes = rowsOfColumn(...literals);
        const taken = typeof columnsOf(changes) === 'string' ? rowsIn(changes) : [];
        const values = taken.map((row) => ('a' in row ? row['a'] : row));
        expect(values).toEqual(
          values.map((value, i) =>
            typeof value === 'bigint' ? BigInt(literals[i] ?? '') : Number(literals[i]),
          ),
        );
      }),
    );
  });
});

describe('a column that the table has', () => {
  const known = (type: string) => struct([field('a', parseTypeText(type))]);

  test('keeps its type, whatever the values look like', () => {
    expect(columnsOf(rowsOfColumn('"2020-01-01"'), known('date'))).toBe('a date');
    expect(columnsOf(rowsOfColumn('null'), known('decimal(12,2)'))).toBe('a decimal(12,2)');
    expect(columnsOf(rowsOfColumn('1'), known('double'))).toBe('a double');
  });

  test('gains the members that its objects gain', () => {
    expect(columnsOf(rowsOfColumn('{"x":1,"z":"t"}'), known('struct<x:int,y:string>'))).toBe(
      'a struct<x:int,y:string,z:string>',
    );
    expect(columnsOf(rowsOfColumn('[{"z":true}]'), known('array<struct<x:int>>'))).toBe(
      'a array<struct<x:int,z:boolean>>',
    );
  });
});
