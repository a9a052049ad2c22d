import { stringifyJson } from '../base/json.js';
import type { AddFile, DeletionVectorDescriptor, RemoveFile } from './actions.js';
import { recordCount, statsAfterDeletion } from './stats.js';

export type RemovalOptions = {
  /** When the removal was decided, ms: VACUUM keeps the file for the retention from then. */
  readonly deletionTimestamp: number;
  /** False only where the rows stay in the table, in other files. */
  readonly dataChange?: boolean;
};

/**
 * The action that removes a live file. It names the deletion vector that the file has now, and carries what the
 * change feed needs to read the file once it is gone from the table. Delta protocol, "Add File and Remove
 * File".
 */
export function removalOf(add: AddFile, options: RemovalOptions): RemoveFile {
  const { path, partitionValues, size, tags, deletionVector, baseRowId, defaultRowCommitVersion } = add;
  const count = recordCount(add.stats);
  return {
    path,
    deletionTimestamp: options.deletionTimestamp,
    dataChange: options.dataChange ?? true,
    extendedFileMetadata: true,
    partitionValues,
    size,
    ...(tags === undefined ? {} : { tags }),
    ...(deletionVector === undefined ? {} : { deletionVector }),
    ...(baseRowId === undefined ? {} : { baseRowId }),
    ...(defaultRowCommitVersion === undefined ? {} : { defaultRowCommitVersion }),
    ...(count === undefined ? {} : { stats: stringifyJson({ numRecords: count }) }),
  };
}

/**
 * The file with a new deletion vector, which must hold every row of the one it has. Everything else stays, but
 * for the stats, whose bounds are wide from now on.
 *
 * @param physicalRows - rows in the file, deleted ones included
 */
export function withDeletionVector(
  add: AddFile,
  deletionVector: DeletionVectorDescriptor,
  physicalRows: number,
): AddFile {
  const deletedBefore = add.deletionVector?.cardinality ?? 0;
  return {
    ...add,
    dataChange: true,
    stats: statsAfterDeletion(add.stats, deletedBefore, physicalRows),
    deletionVector,
  };
}
