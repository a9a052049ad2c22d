/**
 * `operationMetrics` of a MERGE: names and text values as Delta Spark writes them. Readers of the feed skip a MERGE
 * that says it inserted, updated and deleted nothing, so the counts are never zero for a commit that changed rows.
 */
export type MergeMetrics = Readonly<Record<string, string>>;
