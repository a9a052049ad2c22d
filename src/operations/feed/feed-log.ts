import type { ObjectStore } from '../../storage/object-store.js';
import { findLog, loadableTimes } from '../../table/log-state.js';
import type { LogEntry } from '../../table/log.js';
import { noTable } from '../../table/snapshot.js';
import { commitTimes } from '../../table/time-travel.js';
import type { ListedCommit } from '../commit-list.js';
import { versionGone, type Readable } from './feed-errors.js';

/** What a log holds for a feed. */
export type FeedLog = Readable & {
  /** The commits from `earliest` to `latest`, with the times of their files made to increase from the log's start on. */
  readonly commits: readonly ListedCommit[];
  readonly entries: readonly LogEntry[];
};

/** Lists a table's whole log. `TABLE_NOT_FOUND`, `CORRUPT_LOG`. */
export async function listFeedLog(store: ObjectStore, signal: AbortSignal): Promise<FeedLog> {
  const found = await findLog(store, { signal, whole: true });
  if (found === undefined) throw noTable(store);
  const { entries, segment } = found;
  const commits = unbroken(loadableTimes(found), segment.version);
  return { earliest: commits[0]?.version, latest: segment.version, commits, entries };
}

/**
 * The commits of a version and those after it, ascending. `VERSION_NOT_FOUND`, telling what is there, for a version
 * outside of what can be read.
 */
export function commitsFrom(store: ObjectStore, log: FeedLog, from: number): readonly ListedCommit[] {
  if (log.earliest === undefined || from < log.earliest || from > log.latest) {
    throw versionGone(store.url, from, log);
  }
  return log.commits.slice(from - log.earliest);
}

/** When the file of each commit was written, as the store tells it: tells a log from another in its place. */
export function writtenAtMs(entries: readonly LogEntry[], version: number): number | undefined {
  return entries.find(({ file }) => file.kind === 'commit' && file.version === version)?.modifiedAtMs;
}

/** The commits of a partial listing after a commit that is known, times increasing on from its. */
export function commitsAfter(entries: readonly LogEntry[], known: ListedCommit): readonly ListedCommit[] {
  const later = entries.filter(({ file }) => file.kind === 'commit' && file.version > known.version);
  let last = known.modifiedAtMs;
  return commitTimes(later).map(({ version, modifiedAtMs }) => {
    last = Math.max(modifiedAtMs, last + 1);
    return { version, modifiedAtMs: last };
  });
}

/** The commits that lead to the latest version without a hole. */
function unbroken(times: readonly ListedCommit[], latest: number): readonly ListedCommit[] {
  let start = times.length;
  for (let expected = latest; times[start - 1]?.version === expected; expected--) start--;
  return times.slice(start);
}
