import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RowSet, RowSetBuilder } from '../../src/protocol/row-set.js';

/** Ordinals that meet: few chunks, dense and sparse, some far apart. */
const ordinals = fc.oneof(
  fc.array(fc.integer({ min: 0, max: 200_000 }), { maxLength: 50 }),
  fc.array(fc.integer({ min: 65_500, max: 65_600 }), { maxLength: 200 }),
  fc
    .record({
      from: fc.integer({ min: 0, max: 70_000 }),
      length: fc.integer({ min: 0, max: 9000 }),
      step: fc.integer({ min: 1, max: 3 }),
    })
    .map(({ from, length, step }) => Array.from({ length }, (_, i) => from + i * step)),
  fc.array(fc.integer({ min: 2 ** 32 - 5, max: 2 ** 32 + 5 }), { maxLength: 10 }),
  fc.array(fc.integer({ min: 2 ** 53 - 9, max: 2 ** 53 - 1 }), { maxLength: 5 }),
);

function sorted(values: Iterable<number>): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

describe('a set of rows', () => {
  test('holds what was put in, once and in order', () => {
    fc.assert(
      fc.property(ordinals, ordinals, (list, others) => {
        const set = RowSet.from(list);
        const model = new Set(list);
        expect([...set.toArray()]).toEqual(sorted(list));
        expect([...set]).toEqual(sorted(list));
        expect(set.size).toBe(model.size);
        const asked = [...list, ...others];
        expect(asked.filter((ordinal) => set.has(ordinal))).toEqual(
          asked.filter((ordinal) => model.has(ordinal)),
        );
      }),
    );
  });

  test('unites, subtracts, intersects and compares as sets do, and leaves its operands alone', () => {
    fc.assert(
      fc.property(ordinals, ordinals, (a, b) => {
        const left = RowSet.from(a);
        const right = RowSet.from(b);
        const inB = new Set(b);
        const common = sorted(a).filter((ordinal) => inB.has(ordinal));
        expect([...left.union(right)]).toEqual(sorted([...a, ...b]));
        expect([...left.minus(right)]).toEqual(sorted(a).filter((ordinal) => !inB.has(ordinal)));
        expect([...left.intersection(right)]).toEqual(common);
        expect(left.intersects(right)).toBe(common.length > 0);
        expect(left.includes(right)).toBe(common.length === inB.size);
        expect(left.equals(right)).toBe(left.includes(right) && right.includes(left));
        expect(left.union(right).minus(right).union(left.intersection(right)).equals(left)).toBe(true);
        expect([...left]).toEqual(sorted(a));
        expect([...right]).toEqual(sorted(b));
      }),
    );
  });

  test('a range is its ordinals', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 140_000 }),
        fc.integer({ min: 0, max: 140_000 }),
        (from, length) => {
          const range = RowSet.range(from, from + length);
          expect(range.size).toBe(length);
          expect(range.equals(RowSet.from(Array.from({ length }, (_, i) => from + i)))).toBe(true);
        },
      ),
      { numRuns: 20 },
    );
  });

  test('a builder takes ordinals in any order', () => {
    const builder = new RowSetBuilder();
    const list = Array.from({ length: 150_000 }, (_, i) => (i * 7919) % 150_001);
    for (const ordinal of list) builder.add(ordinal);
    expect(builder.finish().equals(RowSet.from(list))).toBe(true);
    expect(new RowSetBuilder().finish()).toBe(RowSet.EMPTY);
  });

  test.each([-1, 0.5, NaN, 2 ** 53])('%d is no row', (ordinal) => {
    expect(() => RowSet.from([ordinal])).toThrow('no row ordinal');
    expect(RowSet.range(0, 10).has(ordinal)).toBe(false);
  });
});
