import type { MergeCounts } from '../../operations/merge/metrics.js';
import type { StagedChanges } from '../../operations/merge/staged.js';
import type { CommitInfo } from '../../protocol/actions.js';
import { commitInfo } from '../../protocol/commit-info.js';
import * as operations from '../../protocol/operation.js';
import type { OffsetRange } from '../settler.js';
import { rangesText } from './sink-commit.js';

/** What a commit did, for the table's history. */
export type Told =
  | {
      readonly kind: 'rows';
      /** The commit makes the table. */
      readonly created: boolean;
      /** Key columns; empty for a table without a key. */
      readonly keys: readonly string[];
      readonly counts: MergeCounts;
      readonly staged: StagedChanges;
      readonly partitionBy: readonly string[];
    }
  | { readonly kind: 'truncate'; readonly metrics: Readonly<Record<string, string>> }
  /** Offsets only. */
  | { readonly kind: 'progress'; readonly audit: string | undefined };

export type ToldAt = {
  readonly nowMs: number;
  readonly txnId: string;
  readonly readVersion: number;
  readonly ranges: readonly OffsetRange[];
};

/**
 * commitInfo in Delta Spark's words, with the offset ranges of each partition as its `userMetadata`: read from a log
 * they show that the ranges tile each partition.
 */
export function commitInfoOf(told: Told, at: ToldAt): CommitInfo {
  const audit = told.kind === 'progress' ? told.audit : undefined;
  return commitInfo({
    operation: operationOf(told),
    timestamp: at.nowMs,
    readVersion: at.readVersion,
    isBlindAppend: isBlindAppend(told),
    metrics: metricsOf(told),
    userMetadata: rangesText(at.ranges, audit),
    txnId: at.txnId,
  });
}

function operationOf(told: Told): operations.Operation {
  if (told.kind === 'truncate') return operations.truncation();
  if (told.kind === 'progress') return epoch();
  if (told.created) {
    const created = operations.createTable({ partitionBy: told.partitionBy, properties: {} });
    return { ...created, operation: 'CREATE TABLE AS SELECT' };
  }
  if (told.keys.length === 0 && told.counts.updated + told.counts.deleted === 0) {
    return operations.write({ mode: 'Append', partitionBy: told.partitionBy });
  }
  return operations.merge({
    predicate: mergeCondition(told.keys),
    matched: [{ actionType: 'delete', predicate: "(source.op = 'd')" }, { actionType: 'update' }],
    notMatched: [{ actionType: 'insert', predicate: "(NOT (source.op = 'd'))" }],
  });
}

function mergeCondition(keys: readonly string[]): string {
  if (keys.length === 0) return '(target = source.before)';
  return keys.map((key) => `(target.${quoted(key)} = source.${quoted(key)})`).join(' AND ');
}

function quoted(name: string): string {
  return /^\w+$/.test(name) ? name : `\`${name.replaceAll('`', '``')}\``;
}

/** A commit of offsets is an epoch of a stream in which nothing came. */
function epoch(): operations.Operation {
  return operations.streamingUpdate({ outputMode: 'Update', queryId: 'sluice', epochId: 0 });
}

function isBlindAppend(told: Told): boolean {
  if (told.kind === 'truncate') return false;
  if (told.kind === 'progress') return true;
  return told.keys.length === 0 && told.counts.updated + told.counts.deleted === 0;
}

function metricsOf(told: Told): Readonly<Record<string, string | number>> {
  if (told.kind === 'truncate') return { numRemovedFiles: told.metrics['numTargetFilesRemoved'] ?? '0' };
  if (told.kind === 'progress')
    return { numAddedFiles: 0, numRemovedFiles: 0, numOutputRows: 0, numOutputBytes: 0 };
  if (told.created || operationOf(told).operation === 'WRITE') {
    return {
      numFiles: told.staged.parts.added.length,
      numOutputRows: told.counts.inserted,
      numOutputBytes: told.staged.parts.added.reduce((sum, { size }) => sum + size, 0),
    };
  }
  return told.staged.metrics;
}
