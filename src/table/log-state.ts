import { SluiceError, isSluiceError, unreachable } from '../base/errors.js';
import { parseLastCheckpoint } from '../protocol/last-checkpoint.js';
import { LAST_CHECKPOINT_KEY, LOG_FOLDER, commitKey } from '../protocol/log-files.js';
import { LogReplay, type CheckpointContents, type TableState } from '../protocol/replay.js';
import { planReads, planSegment, type Segment, type SegmentProblem } from '../protocol/segment.js';
import type { ObjectStore } from '../storage/object-store.js';
import { assertWhole, readCheckpoint } from './checkpoint-read.js';
import { hasInCommitTimestamps, inCommitTimestampMs } from './commit-time.js';
import { listLog, mustReadCommit, readActions, readCommit, type LogEntry, type Winner } from './log.js';
import { commitTimes, type CommitTime } from './time-travel.js';

/** What a version is made of, and the files that were seen on the way. */
export type FoundLog = { readonly segment: Segment; readonly entries: readonly LogEntry[] };

export type FindOptions = {
  readonly signal: AbortSignal;
  /** The version; the newest if left out. */
  readonly target?: number;
  /** List all of the log, whatever `_last_checkpoint` hints at. */
  readonly whole?: boolean;
  /** Names of files of checkpoints that were found damaged: as if they were not there. */
  readonly without?: ReadonlySet<string>;
};

/**
 * Finds the files of a version; undefined where there is no table. `_last_checkpoint` only saves listing what is older:
 * where it is wrong, all of the log is listed. Delta protocol, "Action Reconciliation" and "Last Checkpoint File".
 */
export async function findLog(store: ObjectStore, options: FindOptions): Promise<FoundLog | undefined> {
  const { signal, target, whole = false, without = NONE } = options;
  const hint = whole ? undefined : await readHint(store, signal);
  if (hint !== undefined && hint <= (target ?? Infinity)) {
    const entries = unlisted(await listLog(store, { signal, from: hint }), without);
    const segment = plan(entries, target);
    if (segment.kind === 'segment') return { segment, entries };
  }
  const entries = unlisted(await listLog(store, { signal }), without);
  const segment = plan(entries, target);
  if (segment.kind === 'segment') return { segment, entries };
  if (segment.kind === 'empty') return undefined;
  throw problemError(store, entries, segment, target);
}

const NONE: ReadonlySet<string> = new Set();

function unlisted(entries: readonly LogEntry[], without: ReadonlySet<string>): readonly LogEntry[] {
  return without.size === 0 ? entries : entries.filter(({ file }) => !without.has(file.name));
}

export type LoadedLog = FoundLog & {
  readonly state: TableState;
  /** When the version was committed, ms since 1970. */
  readonly timestampMs: number;
};

/**
 * Finds and replays a version; undefined where there is no table. A checkpoint that cannot be read is passed over: an
 * older one and the commits say the same. Only where they do not cover the version is the damage an error. A checkpoint
 * that can be read and has no protocol or no metaData is refused, as other engines do.
 */
export async function loadLog(
  store: ObjectStore,
  options: Omit<FindOptions, 'without'> & { readonly heard?: ((commit: Winner) => void) | undefined },
): Promise<LoadedLog | undefined> {
  const { signal, heard } = options;
  const without = new Set<string>();
  for (let damage: SluiceError | undefined; ;) {
    const found = await findUndamaged(store, { ...options, without }, damage);
    if (found === undefined) {
      if (damage !== undefined) throw damage;
      return undefined;
    }
    const { checkpoint } = found.segment;
    const replay = new LogReplay();
    let contents: CheckpointContents | undefined;
    try {
      if (checkpoint !== undefined) contents = await readCheckpoint(store, checkpoint, signal);
    } catch (cause) {
      if (!isSluiceError(cause, 'CORRUPT_LOG')) throw cause;
      damage ??= cause;
      for (const { name } of checkpoint?.files ?? []) without.add(name);
      continue;
    }
    if (contents !== undefined && checkpoint !== undefined) {
      assertWhole(store, checkpoint, contents);
      replay.begin(contents, checkpoint.version);
    }
    return { ...found, ...(await replayCommits(store, found, replay, { signal, heard })) };
  }
}

