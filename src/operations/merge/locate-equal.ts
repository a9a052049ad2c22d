import type { ArrowTable } from '../../columnar/arrow.js';
import type { AddFile } from '../../protocol/actions.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { LocatedRows } from './rows.js';

export type LocateEqualOptions = {
  /** The row images looked for: every column of `columns` by its logical name and type. */
  readonly rows: ArrowTable;
  /** Logical names of the columns that are compared (a sink leaves its own columns out). */
  readonly columns: readonly string[];
  /** Logical names of columns whose values are wanted of each row found. */
  readonly extra?: readonly string[];
  readonly files?: Iterable<AddFile>;
  readonly signal: AbortSignal;
};

/**
 * Finds live rows that equal one of the images in every compared column (null equals null, NaN equals NaN), for tables
 * without a key. The `key` of a row found is its `rowTexts` text. An image that is given n times is found at most n
 * times: the first n equal rows in file order.
 */
export declare function locateEqualRows(
  snapshot: Snapshot,
  options: LocateEqualOptions,
): Promise<LocatedRows>;

/** The text by which two rows are equal over these columns, by row of the table. */
export declare function rowTexts(table: ArrowTable, columns: readonly string[]): (row: number) => string;
