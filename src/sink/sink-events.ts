import type { Failure } from './lane-state.js';
import type { SettleMetrics, TableNote } from './settler.js';

/** What a running sink tells, as it happens. Tables are named by their path below the base URL. */
export type SinkEvent =
  /** Records came in. `highWatermark - next` is how far behind reading is. */
  | {
      readonly kind: 'read';
      readonly topic: string;
      readonly partition: number;
      readonly next: number;
      readonly highWatermark: number;
      readonly records: number;
      readonly bytes: number;
    }
  | {
      readonly kind: 'committed';
      readonly table: string;
      readonly version: number;
      readonly metrics: SettleMetrics;
      readonly elapsedMs: number;
    }
  | { readonly kind: 'table'; readonly table: string; readonly url: string }
  | { readonly kind: 'note'; readonly table: string; readonly note: TableNote }
  /**
   * The record that the table applied last is no longer in the topic (compacted, expired): whether the topic is still
   * the one that the table was filled from cannot be shown by it.
   */
  | {
      readonly kind: 'unproven';
      readonly table: string;
      readonly topic: string;
      readonly partition: number;
      readonly offset: number;
    }
  | { readonly kind: 'dead-letters'; readonly table: string | undefined; readonly count: number }
  /** Something is not there and is waited for; told once, and once when it is back. Without a table: the source. */
  | {
      readonly kind: 'waiting';
      readonly table: string | undefined;
      readonly why: string;
      readonly failure?: Failure;
    }
  | { readonly kind: 'resumed'; readonly table: string | undefined }
  | { readonly kind: 'failed'; readonly failure: FailedTable };

/** A table, or what would have become one, that has ended before its time. */
export type FailedTable = Failure & {
  /** Undefined where no table could be told for what failed. */
  readonly table: string | undefined;
  readonly url: string | undefined;
};

export type TableSummary = {
  readonly table: string;
  readonly url: string;
  /** The newest version that this run committed. */
  readonly version: number | undefined;
  readonly commits: number;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  readonly stale: number;
  readonly deadLetters: number;
};

export type RunSummary = {
  /** `failed`: nothing was left that could go on. A run with failed tables may still have been `drained` or `stopped`. */
  readonly ended: 'drained' | 'stopped' | 'failed';
  readonly tables: readonly TableSummary[];
  readonly failed: readonly FailedTable[];
  readonly records: number;
  readonly bytes: number;
  readonly elapsedMs: number;
};
