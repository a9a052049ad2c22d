import { must } from '../../base/errors.js';
import { backoff, sleep } from '../../base/signals.js';
import type { ArrowTable } from '../../columnar/arrow.js';
import type { StructType } from '../../schema/types.js';
import type { ObjectStore } from '../../storage/object-store.js';
import { listLog, type LogEntry, type Winner } from '../../table/log.js';
import { CHANGE_TYPE, COMMIT_TIMESTAMP, COMMIT_VERSION } from '../change-types.js';
import type { ListedCommit } from '../commit-list.js';
import { schemaChanged, versionGone } from './feed-errors.js';
import { commitsAfter, commitsFrom, listFeedLog, writtenAtMs, type FeedLog } from './feed-log.js';
import { feedOff, isFeedOn } from './feed-on.js';
import { commitTimeMs, feedPieces, readFeedCommit } from './feed-version.js';
import type { ChangePiece } from './read-version.js';
import { assertSameTable } from './same-table.js';
import type { Patience } from './patience.js';
import { obstacle } from './schema-change.js';
import { nextShape, reshapesRows, shapeAt, shapeBefore, type TableShape } from './table-shape.js';

/** How long to wait between two looks at a log in which nothing new was: from `minMs` up to `maxMs`, doubling. */
export type PollOptions = { readonly minMs: number; readonly maxMs: number };

export type FollowOptions = {
  /** The first version; the one after the latest where there is nothing yet. */
  readonly from: number;
  /** The last version, which must be there. Default: none. */
  readonly to?: number;
  /** Wait for versions to come. Default, and with `to`: end at the latest version, as it is when it is reached. */
  readonly poll?: PollOptions;
  /** Rides out failures of the store once the feed has begun. Default: they end it. */
  readonly patience?: Patience | undefined;
  readonly signal: AbortSignal;
};

export type FeedStep =
  | {
      readonly kind: 'rows';
      readonly version: number;
      readonly timestampMs: number;
      /** Columns of the table at this version, then those of the feed. */
      readonly schema: StructType;
      readonly rows: ArrowTable;
      /** Whether no more rows of the version follow. */
      readonly last: boolean;
      readonly tableId: string;
    }
  /** A version that changed no rows. */
  | { readonly kind: 'passed'; readonly version: number; readonly tableId: string }
  /** Nothing newer is there. */
  | { readonly kind: 'caught-up' };

/**
 * The change feed from a version on, as far as it goes or without end, each version's rows under the schema of that
 * version. A piece of at most one row group is held at a time, and the next is read when it is asked for.
 *
 * Ends with `SCHEMA_CHANGED` before a version at which a column is dropped, renamed or retyped after rows were given: what
 * was given so far is whole, and whoever begins behind it is given the new schema. `VERSION_NOT_FOUND` and `FEED_UNAVAILABLE` as
 * `readChanges`, but when a version's turn comes; `TABLE_REPLACED` if another table takes the place of the one followed.
 */
export async function* followChanges(
  store: ObjectStore,
  options: FollowOptions,
): AsyncGenerator<FeedStep, void, undefined> {
  const { from, to = Infinity, poll, patience, signal } = options;
  const log = await listFeedLog(store, signal);
  if (to !== Infinity && to > log.latest) throw versionGone(store.url, to, log);
  let commits = from === log.latest + 1 ? [] : commitsFrom(store, log, from);
  const follower = await Follower.begin(store, { from, log, patience }, signal);
  const pause =
    poll === undefined ? undefined : backoff({ baseMs: poll.minMs, maxMs: poll.maxMs, random: Math.random });
  for (let idle = 0; ; idle++) {
    for (const commit of commits) {
      if (commit.version > to) return;
      idle = 0;
      yield* follower.steps(commit);
    }
    yield { kind: 'caught-up' };
    if (pause === undefined || to !== Infinity) return;
    await sleep(pause(idle), signal);
    commits = await follower.newer();
  }
}

type Ride = <T>(work: () => Promise<T>) => Promise<T>;

type Beginning = {
  readonly from: number;
  readonly log: FeedLog;
  readonly patience: Patience | undefined;
};

/** One walk over a log: what it knows of the versions behind it. */
class Follower {
  readonly #store: ObjectStore;
  readonly #signal: AbortSignal;
  readonly #ride: Ride;
  #shape: TableShape | undefined;
  /** The last commit that was handed over, or the one before the first. */
  #known: ListedCommit;
  /** The listing that showed it. */
  #entries: readonly LogEntry[];
  /** Whether rows were handed over. */
  #given = false;

  private constructor(
    store: ObjectStore,
    at: Beginning & { readonly shape: TableShape | undefined },
    signal: AbortSignal,
  ) {
    const { patience } = at;
    this.#store = store;
    this.#signal = signal;
    this.#ride = patience === undefined ? (work) => work() : (work) => patience.ride(work);
    this.#shape = at.shape;
    const before = at.from - 1;
    const known = at.log.commits.find(({ version }) => version === before);
    this.#known = known ?? { version: before, modifiedAtMs: -Infinity };
    this.#entries = at.log.entries;
  }

