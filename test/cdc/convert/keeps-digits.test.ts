import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { keepsDigits } from '../../../src/cdc/convert/numbers.js';

describe('a number literal in a column of doubles', () => {
  test.each([
    ['1190432463902837.2', true], // Halfway between two texts of its length: the shortest text ends one lower.
    ['4.9E-324', true], // Java's text of the least double.
    ['0.1', true],
    ['0.1000000000000000055511151231257827', true],
    ['9007199254740993', false],
    ['0.12345678901234567890', false],
    ['1e400', false],
  ])('%s keeps its digits: %s', (literal, kept) => {
    expect(keepsDigits(literal, false)).toBe(kept);
  });

  test('every double keeps the digits of its own text', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(keepsDigits(String(value), false)).toBe(true);
      }),
    );
  });
});
