import { Op } from './changes.js';
import { comparePositions, isSnapshot } from './position.js';

/** A change that asks to be applied. */
export type Arriving = {
  readonly position: string;
  readonly op: number;
  /** It is the create half of a key change (header `__debezium.oldkey`). */
  readonly fromOldKey?: boolean;
};

/** What is known of the row it concerns. */
export type Standing = {
  /** Null: the row was there before positions were kept, and loses to any event. */
  readonly position: string | null;
  /** A delete is what was applied last. */
  readonly dead: boolean;
  /** The operation applied last, where it is still known (`Op.foreign` or absent: it is not). */
  readonly op?: number;
};

/**
 * - `newer`: apply it.
 * - `repeat`: this very change was applied before; nothing changes, neither row nor feed.
 * - `stale`: something later stands; nothing changes.
 */
export type Verdict = 'newer' | 'repeat' | 'stale';

/**
 * Decides whether a change is news for a row: the one comparison, inside a batch and against the table
 * alike, for changes of one partition taken in offset order.
 *
 * By place, epoch first (`comparePositions`): later is newer, earlier is stale. But a streamed change beats a
 * row that came from a snapshot whatever their places: a transaction that commits after the snapshot
 * writes at a place before it. A snapshot's row beats only what stands at an earlier place, or a
 * deletion or row of unknown place.
 *
 * At the same place: a delete after a delete and an upsert over a row repeat what was done. An upsert over a
 * delete applies, for a key change deletes and creates at one place; the delete of that pair,
 * seen again once the create stands, is stale. The offset is no part of a known place, or each
 * replay would look newer.
 */
export function compareChange(event: Arriving, standing: Standing): Verdict {
  if (standing.position === null) return 'newer';
  const order = comparePositions(event.position, standing.position);
  const eventIsSnapshot = isSnapshot(event.position);
  const standingIsSnapshot = isSnapshot(standing.position);
  if (standingIsSnapshot && !eventIsSnapshot) return 'newer';
  if (order !== 0) return order > 0 ? 'newer' : 'stale';
  // The stream has said what a snapshot finds at the place it has reached.
  if (eventIsSnapshot && !standingIsSnapshot) return 'stale';
  const deletes = event.op === Op.delete;
  if (deletes === standing.dead) return 'repeat';
  return deletes ? 'stale' : 'newer';
}
