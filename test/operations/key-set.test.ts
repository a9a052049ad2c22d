import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IntegerSet } from '../../src/operations/merge/integer-set.js';
import { KeySetBuilder, type KeyRange } from '../../src/operations/merge/key-set.js';
import { compareUtf8 } from '../../src/base/utf8-order.js';
import { DOUBLE, INTEGER, LONG, STRING, field } from '../../src/schema/build.js';
import { joinKey, keyPart } from '../../src/schema/key-text.js';
import type { StructField, Value } from '../../src/schema/types.js';

function keySet(columns: readonly StructField[], keys: readonly (readonly Value[])[]): KeySetBuilder {
  const set = new KeySetBuilder(columns);
  for (const values of keys) {
    set.add(joinKey(columns.map((column, i) => keyPart(column.type, values[i] ?? null))), values);
  }
  return set;
}

describe('KeySetBuilder', () => {
  test('keys added by number and by text are in one set, whatever their order', () => {
    const texts = new Set(['1', '12345678901234567', '3']);
    const set = new KeySetBuilder([field('id', LONG)], texts);
    set.addInteger(1);
    set.add('12345678901234567', [12345678901234567n]);
    set.addInteger(3);
    expect(set.bounds()).toEqual([{ min: 1n, max: 12345678901234567n }]);
    expect(set.mayHave([{ min: 12345678901234567n, max: 12345678901234567n }])).toBe(true);
  });

  test('a range that holds a key is never ruled out, and an empty one between integers is', () => {
    const id = field('id', LONG);
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), {
          minLength: 1,
          maxLength: 50,
        }),
        fc.bigInt({ min: 0n, max: 2n ** 20n }),
        fc.nat(),
        (keys, width, pick) => {
          const key = keys[pick % keys.length] ?? 0n;
          const set = keySet(
            [id],
            keys.map((value) => [value]),
          );
          expect(set.mayHave([{ min: key - width, max: key + width }])).toBe(true);
          expect(set.has(String(key))).toBe(true);
          const [min, max] = [key + 1n, key + 5n];
          const safe = keys.every((one) => one > -(2n ** 53n) && one < 2n ** 53n);
          const ruledOut = safe && !keys.some((one) => one >= min && one <= max);
          expect(ruledOut && set.mayHave([{ min, max }])).toBe(false);
        },
      ),
    );
  });

  test('keys of two columns are tested against the ranges of both', () => {
    const columns = [field('a', STRING), field('b', INTEGER)];
    const set = keySet(columns, [
      ['a', 1],
      ['b', 20],
      ['c', 3],
    ]);
    const range = (min: Value, max: Value): KeyRange => ({ min, max });
    expect(set.mayHave([range('b', 'b'), range(10, 30)])).toBe(true);
    expect(set.mayHave([range('b', 'b'), range(1, 3)])).toBe(false);
    expect(set.mayHave([undefined, range(20, 20)])).toBe(true);
    expect(set.mayHave([undefined, range(4, 19)])).toBe(false);
    expect(set.mayHave([range('b', 'c'), undefined])).toBe(true);
    expect(set.mayHave([undefined, undefined])).toBe(true);
  });

  test('texts are ordered by their UTF-8 bytes, as stats are', () => {
    const set = keySet([field('s', STRING)], [['\u{1F600}']]);
    expect(compareUtf8('\uFF5E', '\u{1F600}')).toBeLessThan(0);
    expect(set.mayHave([{ min: '\uFF5E', max: '\u{1F601}' }])).toBe(true);
  });

  test('floating keys rule nothing out', () => {
    const set = keySet([field('d', DOUBLE)], [[1.5]]);
    expect(set.mayHave([{ min: 2, max: 3 }])).toBe(true);
  });

  test('a key added twice is one key, and a key of another type is refused', () => {
    const set = keySet([field('id', LONG)], [[1n], [1n]]);
    expect(set.size).toBe(1);
    expect(() => set.add('2', [2])).toThrow('not of the type');
  });
});

test('an IntegerSet holds what was put in and nothing else', () => {
  const integer = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -3000, max: 3000 }));
  fc.assert(
    fc.property(fc.array(integer, { maxLength: 3000 }), fc.array(integer), (keys, others) => {
      const set = new IntegerSet();
      for (const key of keys) set.add(key);
      const model = new Set(keys.map((key) => key + 0));
      expect(set.size).toBe(model.size);
      for (const key of [...keys, ...others]) expect(set.has(key)).toBe(model.has(key + 0));
      expect([...set.sorted()]).toEqual([...model].sort((a, b) => a - b));
    }),
  );
});
