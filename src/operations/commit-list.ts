import { must, SluiceError } from '../base/errors.js';
import { inCommitTimestampMs, inCommitTimestampsSince } from '../table/commit-time.js';
import { listLog, mustReadCommit, type Winner } from '../table/log.js';
import type { Snapshot } from '../table/snapshot.js';
import { commitTimes } from '../table/time-travel.js';

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
  const entries = await listLog(snapshot.store, options);
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
 * snapshot.
 */
export async function firstVersionSince(
  snapshot: Snapshot,
  timestampMs: number,
  options: { readonly signal: AbortSignal },
): Promise<number> {
  const commits = await listCommits(snapshot, { from: 0, signal: options.signal });
  let from = 0;
  let upTo = commits.length;
  while (from < upTo) {
    const middle = (from + upTo) >>> 1;
    const listed = must(commits[middle], 'a listed commit');
    if ((await readListed(snapshot, listed, options)).timestampMs >= timestampMs) upTo = middle;
    else from = middle + 1;
  }
  const found = commits[from];
  if (found !== undefined) return found.version;
  throw new SluiceError('VERSION_NOT_FOUND', `${snapshot.store.url} has no commit since that moment`, {
    context: { table: snapshot.store.url, timestampMs, version: snapshot.version },
  });
}
