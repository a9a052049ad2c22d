import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unreachable } from '../../src/base/errors.js';
import {
  BYTE,
  DATE,
  FLOAT,
  INTEGER,
  LONG,
  SHORT,
  STRING,
  TIMESTAMP,
  TIMESTAMP_NTZ,
  array,
  decimal,
  field,
  map,
  struct,
} from '../../src/schema/build.js';
import { formatType, parseColumnsText, parseTypeText } from '../../src/schema/type-text.js';
import type { DataType } from '../../src/schema/types.js';
import { dataType } from './arbitraries.js';

test.each<[string, DataType]>([
  ['bigint', LONG],
  ['LONG', LONG],
  [' Int ', INTEGER],
  ['smallint', SHORT],
  ['TINYINT', BYTE],
  ['real', FLOAT],
  ['DECIMAL', decimal(10, 0)],
  ['numeric(5)', decimal(5, 0)],
  ['DECIMAL ( 12 , 2 )', decimal(12, 2)],
  ['timestamp_ltz', TIMESTAMP],
  ['timestamp_ntz', TIMESTAMP_NTZ],
  ['array<array<string>>', array(array(STRING))],
  ['MAP<STRING, DECIMAL(3,1)>', map(STRING, decimal(3, 1))],
  [
    'STRUCT<a: INT NOT NULL, `b ``c`: DATE, d ARRAY<INT>>',
    struct([field('a', INTEGER, false), field('b `c', DATE), field('d', array(INTEGER))]),
  ],
])('%s is read', (text, type) => {
  expect(parseTypeText(text)).toEqual(type);
});

test('columns have names, types, NOT NULL and the unit of a time', () => {
  expect(
    parseColumnsText(
      'id BIGINT NOT NULL, b DECIMAL(12,2),\n at TIMESTAMP_NTZ MILLIS, seen: timestamp not null Micros, `odd name` STRING, t DATE NANOS NOT NULL',
    ),
  ).toEqual([
    { field: field('id', LONG, false) },
    { field: field('b', decimal(12, 2)) },
    { field: field('at', TIMESTAMP_NTZ), unit: 'MILLIS' },
    { field: field('seen', TIMESTAMP, false), unit: 'MICROS' },
    { field: field('odd name', STRING) },
    { field: field('t', DATE, false), unit: 'NANOS' },
  ]);
});

describe('what is no type', () => {
  test.each([
    ['', 1],
    ['BIGNIT', 1],
    ['DECIMAL(39,0)', 1],
    ['DECIMAL(5,6)', 1],
    ['DECIMAL(5', 10],
    ['DECIMAL(x)', 9],
    ['ARRAY', 6],
    ['ARRAY<INT', 10],
    ['MAP<INT>', 8],
    ['STRUCT<>', 8],
    ['INT INT', 5],
    ['VARCHAR(5)', 1],
  ])('%j is refused at character %i', (text, character) => {
    expect(() => parseTypeText(text)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', context: { position: character - 1 } }),
    );
  });

  test.each([
    ['a', /a type is missing/],
    ['a INT,', /a column name is missing/],
    ['a INT, A STRING', /twice/],
    ['a INT NOT', /NULL belongs after NOT/],
    ['a TIMESTAMP MILLIS MICROS', /not expected/],
    ['a INT NOT NULL NOT NULL', /not expected/],
    ['`a INT', /never closed/],
    ['a-b INT', /a type is missing|no type/],
  ])('the columns %j are refused', (text, message) => {
    expect(() => parseColumnsText(text)).toThrow(message);
  });

  test('a misspelt type gets the nearest name as a hint', () => {
    expect(() => parseTypeText('BIGNIT')).toThrow(expect.objectContaining({ hint: 'Did you mean BIGINT?' }));
  });

  test('deep nesting is refused before it can overflow the stack', () => {
    expect(() => parseTypeText('ARRAY<'.repeat(100_000))).toThrow(/nested too deep/);
  });
});

test('every type comes back from its text, but for nullability inside', () => {
  fc.assert(
    fc.property(dataType(), (type) => {
      fc.pre(!hasEmptyStruct(type));
      const text = formatType(type);
      expect(formatType(parseTypeText(text))).toBe(text);
    }),
  );
});

function hasEmptyStruct(type: DataType): boolean {
  switch (type.kind) {
    case 'struct':
      return type.fields.length === 0 || type.fields.some((one) => hasEmptyStruct(one.type));
    case 'array':
      return hasEmptyStruct(type.element);
    case 'map':
      return hasEmptyStruct(type.key) || hasEmptyStruct(type.value);
    case 'primitive':
    case 'decimal':
      return false;
    default:
      return unreachable(type);
  }
}
