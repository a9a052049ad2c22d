import { assert } from '../../base/errors.js';
import { concat, conform, constantColumn, withColumn, type ArrowTable } from '../../columnar/arrow.js';
import type { AddFile, CdcFile } from '../../protocol/actions.js';
import { RowSetBuilder } from '../../protocol/row-set.js';
import { STRING } from '../../schema/build.js';
import type { StructType } from '../../schema/types.js';
import { writeChangeFiles, writeDataFiles, type WriteOptions } from '../../table/data-files.js';
import type { TableLayout } from '../../table/layout.js';
import type { Snapshot } from '../../table/snapshot.js';
import { CHANGE_TYPE, hasChangeFeed, type ChangeType } from '../change-types.js';
import type { MergeCounts } from './metrics.js';
import { rowIdFields, withIdsOfUpdated } from './row-ids.js';
import type { RowPlaces } from './rows.js';
import { StagedChanges, type MergeStrategy } from './staged.js';
import { takeOut, type Removal } from './take-out.js';

export type { MergeCounts } from './metrics.js';
export type { MergeStrategy, StagedChanges } from './staged.js';

/** What the change feed says of a commit: full logical rows by kind; `before[i]` and `after[i]` are one row's images. */
export type ChangeImages = {
  readonly before?: ArrowTable | undefined;
  readonly after?: ArrowTable | undefined;
  readonly deleted?: ArrowTable | undefined;
  /** Rows inserted, those of `after` not among them. */
  readonly inserted?: ArrowTable | undefined;
};

export type StageOptions = {
  readonly snapshot: Snapshot;
  /** The layout that the commit leaves. Default: the snapshot's; another one if the same commit changes the schema. */
  readonly layout?: TableLayout;
  /** Live rows that the commit takes out: rows deleted, and old versions of rows updated. */
  readonly removed?: RowPlaces | undefined;
  /** Rows that the commit puts in: rows inserted, and new versions of rows updated. */
  readonly inserted?: ArrowTable | undefined;
  /**
   * Written as change files, all of it, if the feed is on and there is at least one update or delete; a commit of plain
   * inserts writes none, since readers derive them. Undefined (`images=inferred`, merge-on-read only): no change file.
   */
  readonly changes?: ChangeImages | undefined;
  /** Where the rows stood that the first of `inserted` are the new images of, in their order: they keep their ids. */
  readonly updated?: RowPlaces | undefined;
  readonly counts: MergeCounts;
  readonly strategy: MergeStrategy;
  /** Logical names of columns that always get file stats (key columns, `__position`). */
  readonly alwaysStats?: readonly string[];
  /** About this many bytes of rows go into one file. */
  readonly targetBytes?: number;
  readonly signal: AbortSignal;
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
export async function stageRowChanges(options: StageOptions): Promise<StagedChanges> {
  const { snapshot, layout = snapshot.layout, strategy, counts, signal } = options;
  const startedMs = performance.now();
  const { alwaysStats, targetBytes } = options;
  const write: WriteOptions = {
    layout,
    signal,
    ...(alwaysStats === undefined ? {} : { alwaysStats }),
    ...(targetBytes === undefined ? {} : { targetBytes }),
  };
  const taken = await takeOut(removalsOf(options.removed), { ...write, snapshot, strategy });
  const [added, changeFiles] = await Promise.all([
    writeInserted(options, write),
    writeChanges(options, layout),
  ]);
  return new StagedChanges({
    touched: taken.touched,
    added: [...taken.rewritten, ...added],
    changeFiles,
    strategy,
    counts,
    copiedRows: taken.copiedRows,
    times: { rewrite: performance.now() - startedMs },
  });
}

async function writeInserted(
  { snapshot, inserted, updated, counts, signal }: StageOptions,
  write: WriteOptions,
): Promise<readonly AddFile[]> {
  if (inserted === undefined) return [];
  const { layout } = write;
  const known = updated?.ordinal.length ?? 0;
  assert(
    rowIdFields(layout).length === 0 || known === counts.updated,
    'it is known which rows the new images of updated rows are of',
  );
  const { rows, hidden } = await withIdsOfUpdated(inserted, updated, { snapshot, layout, signal });
  return writeDataFiles(snapshot.store, rows, { ...write, hidden });
}

function removalsOf(removed: RowPlaces | undefined): readonly Removal[] {
  if (removed === undefined) return [];
  const gone = removed.files.map(() => new RowSetBuilder());
  for (let i = 0; i < removed.ordinal.length; i++) gone[removed.file[i] ?? -1]?.add(removed.ordinal[i] ?? -1);
  return removed.files.map((file, i) => ({ file, gone: (gone[i] ?? new RowSetBuilder()).finish() }));
}

/** Rows in the order in which Delta Spark writes them: old images before new ones. */
async function writeChanges(
  { snapshot, changes, removed, strategy, signal }: StageOptions,
  layout: TableLayout,
): Promise<readonly CdcFile[]> {
  if (!hasChangeFeed(layout.configuration)) return [];
  if (changes === undefined) {
    assert(strategy === 'merge-on-read', 'rows copied to new files are no changes: the feed must be told');
    return [];
  }
  const before = typed(changes.before, 'update_preimage', layout.schema);
  const after = typed(changes.after, 'update_postimage', layout.schema);
  const deleted = typed(changes.deleted, 'delete', layout.schema);
  const someRemoved = (removed?.ordinal.length ?? 0) > 0;
  assert(
    someRemoved === before.length + deleted.length > 0,
    'the feed is told of rows that go exactly if some go',
  );
  if (before.length + after.length + deleted.length === 0) return [];
  const inserted = typed(changes.inserted, 'insert', layout.schema);
  const rows = concat([...before, ...after, ...deleted, ...inserted]);
  return writeChangeFiles(snapshot.store, rows, { layout, signal });
}

function typed(rows: ArrowTable | undefined, type: ChangeType, schema: StructType): readonly ArrowTable[] {
  if (rows === undefined || rows.numRows === 0) return [];
  return [withColumn(conform(rows, schema), CHANGE_TYPE, constantColumn(STRING, type, rows.numRows))];
}
