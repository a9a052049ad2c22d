import { defer, Observable, takeUntil } from 'rxjs';
import { SluiceError, unreachable } from '../../base/errors.js';
import { anySignal, never } from '../../base/signals.js';
import { Cursor } from '../../operations/feed/cursor.js';
import { cursorFolder } from '../../operations/feed/cursors.js';
import { followChanges, type PollOptions } from '../../operations/feed/follow.js';
import { Patience } from '../../operations/feed/patience.js';
import type { Moment } from '../../operations/moment.js';
import { Credit } from '../../pipeline/credit.js';
import { fromPull } from '../../pipeline/from-pull.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { openStore } from '../../storage/open-store.js';
import { AckedBatch, type ChangeBatch } from './change-batch.js';
import { endOf, startOf } from './start.js';
import { Bookmark } from './bookmark.js';

export type ChangeFeedOptions = {
  /**
   * Where to begin, inclusive: a version, or the first commit at or after a moment. May be left out only where a cursor
   * is there, and counts only where none is yet.
   */
  readonly from?: Moment;
  /** Where to end, inclusive: a version, or the last commit at or before a moment. Default: never. */
  readonly to?: Moment;
  /** Whether to wait for what is yet to be committed; false ends at the latest version. Default: true without `to`. */
  readonly follow?: boolean;
  /** The name under which the subscriber's place is kept: up to 100 of `A-Za-z0-9._-`. One subscriber a name. */
  readonly cursor?: string;
  /** Where the cursor is kept, as a store or a URL. Default: `_sluice/cursors/` of the table, which must be writable then. */
  readonly cursorStore?: string | ObjectStore;
  /** How often to look for new versions: after `minMs`, doubling up to `maxMs` while there are none. Default 200, 5000. */
  readonly poll?: PollOptions;
  /**
   * Told before each pause while the store fails with what may pass, which a feed that follows waits out; `attempt` counts
   * from 1 until something goes well.
   */
  readonly onRetry?: (cause: unknown, attempt: number) => void;
  /** Ends the feed: what waits rejects with its reason. */
  readonly signal?: AbortSignal;
};

/** A subscription that has not begun: each iteration, and each subscription of the Observable, begins anew. */
export interface ChangeFeed extends AsyncIterable<ChangeBatch> {
  [Symbol.asyncIterator](): AsyncGenerator<ChangeBatch, void, undefined>;
  /** The same batches, pushed: the next one comes once the one before is acknowledged. Unsubscribing ends the feed. */
  asObservable(): Observable<ChangeBatch>;
}

const POLL: PollOptions = { minMs: 200, maxMs: 5_000 };
/** The longest pause while a store fails: long enough not to press it, short enough to be back soon after it is. */
const PAUSE_MS_MAX = 30_000;

/**
 * Follows a table's change feed: batches of changed rows, in the order of versions, each version whole before the next.
 * One batch is held at a time: the next is read once it is acknowledged.
 *
 * With a cursor the subscriber's place outlives the process. It moves on after the last batch of a version is
 * acknowledged, and over versions without rows; whoever comes again under the name is given every version that was not
 * acknowledged whole, from its first batch on: at least once, in order, none left out.
 *
 * ```ts
 * for await (const batch of changeFeed('./customers', { from: { version: 0 }, cursor: 'search-indexer' })) {
 *   for (const row of batch.toRows()) console.log(row['_change_type'], row['id']);
 *   await batch.ack();
 * }
 * ```
 *
 * Once it has begun, a feed that follows waits out failures of the store that may pass (STORE_UNAVAILABLE), acknowledgements
 * too; one that ends by itself fails with them.
 *
 * The iteration fails with TABLE_NOT_FOUND, VERSION_NOT_FOUND, FEED_UNAVAILABLE, SCHEMA_CHANGED, TABLE_REPLACED,
 * TABLE_REWOUND, CURSOR_CONFLICT, CURSOR_EXPIRED, CURSOR_INVALID, or USAGE where a batch is asked for before the last one
 * was acknowledged.
 *
 * @param table - the table's URL (a path, `file://`, `memory://`), or its store
 */
