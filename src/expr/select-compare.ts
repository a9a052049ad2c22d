import type { Value } from '../schema/types.js';
import { compareNumbers } from './order.js';
import type { NumberArray, Vector } from './vectors.js';

/** Which outcomes of a comparison are wanted: less, equal, greater, one bit each. */
export const Sign = { less: 1, equal: 2, greater: 4, all: 7 } as const;

/**
 * The rows whose value stands to the literal as the mask wants it; every cell of `rows` holds a value. Undefined if the
 * vector's form has no such comparison.
 */
export function selectAgainst(
  vector: Vector,
  literal: Value,
  mask: number,
  rows: Uint32Array,
): Uint32Array | undefined {
  const found = new Uint32Array(rows.length);
  switch (vector.kind) {
    case 'numbers':
      if (typeof literal !== 'number') return undefined;
      return found.subarray(0, numbersAgainst(vector.values, literal, mask, rows, found));
    case 'words': {
      if (typeof literal !== 'bigint') return undefined;
      const wanted = wordsOf(literal, vector.width);
      return found.subarray(0, wordsAgainst(vector.words, wanted, mask, rows, found));
    }
    case 'text': {
      if (typeof literal !== 'string') return undefined;
      const wanted = new TextEncoder().encode(literal);
      const count =
        mask === Sign.equal || mask === (Sign.less | Sign.greater)
          ? textEquals(vector, wanted, mask === Sign.equal, rows, found)
          : textAgainst(vector, wanted, mask, rows, found);
      return found.subarray(0, count);
    }
    case 'booleans':
    case 'cells':
      return undefined;
  }
}

/** The rows whose values in two columns stand to each other so; undefined if their forms are not the same. */
export function selectBetween(
  left: Vector,
  right: Vector,
  mask: number,
  rows: Uint32Array,
): Uint32Array | undefined {
  const signOf = signReader(left, right);
  if (signOf === undefined) return undefined;
  const found = new Uint32Array(rows.length);
  let count = 0;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] ?? 0;
    found[count] = row;
    count += (mask >> (signOf(row) + 1)) & 1;
  }
  return found.subarray(0, count);
}

/** -1, 0 or 1 for a row. */
function signReader(left: Vector, right: Vector): ((row: number) => number) | undefined {
  if (left.kind === 'numbers' && right.kind === 'numbers') {
    const [one, other] = [left.values, right.values];
    return (row) => compareNumbers(one[row] ?? 0, other[row] ?? 0);
  }
  if (left.kind === 'words' && right.kind === 'words' && left.width === right.width) {
    const { words: one, width } = left;
    const other = right.words;
    return (row) => compareWords(one, row * width, other, row * width, width);
  }
  if (left.kind === 'text' && right.kind === 'text') {
    return (row) =>
      compareRuns(
        left.bytes,
        left.offsets[row] ?? 0,
        left.offsets[row + 1] ?? 0,
        right.bytes,
        right.offsets[row] ?? 0,
        right.offsets[row + 1] ?? 0,
      );
  }
  return undefined;
}

/** NaN is greater than any literal that is a number, hence the negations. */
function numbersAgainst(
  values: NumberArray,
  literal: number,
  mask: number,
  rows: Uint32Array,
  found: Uint32Array,
): number {
  let count = 0;
  const { length } = rows;
  if (Number.isNaN(literal)) {
    for (let index = 0; index < length; index++) {
      const row = rows[index] ?? 0;
      found[count] = row;
      count += (mask >> (compareNumbers(values[row] ?? 0, literal) + 1)) & 1;
    }
    return count;
  }
  switch (mask) {
    case Sign.less:
      for (let index = 0; index < length; index++) {
        const row = rows[index] ?? 0;
        found[count] = row;
        count += (values[row] ?? 0) < literal ? 1 : 0;
      }
      return count;
    case Sign.less | Sign.equal:
      for (let index = 0; index < length; index++) {
        const row = rows[index] ?? 0;
        found[count] = row;
        count += (values[row] ?? 0) <= literal ? 1 : 0;
      }
      return count;
    case Sign.greater:
      for (let index = 0; index < length; index++) {
        const row = rows[index] ?? 0;
        found[count] = row;
        count += (values[row] ?? 0) <= literal ? 0 : 1;
      }
      return count;
    case Sign.greater | Sign.equal:
      for (let index = 0; index < length; index++) {
        const row = rows[index] ?? 0;
        found[count] = row;
        count += (values[row] ?? 0) < literal ? 0 : 1;
      }
      return count;
    default: {
      const equal = mask === Sign.equal ? 1 : 0;
      for (let index = 0; index < length; index++) {
        const row = rows[index] ?? 0;
        found[count] = row;
        count += (values[row] ?? 0) === literal ? equal : 1 - equal;
      }
      return count;
    }
  }
}

