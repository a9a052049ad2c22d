import { SluiceError, assert } from '../../base/errors.js';
import type { AddFile } from '../../protocol/actions.js';
import { withDeletionVector } from '../../protocol/file-actions.js';
import { isOn } from '../../protocol/properties.js';
import { RowSet } from '../../protocol/row-set.js';
import { openDataFile } from '../../table/data-file.js';
import { writeDataFiles } from '../../table/data-files.js';
import { readDeletionVector, writeDeletionVectors } from '../../table/deletion-vectors.js';
import type { TableLayout } from '../../table/layout.js';
import type { Snapshot } from '../../table/snapshot.js';
import { takeRows } from '../../columnar/arrow.js';
import { mapAFewAtOnce } from './each-file.js';
import { physicalRows } from './physical-rows.js';
import { rowIdFields, withStableIds } from './row-ids.js';
import type { MergeStrategy, TouchedFile } from './staged.js';

/** A live file and the rows that are to go from it, or all that live. */
export type Removal = { readonly file: AddFile; readonly gone: RowSet | 'all' };

export type TakeOutOptions = {
  readonly snapshot: Snapshot;
  /** The layout that the commit leaves. */
  readonly layout: TableLayout;
  readonly strategy: MergeStrategy;
  readonly alwaysStats?: readonly string[];
  readonly targetBytes?: number;
  readonly signal: AbortSignal;
};

export type TakenOut = {
  readonly touched: readonly TouchedFile[];
  /** Files with the rows that were left of files written anew. */
  readonly rewritten: readonly AddFile[];
  readonly copiedRows: number;
};

/** Takes rows out of live files: one deletion-vector file for all of them, or each written anew without the rows. */
export async function takeOut(removals: readonly Removal[], options: TakeOutOptions): Promise<TakenOut> {
  const { snapshot, layout, strategy, signal } = options;
  const wanted = removals.filter(({ gone }) => gone === 'all' || gone.size > 0);
  if (wanted.length === 0) return { touched: [], rewritten: [], copiedRows: 0 };
  assertMayRemove(snapshot, layout, strategy);
  const plans = await mapAFewAtOnce(wanted, (removal) => planRemoval(snapshot, removal, signal), { signal });
  if (strategy === 'merge-on-read') {
    const touched = await withDeletionVectors(snapshot, plans, { signal });
    return { touched, rewritten: [], copiedRows: 0 };
  }
  const written = await mapAFewAtOnce(plans, (plan) => rewrite(plan, options), { signal });
  return {
    touched: plans,
    rewritten: written.flatMap(({ adds }) => adds),
    copiedRows: written.reduce((sum, { rows }) => sum + rows, 0),
  };
}

/**
 * The touched files with their new deletion vectors, which are written as one file: what was dead and what goes. A file
 * with no row left gets none and is only removed.
 */
export async function withDeletionVectors(
  snapshot: Snapshot,
  touched: readonly TouchedFile[],
  options: { readonly signal: AbortSignal },
): Promise<readonly TouchedFile[]> {
  const vectors = touched.map(({ dead, gone }) => (dead === undefined ? gone : dead.union(gone)));
  const kept = vectors.filter((vector, i) => vector.size < (touched[i]?.rows ?? 0));
  const descriptors = (await writeDeletionVectors(snapshot.store, kept, options)).values();
  return touched.map((file, i) => {
    const vector = vectors[i] ?? RowSet.EMPTY;
    if (vector.size >= file.rows) return { ...file, next: undefined };
    const { value } = descriptors.next();
    assert(value !== undefined, 'a descriptor for each deletion vector');
    return { ...file, next: withDeletionVector(file.base, value, file.rows) };
  });
}

/** The file as it is touched, with no successor yet. */
async function planRemoval(
  snapshot: Snapshot,
  { file, gone }: Removal,
  signal: AbortSignal,
): Promise<TouchedFile> {
  const descriptor = file.deletionVector;
  const dead =
    descriptor === undefined ? undefined : await readDeletionVector(snapshot.store, descriptor, { signal });
  const rows = await physicalRows(snapshot, file, { signal });
  const named = gone === 'all' ? RowSet.range(0, rows) : gone;
  const live = dead === undefined ? named : named.minus(dead);
  assert(gone === 'all' || live.size === gone.size, () => `a row of ${file.path} is taken out twice`);
  return { base: file, rows, dead, gone: live, next: undefined };
}

async function rewrite(
  { base, rows, dead, gone }: TouchedFile,
  { snapshot, layout, signal, ...write }: TakeOutOptions,
): Promise<{ readonly adds: readonly AddFile[]; readonly rows: number }> {
  const without = dead === undefined ? gone : dead.union(gone);
  if (without.size >= rows) return { adds: [], rows: 0 };
  const hidden = rowIdFields(layout);
  using open = await openDataFile(snapshot.store, base, { layout, signal, extra: hidden });
  const left = RowSet.range(0, rows).minus(without).toArray();
  const kept = takeRows(await open.read({ signal }), Uint32Array.from(left));
  const table = withStableIds(kept, base, left, hidden);
  const { alwaysStats, targetBytes } = write;
  const adds = await writeDataFiles(snapshot.store, table, {
    layout,
    signal,
    hidden,
    ...(alwaysStats === undefined ? {} : { alwaysStats }),
    ...(targetBytes === undefined ? {} : { targetBytes }),
  });
  return { adds, rows: left.length };
}

function assertMayRemove(snapshot: Snapshot, { configuration }: TableLayout, strategy: MergeStrategy): void {
  const context = { table: snapshot.store.url, version: snapshot.version };
  if (isOn(configuration, 'delta.appendOnly')) {
    throw new SluiceError('PROTOCOL_UNSUPPORTED', `table ${snapshot.store.url} takes appends only`, {
      context,
      hint: 'set the table property delta.appendOnly to false to let rows be updated or deleted',
    });
  }
  if (strategy === 'merge-on-read' && !isOn(configuration, 'delta.enableDeletionVectors')) {
    throw new SluiceError('PROTOCOL_UNSUPPORTED', `table ${snapshot.store.url} has deletion vectors off`, {
      context,
      hint: 'set the table property delta.enableDeletionVectors to true, or use merge.strategy=copy-on-write',
    });
  }
}
