import { never } from '../../src/base/signals.js';
import { rowsOf } from '../../src/columnar/cells.js';
import { KeySetBuilder } from '../../src/operations/merge/key-set.js';
import { locateRows } from '../../src/operations/merge/locate.js';
import { readRows } from '../../src/operations/merge/read-rows.js';
import type { LocatedRows, RowPlaces } from '../../src/operations/merge/rows.js';
import { stageRowChanges, type MergeStrategy } from '../../src/operations/merge/stage.js';
import { append } from '../../src/operations/append.js';
import { readChanges } from '../../src/operations/change-feed.js';
import { LONG, STRING, field, struct } from '../../src/schema/build.js';
import { joinKey, keyPart } from '../../src/schema/key-text.js';
import type { StructField, Value } from '../../src/schema/types.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import type { Snapshot } from '../../src/table/snapshot.js';
import { ID_V, idV, mustCommit, text } from './tables.js';

export const ID = field('id', LONG);

export function keysOf(columns: readonly StructField[], keys: readonly (readonly Value[])[]): KeySetBuilder {
  const set = new KeySetBuilder(columns);
  for (const values of keys) {
    set.add(joinKey(columns.map((column, i) => keyPart(column.type, values[i] ?? null))), values);
  }
  return set;
}

export function ids(...keys: readonly number[]): KeySetBuilder {
  return keysOf(
    [ID],
    keys.map((key) => [BigInt(key)]),
  );
}

export async function locateIds(snapshot: Snapshot, ...keys: readonly number[]): Promise<LocatedRows> {
  return locateRows(snapshot, { keyColumns: ['id'], keys: ids(...keys), extra: ['v'], signal: never });
}

export async function appended(
  snapshot: Snapshot,
  ...tables: readonly ReturnType<typeof idV>[]
): Promise<Snapshot> {
  let at = snapshot;
  for (const rows of tables) ({ snapshot: at } = await append(at, [rows], { signal: never }));
  return at;
}

/** Updates, deletes and inserts by id in one commit, as a sink does. */
export async function mergeIds(
  snapshot: Snapshot,
  change: { readonly put?: readonly (readonly [number, string])[]; readonly drop?: readonly number[] },
  strategy: MergeStrategy = 'merge-on-read',
): Promise<Snapshot> {
  const { put = [], drop = [] } = change;
  const found = await locateIds(snapshot, ...put.map(([id]) => id), ...drop);
  const standing = new Set(found.key);
  const dropped = new Set(drop.map(String));
  const pick = (wanted: (key: string) => boolean): RowPlaces => {
    const kept = found.key.flatMap((key, i) => (wanted(key) ? [i] : []));
    return {
      files: found.files,
      file: kept.map((i) => found.file[i] ?? -1),
      ordinal: kept.map((i) => found.ordinal[i] ?? -1),
    };
  };
  const read = (wanted: (key: string) => boolean) => readRows(snapshot, pick(wanted), { signal: never });
  const updated = put.filter(([id]) => standing.has(String(id)));
  const inserted = put.filter(([id]) => !standing.has(String(id)));
  const staged = await stageRowChanges({
    snapshot,
    removed: found,
    inserted: idV(...updated, ...inserted),
    updated: {
      files: found.files,
      file: updated.map(([id]) => found.file[found.key.indexOf(String(id))] ?? -1),
      ordinal: updated.map(([id]) => found.ordinal[found.key.indexOf(String(id))] ?? -1),
    },
    changes: {
      before: await read((key) => !dropped.has(key)),
      after: idV(...updated),
      deleted: await read((key) => dropped.has(key)),
      inserted: idV(...inserted),
    },
    counts: {
      source: put.length + drop.length,
      inserted: inserted.length,
      updated: updated.length,
      deleted: found.count - updated.length,
    },
    strategy,
    alwaysStats: ['id'],
    signal: never,
  });
  return mustCommit(snapshot, staged);
}

export async function feedOf(store: ObjectStore, version: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const batch of readChanges(store, { from: version, to: version, signal: never })) {
    const columns = struct([...ID_V.fields, field('_change_type', STRING)]);
    for (const [id, v, type] of rowsOf(batch, columns)) lines.push(`${text(type)} ${text(id)}=${text(v)}`);
  }
  return lines.sort();
}
