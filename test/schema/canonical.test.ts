import { describe, expect, test } from 'vitest';
import {
  BINARY,
  BOOLEAN,
  BYTE,
  DATE,
  DOUBLE,
  FLOAT,
  INTEGER,
  LONG,
  STRING,
  TIMESTAMP,
  TIMESTAMP_NTZ,
  VOID,
  array,
  decimal,
  field,
  map,
  primitive,
  struct,
} from '../../src/schema/build.js';
import { canonicalRow, canonicalValue } from '../../src/schema/canonical.js';
import type { DataType, Value } from '../../src/schema/types.js';

const point = struct([field('x', INTEGER), field('2', STRING)]);

const forms: readonly (readonly [DataType, Value, string])[] = [
  [BOOLEAN, true, 'true'],
  [BYTE, -128, '-128'],
  [INTEGER, 2147483647, '2147483647'],
  [LONG, 9223372036854775807n, '9223372036854775807'],
  [DOUBLE, 0.1, '0.1'],
  [DOUBLE, 100, '100'],
  [DOUBLE, 1e21, '1e+21'],
  [DOUBLE, 1e-7, '1e-7'],
  [DOUBLE, -0, '-0.0'],
  [DOUBLE, Number.NaN, '"NaN"'],
  [DOUBLE, -Infinity, '"-Infinity"'],
  [FLOAT, 0.1, '0.10000000149011612'],
  [FLOAT, -0, '-0.0'],
  [decimal(12, 2), -150n, '"-1.50"'],
  [decimal(38, 0), 10n ** 37n, '"10000000000000000000000000000000000000"'],
  [STRING, 'a"\\\n\u0001é\u2028', '"a\\"\\\\\\n\\u0001é\u2028"'],
  [BINARY, new Uint8Array([0, 255, 16, 1]), '"AP8QAQ=="'],
  [BINARY, new Uint8Array(0), '""'],
  [DATE, 18878, '"2021-09-08"'],
  [TIMESTAMP, 1631099471000000n, '"2021-09-08T11:11:11.000000Z"'],
  [TIMESTAMP_NTZ, 1631099471000001n, '"2021-09-08T11:11:11.000001"'],
  [array(LONG), [1n, null], '[1,null]'],
  [
    map(STRING, INTEGER),
    [
      ['b', 1],
      ['😀', 2],
      ['～', null],
      ['a', 4],
    ],
    '[["a",4],["b",1],["～",null],["😀",2]]',
  ],
  [
    map(INTEGER, STRING),
    [
      [10, 'x'],
      [9, 'y'],
    ],
    '[[10,"x"],[9,"y"]]',
  ],
  [point, { 2: 'a', x: 1 }, '{"x":1,"2":"a"}'],
  [point, {}, '{"x":null,"2":null}'],
  [
    struct([field('__proto__', INTEGER), field('toString', STRING)]),
    {},
    '{"__proto__":null,"toString":null}',
  ],
  [
    primitive('variant'),
    { metadata: new Uint8Array([1]), value: new Uint8Array([2, 3]) },
    '{"metadata":"AQ==","value":"AgM="}',
  ],
  [VOID, null, 'null'],
  [LONG, null, 'null'],
];

describe('the canonical form of a value', () => {
  // The text alone stands in the title: runners cannot print bigints there.
  test.each(forms.map(([type, value, text]) => ({ text, type, value })))('$text', ({ text, type, value }) => {
    expect(canonicalValue(type, value)).toBe(text);
  });

  test('a slice of bytes is written without its surroundings', () => {
    expect(canonicalValue(BINARY, new Uint8Array([9, 1, 9]).subarray(1, 2))).toBe('"AQ=="');
  });

  test('a value of another type than its column is our bug', () => {
    expect(() => canonicalValue(LONG, 'x')).toThrow(/no long/);
    expect(() => canonicalValue(TIMESTAMP, 12)).toThrow(/no timestamp/);
    expect(() => canonicalValue(point, [1])).toThrow(/no struct/);
  });
});

test('a row has its columns in schema order, also those that look like numbers', () => {
  const schema = struct([field('b', LONG), field('10', STRING), field('1', DOUBLE)]);
  expect(canonicalRow(schema, [1n, 'ten', 1])).toBe('{"b":1,"10":"ten","1":1}');
  expect(canonicalRow(schema, [1n])).toBe('{"b":1,"10":null,"1":null}');
});
