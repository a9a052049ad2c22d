import { SluiceError } from '../base/errors.js';
import type { StructChunk } from '../columnar/struct-rows.js';
import { NO_PARTITION_VALUES, readAction, readDeletionVector } from '../protocol/action-fields.js';
import type { AddFile } from '../protocol/actions.js';
import { deletionVectorId, tombstoneBucket } from '../protocol/live-files.js';
import { canonicalPath } from '../protocol/path.js';
import { tombstoneOf, type Tombstone } from '../protocol/replay.js';
import { RowFields } from '../protocol/row-fields.js';
import { LONG, STRING } from '../schema/build.js';
import type { Value } from '../schema/types.js';
import { pathHashes, type StoredGroup } from './stored-files.js';

/** The stats of a chunk's rows as JSON, looked up when they are asked for. */
export type StoredStats = (row: number) => string | undefined;

/**
 * The live files in a chunk of the column `add`. What every file must have is looked for at once, `CORRUPT_LOG` if it is
 * not there; all else is read when a file is looked at.
 */
export function storedAdds(chunk: StructChunk, stats: StoredStats | undefined): StoredGroup<AddFile> {
  const { rows } = chunk;
  const sizes = wholeNumbers(chunk, 'add', 'size');
  const times = wholeNumbers(chunk, 'add', 'modificationTime');
  const path = paths(chunk, 'add');
  const vectorOf = chunk.reader('deletionVector');
  const isBlank = (name: string): boolean =>
    chunk.isAllNull(name) || (name === 'partitionValues' && chunk.isAllEmpty(name));
  const rare = RARE.filter(([name]) => !isBlank(name)).map(
    ([name, type]) => [name, chunk.reader(name, type)] as const,
  );
  const more = (row: number): ReturnType<typeof rareFields> => {
    const fields: Record<string, Value> = {};
    for (const [name, read] of rare) fields[name] = read(row);
    return rareFields(RowFields.of(fields, 'add'));
  };
  return {
    count: rows.length,
    hashes: pathHashes(chunk),
    sizes,
    bucket: (i) => canonicalPath(path(rows[i] ?? 0)),
    vector: (i) => {
      const vector = readDeletionVector(RowFields.of(vectorOf(rows[i] ?? 0), 'add.deletionVector'));
      return vector === undefined ? '' : deletionVectorId(vector);
    },
    file(i) {
      const row = rows[i] ?? 0;
      const add = {
        path: path(row),
        partitionValues: NO_PARTITION_VALUES,
        size: sizes[i] ?? 0,
        modificationTime: times[i] ?? 0,
        dataChange: false,
        // Own and enumerable: a copy of the file has them as text. The checkpoint's bytes are decoded when someone asks.
        get stats() {
          return stats?.(row);
        },
      };
      // Assigned over, not spread: a spread would ask for the stats. Without any, the member is there and undefined.
      return (rare.length === 0 ? add : Object.assign(add, more(row))) as AddFile;
    },
  };
}

/** The removed files in a chunk of the column `remove`. */
export function storedRemoves(chunk: StructChunk): StoredGroup<Tombstone> {
  const { rows } = chunk;
  paths(chunk, 'remove');
  const value = chunk.whole();
  const file = (i: number): Tombstone => {
    const fields = RowFields.of(value(rows[i] ?? 0), 'remove');
    const action = fields === undefined ? undefined : readAction('remove', fields);
    if (action?.kind !== 'remove') throw lacking('remove', 'path');
    return tombstoneOf(action.remove);
  };
  return {
    count: rows.length,
    hashes: pathHashes(chunk),
    // Bytes of what is gone: nobody adds them up.
    sizes: new Float64Array(0),
    bucket: (i) => tombstoneBucket(file(i)),
    vector: () => '',
    file,
  };
}

const RARE = [
  ['partitionValues', undefined],
  ['tags', undefined],
  ['deletionVector', undefined],
  ['baseRowId', LONG],
  ['defaultRowCommitVersion', LONG],
  ['clusteringProvider', STRING],
] as const;

function rareFields(
  fields: RowFields | undefined,
): Omit<AddFile, 'path' | 'size' | 'modificationTime' | 'stats'> {
  const tags = fields?.recordIfAny('tags');
  const deletionVector = readDeletionVector(fields?.fieldsIfAny('deletionVector'));
  const baseRowId = fields?.bigintIfAny('baseRowId');
  const defaultRowCommitVersion = fields?.bigintIfAny('defaultRowCommitVersion');
  const clusteringProvider = fields?.stringIfAny('clusteringProvider');
  return {
    partitionValues: fields?.partitionValuesIfAny('partitionValues') ?? NO_PARTITION_VALUES,
    dataChange: false,
    ...(tags === undefined ? {} : { tags }),
    ...(deletionVector === undefined ? {} : { deletionVector }),
    ...(baseRowId === undefined ? {} : { baseRowId }),
    ...(defaultRowCommitVersion === undefined ? {} : { defaultRowCommitVersion }),
    ...(clusteringProvider === undefined ? {} : { clusteringProvider }),
  };
}

function paths(chunk: StructChunk, action: string): (row: number) => string {
  const isNull = chunk.isNull('path');
  for (const row of chunk.rows) if (isNull(row)) throw lacking(action, 'path');
  const read = chunk.reader('path', STRING);
  return (row) => String(read(row));
}

function wholeNumbers(chunk: StructChunk, action: string, field: string): Float64Array {
  const numbers = chunk.integers(field);
  if (numbers === undefined || numbers.some(Number.isNaN)) throw lacking(action, field);
  return numbers;
}

function lacking(action: string, field: string): SluiceError {
  return new SluiceError('CORRUPT_LOG', `the field ${field} of ${action} in a checkpoint is not there`, {
    context: { action, field },
  });
}
