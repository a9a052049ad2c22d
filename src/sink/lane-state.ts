import type { ErrorCode } from '../base/errors.js';
import type { TopicPartition } from '../source/change-source.js';
import type { BadRecord, OffsetRange } from './settler.js';
import type { Standings } from './standing.js';

/** Why a lane has ended for good. */
export type Failure = {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly hint?: string;
  readonly topic?: string;
  readonly partition?: number;
  readonly offset?: number;
  readonly cause?: unknown;
};

/** The one piece of work that a lane has in flight. Its ranges begin at what the table holds. */
export type Batch = {
  readonly work: 'rows' | 'progress';
  readonly ranges: readonly OffsetRange[];
  /** Why offsets are passed over unread; only with `progress`. */
  readonly audit?: string;
};

/** What has been asked for and waits until the lane is free. */
export type Wishes = {
  readonly due: boolean;
  readonly save: boolean;
  /** `last`: the final saving of offsets has been tried. */
  readonly finishing: 'no' | 'yes' | 'last';
  /** The lane ends with this once what it holds below is committed; it takes nothing more. */
  readonly failure: Failure | undefined;
};

export type Open = {
  readonly standings: Standings;
  readonly wishes: Wishes;
  /** Attempts in a row that failed with something that may pass. */
  readonly attempt: number;
  /** Whether it was writing that failed: that the table can be read is then no sign that it is well. */
  readonly cannotWrite: boolean;
};

/**
 *                 recovered                      due
 *     recovering ----------> idle --slice--> filling ----> settling --bad--> recording
 *         ^                   ^ ^               ^  |          |  ^              |
 *         | assigned          | +---------------|--+ committed|  +--------------+
 *         +-------------------+-----------------+-------------+     letters-written
 *
 *     recovering, settling, recording --broke--> retrying --pause-over--> back
 *     any --> failed | stopped
 */
export type LaneState =
  | (Open & {
      readonly kind: 'recovering';
      readonly asked: readonly TopicPartition[];
      readonly batch: Batch | undefined;
    })
  | (Open & { readonly kind: 'idle' })
  | (Open & { readonly kind: 'filling' })
  | (Open & { readonly kind: 'settling'; readonly batch: Batch })
  | (Open & { readonly kind: 'recording'; readonly batch: Batch; readonly letters: readonly BadRecord[] })
  | (Open & {
      readonly kind: 'retrying';
      readonly batch: Batch | undefined;
      readonly letters: readonly BadRecord[];
    })
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'stopped' };

export type Assignment = TopicPartition & { readonly start: number; readonly from: number | undefined };

/** Where a table wants a partition from; `fresh`: it holds nothing of it. */
export type Place = { readonly next: number; readonly fresh: boolean };

export type LaneEvent =
  | { readonly kind: 'assigned'; readonly partitions: readonly Assignment[] }
  | { readonly kind: 'revoked'; readonly partitions: readonly TopicPartition[] }
  | (OffsetRange & { readonly kind: 'slice'; readonly lastRow: number | undefined })
  | (TopicPartition & { readonly kind: 'skip'; readonly next: number })
  | { readonly kind: 'due'; readonly upTo: ReadonlyMap<string, number> }
  | { readonly kind: 'save-due' }
  /** Others wait for credit that this lane's batch holds while it waits for its table. */
  | { readonly kind: 'starved' }
  | { readonly kind: 'recovered'; readonly next: ReadonlyMap<string, number> }
  | { readonly kind: 'committed'; readonly next: ReadonlyMap<string, number> }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'moved'; readonly at: ReadonlyMap<string, number> }
  | { readonly kind: 'bad'; readonly records: readonly BadRecord[]; readonly tolerance: 'none' | 'all' }
  | { readonly kind: 'letters-written' }
  | { readonly kind: 'broke'; readonly failure: Failure; readonly mayPass: boolean }
  | { readonly kind: 'pause-over' }
  | (TopicPartition & { readonly kind: 'halt'; readonly failure: Failure })
  | { readonly kind: 'finish' }
  | { readonly kind: 'abandon' };

export type Effect =
  | { readonly kind: 'recover'; readonly partitions: readonly TopicPartition[] }
  /** The partition's place in the table is known: it is wanted from `next` on. */
  | (TopicPartition & Place & { readonly kind: 'resume-at' })
  /** The slice of this event: keep what lies at `from` or above. */
  | { readonly kind: 'hold'; readonly from: number }
  /** The slice, skip or halt of this event: keep it aside. */
  | { readonly kind: 'park' }
  /** The slice of this event is not needed. */
  | { readonly kind: 'give-back' }
  /** Bring in again what was kept aside of these partitions. */
  | { readonly kind: 'unpark'; readonly partitions: readonly TopicPartition[] }
  /** Say `due` now. */
  | { readonly kind: 'flush' }
  | { readonly kind: 'settle'; readonly batch: Batch }
  | { readonly kind: 'write-letters'; readonly records: readonly BadRecord[] }
  /** Take these records out of the batch in flight. */
  | { readonly kind: 'strip'; readonly records: readonly BadRecord[] }
  /** The batch in flight is over: its bytes go back. */
  | { readonly kind: 'end-batch' }
  /** Let go of what waits, or is kept aside, of these partitions. */
  | { readonly kind: 'drop'; readonly partitions: readonly TopicPartition[] }
  | { readonly kind: 'drop-all' }
  /** Let go of the rows that wait or are kept aside, for now: they are to come again. */
  | { readonly kind: 'let-go' }
  /** The partition has to come again from `next` on. */
  | (TopicPartition & { readonly kind: 'seek'; readonly next: number })
  /** Rows below `next` that wait need not be settled any more. */
  | (TopicPartition & { readonly kind: 'trim'; readonly next: number })
  | (TopicPartition & { readonly kind: 'acknowledge'; readonly next: number })
  | { readonly kind: 'pause'; readonly attempt: number }
  | { readonly kind: 'cancel-pause' }
  | { readonly kind: 'abort' }
  | { readonly kind: 'report-waiting'; readonly failure: Failure }
  | { readonly kind: 'report-resumed' }
  | { readonly kind: 'report-failed'; readonly failure: Failure }
  | { readonly kind: 'report-stopped' };

export type Step = { readonly state: LaneState; readonly effects: readonly Effect[] };

export type OpenState = Exclude<LaneState, { kind: 'failed' | 'stopped' }>;

/** A partition and nothing else of what it came with. */
export function bare({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition };
}

/** What every open state has. */
export function common({ standings, wishes, attempt, cannotWrite }: Open): Open {
  return { standings, wishes, attempt, cannotWrite };
}

/** The failure of a lane that was handed offsets beyond the ones it expected. */
export function missing({ topic, partition }: TopicPartition, expected: number, found: number): Failure {
  return {
    code: 'OFFSET_GAP',
    reason: `offsets ${expected} to ${found - 1} never came`,
    hint: 'start again: the table continues from the offset it holds',
    topic,
    partition,
    offset: expected,
  };
}
