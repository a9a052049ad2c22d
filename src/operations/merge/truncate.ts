import { reader } from '../../columnar/cells.js';
import { RowSetBuilder, type RowSet } from '../../protocol/row-set.js';
import type { AddFile } from '../../protocol/actions.js';
import type { Value } from '../../schema/types.js';
import { openDataFile } from '../../table/data-file.js';
import type { TableLayout } from '../../table/layout.js';
import type { Snapshot } from '../../table/snapshot.js';
import { mapAFewAtOnce } from './each-file.js';
import { mustFindColumns } from './locate.js';
import { StagedChanges, type MergeStrategy } from './staged.js';
import { takeOut, type Removal } from './take-out.js';

export type TruncateOptions = {
  readonly snapshot: Snapshot;
  /** The layout that the commit leaves. Default: the snapshot's. */
  readonly layout?: TableLayout;
  /** Rows that stay: `stays` gets the value of `column`. Default: none stays. */
  readonly keep?: { readonly column: string; stays(value: Value): boolean };
  readonly strategy: MergeStrategy;
  readonly alwaysStats?: readonly string[];
  readonly signal: AbortSignal;
};

/**
 * Takes out all rows (but those kept), by removes and deletion vectors only: no change file, so that the feed's readers
 * derive the deletes. Reads one column of each file if rows may stay, nothing otherwise.
 */
export async function stageTruncate(options: TruncateOptions): Promise<StagedChanges> {
  const { snapshot, strategy, signal, layout = snapshot.layout } = options;
  const startedMs = performance.now();
  const removals = await mapAFewAtOnce([...snapshot.files], (file) => planRemoval(file, layout, options), {
    signal,
  });
  const scannedMs = performance.now();
  const { alwaysStats } = options;
  const taken = await takeOut(removals, {
    snapshot,
    layout,
    strategy,
    signal,
    ...(alwaysStats === undefined ? {} : { alwaysStats }),
  });
  const deleted = taken.touched.reduce((sum, { gone }) => sum + gone.size, 0);
  return new StagedChanges({
    touched: taken.touched,
    added: taken.rewritten,
    changeFiles: [],
    strategy,
    counts: { source: 0, inserted: 0, updated: 0, deleted },
    copiedRows: taken.copiedRows,
    times: { scan: scannedMs - startedMs, rewrite: performance.now() - scannedMs },
  });
}

async function planRemoval(
  file: AddFile,
  layout: TableLayout,
  { snapshot, keep, signal }: TruncateOptions,
): Promise<Removal> {
  if (keep === undefined) return { file, gone: 'all' };
  const [column] = mustFindColumns(snapshot, layout, [keep.column]);
  if (column === undefined) return { file, gone: 'all' };
  using open = await openDataFile(snapshot.store, file, { layout, signal });
  const deleted = await open.deleted(signal);
  const gone = new RowSetBuilder();
  let stayed = false;
  for (const [group, { firstRow, rows }] of open.groups.entries()) {
    const table = await open.read({ columns: [column.name], groups: [group], signal });
    const value = reader(table, column.name, column.type);
    for (let row = 0; row < rows; row++) {
      if (deleted?.has(firstRow + row) === true) continue;
      if (keep.stays(value(row))) stayed = true;
      else gone.add(firstRow + row);
    }
  }
  const set: RowSet = gone.finish();
  return { file, gone: stayed ? set : 'all' };
}
