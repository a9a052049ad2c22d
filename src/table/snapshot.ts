import { SluiceError, assert } from '../base/errors.js';
import { LogReplay, type LiveFiles, type TableState } from '../protocol/replay.js';
import type { StructType } from '../schema/types.js';
import type { ObjectStore } from '../storage/object-store.js';
import { openStore } from '../storage/open-store.js';
import { inCommitTimestampMs } from './commit-time.js';
import { layoutOf, type TableLayout } from './layout.js';
import { commitModifiedAtMs, readCommit, type Winner } from './log.js';
import { loadLog, loadableTimes } from './log-state.js';
import { assertReadable } from './protocol-gate.js';
import { versionAt } from './time-travel.js';

/** A table at one version: immutable, nothing changes under a holder's hand. */
export class Snapshot {
  readonly store: ObjectStore;
  readonly version: number;
  readonly state: TableState;
  /**
   * When this version was committed, ms since 1970: the in-commit timestamp where the table has them, else the time of
   * the commit's file, or by our own clock if we have just written it.
   */
  readonly commitTimestampMs: number;

  constructor(store: ObjectStore, version: number, state: TableState, commitTimestampMs: number) {
    this.store = store;
    this.version = version;
    this.state = state;
    this.commitTimestampMs = commitTimestampMs;
  }

  get schema(): StructType {
    return this.state.schema;
  }

  /** Logical names of the partition columns, in partition order. */
  get partitionColumns(): readonly string[] {
    return this.state.partitionColumns;
  }

  get configuration(): Readonly<Record<string, string>> {
    return this.state.configuration;
  }

  get files(): LiveFiles {
    return this.state.files;
  }

  get layout(): TableLayout {
    return layoutOf(this.state, this.state.protocol, this.state.domains);
  }

  /** The version that this application id has reached, undefined if the table knows nothing of it. */
  txn(appId: string): bigint | undefined {
    return this.state.txns.get(appId)?.version;
  }

  /** The live configuration of a metadata domain; undefined if there is none or it was removed. */
  domain(name: string): string | undefined {
    return this.state.domains.get(name);
  }
}

export type LoadOptions = {
  readonly signal: AbortSignal;
  /** This version, not the latest. */
  readonly version?: number;
  /**
   * The latest version that was committed at or before this moment, ms since 1970. Not together with `version`, and not
   * later than the last commit.
   */
  readonly timestampMs?: number;
  /** A snapshot of the same table to go on from: only newer commits are read. For the latest version only. */
  readonly after?: Snapshot;
  /** Told of each commit that is read on the way, in order; older ones may lie in a checkpoint. */
  readonly heard?: (commit: Winner) => void;
};

/**
 * Loads a table's snapshot: the latest, or the one asked for; undefined where there is no table. What a moment later
 * than the last commit will come to nobody knows yet, and it is refused, as Delta Spark does.
 *
 * Refuses a table that this reader does not know (`PROTOCOL_UNSUPPORTED`), a log with a hole or a damaged file that
 * nothing else covers (`CORRUPT_LOG`, naming it), a version or moment that the log does not hold (`VERSION_NOT_FOUND`, naming those that
 * it does).
 */
export async function loadSnapshot(store: ObjectStore, options: LoadOptions): Promise<Snapshot | undefined> {
  const { signal, version, timestampMs, after, heard } = options;
  assert(version === undefined || timestampMs === undefined, 'a snapshot is asked for by version or by time');
  if (timestampMs !== undefined) return loadAsOf(store, timestampMs, signal);
  if (version === undefined && after !== undefined) {
    const advanced = await advance(after, signal, heard);
    if (advanced !== undefined) return advanced;
  }
  return load(store, version, signal, heard);
}

/** Like `loadSnapshot` for a table that must be there (`TABLE_NOT_FOUND`), from a store or a URL. */
export async function openSnapshot(location: string | ObjectStore, options: LoadOptions): Promise<Snapshot> {
  const store = typeof location === 'string' ? openStore(location) : location;
  const snapshot = await loadSnapshot(store, options);
  if (snapshot !== undefined) return snapshot;
  throw noTable(store);
}

/** The error for a place where a table was expected. */
export function noTable(store: ObjectStore): SluiceError {
  return new SluiceError('TABLE_NOT_FOUND', `there is no Delta table at ${store.url}`, {
    context: { table: store.url },
    hint: 'a table has a folder _delta_log; look at the path and its spelling',
  });
}

async function load(
  store: ObjectStore,
  target: number | undefined,
  signal: AbortSignal,
  heard?: (commit: Winner) => void,
): Promise<Snapshot | undefined> {
  const log = await loadLog(store, { signal, heard, ...(target === undefined ? {} : { target }) });
  if (log === undefined) return undefined;
  const { state, timestampMs } = log;
  assertReadable(store.url, state);
  return new Snapshot(store, state.version, state, timestampMs);
}

async function loadAsOf(
  store: ObjectStore,
  timestampMs: number,
  signal: AbortSignal,
): Promise<Snapshot | undefined> {
  const latest = await loadLog(store, { signal, whole: true });
  if (latest === undefined) return undefined;
  const times = loadableTimes(latest);
  const { configuration } = latest.state;
  const version = await versionAt(store, timestampMs, { times, configuration, signal });
  return load(store, version, signal);
}

/**
 * The snapshot with the commits after it, read one by one until there is none. Undefined if the log has moved on so far
 * that even the last commit seen is gone: then nobody can say that none follows it.
 */
async function advance(
  from: Snapshot,
  signal: AbortSignal,
  heard?: (commit: Winner) => void,
): Promise<Snapshot | undefined> {
  const { store } = from;
  const winners: Winner[] = [];
  for (let version = from.version + 1; ; version++) {
    const winner = await readCommit(store, version, { signal });
    if (winner === undefined) break;
    winners.push(winner);
  }
  const last = from.version + winners.length;
  const modifiedAtMs = await commitModifiedAtMs(store, last, { signal });
  if (modifiedAtMs === undefined) return undefined;
  if (winners.length === 0) return from;
  const replay = new LogReplay(from.state);
  for (const winner of winners) {
    replay.apply(winner.actions, winner.version);
    heard?.(winner);
  }
  const state = replay.finish();
  assertReadable(store.url, state);
  return new Snapshot(store, last, state, inCommitTimestampMs(winners.at(-1)?.commitInfo) ?? modifiedAtMs);
}
