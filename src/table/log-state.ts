import { SluiceError, unreachable } from '../base/errors.js';
import { parseLastCheckpoint } from '../protocol/last-checkpoint.js';
import { LAST_CHECKPOINT_KEY, commitKey } from '../protocol/log-files.js';
import { LogReplay, type TableState } from '../protocol/replay.js';
import { planSegment, type Segment, type SegmentProblem } from '../protocol/segment.js';
import type { ObjectStore } from '../storage/object-store.js';
import { readCheckpoint } from './checkpoint-read.js';
import { hasInCommitTimestamps, inCommitTimestampMs } from './commit-time.js';
import { listLog, mustReadCommit, readCommit, type LogEntry, type Winner } from './log.js';
import { commitTimes, type CommitTime } from './time-travel.js';

/** What a version is made of, and the files that were seen on the way. */
export type FoundLog = { readonly segment: Segment; readonly entries: readonly LogEntry[] };

export type FindOptions = {
  readonly signal: AbortSignal;
  /** The version; the newest if left out. */
  readonly target?: number;
  /** List all of the log, whatever `_last_checkpoint` hints at. */
  readonly whole?: boolean;
};

/**
 * Finds the files of a version; undefined where there is no table. `_last_checkpoint` only saves listing what is older:
 * where it is wrong, all of the log is listed. Delta protocol, "Action Reconciliation" and "Last Checkpoint File".
 */
export async function findLog(store: ObjectStore, options: FindOptions): Promise<FoundLog | undefined> {
  const { signal, target, whole = false } = options;
  const hint = whole ? undefined : await readHint(store, signal);
  if (hint !== undefined && hint <= (target ?? Infinity)) {
    const entries = await listLog(store, { signal, from: hint });
    const segment = plan(entries, target);
    if (segment.kind === 'segment') return { segment, entries };
  }
  const entries = await listLog(store, { signal });
  const segment = plan(entries, target);
  if (segment.kind === 'segment') return { segment, entries };
  if (segment.kind === 'empty') return undefined;
  throw problemError(store, entries, segment, target);
}

/** The commits of a log that was listed whole at which a snapshot can be made, ascending. */
export function loadableTimes({ entries }: FoundLog): readonly CommitTime[] {
  const times = commitTimes(entries);
  const earliest = earliestLoadable(entries);
  return times.filter(({ version }) => version >= earliest);
}

/**
 * Replays what was found into a state, and tells when its version was committed, ms since 1970. `heard` is told of the
 * commits that were read.
 */
export async function loadState(
  store: ObjectStore,
  { segment, entries }: FoundLog,
  signal: AbortSignal,
  heard?: (commit: Winner) => void,
): Promise<{ readonly state: TableState; readonly timestampMs: number }> {
  const replay = new LogReplay();
  if (segment.checkpoint !== undefined) {
    replay.apply(await readCheckpoint(store, segment.checkpoint, signal), segment.checkpoint.version);
  }
  let last: Winner | undefined;
  for await (const commit of readCommits(store, segment.commits, signal)) {
    replay.apply(commit.actions, commit.version);
    heard?.(commit);
    last = commit;
  }
  const state = replay.finish();
  if (hasInCommitTimestamps(state.configuration)) {
    last ??= await readCommit(store, segment.version, { signal });
    const timestampMs = inCommitTimestampMs(last?.commitInfo);
    if (timestampMs !== undefined) return { state, timestampMs };
  }
  return { state, timestampMs: modifiedAtMs(segment.version, entries) };
}

/** The version that `_last_checkpoint` names; undefined where it says nothing that can be used. */
async function readHint(store: ObjectStore, signal: AbortSignal): Promise<number | undefined> {
  const body = await store.get(LAST_CHECKPOINT_KEY, { signal });
  return body === undefined ? undefined : parseLastCheckpoint(new TextDecoder().decode(body))?.version;
}

function plan(entries: readonly LogEntry[], target: number | undefined): Segment | SegmentProblem {
  return planSegment(
    entries.map(({ file }) => file),
    target,
  );
}

/** Commits are small and a store is far away: this many are on their way at once. */
const READS_AHEAD = 16;

async function* readCommits(
  store: ObjectStore,
  versions: readonly number[],
  signal: AbortSignal,
): AsyncIterable<Winner> {
  for (let at = 0; at < versions.length; at += READS_AHEAD) {
    const reads = versions
      .slice(at, at + READS_AHEAD)
      .map((version) => mustReadCommit(store, version, { signal }));
    yield* await Promise.all(reads);
  }
}

function modifiedAtMs(version: number, entries: readonly LogEntry[]): number {
  const commit = commitTimes(entries).find((time) => time.version === version);
  if (commit !== undefined) return commit.modifiedAtMs;
  const ofVersion = entries.find(({ file }) => file.kind === 'checkpoint' && file.version === version);
  return ofVersion?.modifiedAtMs ?? 0;
}

function earliestLoadable(entries: readonly LogEntry[]): number {
  const first = plan(entries, 0);
  return first.kind === 'segment' ? 0 : first.kind === 'expired' ? (first.earliest ?? Infinity) : Infinity;
}

function problemError(
  store: ObjectStore,
  entries: readonly LogEntry[],
  problem: Exclude<SegmentProblem, { kind: 'empty' }>,
  target: number | undefined,
): SluiceError {
  const table = store.url;
  switch (problem.kind) {
    case 'gap':
      return missing(table, problem.missing);
    case 'beyond':
      return notFound(table, target, earliestLoadable(entries), problem.latest);
    case 'expired': {
      if (target === undefined || problem.earliest === undefined) return missing(table, 0);
      const latest = plan(entries, undefined);
      return notFound(
        table,
        target,
        problem.earliest,
        latest.kind === 'segment' ? latest.version : undefined,
      );
    }
    default:
      return unreachable(problem);
  }
}

function missing(table: string, version: number): SluiceError {
  const file = commitKey(version);
  return new SluiceError(
    'CORRUPT_LOG',
    `the log of ${table} lacks ${file}, though later versions are there`,
    {
      context: { table, file, version },
      hint: 'restore the file; until then only versions that do not need it can be read',
    },
  );
}

function notFound(
  table: string,
  version: number | undefined,
  earliest: number,
  latest: number | undefined,
): SluiceError {
  const range = Number.isFinite(earliest)
    ? `${earliest} to ${latest ?? 'unknown'}`
    : `none up to ${latest ?? 'unknown'}`;
  return new SluiceError('VERSION_NOT_FOUND', `${table} has no version ${version ?? 'at all'}`, {
    context: { table, version, earliest: Number.isFinite(earliest) ? earliest : undefined, latest },
    hint: `versions that can be read: ${range}`,
  });
}
