import type { ArrowTable } from '../../columnar/arrow.js';
import type { TableLayout } from '../../table/layout.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { RowPlaces } from './rows.js';

export type ReadRowsOptions = {
  /** Logical names. Default: every column of the layout. */
  readonly columns?: readonly string[];
  /** The layout to read with (columns that are about to be added read as null). Default: the snapshot's. */
  readonly layout?: TableLayout;
  readonly signal: AbortSignal;
};

/** Reads rows by place, in the order asked; of each file only the row groups that hold one of them. */
export declare function readRows(
  snapshot: Snapshot,
  places: RowPlaces,
  options: ReadRowsOptions,
): Promise<ArrowTable>;
