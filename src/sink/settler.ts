import type { RecordProblem, Changes } from '../cdc/changes.js';
import type { StructField } from '../schema/types.js';
import type { TopicPartition } from '../source/change-source.js';
import type { ObjectStore } from '../storage/object-store.js';

/** The offsets `[base, next)` of one partition. */
export type OffsetRange = TopicPartition & { readonly base: number; readonly next: number };

/**
 * One table's part of a run of records. The range accounts for every offset in it: those without a row
 * here hold nothing for this table. `base` is what the table holds, or what it begins from.
 */
export type Slice = OffsetRange & {
  readonly changes: Changes;
  /** Indexes into `changes` of the records that are this table's, ascending. */
  readonly rows: Uint32Array;
};

/** What became of the rows of a commit. */
export type SettleMetrics = {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** Events older than the row that stands, and events seen before. */
  readonly stale: number;
  /** Records that say nothing about a row: shadows of deletes, placeholders without a source. */
  readonly ignored: number;
  /** Values that the column's type cannot hold and that became null (infinities, instants out of range). */
  readonly nulled: number;
  readonly filesWritten: number;
  readonly bytesWritten: number;
  /** How many versions were tried before one was ours. */
  readonly attempts: number;
};

export type BadRecord = TopicPartition & {
  readonly offset: number;
  /** Index into the `changes` of its slice. */
  readonly index: number;
  readonly problem: RecordProblem;
};

/**
 * What became of the slices.
 *
 * - `committed`: rows and offsets stand in `version`; `next` holds the next offset of each partition.
 * - `nothing`: not one record changes the table, so nothing was committed. The caller counts the ranges
 *   as dealt with and lets a later range of the partition begin at the same `base`.
 * - `bad-records`: nothing is committed. At least one record cannot be applied; as many as were found,
 *   offsets of one partition ascending.
 * - `moved`: nothing is committed. The table holds more of these partitions than `base` (another writer,
 *   or a commit of ours whose answer was lost); `at` says where each of the slices' partitions stands.
 *   The caller drops what lies below and asks again with what is left.
 * - `rewound`: nothing is committed. The table holds less than it did: `TABLE_REWOUND`.
 */
export type Settled =
  | {
      readonly kind: 'committed';
      readonly version: number;
      readonly next: ReadonlyMap<string, number>;
      readonly metrics: SettleMetrics;
    }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'bad-records'; readonly records: readonly BadRecord[] }
  | { readonly kind: 'moved'; readonly at: ReadonlyMap<string, number> }
  | {
      readonly kind: 'rewound';
      readonly topic: string;
      readonly partition: number;
      /** What the table held when it was last looked at, and what it holds. */
      readonly expected: number;
      readonly found: number | undefined;
    };

/** What tells a topic that was made anew from the one that a table was filled from (R6). */
export type Applied = {
  /** Which making of the topic the table's offsets speak of; undefined if it holds none of the topic. */
  readonly incarnation: number | undefined;
  /** The record that was applied last, if that is known. */
  readonly last: LastRecord | undefined;
};

/** The record at an offset, by what it says: time and hash of key and value. */
export type LastRecord = { readonly offset: number; readonly timestampMs: number; readonly hash: string };

/**
 * Plans and commits one table's batches. Calls never overlap; the lane that owns it waits for each. Maps
 * are keyed by `partitionKey` (source/change-source).
 *
 * Every call fails with the store's error (`STORE_*`), `CONFLICT`, `SCHEMA_MISMATCH`, `CORRUPT_LOG`,
 * `PROTOCOL_UNSUPPORTED`, `CONFIG_INVALID` …; a failure with `retry` other than `never` may be called
 * again with the same slices: what did land is then `moved`.
 */
export interface TableSettler {
  /**
   * The next offset that the table holds of each of these partitions; those it holds nothing of are left
   * out, and so are all if there is no table; of a topic that was made anew and accepted, each partition
   * begins at 0. Reads the newest version. Fails with `TOPIC_REGRESSED` if the table holds progress of
   * the topic from another cluster, with `TABLE_REWOUND` if somebody replaced the table, or a part of what it holds of
   * its partitions, since its last commit of ours, and with `CONFIG_INVALID` if it forgets transactions.
   */
  recover(partitions: readonly TopicPartition[], signal: AbortSignal): Promise<ReadonlyMap<string, number>>;

  /** What the table said of a partition when it was asked last. */
  applied(partition: TopicPartition): Applied;

  /**
   * Brings the slices into the table in one commit, with their offsets. Slices of one partition follow
   * each other without a gap; the first begins at what the table holds, or, where it holds nothing of
   * the partition (and never did for this settler), at its start offset.
   */
  settle(slices: readonly Slice[], signal: AbortSignal): Promise<Settled>;

  /**
   * Commits offsets without rows. `nothing` where there is no table. `audit` says why offsets were
   * passed over unread; it stands in the commit's info.
   */
  progress(
    ranges: readonly OffsetRange[],
    options: { readonly audit?: string; readonly signal: AbortSignal },
  ): Promise<Settled>;
}

/** A column whose type the user has set; `unit`: what a number of the source counts if the column is a time. */
export type ConfiguredColumn = {
  readonly field: StructField;
  readonly unit?: 'SECONDS' | 'MILLIS' | 'MICROS' | 'NANOS';
};

/** How one table is written; all of it decided, nothing optional. */
export type TableOptions = {
  readonly mergeStrategy: 'merge-on-read' | 'copy-on-write';
  readonly changeDataFeed: boolean;
  /** `inferred`: no change files; readers derive them. */
  readonly images: 'written' | 'inferred';
  /** Undefined: no guard against late events. */
  readonly positionColumn: string | undefined;
  readonly schemaEvolution: 'none' | 'validate' | 'evolve' | 'lenient';
  readonly truncateEnabled: boolean;
  readonly deleteMode: 'hard';
  /** How long deletes, rows taken away by key changes, and applied events of tables without a key are remembered. */
  readonly memoryRetentionMs: number;
  /** How many of them each partition remembers at most, in rows. */
  readonly memoryMaxRows: number;
  /** `record_key` with no `fields`: all fields of the record key, and no key where it is null. `none`: every table is without a key. */
  readonly primaryKey: { readonly mode: 'record_key' | 'none'; readonly fields: readonly string[] };
  /** Undefined: types come from the stream. */
  readonly columns: readonly ConfiguredColumn[] | undefined;
  readonly partitionBy: readonly string[];
  readonly tableProperties: Readonly<Record<string, string>>;
};

/** Something worth telling that is no failure. */
export type TableNote =
  | { readonly kind: 'created'; readonly version: number }
  | {
      readonly kind: 'evolved';
      readonly version: number;
      readonly added: readonly string[];
      readonly widened: readonly string[];
    }
  | { readonly kind: 'nulled'; readonly column: string; readonly reason: string }
  | { readonly kind: 'maintenance-failed'; readonly message: string }
  /** The log is cleaned up past what named subscribers of the change feed have yet to read. */
  | { readonly kind: 'cursors-passed'; readonly message: string };

/** The table that a settler writes, and what it needs from outside. */
export type TableTarget = {
  /** Where the table is, for people. */
  readonly url: string;
  /** Rooted at the table. */
  readonly store: ObjectStore;
  /** The path below the base URL: what configuration and messages call the table. */
  readonly name: string;
  appId(partition: TopicPartition): string;
  readonly options: TableOptions;
  readonly now: () => number;
  readonly random: () => number;
  readonly tell: (note: TableNote) => void;
};
