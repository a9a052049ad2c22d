import { setImmediate } from 'node:timers/promises';
import { TableBuilder } from '../columnar/table-builder.js';
import { writeParquet } from '../columnar/parquet.js';
import { CHECKPOINT_SCHEMA, checkpointRows } from '../protocol/checkpoint-rows.js';
import { formatLastCheckpoint, parseLastCheckpoint } from '../protocol/last-checkpoint.js';
import { LAST_CHECKPOINT_KEY, checkpointKey } from '../protocol/log-files.js';
import { tableProperty } from '../protocol/properties.js';
import type { Value } from '../schema/types.js';
import type { Snapshot } from './snapshot.js';

/** What became of the checkpoint after a commit. A failed one costs readers time and nothing else. */
export type CheckpointOutcome =
  | { readonly kind: 'not-due' }
  | { readonly kind: 'written'; readonly version: number }
  | { readonly kind: 'failed'; readonly version: number; readonly cause: unknown };

/** Whether a version is a multiple of `delta.checkpointInterval`. */
export function isCheckpointDue({ version, configuration }: Snapshot): boolean {
  return version !== 0 && version % tableProperty(configuration, 'checkpointInterval') === 0;
}

/**
 * Writes the checkpoint of a version that is a multiple of `delta.checkpointInterval`. Never rejects: the commit stands
 * whether or not its checkpoint does.
 */
export async function checkpointAfter(snapshot: Snapshot, signal: AbortSignal): Promise<CheckpointOutcome> {
  const { version } = snapshot;
  try {
    if (!isCheckpointDue(snapshot)) return { kind: 'not-due' };
    // The files as they are, before the next commit is folded into the same index; then whoever committed goes first.
    snapshot.files.toArray();
    await setImmediate(undefined, { signal });
    await writeCheckpoint(snapshot, { signal, nowMs: Date.now() });
    return { kind: 'written', version };
  } catch (cause) {
    return { kind: 'failed', version, cause };
  }
}

/**
 * Writes a snapshot as a classic checkpoint, whole before `_last_checkpoint` points to it. A checkpoint of the version
 * that is there already says the same and is replaced. Delta protocol, "Checkpoints" and "Last Checkpoint File".
 *
 * @param nowMs - removed files and txns whose retention ended before are left out
 */
export async function writeCheckpoint(
  snapshot: Snapshot,
  { signal, nowMs }: { readonly signal: AbortSignal; readonly nowMs: number },
): Promise<void> {
  const { store, version, state } = snapshot;
  signal.throwIfAborted();
  const { count, addFiles, rows } = checkpointRows(state, nowMs);
  // Kept as they are: while the rows are encoded, other commits may be folded into the same index.
  state.files.toArray();
  const body = await encodeRows(rows, signal);
  await store.put(checkpointKey(version), body, { signal });
  const before = await store.get(LAST_CHECKPOINT_KEY, { signal });
  const hinted = before === undefined ? undefined : parseLastCheckpoint(new TextDecoder().decode(before));
  // A slow checkpoint must not lead readers back behind a later one.
  if (hinted !== undefined && hinted.version > version) return;
  const hint = formatLastCheckpoint({
    version,
    size: count,
    sizeInBytes: body.byteLength,
    numOfAddFiles: addFiles,
  });
  await store.put(LAST_CHECKPOINT_KEY, new TextEncoder().encode(hint), { signal });
}

/** So many rows at a time: some tens of milliseconds, in which nothing else of the process runs. */
const ROWS_AT_ONCE = 20_000;

async function encodeRows(rows: Iterable<readonly Value[]>, signal: AbortSignal): Promise<Uint8Array> {
  const table = new TableBuilder(CHECKPOINT_SCHEMA);
  const columns = CHECKPOINT_SCHEMA.fields.map((_, i) => table.column(i));
  let count = 0;
  for (const row of rows) {
    if (++count % ROWS_AT_ONCE === 0) {
      await setImmediate();
      signal.throwIfAborted();
    }
    for (const [i, column] of columns.entries()) {
      const value = row[i] ?? null;
      if (value === null) column.appendNull();
      else column.append(value);
    }
  }
  // Snappy: what every reader of Delta knows, Spark's own choice for its checkpoints.
  return writeParquet(table.finish(), { compression: 'snappy' });
}
