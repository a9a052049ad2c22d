import { ownMember, type JsonValue } from '../base/json.js';
import type { CommitInfo } from '../protocol/actions.js';
import { textMembers } from '../protocol/commit-info.js';
import { formatTimestampMicros } from '../schema/text-values.js';
import type { Snapshot } from '../table/snapshot.js';
import { listCommits, readListed } from './commit-list.js';

/** One row of DESCRIBE HISTORY as Delta Spark answers it; null for what the commit does not tell. */
export type HistoryEntry = {
  readonly version: number;
  /** When it was committed, as `2026-01-31T00:00:00.000000Z`. */
  readonly timestamp: string;
  readonly userId: string | null;
  readonly userName: string | null;
  readonly operation: string | null;
  readonly operationParameters: Readonly<Record<string, string>> | null;
  readonly job: Readonly<Record<string, string>> | null;
  readonly notebook: Readonly<Record<string, string>> | null;
  readonly clusterId: string | null;
  readonly readVersion: number | null;
  readonly isolationLevel: string | null;
  readonly isBlindAppend: boolean | null;
  readonly operationMetrics: Readonly<Record<string, string>> | null;
  readonly userMetadata: string | null;
  readonly engineInfo: string | null;
};

export type HistoryOptions = {
  /** At most so many commits, the latest ones. Default: all that the log holds. */
  readonly limit?: number;
  readonly signal: AbortSignal;
};

/**
 * The commits up to the snapshot's version, latest first. Versions whose commit file was cleaned away are left out.
 * Parameters and metrics that another engine wrote as numbers, booleans or objects come as their JSON text.
 */
export async function readHistory(
  snapshot: Snapshot,
  { limit = Infinity, signal }: HistoryOptions,
): Promise<readonly HistoryEntry[]> {
  const listed = await listCommits(snapshot, { from: 0, signal });
  const entries: HistoryEntry[] = [];
  for (const commit of listed.toReversed().slice(0, limit)) {
    const { version, commitInfo, timestampMs } = await readListed(snapshot, commit, { signal });
    entries.push(entryOf(version, timestampMs, commitInfo ?? {}));
  }
  return entries;
}

function entryOf(version: number, timestampMs: number, info: CommitInfo): HistoryEntry {
  const readVersion = ownMember(info, 'readVersion');
  const isBlindAppend = ownMember(info, 'isBlindAppend');
  return {
    version,
    timestamp: formatTimestampMicros(BigInt(timestampMs) * 1000n, true),
    userId: text(info, 'userId'),
    userName: text(info, 'userName'),
    operation: text(info, 'operation'),
    operationParameters: texts(info, 'operationParameters'),
    job: texts(info, 'job'),
    notebook: texts(info, 'notebook'),
    clusterId: text(info, 'clusterId'),
    readVersion: typeof readVersion === 'number' ? readVersion : null,
    isolationLevel: text(info, 'isolationLevel'),
    isBlindAppend: typeof isBlindAppend === 'boolean' ? isBlindAppend : null,
    operationMetrics: texts(info, 'operationMetrics'),
    userMetadata: text(info, 'userMetadata'),
    engineInfo: text(info, 'engineInfo'),
  };
}

function text(info: CommitInfo, name: string): string | null {
  const value: JsonValue | undefined = ownMember(info, name);
  return typeof value === 'string' ? value : null;
}

function texts(info: CommitInfo, name: string): Readonly<Record<string, string>> | null {
  const value = ownMember(info, name);
  return value === undefined || value === null ? null : textMembers(info, name);
}
