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
