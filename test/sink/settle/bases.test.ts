import { describe, expect, test } from 'vitest';
import { compareBases, type Standing } from '../../../src/sink/settle/bases.js';

const at = (held: number | undefined, seen?: number): (() => Standing) => {
  return () => ({ held, seen });
};

const range = { topic: 't', partition: 3, base: 10, next: 20 };

describe('the compare-and-swap on offsets', () => {
  test.each<[string, number | undefined, number | undefined, unknown]>([
    ['the table holds just the base: go on', 10, 10, undefined],
    [
      'the table holds nothing of the partition: go on from the start offset',
      undefined,
      undefined,
      undefined,
    ],
    ['a part is there already', 14, 10, { kind: 'moved', at: new Map([['t:3', 14]]) }],
    ['all of it is there already', 20, 10, { kind: 'moved', at: new Map([['t:3', 20]]) }],
    ['more than all of it is there', 31, 10, { kind: 'moved', at: new Map([['t:3', 31]]) }],
    ['the table went back', 4, 10, { kind: 'rewound', topic: 't', partition: 3, expected: 10, found: 4 }],
    [
      'it forgot',
      undefined,
      10,
      { kind: 'rewound', topic: 't', partition: 3, expected: 10, found: undefined },
    ],
  ])('%s', (_, held, seen, outcome) => {
    expect(compareBases([range], at(held, seen))).toEqual(outcome);
  });

  test('of several ranges of a partition the first is compared', () => {
    const later = { ...range, base: 20, next: 30 };
    expect(compareBases([later, range], at(10))).toBeUndefined();
  });

  test('a partition that moved is told with where all the others stand', () => {
    const other = { ...range, partition: 4, base: 7 };
    const outcome = compareBases([range, other], ({ partition }) =>
      partition === 3 ? { held: 12, seen: 10 } : { held: undefined, seen: undefined },
    );
    expect(outcome).toEqual({
      kind: 'moved',
      at: new Map([
        ['t:3', 12],
        ['t:4', 7],
      ]),
    });
  });
});
