import { SluiceError, unreachable } from '../../base/errors.js';
import { constantColumn, takeRows, withColumn, type ArrowTable } from '../../columnar/arrow.js';
import type { Action, DeletionVectorDescriptor, RemoveFile } from '../../protocol/actions.js';
import { planChanges, type ChangeRead } from '../../protocol/change-plan.js';
import { RowSet } from '../../protocol/row-set.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { openDataFile, type FileAction } from '../../table/data-file.js';
import { readDeletionVector } from '../../table/deletion-vectors.js';
import type { TableLayout } from '../../table/layout.js';
import { CHANGE_TYPE, COMMIT_TIMESTAMP, COMMIT_VERSION, type ChangeType } from '../change-types.js';

export type VersionOptions = {
  readonly version: number;
  /** When it was committed, ms since 1970. */
  readonly timestampMs: number;
  /** How the rows are to be seen. */
  readonly layout: TableLayout;
  readonly signal: AbortSignal;
};

/** Changed rows of one row group that nobody has read yet. `read` is good until the next piece is asked for. */
export type ChangePiece = { readonly read: () => Promise<ArrowTable> };

/** Rows of one file that all changed in one way: those in `only`, or all but those in `except`. */
type Derived = {
  readonly type: Extract<ChangeType, 'insert' | 'delete'>;
  readonly file: FileAction;
  readonly rows: { readonly kind: 'only' | 'except'; readonly set: RowSet };
};

/**
 * The changes of one version, in pieces of at most a row group, none of them empty: the columns of the layout, then
 * `_change_type`, `_commit_version` and `_commit_timestamp`. They come from the version's change files if it has any, else
 * they are derived from its file actions: what was deleted first, so that an update that nobody wrote down reads as
 * delete, then insert. Delta protocol, "Change Data Files".
 */
export async function* piecesOf(
  store: ObjectStore,
  actions: readonly Action[],
  options: VersionOptions,
): AsyncGenerator<ChangePiece, void, undefined> {
  const reads = planChanges(actions);
  const reinstated: Derived[] = [];
  for (const read of reads) {
    if (read.kind === 'cdc') {
      yield* changeFilePieces(store, read.cdc, options);
    } else if (read.kind === 'deleted') {
      yield* derivedPieces(store, await deletedRows(store, read.remove, options), options);
    } else if (read.kind === 'marked') {
      const { deleted, inserted } = await markedRows(store, read, options);
      if (inserted.rows.set.size > 0) reinstated.push(inserted);
      yield* derivedPieces(store, deleted, options);
    }
  }
  for (const one of reinstated) yield* derivedPieces(store, one, options);
  for (const read of reads) {
    if (read.kind !== 'inserted') continue;
    const set = await marks(store, read.add.deletionVector, options);
    yield* derivedPieces(store, { type: 'insert', file: read.add, rows: { kind: 'except', set } }, options);
  }
}

async function* changeFilePieces(
  store: ObjectStore,
  cdc: FileAction,
  options: VersionOptions,
): AsyncGenerator<ChangePiece, void, undefined> {
  const { layout, signal } = options;
  using file = await openDataFile(store, cdc, { layout, signal, extra: [CHANGE_TYPE] });
  for (const [index, { rows }] of file.groups.entries()) {
    if (rows === 0) continue;
    yield { read: async () => stamped(await file.read({ groups: [index], signal }), options) };
  }
}

async function deletedRows(
  store: ObjectStore,
  remove: RemoveFile,
  options: VersionOptions,
): Promise<Derived> {
  const { layout, version } = options;
  const { path, partitionValues, deletionVector } = remove;
  if (partitionValues === undefined && layout.partitionColumns.length > 0) {
    throw new SluiceError(
      'FEED_UNAVAILABLE',
      `version ${version} of ${store.url} removed ${path} and does not tell its partition`,
      {
        context: { table: store.url, version, file: path, earliest: version + 1 },
        hint: 'the writer of that commit left out what the feed is derived from; begin after this version',
      },
    );
  }
  const set = await marks(store, deletionVector, options);
  return { type: 'delete', file: remove, rows: { kind: 'except', set } };
}

/** A file whose deletion vector changed: it may mark rows that it did not, and give rows back as RESTORE does. */
async function markedRows(
  store: ObjectStore,
  { add, before, after }: Extract<ChangeRead, { kind: 'marked' }>,
  options: VersionOptions,
): Promise<{ readonly deleted: Derived; readonly inserted: Derived }> {
  const [was, is] = await Promise.all([marks(store, before, options), marks(store, after, options)]);
  const file = withoutVector(add);
  return {
    deleted: { type: 'delete', file, rows: { kind: 'only', set: is.minus(was) } },
    inserted: { type: 'insert', file, rows: { kind: 'only', set: was.minus(is) } },
  };
}

async function marks(
  store: ObjectStore,
  vector: DeletionVectorDescriptor | undefined,
  { signal }: VersionOptions,
): Promise<RowSet> {
  return vector === undefined ? RowSet.EMPTY : readDeletionVector(store, vector, { signal });
}

async function* derivedPieces(
  store: ObjectStore,
  { type, file, rows }: Derived,
  options: VersionOptions,
): AsyncGenerator<ChangePiece, void, undefined> {
  if (rows.kind === 'only' && rows.set.size === 0) return;
  const { layout, signal } = options;
  using open = await openDataFile(store, file, { layout, signal });
  for (const [index, group] of open.groups.entries()) {
    const all = RowSet.range(group.firstRow, group.firstRow + group.rows);
    const wanted = wantedOf(all, rows);
    if (wanted.size === 0) continue;
    const read = async (): Promise<ArrowTable> => {
      const table = await open.read({ groups: [index], signal });
      const ordinals = () => Uint32Array.from(wanted.toArray(), (ordinal) => ordinal - group.firstRow);
      const taken = wanted.size === group.rows ? table : takeRows(table, ordinals());
      return stamped(
        withColumn(taken, CHANGE_TYPE, constantColumn(CHANGE_TYPE.type, type, taken.numRows)),
        options,
      );
    };
    yield { read };
  }
}

function wantedOf(all: RowSet, { kind, set }: Derived['rows']): RowSet {
  switch (kind) {
    case 'except':
      return all.minus(set);
    case 'only':
      return all.intersection(set);
    default:
      return unreachable(kind);
  }
}

function stamped(rows: ArrowTable, { version, timestampMs }: VersionOptions): ArrowTable {
  const { numRows } = rows;
  const versions = constantColumn(COMMIT_VERSION.type, BigInt(version), numRows);
  const times = constantColumn(COMMIT_TIMESTAMP.type, BigInt(timestampMs) * 1000n, numRows);
  return withColumn(withColumn(rows, COMMIT_VERSION, versions), COMMIT_TIMESTAMP, times);
}

/** The physical file, whatever is marked in it. */
function withoutVector({ path, partitionValues, size }: FileAction): FileAction {
  return {
    path,
    ...(partitionValues === undefined ? {} : { partitionValues }),
    ...(size === undefined ? {} : { size }),
  };
}
