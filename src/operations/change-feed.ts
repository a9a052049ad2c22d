import { must, SluiceError } from '../base/errors.js';
import type { ArrowTable } from '../columnar/arrow.js';
import type { ObjectStore } from '../storage/object-store.js';
import type { TableLayout } from '../table/layout.js';
import type { ListedCommit } from './commit-list.js';
import { schemaChanged, versionGone } from './feed/feed-errors.js';
import { commitsFrom, listFeedLog } from './feed/feed-log.js';
import { feedOff, isFeedOn } from './feed/feed-on.js';
import { commitTimeMs, feedPieces, readFeedCommit } from './feed/feed-version.js';
import { obstacle } from './feed/schema-change.js';
import { nextShape, reshapesRows, shapeAt, shapeBefore, type TableShape } from './feed/table-shape.js';

export type ChangeFeedOptions = {
  /** The first version, inclusive. */
  readonly from: number;
  /** The last version, inclusive. Default: the latest. */
  readonly to?: number;
  readonly signal: AbortSignal;
};

/** The shape that holds from a version on. */
type Since = { readonly version: number; readonly shape: TableShape };

/**
 * The changes of a range of versions, version by version, in batches of at most a row group; deletes come before inserts
 * where a version's changes are derived from its files. Columns are those of the schema at the last version, then
 * `_change_type`, `_commit_version` and `_commit_timestamp`; a column that an older file lacks is null.
 *
 * Before the first batch: `VERSION_NOT_FOUND` for versions that the log does not hold, telling those that it does;
 * `FEED_UNAVAILABLE` if the feed was off anywhere in the range, naming the first version from which on it is on;
 * `SCHEMA_CHANGED` naming the version that dropped or retyped a column, which rows before it cannot be shown without.
 * Later: `FEED_UNAVAILABLE` for a file that VACUUM took. Delta protocol, "Change Data Files".
 */
export async function* readChanges(
  store: ObjectStore,
  options: ChangeFeedOptions,
): AsyncGenerator<ArrowTable, void, undefined> {
  const { from, signal } = options;
  const log = await listFeedLog(store, signal);
  const listed = commitsFrom(store, log, from);
  const to = options.to ?? log.latest;
  if (to < from) {
    throw new SluiceError('USAGE', `a range of versions cannot end at ${to} before it begins at ${from}`);
  }
  if (to > log.latest) throw versionGone(store.url, to, log);
  const range = listed.slice(0, to - from + 1);
  const shapes = await shapesOf(store, range, signal);
  const off = shapes.since.find(({ shape }) => !isFeedOn(shape));
  if (off !== undefined) throw await feedOff(store, off, signal);
  const { layout } = must(shapes.since.at(-1), 'a shape of the range').shape;
  assertOneSchema(store, shapes, layout);
  for (const commit of range) {
    const { version } = commit;
    const read = await readFeedCommit(store, version, signal);
    const timestampMs = commitTimeMs(read, commit, shapeIn(shapes.since, version));
    const pieces = feedPieces(store, read.actions, { version, timestampMs, layout, signal });
    for await (const piece of pieces) yield await piece.read();
  }
}

/** The shapes of a range of versions. */
type Shapes = {
  /** That of the version before, if the first version changes it and takes out rows that were written under it. */
  readonly before: TableShape | undefined;
  /** That of the first version and of each that changes it, ascending. */
  readonly since: readonly Since[];
};

async function shapesOf(
  store: ObjectStore,
  range: readonly ListedCommit[],
  signal: AbortSignal,
): Promise<Shapes> {
  const first = must(range[0], 'a version of the range').version;
  const since: Since[] = [];
  let before: TableShape | undefined;
  for (const { version } of range) {
    const commit = await readFeedCommit(store, version, signal);
    if (version === first) {
      if (reshapesRows(commit.actions)) before = await shapeBefore(store, first, signal);
      since.push({ version, shape: await shapeAt(store, version, signal) });
      continue;
    }
    const last = must(since.at(-1), 'the shape of a version').shape;
    const shape = nextShape(store.url, last, commit) ?? last;
    if (shape !== last) since.push({ version, shape });
  }
  return { before, since };
}

function shapeIn(shapes: readonly Since[], version: number): TableShape {
  const since = shapes.findLast((one) => one.version <= version);
  return must(since, 'the shape of a version').shape;
}

/** Refuses a range whose rows do not all fit its last schema. */
function assertOneSchema(store: ObjectStore, { before, since }: Shapes, layout: TableLayout): void {
  const all = [...(before === undefined ? [] : [before]), ...since.map(({ shape }) => shape)];
  const unfit = all.findLastIndex(
    (shape) => obstacle(shape.layout, layout, { renamed: 'same' }) !== undefined,
  );
  const shape = all[unfit];
  if (shape === undefined) return;
  // Every shape behind this one fits, so that the next one's version is the one that ends it.
  const { version } = must(
    since[before === undefined ? unfit + 1 : unfit],
    'a version that changed the schema',
  );
  throw schemaChanged(store.url, version, {
    why: must(obstacle(shape.layout, layout, { renamed: 'same' }), 'what changed'),
    hint:
      shape === before
        ? `read the rows of version ${version}, then the changes from version ${version + 1} on`
        : `read the changes up to version ${version - 1}, then those from version ${version} on`,
  });
}
