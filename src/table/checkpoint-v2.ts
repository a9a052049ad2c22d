import { randomUUID } from 'node:crypto';
import { formatTopLevel } from '../protocol/action-json.js';
import { CHECKPOINT_V2_SCHEMA, SIDECAR_SCHEMA, type CheckpointRows } from '../protocol/checkpoint-rows.js';
import type { LastCheckpoint } from '../protocol/last-checkpoint.js';
import { LOG_FOLDER, SIDECAR_FOLDER, sidecarName, uuidCheckpointKey } from '../protocol/log-files.js';
import type { Value } from '../schema/types.js';
import type { ObjectStore } from '../storage/object-store.js';
import { encodeCheckpoint } from './checkpoint-encode.js';

/** Up to so many files stand in the checkpoint itself: another file would cost readers more than it saves. */
const INLINE_FILES_MAX = 10_000;

/** Delta Spark's own size of a sidecar: readers take sidecars in parallel, and a writer holds one at a time. */
const SIDECAR_FILES = 50_000;

/**
 * Writes a checkpoint of the V2 specification under a name of its own: one Parquet file for a small table, else a JSON
 * file that names sidecars, which are written before it. Delta protocol, "V2 Spec".
 */
export async function writeV2Checkpoint(
  store: ObjectStore,
  parts: {
    readonly version: number;
    readonly contents: CheckpointRows;
    readonly nowMs: number;
    readonly signal: AbortSignal;
  },
): Promise<Pick<LastCheckpoint, 'sizeInBytes' | 'v2Checkpoint'>> {
  const { version, contents, nowMs, signal } = parts;
  const uuid = randomUUID();
  const put = async (key: string, body: Uint8Array, inSidecars: number) => {
    await store.put(key, body, { signal });
    return {
      sizeInBytes: body.byteLength + inSidecars,
      v2Checkpoint: {
        path: key.slice(LOG_FOLDER.length),
        sizeInBytes: body.byteLength,
        modificationTime: nowMs,
      },
    };
  };
  if (contents.files <= INLINE_FILES_MAX) {
    const body = await encodeCheckpoint(withVersion(version, contents.rows), CHECKPOINT_V2_SCHEMA, signal);
    return put(uuidCheckpointKey(version, uuid, 'parquet'), body, 0);
  }
  const count = Math.ceil(contents.files / SIDECAR_FILES);
  const rows = contents.fileRows[Symbol.iterator]();
  const sidecars = [];
  for (let part = 1; part <= count; part++) {
    const body = await encodeCheckpoint(next(rows, SIDECAR_FILES), SIDECAR_SCHEMA, signal);
    const path = sidecarName(version, part, count, uuid);
    await store.put(SIDECAR_FOLDER + path, body, { signal });
    sidecars.push({ path, sizeInBytes: body.byteLength, modificationTime: nowMs });
  }
  const text = formatTopLevel(version, contents.others, sidecars);
  const inSidecars = sidecars.reduce((sum, { sizeInBytes }) => sum + sizeInBytes, 0);
  return put(uuidCheckpointKey(version, uuid, 'json'), new TextEncoder().encode(text), inSidecars);
}

function* withVersion(
  version: number,
  rows: Iterable<readonly Value[]>,
): Generator<readonly Value[], void, undefined> {
  yield CHECKPOINT_V2_SCHEMA.fields.map(({ name }) =>
    name === 'checkpointMetadata' ? { version: BigInt(version), tags: null } : null,
  );
  yield* rows;
}

function* next(
  rows: Iterator<readonly Value[]>,
  count: number,
): Generator<readonly Value[], void, undefined> {
  for (let i = 0; i < count; i++) {
    const { done, value } = rows.next();
    if (done === true) return;
    yield value;
  }
}
