import { rowsOf } from '../../src/columnar/cells.js';
import { COMMIT_TIMESTAMP, COMMIT_VERSION } from '../../src/operations/change-types.js';
import { readChanges } from '../../src/operations/change-feed.js';
import { field, STRING } from '../../src/schema/build.js';
import { canonicalRow } from '../../src/schema/canonical.js';
import { parseAppId } from '../../src/sink/app-id.js';
import type { AddFile } from '../../src/protocol/actions.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { mustReadCommit } from '../../src/table/log.js';
import { scan } from '../../src/table/scan.js';
import { openSnapshot, type Snapshot } from '../../src/table/snapshot.js';
import { rangesOf } from './table-laws.js';

const never = new AbortController().signal;

/**
 * Where the change feed and the table differ at any version: counted up to a version, inserts and postimages less deletes
 * and preimages must be the rows of that version, as a multiset. Empty if they are; else what the first version that
 * differs has too many or too few of. Rows of older versions are read as the newest version's columns.
 */
export async function feedErrorsByVersion(store: ObjectStore): Promise<readonly string[]> {
  const newest = await openSnapshot(store, { signal: never });
  const feed = await feedByVersion(store, newest);
  const surplus = new Surplus();
  let files = new Map<string, readonly string[]>();
  for (let version = 0; version <= newest.version; version++) {
    for (const { row, by } of feed.get(version) ?? []) surplus.count(row, by);
    const next = new Map<string, readonly string[]>();
    for (const add of (await openSnapshot(store, { version, signal: never })).files) {
      const key = JSON.stringify([add.path, add.deletionVector]);
      const known = files.get(key);
      const rows = known ?? (await rowsIn(newest, add));
      next.set(key, rows);
      if (known === undefined) for (const row of rows) surplus.count(row, -1);
    }
    for (const [key, rows] of files) {
      if (!next.has(key)) for (const row of rows) surplus.count(row, 1);
    }
    files = next;
    const wrong = surplus.describe();
    if (wrong.length > 0) return wrong.map((text) => `version ${version}: ${text}`);
  }
  return [];
}

/** Where the offsets that a table holds went back from one version to the next without an operator who sent them there. */
export async function txnErrors(store: ObjectStore): Promise<readonly string[]> {
  const held = new Map<string, bigint>();
  const wrong: string[] = [];
  for (const { version, sent } of await rangesOf(store)) {
    const { actions } = await mustReadCommit(store, version, { signal: never });
    for (const action of actions) {
      if (action.kind !== 'txn' || parseAppId(action.txn.appId) === undefined) continue;
      const { appId, version: next } = action.txn;
      const before = held.get(appId) ?? -1n;
      if (next < before && sent.length === 0) {
        wrong.push(`version ${version}: ${appId} from ${before} to ${next}`);
      }
      held.set(appId, next);
    }
  }
  return wrong;
}

type Counted = { readonly row: string; readonly by: number };

async function feedByVersion(store: ObjectStore, newest: Snapshot): Promise<ReadonlyMap<number, Counted[]>> {
  const { schema } = newest;
  const width = schema.fields.length;
  const told = [field('_change_type', STRING), COMMIT_VERSION, COMMIT_TIMESTAMP];
  const feedSchema = { ...schema, fields: [...schema.fields, ...told] };
  const versions = new Map<number, Counted[]>();
  for await (const batch of readChanges(store, { from: 0, to: newest.version, signal: never })) {
    for (const values of rowsOf(batch, feedSchema)) {
      const kind = values[width];
      const version = Number(values[width + 1]);
      const by = kind === 'insert' || kind === 'update_postimage' ? 1 : -1;
      const counted = { row: canonicalRow(schema, values.slice(0, width)), by };
      const list = versions.get(version);
      if (list === undefined) versions.set(version, [counted]);
      else list.push(counted);
    }
  }
  return versions;
}

async function rowsIn(newest: Snapshot, add: AddFile): Promise<readonly string[]> {
  const rows: string[] = [];
  for await (const batch of scan(newest, { files: [add], signal: never })) {
    for (const values of rowsOf(batch, newest.schema)) rows.push(canonicalRow(newest.schema, values));
  }
  return rows;
}

/** How many times more often the feed has a row than the table. */
class Surplus {
  readonly #counts = new Map<string, number>();

  count(row: string, by: number): void {
    const sum = (this.#counts.get(row) ?? 0) + by;
    if (sum === 0) this.#counts.delete(row);
    else this.#counts.set(row, sum);
  }

  describe(): readonly string[] {
    return [...this.#counts].map(
      ([row, by]) => `${by > 0 ? 'only in the feed' : 'only in the table'}: ${row}`,
    );
  }
}
