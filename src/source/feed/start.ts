import { SluiceError } from '../../base/errors.js';
import { firstVersionSince, lastVersionUntil } from '../../operations/commit-list.js';
import type { Cursor } from '../../operations/feed/cursor.js';
import { listFeedLog } from '../../operations/feed/feed-log.js';
import { assertSameTable } from '../../operations/feed/same-table.js';
import { instantMs, type Moment } from '../../operations/moment.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { openSnapshot } from '../../table/snapshot.js';

export type Wanted = {
  readonly from?: Moment;
  readonly cursor?: Cursor | undefined;
  /** Whether versions that are yet to come will do. */
  readonly waits: boolean;
  readonly signal: AbortSignal;
};

/**
 * The first version that a subscriber is to be given: its cursor's, else the one asked for.
 *
 * @throws SluiceError CURSOR_EXPIRED, TABLE_REPLACED, TABLE_REWOUND, VERSION_NOT_FOUND, USAGE if neither is given
 */
export async function startOf(store: ObjectStore, { from, cursor, waits, signal }: Wanted): Promise<number> {
  if (cursor?.state !== undefined) return resume(store, cursor, signal);
  if (from === undefined) {
    throw new SluiceError('USAGE', 'it is not said where the feed begins', {
      context: { table: store.url, cursor: cursor?.name },
      hint:
        cursor === undefined
          ? 'give `from`, a version or a time'
          : `there is no cursor ${cursor.name} yet: give \`from\` for the first time`,
    });
  }
  if (from.version !== undefined) return from.version;
  const latest = await openSnapshot(store, { signal });
  const timestampMs = instantMs(from.timestamp);
  if (waits && timestampMs > latest.commitTimestampMs) return latest.version + 1;
  return firstVersionSince(latest, timestampMs, { signal });
}

/** The last version that a feed is to give. */
export async function endOf(store: ObjectStore, to: Moment, signal: AbortSignal): Promise<number> {
  if (to.version !== undefined) return to.version;
  return lastVersionUntil(await openSnapshot(store, { signal }), instantMs(to.timestamp), { signal });
}

async function resume(store: ObjectStore, { name, state }: Cursor, signal: AbortSignal): Promise<number> {
  const log = await listFeedLog(store, signal);
  const { nextVersion, tableId } = state ?? { nextVersion: 0, tableId: '' };
  await assertSameTable(store, { log, nextVersion, tableId }, signal);
  const { earliest = log.latest + 1, latest } = log;
  if (nextVersion >= earliest) return nextVersion;
  const table = store.url;
  throw new SluiceError(
    'CURSOR_EXPIRED',
    `the cursor ${name} stands at version ${nextVersion} of ${table}, and the log begins with version ${earliest}`,
    {
      context: { table, cursor: name, nextVersion, earliest, latest },
      hint: `read the rows of version ${latest}, delete the cursor, and begin at version ${latest + 1}`,
    },
  );
}
