import { SluiceError, isSluiceError } from '../base/errors.js';
import type { ArrowTable } from '../columnar/arrow.js';
import { openParquet, type ParquetReader } from '../columnar/parquet.js';
import { structChunks } from '../columnar/struct-rows.js';
import { parseCheckpointLines, type CheckpointLine } from '../protocol/action-json.js';
import type { AddFile } from '../protocol/actions.js';
import { OTHER_COLUMNS, otherActionOf } from '../protocol/checkpoint-rows.js';
import { FileSet } from '../protocol/live-files.js';
import { LOG_FOLDER } from '../protocol/log-files.js';
import type { CheckpointContents, Tombstone } from '../protocol/replay.js';
import type { Checkpoint } from '../protocol/segment.js';
import type { ObjectStore } from '../storage/object-store.js';
import { storedStats } from './checkpoint-stats.js';
import { locateSidecar, type FileLocation } from './location.js';
import { storedAdds, storedRemoves } from './stored-actions.js';
import { StoredFiles, type StoredGroup } from './stored-files.js';

/** What the files of a checkpoint hold, in their order. */
type Parts = {
  readonly lines: CheckpointLine[];
  readonly adds: StoredGroup<AddFile>[];
  readonly removes: StoredGroup<Tombstone>[];
};

/**
 * Reads a checkpoint of any shape: classic, in parts, or of the V2 specification with the sidecars that it names.
 * `CORRUPT_LOG` names a file that is gone or damaged. Delta protocol, "Checkpoints".
 *
 * Files are read row group by row group and stay as the columns they are; stats stay encoded until someone asks for one.
 * Memory is a few dozen bytes a live file beyond its path.
 */
export async function readCheckpoint(
  store: ObjectStore,
  checkpoint: Checkpoint,
  signal: AbortSignal,
): Promise<CheckpointContents> {
  const parts: Parts = { lines: [], adds: [], removes: [] };
  for (const { name, size } of checkpoint.files) {
    await readFile({ store, key: LOG_FOLDER + name }, size, parts, signal);
  }
  // A classic name may hold the V2 layout too, so sidecars are followed wherever they are named.
  for (const line of parts.lines) {
    if (line.kind !== 'sidecar') continue;
    await readFile(locateSidecar(store, line.sidecar.path), line.sidecar.sizeInBytes, parts, signal);
  }
  const actions = parts.lines.filter((line) => line.kind !== 'sidecar');
  return {
    actions,
    files: FileSet.ofPaths(parts.adds.length === 0 ? undefined : new StoredFiles(parts.adds)),
    tombstones: FileSet.ofKeys(parts.removes.length === 0 ? undefined : new StoredFiles(parts.removes)),
  };
}

/**
 * A checkpoint that can be read and lacks what every table has is not damaged but wrong: its writer forgot it, and nobody
 * knows what else. `CORRUPT_LOG`. Delta protocol, "Checkpoints".
 */
export function assertWhole(
  store: ObjectStore,
  { files: [first] }: Checkpoint,
  { actions }: CheckpointContents,
): void {
  for (const kind of ['protocol', 'metaData']) {
    if (actions.some((action) => action.kind === kind)) continue;
    throw damaged({ store, key: LOG_FOLDER + (first?.name ?? '') }, `it has no ${kind}`);
  }
}

async function readFile(
  at: FileLocation,
  size: number | undefined,
  into: Parts,
  signal: AbortSignal,
): Promise<void> {
  try {
    if (at.key.endsWith('.json')) {
      const body = await at.store.get(at.key, { signal });
      if (body === undefined) throw missing(at);
      into.lines.push(...parseCheckpointLines(new TextDecoder().decode(body), at.key));
      return;
    }
    using parquet = await openAt(at, size, signal);
    for await (const { group, table } of readGroups(parquet)) {
      signal.throwIfAborted();
      await takeGroup(parquet, group, table, into);
    }
  } catch (cause) {
    if (!isSluiceError(cause) || !DAMAGE.has(cause.code)) throw cause;
    throw damaged(at, cause.message, cause);
  }
}

/** A store that denies or stays away is no damage. */
const DAMAGE: ReadonlySet<string> = new Set([
  'CORRUPT_FILE',
  'CORRUPT_LOG',
  'FILE_NOT_FOUND',
  'SCHEMA_MISMATCH',
]);

/** Below it a file is read in one request. */
const WHOLE_BYTES = 2 ** 22;

async function openAt(
  at: FileLocation,
  told: number | undefined,
  signal: AbortSignal,
): Promise<ParquetReader> {
  const { store, key } = at;
  if (told !== undefined && told > WHOLE_BYTES) {
    const size = (await store.head(key, { signal }))?.size;
    if (size === undefined) throw missing(at);
    const read = (start: number, end: number) => store.getRange(key, start, end, { signal });
    return openParquet({ name: key, size, read });
  }
  const body = await store.get(key, { signal });
  if (body === undefined) throw missing(at);
  return openParquet({
    name: key,
    size: body.byteLength,
    read: async (start, end) => body.subarray(start, end),
  });
}

/** What files are told by twice, or what only a scan that skips needs. */
const LATER: ReadonlySet<string> = new Set(['stats', 'stats_parsed', 'partitionValues_parsed']);

/** So many row groups are decoded on other threads while one is taken apart. */
const GROUPS_AHEAD = 2;

async function* readGroups(
  parquet: ParquetReader,
): AsyncGenerator<{ readonly group: number; readonly table: ArrowTable }, void, undefined> {
  const reads: Promise<ArrowTable>[] = [];
  const start = (group: number): void => {
    if (group >= parquet.groups.length) return;
    const read = parquet.read({
      columns: [...OTHER_COLUMNS, 'add', 'remove'],
      groups: [group],
      leaveOut: (_, child) => LATER.has(child),
    });
    // Told when its turn comes; until then it is nobody's.
    read.catch(() => {});
    reads.push(read);
  };
  for (let group = 0; group < GROUPS_AHEAD; group++) start(group);
  for (const group of parquet.groups.keys()) {
    const read = reads.shift();
    if (read !== undefined) yield { group, table: await read };
    start(group + GROUPS_AHEAD);
  }
}

async function takeGroup(
  parquet: ParquetReader,
  group: number,
  table: ArrowTable,
  into: Parts,
): Promise<void> {
  const adds = structChunks(table, 'add');
  const stats = adds.some(({ rows }) => rows.length > 0) ? await storedStats(parquet, group) : undefined;
  for (const [i, chunk] of adds.entries()) {
    if (chunk.rows.length > 0) into.adds.push(storedAdds(chunk, stats?.(i)));
  }
  for (const chunk of structChunks(table, 'remove')) {
    if (chunk.rows.length > 0) into.removes.push(storedRemoves(chunk));
  }
  for (const name of OTHER_COLUMNS) {
    for (const chunk of structChunks(table, name)) {
      const value = chunk.whole();
      for (const row of chunk.rows) {
        const action = otherActionOf(name, value(row));
        if (action !== undefined) into.lines.push(action);
      }
    }
  }
}

function missing({ key }: FileLocation): SluiceError {
  return new SluiceError('FILE_NOT_FOUND', 'it is not there', { context: { file: key } });
}

function damaged(at: FileLocation, why: string, cause?: unknown): SluiceError {
  const file = `${at.store.url}/${at.key}`;
  return new SluiceError('CORRUPT_LOG', `the checkpoint file ${file} cannot be read: ${why}`, {
    context: { table: at.store.url, file: at.key },
    hint: 'restore the file, or read a version before it while the commits are there',
    cause,
  });
}
