import type { ArrowTable } from '../../columnar/arrow.js';
import type { Action, AddFile } from '../../protocol/actions.js';
import type { RowSet } from '../../protocol/row-set.js';
import type { TableLayout } from '../../table/layout.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { MergeMetrics } from './metrics.js';
import type { RowPlaces } from './rows.js';

export type MergeStrategy = 'merge-on-read' | 'copy-on-write';

/** What the change feed says of a commit: full logical rows by kind; `before[i]` and `after[i]` are one row's images. */
export type ChangeImages = {
  readonly before?: ArrowTable | undefined;
  readonly after?: ArrowTable | undefined;
  readonly deleted?: ArrowTable | undefined;
  /** Rows inserted, those of `after` not among them. */
  readonly inserted?: ArrowTable | undefined;
};

/** Rows of the batch, by what became of them; only for metrics. */
export type MergeCounts = {
  readonly source: number;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
};

export type StageOptions = {
  readonly snapshot: Snapshot;
  /** The layout to write with. Default: the snapshot's; another one if the same commit changes the schema. */
  readonly layout?: TableLayout;
  /** Live rows that the commit takes out: rows deleted, and old versions of rows updated. */
  readonly removed?: RowPlaces | undefined;
  /** Rows that the commit puts in: rows inserted, and new versions of rows updated. */
  readonly inserted?: ArrowTable | undefined;
  /**
   * Written as change files, all of it, if the feed is on and holds at least one update or delete; a commit of plain
   * inserts writes none and readers infer them. Undefined (a truncate; images=inferred): never any change file.
   */
  readonly changes?: ChangeImages | undefined;
  readonly counts: MergeCounts;
  readonly strategy: MergeStrategy;
  /** Logical names of columns that always get file stats (key columns, `__position`). */
  readonly alwaysStats?: readonly string[];
  readonly targetBytes?: number;
  readonly signal: AbortSignal;
};

/** A file of the read snapshot that the staged change takes rows out of. */
export type TouchedFile = {
  /** The file as the commit's base has it. */
  readonly base: AddFile;
  /** Rows that the base's deletion vector names; undefined if it has none. */
  readonly dead: RowSet | undefined;
  /** Rows that this change takes out; none of them is in `dead`. */
  readonly gone: RowSet;
  /** What the change makes of the file: undefined if it is only removed (no row left, or rewritten). */
  readonly next: AddFile | undefined;
};

/** File actions of a change, durable in the store and ready to be committed. */
export type StagedChanges = {
  readonly touched: readonly TouchedFile[];
  /** New data files. */
  readonly added: readonly AddFile[];
  readonly strategy: MergeStrategy;
  readonly metrics: MergeMetrics;
  /** remove, add and cdc actions in the order of the log; `nowMs` becomes the removes' deletion timestamp. */
  actions(nowMs: number): readonly Action[];
};

/**
 * Writes everything that a row-level change needs, so that only the commit is left: new data files, one
 * deletion-vector file for all touched files (merge-on-read) or the touched files without the removed rows
 * (copy-on-write), and the change files. A file with no row left is only removed.
 *
 * Delta protocol, "Deletion Vectors" and "Change Data Files": a vector holds its predecessor's rows too; a commit that
 * has a change file has all its changes there. `PROTOCOL_UNSUPPORTED` if rows are to go from a table that is
 * append-only, or by deletion vector from one that has them off.
 */
export declare function stageRowChanges(options: StageOptions): Promise<StagedChanges>;