export function changeFeed(table: string | ObjectStore, options: ChangeFeedOptions = {}): ChangeFeed {
  const { signal: outer = never } = options;
  return {
    [Symbol.asyncIterator]: () => batches(table, options, { signal: outer, onAcked: () => undefined }),
    asObservable: () =>
      defer(() => {
        // One of it: a batch is pushed, and the next one read, only while none is out.
        const credit = new Credit(1);
        const open = (signal: AbortSignal) =>
          batches(table, options, { signal: anySignal(outer, signal), onAcked: () => credit.give(1) });
        return fromPull(open, { credit, sizeOf: () => 1 }).pipe(takeUntil(endOfSignal(outer)));
      }),
  };
}

/** Fails with the signal's reason once it is aborted: nobody waits for an acknowledgement then. */
function endOfSignal(signal: AbortSignal): Observable<never> {
  return new Observable((subscriber) => {
    const onAbort = () => subscriber.error(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    return () => signal.removeEventListener('abort', onAbort);
  });
}

type Subscription = { readonly signal: AbortSignal; readonly onAcked: () => void };

async function* batches(
  table: string | ObjectStore,
  options: ChangeFeedOptions,
  { signal, onAcked }: Subscription,
): AsyncGenerator<ChangeBatch, void, undefined> {
  const { to, poll = POLL, follow = to === undefined } = options;
  if (follow && to !== undefined) {
    throw new SluiceError('USAGE', 'a feed that ends at `to` follows nothing', {
      hint: 'leave out `to`, or `follow`',
    });
  }
  const store = typeof table === 'string' ? openStore(table) : table;
  const cursor = await openCursor(store, options, signal);
  const { onRetry } = options;
  const patience = follow
    ? new Patience({
        minMs: poll.minMs,
        maxMs: PAUSE_MS_MAX,
        signal,
        ...(onRetry === undefined ? {} : { onRetry }),
      })
    : undefined;
  const bookmark = new Bookmark(cursor, patience);
  const waits = { waits: follow, signal };
  const from = await startOf(store, {
    ...waits,
    cursor,
    ...(options.from === undefined ? {} : { from: options.from }),
  });
  const end = to === undefined ? undefined : await endOf(store, to, signal);
  if (end !== undefined && end < from) return emptyOrWrong(from, end, cursor);
  const range = {
    from,
    signal,
    ...(end === undefined ? {} : { to: end }),
    ...(follow ? { poll, patience } : {}),
  };
  for await (const step of followChanges(store, range)) {
    switch (step.kind) {
      case 'rows': {
        const { version, timestampMs, schema, rows, last: isLast, tableId } = step;
        const parts = { version, committedAt: new Date(timestampMs), schema, rows, isLast };
        const batch = new AckedBatch(parts, async () => {
          if (isLast) await bookmark.acknowledged({ nextVersion: version + 1, tableId });
          onAcked();
        });
        yield batch;
        await batch.assertAcked();
        break;
      }
      case 'passed':
        bookmark.passed({ nextVersion: step.version + 1, tableId: step.tableId });
        break;
      case 'caught-up':
        await bookmark.settle(signal);
        break;
      default:
        unreachable(step);
    }
  }
  await bookmark.settle(signal);
}

async function openCursor(
  store: ObjectStore,
  { cursor, cursorStore }: ChangeFeedOptions,
  signal: AbortSignal,
): Promise<Cursor | undefined> {
  if (cursor === undefined) return undefined;
  const folder = cursorFolder(store, cursorStore === undefined ? {} : { cursorStore });
  return Cursor.open(folder, cursor, signal);
}

/** A cursor may have come past the end already; a range that was asked for may not end before it begins. */
function emptyOrWrong(from: number, end: number, cursor: Cursor | undefined): void {
  if (cursor?.state !== undefined) return;
  throw new SluiceError('USAGE', `a range of versions cannot end at ${end} before it begins at ${from}`);
}
