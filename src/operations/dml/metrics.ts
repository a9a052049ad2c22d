import type { StagedChanges } from '../merge/staged.js';
import { metricTexts } from '../metric-texts.js';

/** `operationMetrics` of a DELETE or an UPDATE: names and text values as Delta Spark writes them. */
export function dmlMetrics(
  rows: { readonly numDeletedRows: number } | { readonly numUpdatedRows: number },
  { files, parts }: StagedChanges,
): Readonly<Record<string, string>> {
  const { scan = 0, rewrite = 0 } = parts.times;
  const numbers = {
    numRemovedFiles: files.filesRemoved,
    numRemovedBytes: files.bytesRemoved,
    numAddedFiles: files.filesAdded,
    numAddedBytes: files.bytesAdded,
    numCopiedRows: files.copiedRows,
    ...rows,
    numDeletionVectorsAdded: files.vectorsAdded,
    numDeletionVectorsRemoved: files.vectorsRemoved,
    numDeletionVectorsUpdated: files.vectorsUpdated,
    numAddedChangeFiles: files.changeFiles,
    executionTimeMs: scan + rewrite,
    scanTimeMs: scan,
    rewriteTimeMs: rewrite,
  };
  return metricTexts(numbers);
}
