import { partitionKey, type TopicPartition } from '../source/change-source.js';
import type { OffsetRange } from './settler.js';

/**
 * How far one partition has come on its way into one table. All are next offsets:
 *
 *     committed  <=  settled  <=  held
 *
 * - `committed`: what the table holds.
 * - `settled`: everything below is in the table, or is nothing for it.
 * - `rowsTo`: past the last row that waits; rows wait if and only if it lies above `settled`.
 * - `held`: everything below has been handed to the lane.
 *
 * `gapTo`: offsets up to there are gone at the source, and the table is to say so before it goes on.
 *
 * `behind`: whether what comes next follows on `held`.
 * - `dropped`: what came above was let go of, or refused; the source is further on.
 * - `sought`: the source was asked to come back to it. What begins beyond it was on its way before, and is no hole.
 */
export type KnownStanding = TopicPartition & {
  readonly kind: 'known';
  readonly committed: number;
  readonly settled: number;
  readonly rowsTo: number;
  readonly held: number;
  readonly gapTo: number | undefined;
  readonly behind: 'no' | 'dropped' | 'sought';
};

/** A partition whose progress the table has not been asked for yet. */
export type UnknownStanding = TopicPartition & {
  readonly kind: 'unknown';
  /** Where it begins if the table holds nothing of it. */
  readonly start: number;
  /**
   * The lane joins a partition that is being read: it is handed over from here on. Everything below is proven to hold
   * nothing for the table, if the table holds nothing of the partition.
   */
  readonly from: number | undefined;
  readonly behind: 'no' | 'dropped';
};

export type Standing = KnownStanding | UnknownStanding;

export type Standings = ReadonlyMap<string, Standing>;

export function keyOf({ topic, partition }: TopicPartition): string {
  return partitionKey(topic, partition);
}

/** The standing once the table was asked: `held` undefined means that it holds nothing of the partition. */
export function known(
  { topic, partition, start, from, behind }: UnknownStanding,
  holds: number | undefined,
): KnownStanding {
  const committed = holds ?? start;
  const settled = Math.max(committed, from ?? committed);
  return {
    kind: 'known',
    topic,
    partition,
    committed,
    settled,
    rowsTo: settled,
    held: settled,
    gapTo: undefined,
    behind,
  };
}

/** Whether rows wait. */
export function waits(standing: Standing): boolean {
  return standing.kind === 'known' && standing.rowsTo > standing.settled;
}

/** Offsets up to `next` were handed over; `lastRow` is the offset of the last row among them, if there is one. */
export function hold(standing: KnownStanding, next: number, lastRow: number | undefined): KnownStanding {
  const rowsTo = lastRow === undefined ? standing.rowsTo : Math.max(standing.rowsTo, lastRow + 1);
  return withoutTail({ ...standing, rowsTo, held: Math.max(standing.held, next), behind: 'no' });
}

/** Everything below `next` is dealt with; `committed` says whether the table knows. */
export function settle(standing: KnownStanding, next: number, committed: boolean): KnownStanding {
  return withoutTail({
    ...standing,
    committed: committed ? Math.max(standing.committed, next) : standing.committed,
    settled: Math.max(standing.settled, next),
    held: Math.max(standing.held, next),
  });
}

/** What waits above `keep`, or is kept aside, is let go of: it has to come again. */
export function letGo(standing: Standing, keep: number): Standing {
  if (standing.kind === 'unknown') return { ...standing, behind: 'dropped' };
  const held = Math.max(standing.settled, Math.min(standing.held, keep));
  const kept = held === standing.held && standing.gapTo === undefined;
  // With the rows below a gap gone, the gap lies further off: it is met again when they have come again.
  const gapTo = held === standing.held ? standing.gapTo : undefined;
  const behind = kept ? standing.behind : 'dropped';
  return { ...standing, held, rowsTo: Math.min(standing.rowsTo, held), gapTo, behind };
}

/** Where a partition has to come again from, or goes on; undefined where nothing of it is wanted for now. */
export function wantedFrom(standing: Standing): number | undefined {
  if (standing.behind === 'dropped') return undefined;
  return standing.kind === 'unknown' ? (standing.from ?? standing.start) : resumesAt(standing);
}

/** The next offset that is of use. */
export function resumesAt({ held, gapTo }: KnownStanding): number {
  return Math.max(held, gapTo ?? held);
}

// Where no row waits, offsets without rows need not wait either.
function withoutTail(standing: KnownStanding): KnownStanding {
  return standing.rowsTo > standing.settled ? standing : { ...standing, settled: standing.held };
}

/** The offsets that a batch takes up to `next`: from what the table holds, and to the end of what has no more rows. */
export function rangeTo(standing: KnownStanding, next: number): OffsetRange {
  const { topic, partition, committed, rowsTo, held } = standing;
  return { topic, partition, base: committed, next: next >= rowsTo ? held : next };
}

/** Offsets dealt with that the table does not know of; undefined if there are none. */
export function unsaved({ topic, partition, committed, settled }: KnownStanding): OffsetRange | undefined {
  return settled > committed ? { topic, partition, base: committed, next: settled } : undefined;
}
