import { metricTexts } from '../metric-texts.js';

/**
 * `operationMetrics` of a MERGE: names and text values as Delta Spark writes them. Readers of the feed skip a MERGE
 * that says it inserted, updated and deleted nothing, so the counts are never all zero for a commit that changed rows.
 */
export type MergeMetrics = Readonly<Record<string, string>>;

/** Rows of the batch, by what became of them. */
export type MergeCounts = {
  readonly source: number;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
};

/** Durations in ms, where they were taken. */
export type MergeTimes = {
  readonly execution?: number;
  readonly scan?: number;
  readonly rewrite?: number;
};

/** Files of a staged change, as the metrics count them. */
export type FileCounts = {
  readonly copiedRows: number;
  readonly filesAdded: number;
  readonly bytesAdded: number;
  readonly filesRemoved: number;
  readonly bytesRemoved: number;
  readonly changeFiles: number;
  /** Files that have a deletion vector now and had one or none before. */
  readonly vectorsAdded: number;
  /** Files that had a deletion vector before, whatever became of them. */
  readonly vectorsRemoved: number;
  /** Files that had a deletion vector and have another one now. */
  readonly vectorsUpdated: number;
};

/** The metrics of a MERGE in Delta Spark's order; all updates and deletes are those of matched rows. */
export function mergeMetrics(counts: MergeCounts, files: FileCounts, times: MergeTimes = {}): MergeMetrics {
  const { source, inserted, updated, deleted } = counts;
  const numbers = {
    numSourceRows: source,
    numTargetRowsInserted: inserted,
    numTargetRowsUpdated: updated,
    numTargetRowsMatchedUpdated: updated,
    numTargetRowsNotMatchedBySourceUpdated: 0,
    numTargetRowsDeleted: deleted,
    numTargetRowsMatchedDeleted: deleted,
    numTargetRowsNotMatchedBySourceDeleted: 0,
    numTargetRowsCopied: files.copiedRows,
    numOutputRows: inserted + updated + files.copiedRows,
    numTargetBytesAdded: files.bytesAdded,
    numTargetBytesRemoved: files.bytesRemoved,
    numTargetFilesAdded: files.filesAdded,
    numTargetFilesRemoved: files.filesRemoved,
    numTargetChangeFilesAdded: files.changeFiles,
    numTargetDeletionVectorsAdded: files.vectorsAdded,
    numTargetDeletionVectorsRemoved: files.vectorsRemoved,
    numTargetDeletionVectorsUpdated: files.vectorsUpdated,
    executionTimeMs: times.execution ?? 0,
    materializeSourceTimeMs: 0,
    scanTimeMs: times.scan ?? 0,
    rewriteTimeMs: times.rewrite ?? 0,
  };
  return metricTexts(numbers);
}
