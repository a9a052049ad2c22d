import type { RawRecord } from '../cdc/record.js';

/** One partition of one topic: the unit of order, of assignment and of progress. */
export type TopicPartition = { readonly topic: string; readonly partition: number };

/** Where to begin with a partition whose progress nobody holds. `atMs`: the first record at or after that time. */
export type StartPolicy = 'earliest' | 'latest' | { readonly atMs: number };

/**
 * The lowest offset a partition still holds, and the one past the newest record that may be read: what
 * open transactions hold back is not counted.
 */
export type Watermarks = { readonly low: number; readonly high: number };

/**
 * A run of records of one partition. `[base, next)` says which offsets it accounts for: `base` is the
 * position before it, `next` the position after it, and every offset between is either in `records` or
 * holds no record that will ever be read (compacted, aborted, a transaction marker). Records are in
 * offset order; the ranges of one partition's batches and `progress` events tile its history.
 */
export type SourceBatch = TopicPartition & {
  readonly base: number;
  readonly next: number;
  readonly records: readonly RawRecord[];
  /** Bytes of all keys and values, plus a fixed estimate for what each record costs besides: what credit is taken for. */
  readonly bytes: number;
  /** One past the newest record of the partition when this batch was fetched; only for showing how far behind we are. */
  readonly highWatermark: number;
};

/**
 * What comes out of a source.
 *
 * - `assigned`: these partitions are ours from here on. Nothing of them comes before; each begins at
 *   what `resumeAt` answers.
 * - `revoked`: these are no longer ours. Nothing of them comes after, unless they are assigned again.
 * - `batch`: records.
 * - `progress`: the position moved from `base` to `next` without a record (transaction markers, aborted
 *   records, a compacted stretch).
 * - `gap`: the offset that was asked for (`expected`) is gone, or was never written; `found` is the lowest
 *   offset there is (or the end, if `expected` lies beyond it). Nothing of the partition follows until
 *   `seek` is called for it.
 * - `waiting`, `resumed`: the other side cannot be reached, and can again. Once each, not per retry.
 * - `drained`: only with `untilEnd`, once: every partition has reached the end it had when it was opened.
 *   Nothing follows; the iteration ends.
 */
export type SourceEvent =
  | { readonly kind: 'assigned'; readonly partitions: readonly TopicPartition[] }
  | { readonly kind: 'revoked'; readonly partitions: readonly TopicPartition[] }
  | { readonly kind: 'batch'; readonly batch: SourceBatch }
  | {
      readonly kind: 'progress';
      readonly topic: string;
      readonly partition: number;
      readonly base: number;
      readonly next: number;
    }
  | {
      readonly kind: 'gap';
      readonly topic: string;
      readonly partition: number;
      readonly expected: number;
      readonly found: number;
    }
  | { readonly kind: 'waiting'; readonly why: string }
  | { readonly kind: 'resumed' }
  | { readonly kind: 'drained' };

export type OpenOptions = {
  /**
   * The offset from which this partition is wanted: what the tables hold. Asked once for each partition
   * of each assignment, after its `assigned` was handed over; partitions are asked side by side. A
   * rejection ends the iteration with that error.
   */
  resumeAt(partition: TopicPartition, signal: AbortSignal): Promise<number>;
  /** End with `drained` once every partition has reached the end it had when it was opened; else go on for ever. */
  readonly untilEnd: boolean;
  /** Ends the iteration with the signal's reason, also inside a wait. */
  readonly signal: AbortSignal;
};

/**
 * Where changes come in. One is open at a time: a second `open` before the first iteration has ended is
 * a bug. Every implementation runs `describeChangeSource` from `sluice/testing`.
 */
export interface ChangeSource extends AsyncDisposable {
  /**
   * What stands for this source in the tables' transaction ids: the Kafka cluster's id, a replay's own
   * id. Two sources of the same identity are the same history.
   */
  identity(signal: AbortSignal): Promise<string>;

  /**
   * Opens the source. It is pull-driven: while nobody calls `next()`, only a bounded number of bytes is
   * read ahead, and membership in a group stays alive. Leaving the loop closes what was opened.
   *
   * Fails with `TOPIC_NOT_FOUND`, `BROKER_UNAVAILABLE` (what waiting cannot heal: denied, not a broker),
   * `RECORD_INVALID` (a recording that cannot be read).
   */
  open(options: OpenOptions): AsyncIterable<SourceEvent>;

  /**
   * Tells the other side that everything below `next` is safely kept. Only for dashboards: never waits,
   * never fails, may be lost, and is never read back.
   */
  acknowledge(partition: TopicPartition, next: number): void;

  /** The offset where `start` begins in this partition, for a table that holds nothing of it yet. */
  resolve(partition: TopicPartition, start: StartPolicy, signal: AbortSignal): Promise<number>;

  watermarks(partition: TopicPartition, signal: AbortSignal): Promise<Watermarks>;

  /**
   * All partitions that a topic has now, ascending, whoever reads them: other members of a group may have been
   * assigned some of them. Fails with `TOPIC_NOT_FOUND`.
   */
  partitions(topic: string, signal: AbortSignal): Promise<readonly number[]>;

  /**
   * Moves a partition that is assigned: the next batch or progress has `base` = `offset`. What was read
   * before and not handed over yet is dropped. The way on after a `gap`, and back for a lane that was
   * repaired. Nothing happens if the partition is not ours, or its assignment was not handed over yet: who has
   * not heard of that cannot mean it.
   */
  seek(partition: TopicPartition, offset: number): void;

  /** Hands over nothing more of these partitions until they are resumed or assigned anew. */
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
}

/** A partition as one word, for maps: no topic name holds a colon. */
export function partitionKey(topic: string, partition: number): string {
  return `${topic}:${partition}`;
}
