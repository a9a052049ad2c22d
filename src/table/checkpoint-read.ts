import { SluiceError, isSluiceError } from '../base/errors.js';
import { rowsOf } from '../columnar/cells.js';
import { structOf } from '../columnar/arrow.js';
import { openParquet } from '../columnar/parquet.js';
import { parseCheckpointLines, type CheckpointLine } from '../protocol/action-json.js';
import type { Action } from '../protocol/actions.js';
import { CHECKPOINT_COLUMNS, checkpointActions } from '../protocol/checkpoint-rows.js';
import { LOG_FOLDER } from '../protocol/log-files.js';
import type { Checkpoint } from '../protocol/segment.js';
import type { ObjectStore } from '../storage/object-store.js';
import { locateSidecar, type FileLocation } from './location.js';

/**
 * Reads the actions of a checkpoint of any shape: classic, in parts, or of the V2 specification with the sidecars that
 * it names. `CORRUPT_LOG` names a file that is gone or damaged. Delta protocol, "Checkpoints".
 */
export async function readCheckpoint(
  store: ObjectStore,
  checkpoint: Checkpoint,
  signal: AbortSignal,
): Promise<readonly Action[]> {
  const actions: Action[] = [];
  const sidecars: FileLocation[] = [];
  const take = (lines: Iterable<CheckpointLine>): void => {
    for (const line of lines) {
      if (line.kind === 'sidecar') sidecars.push(locateSidecar(store, line.sidecar.path));
      else actions.push(line);
    }
  };
  for (const { name } of checkpoint.files) take(await readLines({ store, key: LOG_FOLDER + name }, signal));
  // A classic name may hold the V2 layout too, so sidecars are followed wherever they are named.
  for (const sidecar of sidecars.splice(0)) take(await readLines(sidecar, signal));
  for (const kind of ['protocol', 'metaData']) {
    if (actions.some((action) => action.kind === kind)) continue;
    const [first] = checkpoint.files;
    throw damaged({ store, key: LOG_FOLDER + (first?.name ?? '') }, `it has no ${kind}`);
  }
  return actions;
}

async function readLines(at: FileLocation, signal: AbortSignal): Promise<Iterable<CheckpointLine>> {
  const body = await at.store.get(at.key, { signal });
  if (body === undefined) throw damaged(at, 'it is not there');
  try {
    if (at.key.endsWith('.json')) return parseCheckpointLines(new TextDecoder().decode(body), at.key);
    return await readRows(at, body);
  } catch (cause) {
    if (!isSluiceError(cause)) throw cause;
    throw damaged(at, cause.message, cause);
  }
}

async function readRows(at: FileLocation, body: Uint8Array): Promise<Iterable<CheckpointLine>> {
  using parquet = await openParquet({
    name: at.key,
    size: body.byteLength,
    read: async (start, end) => body.subarray(start, end),
  });
  const table = await parquet.read({ columns: CHECKPOINT_COLUMNS });
  const struct = structOf(table.schema);
  // Collected here, so that what a row lacks is told as damage of this file.
  return [...checkpointActions(struct, rowsOf(table, struct))];
}

function damaged(at: FileLocation, why: string, cause?: unknown): SluiceError {
  const file = `${at.store.url}/${at.key}`;
  return new SluiceError('CORRUPT_LOG', `the checkpoint file ${file} cannot be read: ${why}`, {
    context: { table: at.store.url, file: at.key },
    hint: 'restore the file, or read a version before it while the commits are there',
    cause,
  });
}
