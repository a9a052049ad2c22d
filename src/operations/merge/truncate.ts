import type { Value } from '../../schema/types.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { MergeStrategy, StagedChanges } from './stage.js';

export type TruncateOptions = {
  readonly snapshot: Snapshot;
  /** Rows that stay: `stays` gets the value of `column`. Default: none stays. */
  readonly keep?: { readonly column: string; stays(value: Value): boolean };
  readonly strategy: MergeStrategy;
  readonly signal: AbortSignal;
};

/**
 * Takes out all rows (but those kept), by removes and deletion vectors only: no change file, so that the feed's readers
 * derive the deletes. Reads one column of each file if rows may stay, nothing otherwise.
 */
export declare function stageTruncate(options: TruncateOptions): Promise<StagedChanges>;