/** The integer as so many 32-bit words, the least first. */
export function wordsOf(value: bigint, width: number): Int32Array {
  const words = new Int32Array(width);
  for (let word = 0; word < width; word++)
    words[word] = Number(BigInt.asIntN(32, value >> BigInt(word * 32)));
  return words;
}

function wordsAgainst(
  words: Int32Array,
  wanted: Int32Array,
  mask: number,
  rows: Uint32Array,
  found: Uint32Array,
): number {
  const width = wanted.length;
  let count = 0;
  if (width !== 2) {
    for (let index = 0; index < rows.length; index++) {
      const row = rows[index] ?? 0;
      found[count] = row;
      count += (mask >> (compareWords(words, row * width, wanted, 0, width) + 1)) & 1;
    }
    return count;
  }
  const high = wanted[1] ?? 0;
  const low = (wanted[0] ?? 0) >>> 0;
  const [less, equal, greater] = [mask & 1, (mask >> 1) & 1, (mask >> 2) & 1];
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] ?? 0;
    const ownHigh = words[row * 2 + 1] ?? 0;
    found[count] = row;
    if (ownHigh !== high) {
      count += ownHigh < high ? less : greater;
    } else {
      const ownLow = (words[row * 2] ?? 0) >>> 0;
      count += ownLow < low ? less : ownLow > low ? greater : equal;
    }
  }
  return count;
}

/** The sign of two integers of `width` words. */
export function compareWords(
  one: Int32Array,
  at: number,
  other: Int32Array,
  otherAt: number,
  width: number,
): number {
  const top = width - 1;
  const [high, otherHigh] = [one[at + top] ?? 0, other[otherAt + top] ?? 0];
  if (high !== otherHigh) return high < otherHigh ? -1 : 1;
  for (let word = top - 1; word >= 0; word--) {
    const [low, otherLow] = [(one[at + word] ?? 0) >>> 0, (other[otherAt + word] ?? 0) >>> 0];
    if (low !== otherLow) return low < otherLow ? -1 : 1;
  }
  return 0;
}

type Text = Vector & { readonly kind: 'text' };

function textEquals(
  { offsets, bytes }: Text,
  wanted: Uint8Array,
  equal: boolean,
  rows: Uint32Array,
  found: Uint32Array,
): number {
  let count = 0;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] ?? 0;
    const start = offsets[row] ?? 0;
    let same = (offsets[row + 1] ?? 0) - start === wanted.length;
    for (let at = 0; same && at < wanted.length; at++) same = bytes[start + at] === wanted[at];
    found[count] = row;
    count += same === equal ? 1 : 0;
  }
  return count;
}

function textAgainst(
  { offsets, bytes }: Text,
  wanted: Uint8Array,
  mask: number,
  rows: Uint32Array,
  found: Uint32Array,
): number {
  let count = 0;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] ?? 0;
    const sign = compareRuns(bytes, offsets[row] ?? 0, offsets[row + 1] ?? 0, wanted, 0, wanted.length);
    found[count] = row;
    count += (mask >> (sign + 1)) & 1;
  }
  return count;
}

/** The sign of two runs of bytes. */
export function compareRuns(
  one: Uint8Array,
  start: number,
  end: number,
  other: Uint8Array,
  otherStart: number,
  otherEnd: number,
): number {
  const shared = Math.min(end - start, otherEnd - otherStart);
  for (let at = 0; at < shared; at++) {
    const difference = (one[start + at] ?? 0) - (other[otherStart + at] ?? 0);
    if (difference !== 0) return difference < 0 ? -1 : 1;
  }
  return Math.sign(end - start - (otherEnd - otherStart));
}
