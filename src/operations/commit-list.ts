import { must, SluiceError } from '../base/errors.js';
import { inCommitTimestampMs, inCommitTimestampsSince } from '../table/commit-time.js';
import { listLog, mustReadCommit, type Winner } from '../table/log.js';
import type { Snapshot } from '../table/snapshot.js';
import { commitTimes, instantText } from '../table/time-travel.js';

/** A commit of the log, with the time at which it counts as made, ms since 1970. */
export type ListedCommit = { readonly version: number; readonly modifiedAtMs: number };

/**
 * The commits that the log still holds from a version on up to the snapshot's, ascending. Times of their files increase,
 * so that no commit seems older than the one before it.
 */
export async function listCommits(
  snapshot: Snapshot,
  options: { readonly from: number; readonly signal: AbortSignal },
): Promise<readonly ListedCommit[]> {
  // Listed whole: what a time is made to be depends on the commits before it.
  const entries = await listLog(snapshot.store, { signal: options.signal });
  return commitTimes(entries).filter(({ version }) => version >= options.from && version <= snapshot.version);
}

/** Reads a listed commit with its time: the in-commit timestamp where the table has them, else that of its file. */
export async function readListed(
  snapshot: Snapshot,
  { version, modifiedAtMs }: ListedCommit,
  options: { readonly signal: AbortSignal },
): Promise<Winner & { readonly timestampMs: number }> {
  const commit = await mustReadCommit(snapshot.store, version, options);
  const since = inCommitTimestampsSince(snapshot.configuration);
  const counts = since !== undefined && version >= since.version;
  const timestampMs = counts ? inCommitTimestampMs(commit.commitInfo) : undefined;
  return { ...commit, timestampMs: timestampMs ?? modifiedAtMs };
}

/**
 * The first version that was committed at or after a moment. `VERSION_NOT_FOUND` if there is none yet, as of the
 * snapshot, and if the log does not go back to the moment: nobody knows which versions since are gone.
 */
export async function firstVersionSince(
  snapshot: Snapshot,
  timestampMs: number,
  options: { readonly signal: AbortSignal },
): Promise<number> {
  const commits = await listCommits(snapshot, { from: 0, signal: options.signal });
  const at = await firstAt(snapshot, commits, { ...options, isReached: (ms) => ms >= timestampMs });
  const found = commits[at];
  if (found === undefined) {
    throw outside(snapshot, commits, {
      timestampMs,
      message: `${snapshot.store.url} has no commit since ${instantText(timestampMs)}`,
      hint: `its latest version is ${snapshot.version} (${instantText(snapshot.commitTimestampMs)})`,
    });
  }
  if (at > 0 || found.version === 0) return found.version;
  const first = await readListed(snapshot, found, options);
  if (first.timestampMs === timestampMs) return found.version;
  throw beforeLog(snapshot, commits, { timestampMs, first });
}

/**
 * The last version that was committed at or before a moment: the snapshot's for a later moment. `VERSION_NOT_FOUND` if
 * the log does not go back to the moment.
 */
export async function lastVersionUntil(
  snapshot: Snapshot,
  timestampMs: number,
  options: { readonly signal: AbortSignal },
): Promise<number> {
  const commits = await listCommits(snapshot, { from: 0, signal: options.signal });
  const at = await firstAt(snapshot, commits, { ...options, isReached: (ms) => ms > timestampMs });
  const found = commits[at - 1];
  if (found !== undefined) return found.version;
  const oldest = commits[0];
  if (oldest === undefined) return snapshot.version;
  throw beforeLog(snapshot, commits, { timestampMs, first: await readListed(snapshot, oldest, options) });
}

/** The index of the first commit whose time is reached; their number if it is of none. */
async function firstAt(
  snapshot: Snapshot,
  commits: readonly ListedCommit[],
  { isReached, signal }: { readonly isReached: (ms: number) => boolean; readonly signal: AbortSignal },
): Promise<number> {
  let from = 0;
  let upTo = commits.length;
  while (from < upTo) {
    const middle = (from + upTo) >>> 1;
    const listed = must(commits[middle], 'a listed commit');
    if (isReached((await readListed(snapshot, listed, { signal })).timestampMs)) upTo = middle;
    else from = middle + 1;
  }
  return from;
}

function beforeLog(
  snapshot: Snapshot,
  commits: readonly ListedCommit[],
  {
    timestampMs,
    first,
  }: {
    readonly timestampMs: number;
    readonly first: { readonly version: number; readonly timestampMs: number };
  },
): SluiceError {
  return outside(snapshot, commits, {
    timestampMs,
    message: `the log of ${snapshot.store.url} does not go back to ${instantText(timestampMs)}`,
    hint: `it begins with version ${first.version} (${instantText(first.timestampMs)})`,
  });
}

function outside(
  { store, version }: Snapshot,
  commits: readonly ListedCommit[],
  {
    timestampMs,
    message,
    hint,
  }: { readonly timestampMs: number; readonly message: string; readonly hint: string },
): SluiceError {
  const timestamp = instantText(timestampMs);
  return new SluiceError('VERSION_NOT_FOUND', message, {
    context: { table: store.url, timestamp, earliest: commits[0]?.version, latest: version },
    hint,
  });
}
