import { LONG, STRING, TIMESTAMP, field } from '../schema/build.js';
import type { StructField } from '../schema/types.js';

/** What happened to a row. Delta protocol, "Change Data Files". */
export type ChangeType = 'insert' | 'update_preimage' | 'update_postimage' | 'delete';

/** The column of a change file, and of the feed, that says what happened. */
export const CHANGE_TYPE: StructField = field('_change_type', STRING, false);

/** The columns that a reader of the feed adds: the commit's version and its time. */
export const COMMIT_VERSION: StructField = field('_commit_version', LONG, false);
export const COMMIT_TIMESTAMP: StructField = field('_commit_timestamp', TIMESTAMP, false);

/** Names that a table's columns may not bear while its change feed is on. */
export const FEED_COLUMNS: readonly string[] = [CHANGE_TYPE.name, COMMIT_VERSION.name, COMMIT_TIMESTAMP.name];

/** Whether a table with these properties has a change feed; the older name of the property counts as well. */
export function hasChangeFeed(configuration: Readonly<Record<string, string>>): boolean {
  const on = configuration['delta.enableChangeDataFeed'] ?? configuration['delta.enableChangeDataCapture'];
  return on?.toLowerCase() === 'true';
}
