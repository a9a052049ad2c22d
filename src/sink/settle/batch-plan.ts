import type { ArrowTable } from '../../columnar/arrow.js';
import type { ChangeImages, MergeCounts } from '../../operations/merge/stage.js';
import type { ReadSet } from '../../operations/merge/rebase.js';
import type { RowPlaces } from '../../operations/merge/rows.js';
import type { BadRecord } from '../settler.js';
import type { MemoryReads } from './memory/reads.js';
import type { MemoryRecord } from './memory/records.js';

/** What a batch does to the rows of a table, all of it read and decided, nothing of it written. */
export type RowPlan = {
  readonly removed: RowPlaces;
  readonly inserted: ArrowTable | undefined;
  /** Where the rows stood that the first of `inserted` replace. */
  readonly updated: RowPlaces;
  /** Undefined where no image was asked for. */
  readonly changes: ChangeImages | undefined;
  readonly counts: MergeCounts;
  readonly reads: ReadSet;
  readonly located: RowPlaces | undefined;
  /** Key columns; empty for a table without a key. */
  readonly keys: readonly string[];
  /** What the commit adds to the partitions' memory, by `partitionKey`. */
  readonly records: ReadonlyMap<string, readonly MemoryRecord[]>;
  readonly remembered: MemoryReads;
  readonly stale: number;
  readonly ignored: number;
  readonly nulled: ReadonlyMap<string, number>;
};

export type Planned =
  | { readonly kind: 'planned'; readonly plan: RowPlan }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'bad-records'; readonly records: readonly BadRecord[] };
