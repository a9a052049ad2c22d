import type { Action, CommitInfo, Metadata } from '../protocol/actions.js';
import { propertyKey, tableProperty } from '../protocol/properties.js';

/** What the next commit's time depends on of the snapshot before it. */
type Base = {
  readonly configuration: Readonly<Record<string, string>>;
  readonly commitTimestampMs: number;
};

const ENABLEMENT_VERSION = 'delta.inCommitTimestampEnablementVersion';
const ENABLEMENT_TIMESTAMP = 'delta.inCommitTimestampEnablementTimestamp';

/** The property by which commits carry their own time. */
export const IN_COMMIT_TIMESTAMPS = propertyKey('enableInCommitTimestamps');

/** Properties that say since when commits carry their own time. Delta protocol, "In-Commit Timestamps". */
export const IN_COMMIT_TIMESTAMP_KEYS: readonly string[] = [
  IN_COMMIT_TIMESTAMPS,
  ENABLEMENT_VERSION,
  ENABLEMENT_TIMESTAMP,
];

/** Whether commits of a table with these properties carry an in-commit timestamp. */
export function hasInCommitTimestamps(configuration: Readonly<Record<string, string>>): boolean {
  return tableProperty(configuration, 'enableInCommitTimestamps');
}

/** Since when a table has in-commit timestamps; from its first version where the properties do not say. */
export function inCommitTimestampsSince(
  configuration: Readonly<Record<string, string>>,
): { readonly version: number; readonly timestampMs: number } | undefined {
  if (!hasInCommitTimestamps(configuration)) return undefined;
  return {
    version: Number(configuration[ENABLEMENT_VERSION] ?? 0),
    timestampMs: Number(configuration[ENABLEMENT_TIMESTAMP] ?? 0),
  };
}

/** The in-commit timestamp of a commit, ms since 1970; undefined if it has none. */
export function inCommitTimestampMs(commitInfo: CommitInfo | undefined): number | undefined {
  const timestamp = commitInfo?.['inCommitTimestamp'];
  return typeof timestamp === 'number' ? timestamp : undefined;
}

/**
 * The time of the next commit: the clock's; where commits carry it, later than that of the commit before, since in-commit
 * timestamps never go back. Delta protocol, "In-Commit Timestamps".
 */
export function nextCommitTimeMs(base: Base | undefined, clockMs: number): number {
  if (base === undefined || !hasInCommitTimestamps(base.configuration)) return clockMs;
  return Math.max(clockMs, base.commitTimestampMs + 1);
}

/**
 * The actions with the commit's time where the table, as these actions leave it, has in-commit timestamps. A commit
 * that turns them on later than at version 0 also records from where on they count, and comes after the file of the
 * commit before it.
 */
export function withInCommitTimestamp(
  base: Base | undefined,
  version: number,
  nowMs: number,
  actions: readonly Action[],
): readonly Action[] {
  const before = base !== undefined && hasInCommitTimestamps(base.configuration);
  const metadata = actions.find((action) => action.kind === 'metaData')?.metaData;
  const after = metadata === undefined ? before : hasInCommitTimestamps(metadata.configuration);
  if (!after) return actions;
  const timestampMs = base === undefined ? nowMs : Math.max(nowMs, base.commitTimestampMs + 1);
  return actions.map((action): Action => {
    if (action.kind === 'commitInfo') {
      // Named twice: first so that it leads the line, last so that it is ours.
      const leading = { inCommitTimestamp: timestampMs, ...action.commitInfo };
      return { kind: 'commitInfo', commitInfo: { ...leading, inCommitTimestamp: timestampMs } };
    }
    if (action.kind === 'metaData' && !before && version > 0) {
      return { kind: 'metaData', metaData: enabledAt(action.metaData, version, timestampMs) };
    }
    return action;
  });
}

function enabledAt(metadata: Metadata, version: number, timestampMs: number): Metadata {
  return {
    ...metadata,
    configuration: {
      ...metadata.configuration,
      [ENABLEMENT_VERSION]: String(version),
      [ENABLEMENT_TIMESTAMP]: String(timestampMs),
    },
  };
}
