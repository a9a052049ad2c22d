import type { AddFile } from '../../protocol/actions.js';
import type { Value } from '../../schema/types.js';

/**
 * Places of rows, as a struct of arrays: row `i` is row `ordinal[i]` (counted from 0 over the whole Parquet file,
 * deleted rows included) of `files[file[i]]`.
 */
export type RowPlaces = {
  readonly files: readonly AddFile[];
  readonly file: ArrayLike<number>;
  readonly ordinal: ArrayLike<number>;
};

/** Live rows that were looked up: where each is, under which key, and what else was asked of it. */
export type LocatedRows = RowPlaces & {
  readonly count: number;
  /** The files that hold at least one of the rows. */
  readonly files: readonly AddFile[];
  readonly file: Int32Array;
  readonly ordinal: Float64Array;
  /** Text of each row's key, as `schema/key-text` writes it. */
  readonly key: readonly string[];
  /** One array of values for each extra column, in the order asked. */
  readonly extra: readonly (readonly Value[])[];
};
