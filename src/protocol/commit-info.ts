import { isJsonObject, ownMember, stringifyJson, type JsonObject, type JsonValue } from '../base/json.js';
import type { CommitInfo } from './actions.js';
import { ENGINE_INFO } from './engine.js';
import type { Operation } from './operation.js';

export type CommitInfoParts = {
  readonly operation: Operation;
  /** ms */
  readonly timestamp: number;
  /** In ms, where the table has in-commit timestamps: it leads the object then. */
  readonly inCommitTimestamp?: number;
  /** The version that the commit was made from; below 0 for one that creates the table. */
  readonly readVersion: number;
  readonly isolationLevel?: 'Serializable' | 'SnapshotIsolation';
  /** Only for a commit that did not depend on any row or file of the table. */
  readonly isBlindAppend: boolean;
  readonly metrics?: Readonly<Record<string, number | bigint | string>>;
  /** Ours to use; JSON stands as text. */
  readonly userMetadata?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** A UUID of this commit, the same for each attempt to write it. */
  readonly txnId: string;
};

/**
 * The commitInfo action's body, members in Delta Spark's order; metrics are text. Delta protocol, "Commit
 * Provenance Information".
 */
export function commitInfo(parts: CommitInfoParts): CommitInfo {
  const { inCommitTimestamp, readVersion, userMetadata, tags } = parts;
  return {
    ...(inCommitTimestamp === undefined ? {} : { inCommitTimestamp }),
    timestamp: parts.timestamp,
    ...parts.operation,
    ...(readVersion < 0 ? {} : { readVersion }),
    isolationLevel: parts.isolationLevel ?? 'Serializable',
    isBlindAppend: parts.isBlindAppend,
    operationMetrics: metricsJson(parts.metrics ?? {}),
    ...(userMetadata === undefined ? {} : { userMetadata }),
    ...(tags === undefined ? {} : { tags }),
    engineInfo: ENGINE_INFO,
    txnId: parts.txnId,
  };
}

/** The id by which a commit is recognised, if it has one. */
export function txnIdOf(info: CommitInfo | undefined): string | undefined {
  return textOf(info, 'txnId');
}

export function operationOf(info: CommitInfo | undefined): string | undefined {
  return textOf(info, 'operation');
}

/** What a commit noted for its own application, if anything. */
export function userMetadataOf(info: CommitInfo | undefined): string | undefined {
  return textOf(info, 'userMetadata');
}

/**
 * An object of commitInfo such as `operationParameters` with its members as text: strings as they are, any
 * other JSON as JSON. Engines differ in what they put there. Members that are null are left out.
 */
export function textMembers(info: CommitInfo, name: string): Readonly<Record<string, string>> {
  const object = ownMember(info, name);
  if (!isJsonObject(object)) return {};
  const entries = Object.entries(object).filter(([, value]) => value !== null);
  return Object.fromEntries(entries.map(([key, value]) => [key, textOfValue(value)]));
}

/**
 * Whether a commit is a MERGE that says of itself, in the words of Delta Spark, that it inserted, updated and
 * deleted no row: its file actions only moved rows.
 */
export function noRowsMerged(info: CommitInfo): boolean {
  const metrics = ownMember(info, 'operationMetrics');
  if (operationOf(info) !== 'MERGE' || !isJsonObject(metrics)) return false;
  return ROW_COUNTS.every((name) => ownMember(metrics, name) === '0');
}

const ROW_COUNTS = ['numTargetRowsInserted', 'numTargetRowsUpdated', 'numTargetRowsDeleted'] as const;

function metricsJson(metrics: Readonly<Record<string, number | bigint | string>>): JsonObject {
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, String(value)]));
}

function textOf(info: CommitInfo | undefined, name: string): string | undefined {
  const value = info === undefined ? undefined : ownMember(info, name);
  return typeof value === 'string' ? value : undefined;
}

function textOfValue(value: JsonValue): string {
  return typeof value === 'string' ? value : stringifyJson(value);
}
