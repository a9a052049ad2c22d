import { SluiceError } from '../base/errors.js';
import { constantColumn, withColumn, type ArrowTable } from '../columnar/arrow.js';
import type { ObjectStore } from '../storage/object-store.js';
import { mustReadCommit } from '../table/log.js';
import { openSnapshot, type Snapshot } from '../table/snapshot.js';
import { COMMIT_TIMESTAMP, COMMIT_VERSION, hasChangeFeed } from './change-types.js';
import { listCommits, readListed } from './commit-list.js';
import { readChangesOf } from './read-version-changes.js';

export type ChangeFeedOptions = {
  /** The first version, inclusive. */
  readonly from: number;
  /** The last version, inclusive. Default: the latest. */
  readonly to?: number;
  readonly signal: AbortSignal;
};

/**
 * The changes of a range of versions, version by version, in batches of at most a row group; deletes come before inserts
 * where a version's changes are derived from its files. Columns are those of the schema at the last version, then
 * `_change_type`, `_commit_version` and `_commit_timestamp`; a column that an older file lacks is null.
 *
 * `VERSION_NOT_FOUND` for versions that the log does not hold, `FEED_UNAVAILABLE` if the feed was off anywhere in the
 * range: both before the first batch. `FILE_NOT_FOUND` for a file that VACUUM took. Delta protocol, "Change Data Files".
 */
export async function* readChanges(
  store: ObjectStore,
  options: ChangeFeedOptions,
): AsyncGenerator<ArrowTable, void, undefined> {
  const { from, to, signal } = options;
  if (to !== undefined && to < from) {
    throw new SluiceError('USAGE', `a range of versions cannot end at ${to} before it begins at ${from}`);
  }
  const end = await openSnapshot(store, { signal, ...(to === undefined ? {} : { version: to }) });
  if (from > end.version) throw notThere(store, from, `the latest version is ${end.version}`);
  await assertFeedIsOn(store, from, end, signal);
  const commits = await listCommits(end, { from, signal });
  const { layout } = end;
  for (const listed of commits) {
    const { version, actions, timestampMs } = await readListed(end, listed, { signal });
    for await (const rows of readChangesOf(store, actions, { version, layout, signal })) {
      yield stamped(rows, version, timestampMs);
    }
  }
}

/** Looks at every version's properties first, so that no half of a range is read. */
async function assertFeedIsOn(
  store: ObjectStore,
  from: number,
  end: Snapshot,
  signal: AbortSignal,
): Promise<void> {
  const start = await openSnapshot(store, { signal, version: from });
  if (!hasChangeFeed(start.configuration)) throw feedIsOff(store, from);
  for (let version = from; version <= end.version; version++) {
    const { actions } = await mustReadCommit(store, version, { signal });
    for (const action of actions) {
      if (action.kind === 'metaData' && !hasChangeFeed(action.metaData.configuration)) {
        throw feedIsOff(store, version);
      }
    }
  }
}

function feedIsOff(store: ObjectStore, version: number): SluiceError {
  return new SluiceError('FEED_UNAVAILABLE', `the change feed of ${store.url} is off at version ${version}`, {
    context: { table: store.url, version },
    hint: 'ask for versions while delta.enableChangeDataFeed was true; turning it on tells nothing of what was before',
  });
}

function notThere(store: ObjectStore, version: number, hint: string): SluiceError {
  return new SluiceError('VERSION_NOT_FOUND', `${store.url} has no version ${version}`, {
    context: { table: store.url, version },
    hint,
  });
}

function stamped(rows: ArrowTable, version: number, timestampMs: number): ArrowTable {
  const { numRows } = rows;
  const versions = constantColumn(COMMIT_VERSION.type, BigInt(version), numRows);
  const times = constantColumn(COMMIT_TIMESTAMP.type, BigInt(timestampMs) * 1000n, numRows);
  return withColumn(withColumn(rows, COMMIT_VERSION, versions), COMMIT_TIMESTAMP, times);
}
