import * as fc from 'fast-check';
import { must, unreachable } from '../../src/base/errors.js';
import { never } from '../../src/base/signals.js';
import { concat, conform } from '../../src/columnar/arrow.js';
import { stageRowChanges } from '../../src/operations/merge/stage.js';
import type { Action, AddFile } from '../../src/protocol/actions.js';
import { removalOf } from '../../src/protocol/file-actions.js';
import { writeDataFiles } from '../../src/table/data-files.js';
import { scan } from '../../src/table/scan.js';
import { openSnapshot, type Snapshot } from '../../src/table/snapshot.js';
import { appended, locateIds, mergeIds } from './merging.js';
import { ID_V, commitActions, idV, mustCommit } from './tables.js';

/** One commit of a table of `id` and `v`, as some engine makes it. */
export type Deed =
  | { readonly kind: 'append'; readonly ids: readonly number[] }
  /** Several files in one commit. */
  | { readonly kind: 'load'; readonly files: readonly (readonly number[])[] }
  /** With change files. */
  | { readonly kind: 'merge'; readonly put: readonly number[]; readonly drop: readonly number[] }
  /** Through deletion vectors, without change files. */
  | { readonly kind: 'delete'; readonly ids: readonly number[] }
  | { readonly kind: 'drop-file'; readonly nth: number }
  | { readonly kind: 'optimize' }
  /** To the version at this share of the history. */
  | { readonly kind: 'restore'; readonly share: number }
  | { readonly kind: 'note' };

const id = fc.integer({ min: 0, max: 12 });
const ids = fc.uniqueArray(id, { minLength: 1, maxLength: 4 });

/** One commit more, of any kind. */
export const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), ids }),
  fc.record({ kind: fc.constant('load' as const), files: fc.array(ids, { minLength: 2, maxLength: 3 }) }),
  fc.record({
    kind: fc.constant('merge' as const),
    put: ids,
    drop: fc.uniqueArray(fc.integer({ min: 13, max: 15 }), { maxLength: 1 }),
  }),
  fc.record({ kind: fc.constant('delete' as const), ids }),
  fc.record({ kind: fc.constant('drop-file' as const), nth: fc.nat(5) }),
  fc.constant({ kind: 'optimize' as const }),
  fc.record({ kind: fc.constant('restore' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.constant({ kind: 'note' as const }),
);

/** Commits one deed on the newest version. A deed that would do nothing commits a version without rows. */
export async function perform(snapshot: Snapshot, what: Deed): Promise<Snapshot> {
  const row = (one: number): readonly [number, string] => [one, `v${snapshot.version + 1}`];
  switch (what.kind) {
    case 'append':
      return appended(snapshot, idV(...what.ids.map(row)));
    case 'load': {
      const { store, layout } = snapshot;
      const adds: AddFile[] = [];
      for (const file of what.files) {
        const rows = idV(...file.map(row));
        adds.push(...(await writeDataFiles(store, rows, { layout, signal: never })));
      }
      return commitActions(snapshot, 'WRITE', () => adds.map((add) => ({ kind: 'add', add })));
    }
    case 'merge': {
      const put = new Set(what.put);
      return mergeIds(snapshot, {
        put: [...put].map(row),
        drop: what.drop.filter((one) => !put.has(one)),
      });
    }
    case 'delete': {
      const removed = await locateIds(snapshot, ...what.ids);
      if (removed.count === 0) return note(snapshot);
      const counts = { source: 0, inserted: 0, updated: 0, deleted: removed.count };
      return mustCommit(
        snapshot,
        await stageRowChanges({ snapshot, removed, counts, strategy: 'merge-on-read', signal: never }),
      );
    }
    case 'drop-file': {
      const files = snapshot.files.toArray();
      const file = files[what.nth % Math.max(1, files.length)];
      if (file === undefined) return note(snapshot);
      return commitActions(snapshot, 'DELETE', (nowMs) => [
        { kind: 'remove', remove: removalOf(file, { deletionTimestamp: nowMs }) },
      ]);
    }
    case 'optimize':
      return optimize(snapshot);
    case 'restore':
      return restore(snapshot, Math.round(what.share * snapshot.version));
    case 'note':
      return note(snapshot);
    default:
      return unreachable(what);
  }
}

/** All rows into one file: nothing of it is a change. */
export async function optimize(snapshot: Snapshot): Promise<Snapshot> {
  const { store, layout, files } = snapshot;
  const tables = [];
  for await (const rows of scan(snapshot, { signal: never })) tables.push(rows);
  const options = { layout, signal: never, dataChange: false };
  const adds = tables.length === 0 ? [] : await writeDataFiles(store, concat(tables), options);
  return commitActions(snapshot, 'OPTIMIZE', (nowMs) => [
    ...files.toArray().map((file): Action => {
      const remove = removalOf(file, { deletionTimestamp: nowMs, dataChange: false });
      return { kind: 'remove', remove };
    }),
    ...adds.map((add): Action => ({ kind: 'add', add })),
  ]);
}

/** Puts the files of an earlier version back, deletion vectors included, as RESTORE does. */
export async function restore(snapshot: Snapshot, version: number): Promise<Snapshot> {
  const target = await openSnapshot(snapshot.store, { signal: never, version });
  const identity = ({ path, deletionVector }: AddFile): string =>
    JSON.stringify([path, deletionVector?.pathOrInlineDv, deletionVector?.offset]);
  const live = new Set(snapshot.files.toArray().map(identity));
  const wanted = new Set(target.files.toArray().map(identity));
  return commitActions(snapshot, 'RESTORE', (nowMs) => [
    ...target.files
      .toArray()
      .filter((add) => !live.has(identity(add)))
      .map((add): Action => ({ kind: 'add', add: { ...add, dataChange: true } })),
    ...snapshot.files
      .toArray()
      .filter((file) => !wanted.has(identity(file)))
      .map((file): Action => ({ kind: 'remove', remove: removalOf(file, { deletionTimestamp: nowMs }) })),
  ]);
}

/** A version that says something and changes no row. */
export async function note(snapshot: Snapshot): Promise<Snapshot> {
  const version = BigInt(snapshot.version);
  return commitActions(snapshot, 'NOTE', () => [{ kind: 'txn', txn: { appId: 'note', version } }]);
}

/** The rows of a version as `id=v`, sorted; other columns are left out. */
export async function rowsAt(snapshot: Snapshot, version: number): Promise<readonly string[]> {
  const at = await openSnapshot(snapshot.store, { signal: never, version });
  const found: string[] = [];
  for await (const rows of scan(at, { signal: never })) {
    const table = conform(rows, ID_V);
    for (let row = 0; row < table.numRows; row++) {
      found.push(
        `${String(must(table.getChildAt(0), 'id').get(row))}=${String(must(table.getChildAt(1), 'v').get(row))}`,
      );
    }
  }
  return found.sort();
}
