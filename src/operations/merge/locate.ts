import type { AddFile } from '../../protocol/actions.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { KeySet } from './key-set.js';
import type { LocatedRows } from './rows.js';

export type LocateOptions = {
  /** Logical names of the key columns, in the order of the key's parts. */
  readonly keyColumns: readonly string[];
  readonly keys: KeySet;
  /** Logical names of columns whose values are wanted of each row found. */
  readonly extra?: readonly string[];
  /** Only these files. Default: all live files of the snapshot. */
  readonly files?: Iterable<AddFile>;
  readonly signal: AbortSignal;
};

/**
 * Finds the live rows whose key is in the batch; rows with a null in their key are never found, a key that stands in
 * several rows is found as often. Rows come file by file, by ordinal inside a file.
 *
 * The cost follows the batch: files that partition values or stats rule out are not opened, of the others only the key
 * columns are read, and the extra columns only of row groups that hold a hit.
 */
export declare function locateRows(snapshot: Snapshot, options: LocateOptions): Promise<LocatedRows>;