  static async begin(store: ObjectStore, beginning: Beginning, signal: AbortSignal): Promise<Follower> {
    const { from } = beginning;
    const before = await shapeBefore(store, from, signal);
    // A log may be cleaned up to the very version.
    const shape = before ?? (from === 0 ? undefined : await shapeAt(store, from, signal));
    return new Follower(store, { ...beginning, shape }, signal);
  }

  /** The changes of the next version. */
  async *steps(commit: ListedCommit): AsyncGenerator<FeedStep, void, undefined> {
    const store = this.#store;
    const signal = this.#signal;
    const { version } = commit;
    const read = await this.#ride(() => readFeedCommit(store, version, signal));
    const shape = await this.#ride(
      async () => nextShape(store.url, this.#shape, read) ?? (await shapeAt(store, version, signal)),
    );
    if (!isFeedOn(shape)) throw await feedOff(store, { version, shape }, signal);
    this.#assertSameSchema(shape, read);
    const { layout, metadata } = shape;
    const timestampMs = commitTimeMs(read, commit, shape);
    const common = { version, timestampMs, schema: feedSchema(layout.schema), tableId: metadata.id };
    const open = () => feedPieces(store, read.actions, { version, timestampMs, layout, signal });
    const pieces = new Pieces(open, this.#ride);
    try {
      let piece = await pieces.next();
      if (piece === undefined) yield { kind: 'passed', version, tableId: metadata.id };
      while (piece !== undefined) {
        const { read: readRows } = piece;
        const rows = await this.#ride(readRows);
        // Looked up before these rows are handed over: the last ones of a version say so. It reads no rows.
        piece = await pieces.next();
        this.#given = true;
        yield { kind: 'rows', ...common, rows, last: piece === undefined };
      }
    } finally {
      await pieces.close();
    }
    this.#shape = shape;
    this.#known = commit;
  }

  /** The commits that came since, ascending. */
  newer(): Promise<readonly ListedCommit[]> {
    return this.#ride(() => this.#listed());
  }

  async #listed(): Promise<readonly ListedCommit[]> {
    const { version } = this.#known;
    const entries = await listLog(this.#store, { from: Math.max(0, version), signal: this.#signal });
    const written = writtenAtMs(entries, version);
    const found = commitsAfter(entries, this.#known);
    const isPlain = written !== undefined && written === writtenAtMs(this.#entries, version);
    const follows = found[0] === undefined || found[0].version === version + 1;
    if (isPlain && follows) {
      this.#entries = entries;
      return found;
    }
    return this.#reopened();
  }

  /** The last commit seen is not there any more, or not the one it was: cleaned up, copied, or another table's. */
  async #reopened(): Promise<readonly ListedCommit[]> {
    const log = await listFeedLog(this.#store, this.#signal);
    const next = this.#known.version + 1;
    const tableId = must(this.#shape, 'a shape once a version was seen').metadata.id;
    await assertSameTable(this.#store, { log, nextVersion: next, tableId }, this.#signal);
    this.#entries = log.entries;
    return next > log.latest ? [] : commitsFrom(this.#store, log, next);
  }

  #assertSameSchema(shape: TableShape, { version, actions }: Winner): void {
    if (this.#shape === undefined || shape === this.#shape) return;
    // Where nobody was given rows under the schema before, all that counts is whether this version's own rows fit.
    if (!this.#given && !reshapesRows(actions)) return;
    const why = obstacle(this.#shape.layout, shape.layout, { renamed: this.#given ? 'other' : 'same' });
    if (why === undefined) return;
    throw schemaChanged(this.#store.url, version, {
      why,
      hint: reshapesRows(actions)
        ? `read the rows of version ${version}, then begin at version ${version + 1}`
        : `begin again at version ${version}; a subscriber with a cursor does so when it is started again`,
    });
  }
}

/** The pieces of a version. After a failure they are opened anew and passed over up to where it was: files stay as they are. */
class Pieces {
  readonly #open: () => FeedPieces;
  readonly #ride: Ride;
  #pieces: FeedPieces | undefined;
  #passed = 0;

  constructor(open: () => FeedPieces, ride: Ride) {
    this.#open = open;
    this.#ride = ride;
  }

  /** Looks for the next one; undefined behind the last. Reads no rows. */
  next(): Promise<ChangePiece | undefined> {
    return this.#ride(async () => {
      const pieces = this.#pieces ?? (await this.#reopened());
      // Left out until it went well: a generator that has failed has ended.
      this.#pieces = undefined;
      const { value, done } = await pieces.next();
      this.#pieces = pieces;
      this.#passed++;
      return done === true ? undefined : value;
    });
  }

  async close(): Promise<void> {
    await this.#pieces?.return();
  }

  async #reopened(): Promise<FeedPieces> {
    const pieces = this.#open();
    for (let passed = 0; passed < this.#passed; passed++) await pieces.next();
    return pieces;
  }
}

type FeedPieces = ReturnType<typeof feedPieces>;

function feedSchema({ fields }: StructType): StructType {
  return { kind: 'struct', fields: [...fields, CHANGE_TYPE, COMMIT_VERSION, COMMIT_TIMESTAMP] };
}
