import { project, takeRows, type ArrowTable } from '../columnar/arrow.js';
import { columnsIn } from '../expr/columns.js';
import type { Expr } from '../expr/parse.js';
import type { AddFile } from '../protocol/actions.js';
import { openDataFile } from './data-file.js';
import { rowFilter } from './filter.js';
import { pruneFiles } from './prune.js';
import type { Snapshot } from './snapshot.js';

export type ScanOptions = {
  readonly signal: AbortSignal;
  /** Logical names, in the order wanted. Default: all. */
  readonly columns?: readonly string[];
  readonly where?: Expr;
  /** Only these files of the snapshot. Default: all live files. */
  readonly files?: Iterable<AddFile>;
};

/**
 * The live rows of a snapshot for which `where` is true, one batch a row group, in the order of the log; empty batches
 * are left out. Files that partition values or stats rule out are not opened. Holds one row group at a time.
 */
export async function* scan(
  snapshot: Snapshot,
  options: ScanOptions,
): AsyncGenerator<ArrowTable, void, undefined> {
  const { signal, where } = options;
  const { store, layout } = snapshot;
  const columns = options.columns ?? layout.schema.fields.map(({ name }) => name);
  const read = where === undefined ? columns : [...new Set([...columns, ...columnsIn(where, layout.schema)])];
  const filter = where === undefined ? undefined : rowFilter(where, layout.schema);
  for (const add of pruneFiles(layout, options.files ?? snapshot.files, where)) {
    using file = await openDataFile(store, add, { layout, signal });
    const deleted = (await file.deleted(signal))?.toArray();
    for (const [index, group] of file.groups.entries()) {
      const rows = await file.read({ signal, columns: read, groups: [index] });
      const live = deleted === undefined ? rows : withoutRows(rows, group.firstRow, deleted);
      const found = filter === undefined ? live : filter(live);
      if (found.numRows > 0) yield project(found, columns);
    }
  }
}

/** The rows but for those whose ordinal is in `deleted`, which ascends; the first row's ordinal is `firstRow`. */
function withoutRows(rows: ArrowTable, firstRow: number, deleted: Float64Array): ArrowTable {
  const kept = new Uint32Array(rows.numRows);
  let count = 0;
  let next = lowerBound(deleted, firstRow);
  for (let row = 0; row < rows.numRows; row++) {
    if (deleted[next] === firstRow + row) next++;
    else kept[count++] = row;
  }
  return count === rows.numRows ? rows : takeRows(rows, kept.subarray(0, count));
}

function lowerBound(sorted: Float64Array, value: number): number {
  let from = 0;
  let upTo = sorted.length;
  while (from < upTo) {
    const middle = (from + upTo) >>> 1;
    if ((sorted[middle] ?? Infinity) < value) from = middle + 1;
    else upTo = middle;
  }
  return from;
}
