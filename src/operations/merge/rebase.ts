import { unreachable } from '../../base/errors.js';
import type { Expr } from '../../expr/parse.js';
import type { AddFile, DeletionVectorDescriptor, RemoveFile } from '../../protocol/actions.js';
import { deletionVectorId } from '../../protocol/live-files.js';
import { canonicalPath } from '../../protocol/path.js';
import { RowSet } from '../../protocol/row-set.js';
import type { Winner } from '../../table/commit.js';
import { readDeletionVector } from '../../table/deletion-vectors.js';
import { scan } from '../../table/scan.js';
import type { Snapshot } from '../../table/snapshot.js';
import type { KeySet } from './key-set.js';
import { locateRows } from './locate.js';
import type { RowPlaces } from './rows.js';
import type { StagedChanges, TouchedFile } from './staged.js';
import { withDeletionVectors } from './take-out.js';

/**
 * What a change read of the table, and so what a winner must not have put in.
 * - `nothing`: plain inserts.
 * - `keys`: the rows of these keys, those that were found and those that were not.
 * - `condition`: the rows for which it is true.
 * - `everything`: any row matters (updates of a table without a key, a truncate).
 */
export type ReadSet =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'keys'; readonly columns: readonly string[]; readonly keys: KeySet }
  | { readonly kind: 'condition'; readonly where: Expr }
  | { readonly kind: 'everything' };

/** A staged change and all that decides whether a winner concerns it. */
export type RebaseState = {
  /** The snapshot that the change was planned on. */
  readonly snapshot: Snapshot;
  readonly staged: StagedChanges;
  readonly reads: ReadSet;
  /** Every row that was found and looked at, also those that the change leaves alone. */
  readonly located?: RowPlaces | undefined;
  /** Application ids whose `txn` the change read or writes. */
  readonly appIds: ReadonlySet<string>;
  /** Metadata domains that the change read or writes. */
  readonly domains: ReadonlySet<string>;
  /** Default: serializable. */
  readonly isolation?: Isolation;
};

/**
 * Delta Spark's levels. `write-serializable`: rows that others only append may come before ours in the log as if they
 * came after.
 */
export type Isolation = 'serializable' | 'write-serializable';

export type Rebased =
  | { readonly kind: 'rebased'; readonly state: RebaseState }
  | { readonly kind: 'conflict'; readonly why: string };

/**
 * Carries a staged change over a commit that came first, row by row, or says why it must be planned anew.
 *
 * For a touched file whose deletion vector the winner changed: new = winner's ∪ (ours \ base), and the remove names the
 * winner's vector; only if the winner's holds all of the base and shares no new row with ours. The winner's new files
 * are probed for the keys that were read. Any other change to what was read is a conflict, and so are a metaData, a
 * protocol, a domain of ours, and a `txn` of our application ids. Decisions are never changed: a change file that was
 * written stays right, and where there is none there is still none needed.
 */
export async function rebase(
  state: RebaseState,
  winner: Winner,
  options: { readonly signal: AbortSignal },
): Promise<Rebased> {
  const { signal } = options;
  const barred = barredBy(state, winner);
  if (barred !== undefined) return conflict(barred);
  const theirs = filesOf(winner);
  const ours = new Map(state.staged.touched.map((file) => [canonicalPath(file.base.path), file]));
  const carried = new Map<string, TouchedFile>();
  const found = locatedByPath(state.located);
  const added: AddFile[] = [];
  for (const [path, { add, remove }] of theirs) {
    const mine = ours.get(path);
    if (remove === undefined) {
      if (mine !== undefined || found.has(path)) return conflict(`it added ${path} again`);
      if (add !== undefined) added.push(add);
    } else if (add === undefined) {
      if (mine !== undefined || found.has(path))
        return conflict(`it removed ${path}, which holds rows of ours`);
    } else {
      const marked = await readMarks(state.snapshot, add, remove, signal);
      const meets = meetsMarks(state, marked, path, mine, found.get(path));
      if (meets !== undefined) return conflict(meets);
      if (mine !== undefined) carried.set(path, { ...mine, base: add, dead: marked.after });
    }
  }
  const appends = winner.commitInfo?.['isBlindAppend'] === true && state.isolation === 'write-serializable';
  const meets = appends ? undefined : await meetsRows(state, added, signal);
  if (meets !== undefined) return conflict(meets);
  if (carried.size === 0) return { kind: 'rebased', state };
  const touched = await remarked(state, carried, signal);
  return { kind: 'rebased', state: { ...state, staged: state.staged.withTouched(touched) } };
}

function conflict(why: string): Rebased {
  return { kind: 'conflict', why };
}

/** What no change survives, whichever rows it touches. */
function barredBy({ appIds, domains }: RebaseState, { actions }: Winner): string | undefined {
  for (const action of actions) {
    switch (action.kind) {
      case 'metaData':
        return 'it changed the table’s metadata';
      case 'protocol':
        return 'it changed the table’s protocol';
      case 'txn':
        if (appIds.has(action.txn.appId)) return `it moved ${action.txn.appId} to ${action.txn.version}`;
        break;
      case 'domainMetadata':
        if (domains.has(action.domainMetadata.domain)) return `it wrote ${action.domainMetadata.domain}`;
        break;
      case 'add':
      case 'remove':
      case 'cdc':
      case 'commitInfo':
        break;
      default:
        unreachable(action);
    }
  }
  return undefined;
}

