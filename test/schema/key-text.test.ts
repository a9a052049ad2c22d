import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  BINARY,
  BOOLEAN,
  DATE,
  DOUBLE,
  FLOAT,
  INTEGER,
  LONG,
  STRING,
  TIMESTAMP,
  decimal,
} from '../../src/schema/build.js';
import { joinKey, keyPart } from '../../src/schema/key-text.js';
import type { DataType, Value } from '../../src/schema/types.js';

const forms: readonly (readonly [DataType, Value, string])[] = [
  [LONG, -9223372036854775808n, '-9223372036854775808'],
  [INTEGER, 42, '42'],
  [STRING, '1:a', '1:a'],
  [STRING, '', ''],
  [decimal(10, 2), 100n, '1e-0'],
  [decimal(12, 4), 10000n, '1e-0'],
  [decimal(10, 2), 10000n, '100e-0'],
  [decimal(10, 2), -105n, '-105e-2'],
  [decimal(10, 2), 0n, '0e-0'],
  [DOUBLE, -0, '0'],
  [DOUBLE, 0.1, '0.1'],
  [DOUBLE, Number.NaN, 'NaN'],
  [FLOAT, 0.1, '0.10000000149011612'],
  [BINARY, new Uint8Array([0, 15, 255]), '000fff'],
  [DATE, -1, '-1'],
  [TIMESTAMP, 1631099471000000n, '1631099471000000'],
  [BOOLEAN, true, 't'],
  [BOOLEAN, false, 'f'],
];

// The text alone stands in the title: runners cannot print bigints there.
test.each(forms.map(([type, value, text]) => ({ text, type, value })))(
  'the key text $text',
  ({ text, type, value }) => {
    expect(keyPart(type, value)).toBe(text);
  },
);

test('a key keeps its text when its column is widened', () => {
  expect(keyPart(LONG, 7n)).toBe(keyPart(INTEGER, 7));
  expect(keyPart(DOUBLE, Math.fround(0.1))).toBe(keyPart(FLOAT, Math.fround(0.1)));
  expect(keyPart(decimal(20, 6), 1_500_000n)).toBe(keyPart(decimal(10, 2), 150n));
});

test('a null is no key value', () => {
  expect(() => keyPart(LONG, null)).toThrow(/key text/);
});

test('keys of several parts are equal exactly if their parts are', () => {
  const part = fc.string({ unit: fc.constantFrom('1', '2', ':', 'a'), maxLength: 3 });
  const parts = fc.array(part, { minLength: 2, maxLength: 3 });
  fc.assert(
    fc.property(parts, parts, (a, b) => {
      const equal = a.length === b.length && a.every((one, i) => one === b[i]);
      expect(joinKey(a) === joinKey(b)).toBe(equal);
    }),
    { numRuns: 2000 },
  );
  expect(joinKey(['a:1'])).toBe('a:1');
});
