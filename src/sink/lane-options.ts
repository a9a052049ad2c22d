import type { SchedulerLike } from 'rxjs';
import type { TopicPartition } from '../source/change-source.js';
import type { BatchBounds, HeldSlice } from './held-slices.js';
import type { Failure } from './lane-state.js';
import type { BadRecord, SettleMetrics, Slice, TableSettler } from './settler.js';

/** What a lane tells of itself; each state change once. */
export type LaneReport =
  | {
      readonly kind: 'committed';
      readonly version: number;
      readonly next: ReadonlyMap<string, number>;
      readonly metrics: SettleMetrics;
      readonly elapsedMs: number;
    }
  | { readonly kind: 'waiting' | 'failed'; readonly failure: Failure }
  | { readonly kind: 'resumed' | 'stopped' }
  | { readonly kind: 'dead-letters'; readonly count: number };

/** Slices as the user's own operators left them, or the records that could not be handed to them. */
export type Piped =
  | { readonly kind: 'slices'; readonly slices: readonly HeldSlice[] }
  | { readonly kind: 'bad-records'; readonly records: readonly BadRecord[] };

export type LaneOptions = {
  readonly settler: TableSettler;
  readonly bounds: BatchBounds & { readonly maxMs: number };
  readonly tolerance: 'none' | 'all';
  /** Puts records aside; resolves when they are safe. */
  readonly writeLetters: (
    records: readonly BadRecord[],
    slices: readonly Slice[],
    signal: AbortSignal,
  ) => Promise<void>;
  /** Runs once per batch, before it is settled. Takes the leases of what it leaves out. */
  readonly pipe: ((slices: readonly HeldSlice[], signal: AbortSignal) => Promise<Piped>) | undefined;
  readonly acknowledge: (partition: TopicPartition, next: number) => void;
  /** The partition has to come again: the lane let go of what followed on what it wants now. */
  readonly seek: (partition: TopicPartition) => void;
  readonly report: (report: LaneReport) => void;
  /** Told after each change: whoever is short of credit may want rows settled that now can be. */
  readonly changed: () => void;
  /** A bug of ours: the lane is over, and whoever runs it must stop. */
  readonly crash: (cause: unknown) => void;
  readonly scheduler: SchedulerLike;
  readonly random: () => number;
  readonly signal: AbortSignal;
};
