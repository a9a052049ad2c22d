import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BINARY,
  BOOLEAN,
  BYTE,
  DATE,
  decimal,
  DOUBLE,
  FLOAT,
  INTEGER,
  LONG,
  STRING,
  struct,
  TIMESTAMP,
  TIMESTAMP_NTZ,
} from '../../src/schema/build.js';
import type { DataType, Value } from '../../src/schema/types.js';
import { formatPartitionValue, parsePartitionValue } from '../../src/table/partition-values.js';

/** Delta protocol, "Partition Value Serialization"; floating point as Java prints it. */
const BOTH_WAYS: readonly (readonly [DataType, Value, string | null])[] = [
  [STRING, 'US/East', 'US/East'],
  [STRING, null, null],
  [BOOLEAN, true, 'true'],
  [BYTE, -7, '-7'],
  [LONG, -9223372036854775808n, '-9223372036854775808'],
  [decimal(38, 18), 1230000000000000000n, '1.230000000000000000'],
  [DATE, 18878, '2021-09-08'],
  [TIMESTAMP, 1718479845000000n, '2024-06-15T19:30:45.000000Z'],
  [TIMESTAMP_NTZ, 1718479845123456n, '2024-06-15 19:30:45.123456'],
  [DOUBLE, 1, '1.0'],
  [DOUBLE, 1.7976931348623157e308, '1.7976931348623157E308'],
  [DOUBLE, 9999999, '9999999.0'],
  [DOUBLE, 10_000_000, '1.0E7'],
  [DOUBLE, 0.001, '0.001'],
  [DOUBLE, 0.00099, '9.9E-4'],
  [DOUBLE, -0, '-0.0'],
  [DOUBLE, NaN, 'NaN'],
  [DOUBLE, -Infinity, '-Infinity'],
  [FLOAT, Math.fround(0.1), '0.1'],
  [FLOAT, Math.fround(16777216), '1.6777216E7'],
];

describe('a partition value', () => {
  test.each(BOTH_WAYS)('%o of %o is the text %o', (type, value, text) => {
    expect(formatPartitionValue(type, value)).toBe(text);
    expect(parsePartitionValue(type, text)).toStrictEqual(value);
  });

  test('that is the empty text is null, for every type', () => {
    for (const type of [STRING, BINARY, INTEGER, DATE]) expect(parsePartitionValue(type, '')).toBeNull();
    expect(formatPartitionValue(STRING, '')).toBeNull();
  });

  test('without a zone is UTC, as older writers left it', () => {
    expect(parsePartitionValue(TIMESTAMP, '2024-06-15 19:30:45')).toBe(1718479845000000n);
    expect(parsePartitionValue(TIMESTAMP, '2024-06-15 19:30:45.5')).toBe(1718479845500000n);
  });

  test('that is no value of its type is a damage of the log', () => {
    for (const [type, text] of [
      [INTEGER, '1.5'],
      [DATE, 'yesterday'],
      [BOOLEAN, '1'],
      [decimal(4, 1), '1.25'],
    ] as const) {
      expect(() => parsePartitionValue(type, text)).toThrow(expect.objectContaining({ code: 'CORRUPT_LOG' }));
    }
  });

  test('of a type without order or text cannot part a table', () => {
    expect(() => formatPartitionValue(struct([]), {})).toThrow(
      expect.objectContaining({ code: 'SCHEMA_MISMATCH' }),
    );
  });

  test('comes back from its text, whatever the number', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(parsePartitionValue(DOUBLE, formatPartitionValue(DOUBLE, value))).toBe(value);
      }),
    );
    fc.assert(
      fc.property(fc.float(), (value) => {
        expect(parsePartitionValue(FLOAT, formatPartitionValue(FLOAT, value))).toBe(value);
      }),
    );
  });
});
