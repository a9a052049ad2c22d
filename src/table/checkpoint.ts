import { setImmediate } from 'node:timers/promises';
import { CHECKPOINT_SCHEMA, checkpointRows, type CheckpointRows } from '../protocol/checkpoint-rows.js';
import { supportsFeature } from '../protocol/features.js';
import { formatLastCheckpoint, parseLastCheckpoint } from '../protocol/last-checkpoint.js';
import { LAST_CHECKPOINT_KEY, checkpointKey } from '../protocol/log-files.js';
import { tableProperty } from '../protocol/properties.js';
import type { TableState } from '../protocol/replay.js';
import type { ObjectStore } from '../storage/object-store.js';
import { encodeCheckpoint } from './checkpoint-encode.js';
import { writeV2Checkpoint } from './checkpoint-v2.js';
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
 * Writes a snapshot as a checkpoint, whole before `_last_checkpoint` points to it: a classic one, or of the V2
 * specification where `delta.checkpointPolicy` says so. A checkpoint of the version that is there already says the same.
 * Delta protocol, "Checkpoints" and "Last Checkpoint File".
 *
 * @param nowMs - removed files and txns whose retention ended before are left out
 */
export async function writeCheckpoint(
  snapshot: Snapshot,
  { signal, nowMs }: { readonly signal: AbortSignal; readonly nowMs: number },
): Promise<void> {
  const { store, version, state } = snapshot;
  signal.throwIfAborted();
  const contents = checkpointRows(state, nowMs);
  const written = isV2(state)
    ? await writeV2Checkpoint(store, { version, contents, nowMs, signal })
    : await writeClassic(store, version, contents, signal);
  const before = await store.get(LAST_CHECKPOINT_KEY, { signal });
  const hinted = before === undefined ? undefined : parseLastCheckpoint(new TextDecoder().decode(before));
  // A slow checkpoint must not lead readers back behind a later one.
  if (hinted !== undefined && hinted.version > version) return;
  const { count: size, addFiles: numOfAddFiles } = contents;
  const hint = formatLastCheckpoint({ version, size, numOfAddFiles, ...written });
  await store.put(LAST_CHECKPOINT_KEY, new TextEncoder().encode(hint), { signal });
}

function isV2({ protocol, configuration }: TableState): boolean {
  return (
    tableProperty(configuration, 'checkpointPolicy') === 'v2' && supportsFeature(protocol, 'v2Checkpoint')
  );
}

async function writeClassic(
  store: ObjectStore,
  version: number,
  { rows }: CheckpointRows,
  signal: AbortSignal,
): Promise<{ readonly sizeInBytes: number }> {
  const body = await encodeCheckpoint(rows, CHECKPOINT_SCHEMA, signal);
  await store.put(checkpointKey(version), body, { signal });
  return { sizeInBytes: body.byteLength };
}
