import { rowsOf } from '../../src/columnar/cells.js';
import { COMMIT_TIMESTAMP, COMMIT_VERSION } from '../../src/operations/change-types.js';
import { readChanges } from '../../src/operations/change-feed.js';
import type { Action } from '../../src/protocol/actions.js';
import { dvFileKey } from '../../src/protocol/deletion-vector.js';
import { decodePath } from '../../src/protocol/path.js';
import { STRING, field } from '../../src/schema/build.js';
import { canonicalRow } from '../../src/schema/canonical.js';
import { HeldOffsets } from '../../src/sink/settle/held-offsets.js';
import type { OffsetRange } from '../../src/sink/settler.js';
import type { TopicPartition } from '../../src/source/change-source.js';
import type { ObjectStore } from '../../src/storage/object-store.js';
import { mustReadCommit } from '../../src/table/log.js';
import { scan } from '../../src/table/scan.js';
import { openSnapshot, type Snapshot } from '../../src/table/snapshot.js';

const never = new AbortController().signal;

/** One version of a table with the offsets that it accounts for. */
export type RangesOfVersion = {
  readonly version: number;
  readonly ranges: readonly OffsetRange[];
  /** Where an operator sent partitions (`sluice offsets`). */
  readonly sent: readonly (TopicPartition & { readonly to: number | null })[];
};

/** The offset ranges that each version's commitInfo tells, from version 0 on. */
export async function rangesOf(store: ObjectStore): Promise<readonly RangesOfVersion[]> {
  const { version: newest } = await openSnapshot(store, { signal: never });
  const all: RangesOfVersion[] = [];
  for (let version = 0; version <= newest; version++) {
    const { commitInfo } = await mustReadCommit(store, version, { signal: never });
    const text = commitInfo?.['userMetadata'];
    const told: unknown = typeof text === 'string' ? JSON.parse(text) : undefined;
    all.push({
      version,
      ranges: isTold(told) ? told.sluice.ranges : [],
      sent: isSent(told) ? told.sluice.offsets.partitions : [],
    });
  }
  return all;
}

/**
 * What is wrong with the ranges of a table's commits: those of each partition must follow each other from `start`, or
 * from where an operator sent it, to the offset in the table's `txn`, without gap and overlap. Empty if they tile.
 * A function says for a `topic:partition` whose first range begins at `base` where it had to begin.
 */
export async function tilingErrors(
  store: ObjectStore,
  start: number | ((key: string, base: number) => number) = 0,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  const at = new Map<string, number>();
  for (const { version, ranges, sent } of await rangesOf(store)) {
    for (const { topic, partition, to } of sent) at.set(`${topic}:${partition}`, to ?? 0);
    for (const { topic, partition, base, next } of ranges) {
      const key = `${topic}:${partition}`;
      const expected = at.get(key) ?? (typeof start === 'number' ? start : start(key, base));
      if (base !== expected || next <= base)
        wrong.push(`version ${version}: ${key} [${base}, ${next}) where ${expected} was next`);
      at.set(key, next);
    }
  }
  const held = heldOffsets(await openSnapshot(store, { signal: never }));
  for (const key of new Set([...at.keys(), ...held.keys()])) {
    if ((at.get(key) ?? 0) !== (held.get(key) ?? 0))
      wrong.push(`${key}: the ranges end at ${at.get(key)}, txn says ${held.get(key)}`);
  }
  return wrong;
}

/** The next offset that a table holds of each partition, by `topic:partition`; of a topic made anew, those of the new one. */
export function heldOffsets(snapshot: Snapshot): ReadonlyMap<string, number> {
  const held = new Map<string, number>();
  for (const { topic, next } of new HeldOffsets(snapshot).topics) {
    for (const [partition, offset] of next) held.set(`${topic}:${partition}`, offset);
  }
  return held;
}

/**
 * Where the change feed and the rows differ: inserts and postimages counted up, deletes and preimages counted down from
 * version 0 must give the rows of the newest version, as a multiset. Empty if they do.
 */
