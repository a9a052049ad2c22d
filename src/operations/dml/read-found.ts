import { takeRows, type ArrowTable } from '../../columnar/arrow.js';
import { must } from '../../base/errors.js';
import { lowerBound } from '../../base/lower-bound.js';
import { RowSet } from '../../protocol/row-set.js';
import type { StructField } from '../../schema/types.js';
import { openDataFile, type DataFile } from '../../table/data-file.js';
import type { Snapshot } from '../../table/snapshot.js';
import { withStableIds } from '../merge/row-ids.js';
import type { FoundRows } from './find-rows.js';

export type ReadFoundOptions = {
  /** The hidden columns of row ids, for rows that are to keep theirs. */
  readonly hidden?: readonly StructField[];
  readonly signal: AbortSignal;
};

/** The rows found, whole, a row group at a time; with their ids where those are asked for. */
export async function* readFound(
  { store, layout }: Snapshot,
  found: readonly FoundRows[],
  { hidden = [], signal }: ReadFoundOptions,
): AsyncGenerator<ArrowTable, void, undefined> {
  for (const { file: add, rows } of found) {
    using file = await openDataFile(store, add, { layout, signal, extra: hidden });
    const ordinals = await ordinalsOf(rows, file, signal);
    for (const index of file.groups.keys()) {
      const wanted = inGroup(ordinals, file, index);
      if (wanted.rows.length === 0) continue;
      const whole = takeRows(await file.read({ signal, groups: [index] }), wanted.rows);
      yield withStableIds(whole, add, wanted.ordinals, hidden);
    }
  }
}

/** The ordinals of the rows found in an open file, ascending. */
async function ordinalsOf(rows: RowSet | 'all', file: DataFile, signal: AbortSignal): Promise<Float64Array> {
  if (rows !== 'all') return rows.toArray();
  const all = RowSet.range(0, file.rows);
  const dead = await file.deleted(signal);
  return (dead === undefined ? all : all.minus(dead)).toArray();
}

/** Those of ascending ordinals that lie in a row group, and the rows that they are in it. */
function inGroup(
  ordinals: Float64Array,
  file: DataFile,
  index: number,
): { readonly ordinals: Float64Array; readonly rows: Uint32Array } {
  const { firstRow, rows } = must(file.groups[index], 'row group');
  const inside = ordinals.subarray(lowerBound(ordinals, firstRow), lowerBound(ordinals, firstRow + rows));
  return { ordinals: inside, rows: Uint32Array.from(inside, (ordinal) => ordinal - firstRow) };
}
