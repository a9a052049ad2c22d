import type { Value } from '../schema/types.js';
import { compareRuns, compareWords, wordsOf } from './select-compare.js';
import type { Vector } from './vectors.js';

/**
 * The rows whose value is among the literals (or, if not wanted, is none of them); every cell of `rows` holds a value, and
 * so does each literal. Undefined if the vector's form cannot be looked up.
 */
export type SelectAmong = (vector: Vector, rows: Uint32Array, wanted: boolean) => Uint32Array | undefined;

export function amongLiterals(literals: readonly Value[]): SelectAmong {
  const numbers = new Set<number>();
  const bigints: bigint[] = [];
  const texts: Uint8Array[] = [];
  for (const literal of literals) {
    if (typeof literal === 'number') numbers.add(literal);
    else if (typeof literal === 'bigint') bigints.push(literal);
    else if (typeof literal === 'string') texts.push(new TextEncoder().encode(literal));
  }
  bigints.sort((one, other) => (one < other ? -1 : one > other ? 1 : 0));
  texts.sort((one, other) => compareRuns(one, 0, one.length, other, 0, other.length));
  return (vector, rows, wanted) => {
    switch (vector.kind) {
      case 'numbers': {
        const { values } = vector;
        return chosen(rows, wanted, (row) => numbers.has(values[row] ?? 0));
      }
      case 'words': {
        const { words, width } = vector;
        const sorted = bigints.map((value) => wordsOf(value, width));
        return chosen(rows, wanted, (row) =>
          isAmong(sorted, (other) => compareWords(words, row * width, other, 0, width)),
        );
      }
      case 'text': {
        const { offsets, bytes } = vector;
        return chosen(rows, wanted, (row) =>
          isAmong(texts, (other) =>
            compareRuns(bytes, offsets[row] ?? 0, offsets[row + 1] ?? 0, other, 0, other.length),
          ),
        );
      }
      case 'booleans':
      case 'cells':
        return undefined;
    }
  };
}

/** The rows for which the test's answer is the wanted one. */
export function chosen(rows: Uint32Array, wanted: boolean, test: (row: number) => boolean): Uint32Array {
  const found = new Uint32Array(rows.length);
  let count = 0;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] ?? 0;
    found[count] = row;
    count += test(row) === wanted ? 1 : 0;
  }
  return found.subarray(0, count);
}

function isAmong<T>(sorted: readonly T[], signAgainst: (other: T) => number): boolean {
  let from = 0;
  let upTo = sorted.length;
  while (from < upTo) {
    const middle = (from + upTo) >>> 1;
    const other = sorted[middle];
    if (other === undefined) return false;
    const sign = signAgainst(other);
    if (sign === 0) return true;
    if (sign > 0) from = middle + 1;
    else upTo = middle;
  }
  return false;
}