export async function feedErrors(store: ObjectStore): Promise<readonly string[]> {
  const snapshot = await openSnapshot(store, { signal: never });
  const { schema } = snapshot;
  const counts = new Map<string, number>();
  const count = (row: string, by: number): void => {
    const sum = (counts.get(row) ?? 0) + by;
    if (sum === 0) counts.delete(row);
    else counts.set(row, sum);
  };
  const changed = [field('_change_type', STRING), COMMIT_VERSION, COMMIT_TIMESTAMP];
  const feedSchema = { ...schema, fields: [...schema.fields, ...changed] };
  for await (const batch of readChanges(store, { from: 0, signal: never })) {
    for (const values of rowsOf(batch, feedSchema)) {
      const kind = values[schema.fields.length];
      const row = canonicalRow(schema, values.slice(0, schema.fields.length));
      count(row, kind === 'insert' || kind === 'update_postimage' ? 1 : -1);
    }
  }
  for await (const batch of scan(snapshot, { signal: never })) {
    for (const values of rowsOf(batch, schema)) count(canonicalRow(schema, values), -1);
  }
  return [...counts].map(([row, by]) => `${by > 0 ? 'only in the feed' : 'only in the table'}: ${row}`);
}

/** What the log of a table and its folder say of each other. */
export type Leftovers = {
  /** Files of rows, changes and deletion vectors that no version ever named. */
  readonly orphans: readonly string[];
  /** Files that the newest version or its feed needs and that are not there. */
  readonly missing: readonly string[];
  /** Files that more than one version put in, under one and the same deletion vector. */
  readonly doubled: readonly string[];
};

/** Compares a table's folder with its log, from version 0 on. */
export async function leftoversOf(store: ObjectStore): Promise<Leftovers> {
  const snapshot = await openSnapshot(store, { signal: never });
  const named = new Set<string>();
  const seen = new Set<string>();
  const doubled: string[] = [];
  for (let version = 0; version <= snapshot.version; version++) {
    const { actions, commitInfo } = await mustReadCommit(store, version, { signal: never });
    // What was taken out comes back with it.
    if (commitInfo?.['operation'] === 'RESTORE') seen.clear();
    for (const action of actions) {
      for (const key of filesOf(action)) named.add(key);
      if (action.kind !== 'add') continue;
      const { path, deletionVector } = action.add;
      const identity = JSON.stringify([path, deletionVector?.pathOrInlineDv, deletionVector?.offset]);
      if (seen.has(identity)) doubled.push(path);
      seen.add(identity);
    }
  }
  const there = new Set<string>();
  for await (const { key } of store.list('', { signal: never })) {
    if (!key.startsWith('_delta_log/') && !key.startsWith('_sluice/')) there.add(key);
  }
  return {
    orphans: [...there].filter((key) => !named.has(key)),
    missing: [...named].filter((key) => !there.has(key)),
    doubled,
  };
}

function filesOf(action: Action): readonly string[] {
  if (action.kind === 'cdc') return [decodePath(action.cdc.path)];
  if (action.kind !== 'add') return [];
  const { path, deletionVector } = action.add;
  const vector = deletionVector === undefined ? undefined : dvFileKey(deletionVector);
  return vector === undefined ? [decodePath(path)] : [decodePath(path), vector];
}

function isTold(found: unknown): found is { readonly sluice: { readonly ranges: readonly OffsetRange[] } } {
  return (
    typeof found === 'object' &&
    found !== null &&
    'sluice' in found &&
    typeof found.sluice === 'object' &&
    found.sluice !== null &&
    'ranges' in found.sluice &&
    Array.isArray(found.sluice.ranges)
  );
}

type Sent = { readonly sluice: { readonly offsets: { readonly partitions: RangesOfVersion['sent'] } } };

function isSent(found: unknown): found is Sent {
  return (
    typeof found === 'object' &&
    found !== null &&
    'sluice' in found &&
    typeof found.sluice === 'object' &&
    found.sluice !== null &&
    'offsets' in found.sluice &&
    typeof found.sluice.offsets === 'object' &&
    found.sluice.offsets !== null &&
    'partitions' in found.sluice.offsets &&
    Array.isArray(found.sluice.offsets.partitions)
  );
}
