import { SluiceError } from '../base/errors.js';
import type { ObjectStore } from '../storage/object-store.js';
import { inCommitTimestampMs, inCommitTimestampsSince } from './commit-time.js';
import { mustReadCommit, type LogEntry } from './log.js';

/** A commit file and when it was written, ms since 1970. */
export type CommitTime = { readonly version: number; readonly modifiedAtMs: number };

/**
 * The commits among log files, ascending, with the times of their files made to increase: a file that was copied, or
 * written by a slow clock, must not seem older than the commit before it. Delta protocol, "In-Commit Timestamps".
 */
export function commitTimes(entries: readonly LogEntry[]): readonly CommitTime[] {
  let last = -Infinity;
  return entries.flatMap(({ file, modifiedAtMs }) => {
    if (file.kind !== 'commit') return [];
    last = Math.max(modifiedAtMs, last + 1);
    return [{ version: file.version, modifiedAtMs: last }];
  });
}

/**
 * The latest version that was committed at or before a moment. In-commit timestamps count from the version on that
 * turned them on, times of files before it. `VERSION_NOT_FOUND` for a moment before the first of these commits or after
 * the last: what the latter means would change with the next commit. Delta protocol, "In-Commit Timestamps"; the refusal
 * is Delta Spark's.
 *
 * @param times - commits that can be loaded, ascending; at least one
 * @param configuration - the table's properties at its latest version
 */
export async function versionAt(
  store: ObjectStore,
  timestampMs: number,
  log: {
    readonly times: readonly CommitTime[];
    readonly configuration: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
): Promise<number> {
  const since = inCommitTimestampsSince(log.configuration);
  const timeOf = async ({ version, modifiedAtMs }: CommitTime): Promise<number> => {
    if (since === undefined || version < since.version) return modifiedAtMs;
    const { commitInfo } = await mustReadCommit(store, version, log);
    return inCommitTimestampMs(commitInfo) ?? modifiedAtMs;
  };
  const inCommit = since !== undefined && timestampMs >= since.timestampMs;
  const searched = log.times.filter(
    ({ version }) => inCommit === (since !== undefined && version >= since.version),
  );
  const found = await lastAtOrBefore(searched, timestampMs, timeOf);
  if (found !== undefined && (found !== log.times.at(-1) || (await timeOf(found)) === timestampMs)) {
    return found.version;
  }
  throw await noVersionAt(store, timestampMs, log.times, timeOf);
}

async function lastAtOrBefore(
  times: readonly CommitTime[],
  timestampMs: number,
  timeOf: (time: CommitTime) => Promise<number>,
): Promise<CommitTime | undefined> {
  let found: CommitTime | undefined;
  let from = 0;
  let upTo = times.length;
  while (from < upTo) {
    const middle = (from + upTo) >>> 1;
    const time = times[middle];
    if (time !== undefined && (await timeOf(time)) <= timestampMs) {
      found = time;
      from = middle + 1;
    } else {
      upTo = middle;
    }
  }
  return found;
}

async function noVersionAt(
  store: ObjectStore,
  timestampMs: number,
  times: readonly CommitTime[],
  timeOf: (time: CommitTime) => Promise<number>,
): Promise<SluiceError> {
  const [first, last] = [times[0], times.at(-1)];
  const context = { table: store.url, timestamp: instantText(timestampMs) };
  const message = `${store.url} has no version as of ${instantText(timestampMs)}`;
  if (first === undefined || last === undefined) {
    return new SluiceError('VERSION_NOT_FOUND', message, {
      context,
      hint: 'its log holds no commit with a time',
    });
  }
  const [firstMs, lastMs] = [await timeOf(first), await timeOf(last)];
  const range = `version ${first.version} (${instantText(firstMs)}) to version ${last.version} (${instantText(lastMs)})`;
  return new SluiceError('VERSION_NOT_FOUND', message, {
    context: { ...context, earliest: first.version, latest: last.version },
    hint: `its log holds ${range}${timestampMs > lastMs ? ': for its latest version give no time' : ''}`,
  });
}

/** A moment in ms since 1970 for messages, as `2026-01-31T00:00:00.000Z`. */
export function instantText(timestampMs: number): string {
  const date = new Date(timestampMs);
  return Number.isNaN(date.getTime()) ? String(timestampMs) : date.toISOString();
}