type Pair = { readonly add?: AddFile; readonly remove?: RemoveFile };

/** The winner's file actions by path, adds and removes of one path together. */
function filesOf({ actions }: Winner): ReadonlyMap<string, Pair> {
  const files = new Map<string, Pair>();
  for (const action of actions) {
    if (action.kind === 'add') {
      const path = canonicalPath(action.add.path);
      files.set(path, { ...files.get(path), add: action.add });
    } else if (action.kind === 'remove') {
      const path = canonicalPath(action.remove.path);
      files.set(path, { ...files.get(path), remove: action.remove });
    }
  }
  return files;
}

/** The rows that were looked at, by the file that holds them. */
function locatedByPath(located: RowPlaces | undefined): ReadonlyMap<string, RowSet> {
  const ordinals = new Map<string, number[]>();
  if (located === undefined) return new Map();
  const paths = located.files.map(({ path }) => canonicalPath(path));
  for (let i = 0; i < located.ordinal.length; i++) {
    const path = paths[located.file[i] ?? -1];
    if (path === undefined) continue;
    const list = ordinals.get(path);
    if (list === undefined) ordinals.set(path, [located.ordinal[i] ?? -1]);
    else list.push(located.ordinal[i] ?? -1);
  }
  return new Map([...ordinals].map(([path, list]) => [path, RowSet.from(list)]));
}

/** The deletion vectors between which a winner moved a file; no vector is the empty set. */
type Marks = {
  readonly from: DeletionVectorDescriptor | undefined;
  readonly before: RowSet;
  readonly after: RowSet;
};

async function readMarks(
  { store }: Snapshot,
  add: AddFile,
  remove: RemoveFile,
  signal: AbortSignal,
): Promise<Marks> {
  const read = async (vector: DeletionVectorDescriptor | undefined): Promise<RowSet> =>
    vector === undefined ? RowSet.EMPTY : readDeletionVector(store, vector, { signal });
  const [before, after] = await Promise.all([read(remove.deletionVector), read(add.deletionVector)]);
  return { from: remove.deletionVector, before, after };
}

/** Why the winner's new deletion vector of a file meets what we read or do; undefined if it does not. */
function meetsMarks(
  { reads, staged }: RebaseState,
  { from, before, after }: Marks,
  path: string,
  mine: TouchedFile | undefined,
  located: RowSet | undefined,
): string | undefined {
  const deleted = after.minus(before);
  if (located?.intersects(deleted) === true) return `it deleted rows of ${path} that we looked at`;
  if (mine === undefined) {
    const raised = reads.kind !== 'nothing' && !after.includes(before);
    return raised ? `it brought rows of ${path} back` : undefined;
  }
  if (staged.parts.strategy === 'copy-on-write') return `it marked rows of ${path}, which we wrote anew`;
  if (vectorId(from) !== vectorId(mine.base.deletionVector)) return `it replaced another state of ${path}`;
  const base = mine.dead ?? RowSet.EMPTY;
  if (!after.includes(base)) return `it brought rows of ${path} back`;
  if (after.minus(base).intersects(mine.gone)) return `it deleted rows of ${path} that we take out`;
  return undefined;
}

function vectorId(vector: DeletionVectorDescriptor | undefined): string {
  return vector === undefined ? '' : deletionVectorId(vector);
}

/** Why the winner's new files meet what we read: a row of one of our keys, or any row where all were read. */
async function meetsRows(
  { snapshot, reads }: RebaseState,
  added: readonly AddFile[],
  signal: AbortSignal,
): Promise<string | undefined> {
  if (reads.kind === 'nothing' || added.length === 0) return undefined;
  if (reads.kind === 'everything') {
    // Rows that only moved were there before; a file of ours that they moved from is a conflict already.
    return added.some(({ dataChange }) => dataChange) ? 'it put rows in' : undefined;
  }
  if (reads.kind === 'condition') {
    const news = added.filter(({ dataChange }) => dataChange);
    return (await holdsAny(snapshot, news, reads.where, signal))
      ? 'it put in rows that we look for'
      : undefined;
  }
  const { columns: keyColumns, keys } = reads;
  const hits = await locateRows(snapshot, { keyColumns, keys, files: added, signal });
  return hits.count > 0 ? `it put in ${hits.count} rows of our keys` : undefined;
}

async function holdsAny(
  snapshot: Snapshot,
  files: readonly AddFile[],
  where: Expr,
  signal: AbortSignal,
): Promise<boolean> {
  for await (const rows of scan(snapshot, { files, where, columns: [], limit: 1, signal }))
    if (rows.numRows > 0) return true;
  return false;
}

/** The touched files with those carried over marked anew on top of the winner's deletion vectors. */
async function remarked(
  { snapshot, staged }: RebaseState,
  carried: ReadonlyMap<string, TouchedFile>,
  signal: AbortSignal,
): Promise<readonly TouchedFile[]> {
  const marked = await withDeletionVectors(snapshot, [...carried.values()], { signal });
  const next = new Map(marked.map((file) => [canonicalPath(file.base.path), file]));
  return staged.touched.map((file) => next.get(canonicalPath(file.base.path)) ?? file);
}
