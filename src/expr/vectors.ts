import type { Value } from '../schema/types.js';

/** Which cells hold a value: those whose bit, counted from `offset`, is 1. Undefined where all do. */
export type Present = { readonly bits: Uint8Array; readonly offset: number } | undefined;

export type NumberArray = Int8Array | Int16Array | Int32Array | Float32Array | Float64Array;

/** The cells of one column of a batch, as they lie in memory. */
export type Vector =
  /** Bytes, shorts, integers, dates, floats and doubles. */
  | { readonly kind: 'numbers'; readonly values: NumberArray; readonly present: Present }
  /** Bigints, timestamps and decimals: `width` 32-bit words a cell, the least first, the last one signed. */
  | { readonly kind: 'words'; readonly words: Int32Array; readonly width: number; readonly present: Present }
  /** Strings in UTF-8. */
  | {
      readonly kind: 'text';
      readonly offsets: Int32Array;
      readonly bytes: Uint8Array;
      readonly present: Present;
    }
  | {
      readonly kind: 'booleans';
      readonly bits: Uint8Array;
      readonly offset: number;
      readonly present: Present;
    }
  /** What has no form here: its cells are read one by one. */
  | { readonly kind: 'cells' };

/** Rows of a table, by columns, as an expression looks at them; columns go by their index in the schema. */
export interface Batch {
  readonly rows: number;
  vector(column: number): Vector;
  /** Reads single cells of a column. */
  cells(column: number): (row: number) => Value;
}

/** The rows whose cell holds a value (or, if not wanted, holds none). */
export function selectPresent(present: Present, rows: Uint32Array, wanted: boolean): Uint32Array {
  if (present === undefined) return wanted ? rows : NONE;
  const { bits, offset } = present;
  const found = new Uint32Array(rows.length);
  const mark = wanted ? 1 : 0;
  let count = 0;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] ?? 0;
    const bit = offset + row;
    found[count] = row;
    count += (((bits[bit >> 3] ?? 0) >> (bit & 7)) & 1) === mark ? 1 : 0;
  }
  return found.subarray(0, count);
}

export const NONE = new Uint32Array(0);

/** The rows that are not in `taken`; both ascend, and `taken` is a part of `rows`. */
export function without(rows: Uint32Array, taken: Uint32Array): Uint32Array {
  if (taken.length === 0) return rows;
  const left = new Uint32Array(rows.length - taken.length);
  let next = 0;
  let count = 0;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] ?? 0;
    if (taken[next] === row) next++;
    else left[count++] = row;
  }
  return left;
}

/** All rows of two selections that share none, ascending. */
export function merged(one: Uint32Array, other: Uint32Array): Uint32Array {
  if (one.length === 0) return other;
  if (other.length === 0) return one;
  const all = new Uint32Array(one.length + other.length);
  let left = 0;
  let right = 0;
  for (let index = 0; index < all.length; index++) {
    const fromLeft = right >= other.length || (left < one.length && (one[left] ?? 0) < (other[right] ?? 0));
    all[index] = (fromLeft ? one[left++] : other[right++]) ?? 0;
  }
  return all;
}
