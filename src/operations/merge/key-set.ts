import type { StructField, Value } from '../../schema/types.js';

/** Least and greatest value of one key column among all keys. */
export type KeyRange = { readonly min: Value; readonly max: Value };

/** The keys of a batch, as the merge engine looks them up. */
export interface KeySet {
  readonly size: number;
  /** `key` is the text of `schema/key-text`. */
  has(key: string): boolean;
  /** A range for each key column in order; undefined if nothing is known (no file is ruled out then). */
  bounds(): readonly KeyRange[] | undefined;
  /**
   * Whether a key may lie inside these ranges (one for each key column, undefined where a file tells nothing). `false`
   * is a proof. Default: the ranges are compared with `bounds()`.
   */
  mayHave?(ranges: readonly (KeyRange | undefined)[]): boolean;
  /** For one integer key column: the same set by number. Must know every key that is a safe integer. */
  readonly numbers?: { has(key: number): boolean };
}

/** Collects the keys of a batch; a key added twice is one key. */
export declare class KeySetBuilder implements KeySet {
  constructor(columns: readonly StructField[]);
  readonly size: number;
  readonly numbers?: { has(key: number): boolean };
  /** `text` is the key's text, `values` its values in the order of the columns; neither is null. */
  add(text: string, values: readonly Value[]): void;
  has(key: string): boolean;
  bounds(): readonly KeyRange[] | undefined;
  mayHave(ranges: readonly (KeyRange | undefined)[]): boolean;
}
