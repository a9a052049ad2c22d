import { SluiceError, unreachable } from '../base/errors.js';
import { constantColumn, takeRows, withColumn, type ArrowTable } from '../columnar/arrow.js';
import type { Action, DeletionVectorDescriptor } from '../protocol/actions.js';
import { planChanges, type ChangeRead } from '../protocol/change-plan.js';
import { RowSet } from '../protocol/row-set.js';
import type { ObjectStore } from '../storage/object-store.js';
import { openDataFile, type FileAction } from '../table/data-file.js';
import { readDeletionVector } from '../table/deletion-vectors.js';
import type { TableLayout } from '../table/layout.js';
import { CHANGE_TYPE, type ChangeType } from './change-types.js';

export type VersionOptions = {
  readonly version: number;
  readonly layout: TableLayout;
  readonly signal: AbortSignal;
};

/** Rows of one file that all changed in one way: those in `only`, or all but those in `except`. */
type Derived = {
  readonly type: Extract<ChangeType, 'insert' | 'delete'>;
  readonly file: FileAction;
  readonly rows: { readonly kind: 'only' | 'except'; readonly set: RowSet };
};

/**
 * The changes of one version with their `_change_type`, from its change files if it has any, else derived from its file
 * actions: what was deleted first, so that an update that nobody wrote down reads as delete, then insert.
 */
export async function* readChangesOf(
  store: ObjectStore,
  actions: readonly Action[],
  options: VersionOptions,
): AsyncGenerator<ArrowTable, void, undefined> {
  const derived: Derived[] = [];
  for (const read of planChanges(actions)) {
    if (read.kind === 'cdc') yield* readChangeFile(store, read.cdc, options);
    else derived.push(...(await derive(store, read, options)));
  }
  for (const type of ['delete', 'insert'] as const) {
    for (const one of derived) {
      if (one.type === type) yield* readDerived(store, one, options);
    }
  }
}

async function* readChangeFile(
  store: ObjectStore,
  cdc: FileAction,
  { layout, signal }: VersionOptions,
): AsyncGenerator<ArrowTable, void, undefined> {
  using file = await openDataFile(store, cdc, { layout, signal, extra: [CHANGE_TYPE] });
  for (const index of file.groups.keys()) {
    const rows = await file.read({ groups: [index], signal });
    if (rows.numRows > 0) yield rows;
  }
}

async function derive(
  store: ObjectStore,
  read: Exclude<ChangeRead, { kind: 'cdc' }>,
  { signal, layout, version }: VersionOptions,
): Promise<readonly Derived[]> {
  const load = async (vector: DeletionVectorDescriptor | undefined): Promise<RowSet> =>
    vector === undefined ? RowSet.EMPTY : readDeletionVector(store, vector, { signal });
  switch (read.kind) {
    case 'inserted': {
      const set = await load(read.add.deletionVector);
      return [{ type: 'insert', file: read.add, rows: { kind: 'except', set } }];
    }
    case 'deleted': {
      const { path, partitionValues, deletionVector } = read.remove;
      if (partitionValues === undefined && layout.partitionColumns.length > 0) {
        throw new SluiceError(
          'FEED_UNAVAILABLE',
          `version ${version} of ${store.url} removed ${path} and does not tell its partition`,
          {
            context: { table: store.url, version, file: path },
            hint: 'the writer of that commit left out what the feed is derived from; begin after this version',
          },
        );
      }
      return [
        { type: 'delete', file: read.remove, rows: { kind: 'except', set: await load(deletionVector) } },
      ];
    }
    case 'marked': {
      const [before, after] = await Promise.all([load(read.before), load(read.after)]);
      const file = withoutVector(read.add);
      return [
        { type: 'delete', file, rows: { kind: 'only', set: after.minus(before) } },
        { type: 'insert', file, rows: { kind: 'only', set: before.minus(after) } },
      ];
    }
    default:
      return unreachable(read);
  }
}

async function* readDerived(
  store: ObjectStore,
  { type, file, rows }: Derived,
  { layout, signal }: VersionOptions,
): AsyncGenerator<ArrowTable, void, undefined> {
  if (rows.kind === 'only' && rows.set.size === 0) return;
  using open = await openDataFile(store, file, { layout, signal });
  for (const [index, group] of open.groups.entries()) {
    const all = RowSet.range(group.firstRow, group.firstRow + group.rows);
    const wanted = rows.kind === 'except' ? all.minus(rows.set) : all.intersection(rows.set);
    if (wanted.size === 0) continue;
    const table = await open.read({ groups: [index], signal });
    const taken =
      wanted.size === group.rows
        ? table
        : takeRows(
            table,
            Uint32Array.from(wanted.toArray(), (ordinal) => ordinal - group.firstRow),
          );
    yield withColumn(taken, CHANGE_TYPE, constantColumn(CHANGE_TYPE.type, type, taken.numRows));
  }
}

/** The physical file, whatever is marked in it. */
function withoutVector({ path, partitionValues, size }: FileAction): FileAction {
  return {
    path,
    ...(partitionValues === undefined ? {} : { partitionValues }),
    ...(size === undefined ? {} : { size }),
  };
}
