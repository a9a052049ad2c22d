import { isSluiceError } from '../base/errors.js';
import { openParquet } from '../columnar/parquet.js';
import { structChunks } from '../columnar/struct-rows.js';
import { parseCheckpointLines } from '../protocol/action-json.js';
import { LOG_FOLDER, SIDECAR_FOLDER, parseLogFile } from '../protocol/log-files.js';
import { tableProperty } from '../protocol/properties.js';
import { planSegment } from '../protocol/segment.js';
import type { ObjectStore } from '../storage/object-store.js';
import { locateSidecar } from './location.js';
import type { LogEntry } from './log.js';
import type { Snapshot } from './snapshot.js';

/** What a table's log may be rid of. */
export type ExpiredLog = {
  /** The version of the checkpoint that stays: all before it goes. */
  readonly keepFrom: number;
  /** Keys below the table, oldest first. */
  readonly keys: readonly string[];
};

const DAY_MS = 86_400_000;

/**
 * The files of the log that `delta.logRetentionDuration` no longer keeps: those before the newest checkpoint of a commit
 * that was made before the retention began. Whole days count, as for Delta Spark, so that a table is cleaned up once a
 * day. Undefined if there are none, or the table is not to be cleaned up. Delta protocol, "Metadata Cleanup".
 */
export async function findExpired(
  snapshot: Snapshot,
  { nowMs, signal }: { readonly nowMs: number; readonly signal: AbortSignal },
): Promise<ExpiredLog | undefined> {
  const { store, configuration } = snapshot;
  if (!tableProperty(configuration, 'enableExpiredLogCleanup')) return undefined;
  const begins = nowMs - tableProperty(configuration, 'logRetentionMs');
  const entries = await entriesUntil(store, Math.floor(begins / DAY_MS) * DAY_MS, signal);
  const last = entries.findLast(({ file }) => file.kind === 'commit')?.file;
  if (last?.kind !== 'commit') return undefined;
  const files = entries.map(({ file }) => file);
  const segment = planSegment(
    files.filter((file) => file.kind !== 'checkpoint' || file.version <= last.version),
    last.version,
  );
  const keepFrom = segment.kind === 'segment' ? segment.checkpoint?.version : undefined;
  if (keepFrom === undefined) return undefined;
  const keys = entries.filter(({ file }) => isBefore(file, keepFrom)).map(({ key }) => key);
  return keys.length === 0 ? undefined : { keepFrom, keys };
}

/** Removes what has expired, and the sidecars that no checkpoint names any more. Tells how many files went. */
export async function deleteExpired(
  store: ObjectStore,
  { keys }: ExpiredLog,
  { nowMs, signal }: { readonly nowMs: number; readonly signal: AbortSignal },
): Promise<number> {
  for (const key of keys) await store.delete(key, { signal });
  const orphans = await orphanedSidecars(store, nowMs, signal);
  for (const key of orphans) await store.delete(key, { signal });
  return keys.length + orphans.length;
}

/**
 * The files of the log up to the first commit later than the moment, times of commits made to increase: most of a log
 * is younger, and is not listed.
 */
async function entriesUntil(
  store: ObjectStore,
  cutoffMs: number,
  signal: AbortSignal,
): Promise<readonly LogEntry[]> {
  const entries: LogEntry[] = [];
  let lastMs = -Infinity;
  for await (const { key, size, modifiedAtMs } of store.list(LOG_FOLDER, { signal })) {
    const name = key.slice(LOG_FOLDER.length);
    if (name > ':') break;
    const file = parseLogFile(name, size);
    if (file.kind === 'foreign') continue;
    if (file.kind === 'commit') {
      lastMs = Math.max(modifiedAtMs, lastMs + 1);
      if (lastMs > cutoffMs) break;
    }
    entries.push({ file, key, modifiedAtMs });
  }
  return entries;
}

function isBefore(file: LogEntry['file'], version: number): boolean {
  switch (file.kind) {
    case 'commit':
    case 'checkpoint':
    case 'checksum':
      return file.version < version;
    case 'compacted':
      return file.from <= version;
    case 'last-checkpoint':
    case 'foreign':
      return false;
  }
}

/** Sidecars older than a day that no checkpoint names: a younger one may belong to a checkpoint being written. */
async function orphanedSidecars(
  store: ObjectStore,
  nowMs: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const old: string[] = [];
  for await (const { key, modifiedAtMs } of store.list(SIDECAR_FOLDER, { signal })) {
    if (modifiedAtMs < nowMs - DAY_MS) old.push(key);
  }
  if (old.length === 0) return [];
  const named = new Set<string>();
  for await (const { key, size } of store.list(LOG_FOLDER, { signal })) {
    const name = key.slice(LOG_FOLDER.length);
    if (name > ':') break;
    if (parseLogFile(name, size).kind !== 'checkpoint') continue;
    const sidecars = await sidecarsOf(store, key, signal);
    // A checkpoint that cannot be read may name any of them.
    if (sidecars === undefined) return [];
    for (const path of sidecars) named.add(locateSidecar(store, path).key);
  }
  return old.filter((key) => !named.has(key));
}

async function sidecarsOf(
  store: ObjectStore,
  key: string,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const body = await store.get(key, { signal });
  if (body === undefined) return [];
  try {
    if (key.endsWith('.json')) {
      const lines = parseCheckpointLines(new TextDecoder().decode(body), key);
      return lines.flatMap((line) => (line.kind === 'sidecar' ? [line.sidecar.path] : []));
    }
    const read = async (start: number, end: number): Promise<Uint8Array> => body.subarray(start, end);
    using parquet = await openParquet({ name: key, size: body.byteLength, read });
    const table = await parquet.read({ columns: ['sidecar'] });
    return structChunks(table, 'sidecar').flatMap((chunk) => {
      const path = chunk.reader('path');
      return Array.from(chunk.rows, (row) => String(path(row)));
    });
  } catch (cause) {
    if (isSluiceError(cause) && cause.retry === 'never') return undefined;
    throw cause;
  }
}