/** What is left to load from without damaged checkpoints; where nothing is, the damage is the reason. */
async function findUndamaged(
  store: ObjectStore,
  options: FindOptions,
  damage: SluiceError | undefined,
): Promise<FoundLog | undefined> {
  try {
    return await findLog(store, options);
  } catch (cause) {
    const uncovered = isSluiceError(cause, 'CORRUPT_LOG') || isSluiceError(cause, 'VERSION_NOT_FOUND');
    throw uncovered && damage !== undefined ? damage : cause;
  }
}

/** The commits of a log that was listed whole at which a snapshot can be made, ascending. */
export function loadableTimes({ entries }: FoundLog): readonly CommitTime[] {
  const times = commitTimes(entries);
  const earliest = earliestLoadable(entries);
  return times.filter(({ version }) => version >= earliest);
}

type Replayed = { readonly state: TableState; readonly timestampMs: number };

/** Folds the commits after the checkpoint. `heard` is told of each that is read. */
async function replayCommits(
  store: ObjectStore,
  { segment, entries }: FoundLog,
  replay: LogReplay,
  { signal, heard }: { readonly signal: AbortSignal; readonly heard: ((commit: Winner) => void) | undefined },
): Promise<Replayed> {
  let last: Winner | undefined;
  for await (const commit of readSegment(store, { segment, entries }, heard === undefined, signal)) {
    replay.apply(commit.actions, commit.version);
    heard?.(commit);
    last = commit;
  }
  const state = replay.finish();
  if (hasInCommitTimestamps(state.configuration)) {
    if (last?.commitInfo === undefined) last = await readCommit(store, segment.version, { signal });
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

/**
 * The commits of a segment in order. Where `compacted` files stand for many of them they are read instead, as one commit of
 * their last version without commitInfo; a damaged one is passed over. Delta protocol, "Log Compaction Files".
 */
async function* readSegment(
  store: ObjectStore,
  { segment, entries }: FoundLog,
  compacted: boolean,
  signal: AbortSignal,
): AsyncIterable<Winner> {
  const files = compacted ? entries.map(({ file }) => file) : [];
  const reads = planReads(segment.commits, files);
  const single: number[] = [];
  for (const read of reads) {
    if (read.kind === 'commit') {
      single.push(read.version);
      continue;
    }
    yield* readCommits(store, single.splice(0), signal);
    const actions = await readCompacted(store, read.name, signal);
    if (actions === undefined) yield* readCommits(store, read.versions, signal);
    else yield { version: read.through, actions, commitInfo: undefined };
  }
  yield* readCommits(store, single, signal);
}

/** Undefined for a file that is gone or damaged: the commits are still there. */
async function readCompacted(
  store: ObjectStore,
  name: string,
  signal: AbortSignal,
): Promise<Winner['actions'] | undefined> {
  try {
    return await readActions(store, LOG_FOLDER + name, { signal });
  } catch (cause) {
    if (isSluiceError(cause, 'CORRUPT_LOG')) return undefined;
    throw cause;
  }
}

async function* readCommits(
  store: ObjectStore,
  versions: readonly number[],
  signal: AbortSignal,
): AsyncIterable<Winner> {
  // A sliding window: the next reads are under way while one commit is folded.
  const reads: Promise<Winner>[] = [];
  const start = (at: number): void => {
    const version = versions[at];
    if (version === undefined) return;
    const read = mustReadCommit(store, version, { signal });
    // Told when its turn comes; until then it is nobody's.
    read.catch(() => {});
    reads.push(read);
  };
  for (let at = 0; at < READS_AHEAD; at++) start(at);
  for (let at = 0; at < versions.length; at++) {
    const read = reads.shift();
    if (read !== undefined) yield await read;
    start(at + READS_AHEAD);
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
