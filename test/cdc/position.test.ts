import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  comparePositions,
  formatPosition,
  isSnapshot,
  orderText,
  parsePosition,
  sourceTimeMs,
  type Place,
  type Position,
} from '../../src/cdc/position.js';

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const uint32 = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n });
/** Few and near each other beside the whole range: where comparisons go wrong. */
const near = fc.constantFrom(0n, 9n, 10n, 15n, 16n, 99n, 100n, 255n, 256n, 999n, 1000n, 4095n, 4096n);
const place: fc.Arbitrary<Place> = fc.oneof(
  fc.record({ kind: fc.constant('postgres' as const), lsn: fc.oneof(near, uint64) }),
  fc.record({
    kind: fc.constant('mysql' as const),
    file: fc.oneof(near, uint32),
    pos: fc.oneof(near, uint64),
    row: fc.oneof(near, uint32),
  }),
  fc.record({ kind: fc.constant('offset' as const), offset: fc.oneof(near, uint64) }),
);
const position: fc.Arbitrary<Position> = fc.record({
  place,
  epoch: fc.constantFrom(0, 0, 0, 1, 9, 10, 16),
  snapshot: fc.boolean(),
  sourceTimeMs: fc.constantFrom(0, 1, 1_795_457_412_420, 2 ** 48 - 1),
});

function mysql(file: bigint, pos: bigint, row = 0n, epoch = 0): string {
  return formatPosition({
    place: { kind: 'mysql', file, pos, row },
    epoch,
    snapshot: false,
    sourceTimeMs: 0,
  });
}

function postgres(lsn: bigint, epoch = 0): string {
  return formatPosition({ place: { kind: 'postgres', lsn }, epoch, snapshot: false, sourceTimeMs: 0 });
}

/** The numbers of a position, most significant first: what its order must be. */
function numbersOf({ epoch, place: at }: Position): readonly bigint[] {
  const format = { postgres: 1n, mysql: 2n, offset: 9n }[at.kind];
  const numbers =
    at.kind === 'postgres' ? [at.lsn] : at.kind === 'mysql' ? [at.file, at.pos, at.row] : [at.offset];
  return [BigInt(epoch), format, ...numbers];
}

function compareNumbers(a: readonly bigint[], b: readonly bigint[]): number {
  for (let k = 0; k < Math.max(a.length, b.length); k++) {
    const [x = 0n, y = 0n] = [a[k], b[k]];
    if (x !== y) return x < y ? -1 : 1;
  }
  return 0;
}

describe('the position text', () => {
  test('is what it was parsed from', () => {
    fc.assert(
      fc.property(position, (one) => {
        expect(parsePosition(formatPosition(one))).toEqual(one);
      }),
    );
  });

  test('has the numbers of the documented example', () => {
    const text = '1000000000000000002319f70;s;01a20999ed43';
    expect(parsePosition(text)).toEqual({
      place: { kind: 'postgres', lsn: 36_806_512n },
      epoch: 0,
      snapshot: true,
      sourceTimeMs: 1_795_457_412_419,
    });
    expect(isSnapshot(text)).toBe(true);
    expect(sourceTimeMs(text)).toBe(1_795_457_412_419);
    expect(orderText(text)).toBe('1000000000000000002319f70');
  });

  test.each([
    '',
    'x',
    '1',
    '3000000000000000002319f70;s;01a20999ed43',
    '100000000000000000231;s;01a20999ed43',
  ])('is not %j', (text) => expect(parsePosition(text)).toBeUndefined());

  test('clamps what does not fit its width', () => {
    const place = { kind: 'mysql', file: 2n ** 40n, pos: -1n, row: 2n ** 33n } as const;
    const text = formatPosition({ place, epoch: 0, snapshot: false, sourceTimeMs: -5 });
    expect(parsePosition(text)?.place).toEqual({
      kind: 'mysql',
      file: 2n ** 32n - 1n,
      pos: 0n,
      row: 2n ** 32n - 1n,
    });
    expect(sourceTimeMs(text)).toBeUndefined();
  });
});

describe('the order of positions', () => {
  test.each([
    ['a binlog file after 9 is 10', mysql(9n, 4n), mysql(10n, 4n)],
    ['a binlog file after 000009 is 000010, wherever the position', mysql(9n, 999n), mysql(10n, 4n)],
    ['999 comes before 1000', mysql(1n, 999n), mysql(1n, 1000n)],
    ['rows of one event follow each other', mysql(1n, 4n, 9n), mysql(1n, 4n, 10n)],
    ['an LSN of fewer digits comes first', postgres(9n), postgres(10n)],
    ['an LSN beyond 2^53 keeps its last bit', postgres(2n ** 53n), postgres(2n ** 53n + 1n)],
    ['an LSN beyond 2^63 is not negative', postgres(2n ** 63n - 1n), postgres(2n ** 63n)],
    ['a later epoch beats any numbers', postgres(2n ** 64n - 1n, 0), postgres(0n, 1)],
    ['a later epoch beats any numbers of another source', mysql(9n, 9n, 9n, 1), postgres(0n, 2)],
    ['no position comes before any', '', postgres(0n)],
  ])('%s', (_title, earlier, later) => {
    expect(comparePositions(earlier, later)).toBeLessThan(0);
    expect(comparePositions(later, earlier)).toBeGreaterThan(0);
    expect(comparePositions(earlier, earlier)).toBe(0);
  });

  test('is the order of the numbers, as numbers', () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        const order = comparePositions(formatPosition(a), formatPosition(b));
        expect(order).toBe(compareNumbers(numbersOf(a), numbersOf(b)));
      }),
    );
  });

  test('is the order of the texts, within one format', () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        fc.pre(a.place.kind === b.place.kind);
        const [x, y] = [orderText(formatPosition(a)), orderText(formatPosition(b))];
        expect(x < y ? -1 : x > y ? 1 : 0).toBe(compareNumbers(numbersOf(a), numbersOf(b)));
      }),
    );
  });

  test('is transitive, and two positions at one place are equal whatever is only remembered', () => {
    fc.assert(
      fc.property(position, position, position, (a, b, c) => {
        const [x, y, z] = [a, b, c].map(formatPosition).toSorted(comparePositions);
        expect(comparePositions(x ?? '', y ?? '')).toBeLessThanOrEqual(0);
        expect(comparePositions(x ?? '', z ?? '')).toBeLessThanOrEqual(0);
        const other = formatPosition({ ...a, snapshot: !a.snapshot, sourceTimeMs: 7 });
        expect(comparePositions(formatPosition(a), other)).toBe(0);
      }),
    );
  });
});
