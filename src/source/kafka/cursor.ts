/** What to do with the outcome of a fetch. */
export type Verdict =
  /** It accounts for `[base, next)`: hand over its records from `base` on. */
  | { readonly kind: 'take'; readonly base: number; readonly next: number }
  /** It tells nothing new, or nothing is wanted now; the offset is set again before anything is. */
  | { readonly kind: 'ignore' }
  /** It may have skipped something: fetch again from `to`. */
  | { readonly kind: 'refetch'; readonly to: number };

const IGNORE: Verdict = { kind: 'ignore' };

/**
 * One assigned partition: its position, and the proof that no fetch skips over anything.
 *
 * The client may begin to fetch at an offset that nobody here asked for: the group's, after a join; its
 * default, when the offset is gone. Watermarks cannot tell such a jump from a compacted stretch. So
 * continuity is proven by the fetch itself: an answer holds everything that is readable from the offset
 * that was asked for, so it may be taken exactly if that offset is not above the position.
 */
export class Cursor {
  readonly topic: string;
  readonly partition: number;
  #gate: 'asking' | 'open' | 'gap' = 'asking';
  #position = 0;
  #openedAt = 0;
  #refetches = 0;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  /** Everything below is accounted for. Means nothing while the cursor is `asking`. */
  get position(): number {
    return this.#position;
  }

  /** `asking`: nobody has said yet where to begin. `gap`: the position does not exist. */
  get gate(): 'asking' | 'open' | 'gap' {
    return this.#gate;
  }

  /** How often in a row a fetch was refused: several times means that the position cannot be fetched. */
  get refetches(): number {
    return this.#refetches;
  }

  /** Begins at `position`, after a seek of the client to it. `at` is the fetch clock's time of that seek. */
  open(position: number, at: number): void {
    this.#gate = 'open';
    this.#position = position;
    this.#openedAt = at;
    this.#refetches = 0;
  }

  /** Nothing is taken until the cursor is opened again; the position stays what was expected. */
  lose(position = this.#position): void {
    this.#gate = 'gap';
    this.#position = position;
  }

  /** A fetch from `fetchedOffset` brought records, and accounts for the offsets below `next`. */
  take(fetchedOffset: number, next: number): Verdict {
    if (this.#gate !== 'open') return IGNORE;
    if (fetchedOffset > this.#position) return this.#refetch();
    return this.#advance(next);
  }

  /**
   * A fetch brought offsets up to `last` but no record; the first of them was `first`, or `last` is the
   * offset that was asked for. It does not say where it began. It began at or below `first`; and if every
   * fetch in flight has begun after this cursor was opened, it began where the one before ended.
   */
  takeEmpty(run: { readonly first: number | undefined; readonly last: number }, clock: FetchClock): Verdict {
    if (this.#gate !== 'open') return IGNORE;
    const begins = run.first ?? run.last;
    if (begins > this.#position && !clock.allBegunSince(this.#openedAt)) return this.#refetch();
    return this.#advance(run.last + 1);
  }

  #advance(next: number): Verdict {
    this.#refetches = 0;
    const base = this.#position;
    if (next <= base) return IGNORE;
    this.#position = next;
    return { kind: 'take', base, next };
  }

  #refetch(): Verdict {
    this.#refetches += 1;
    return { kind: 'refetch', to: this.#position };
  }
}

/**
 * Counts fetches, to tell whether one that is being handled began before a certain moment. A node's
 * fetch begins only after everything from its one before has been handled.
 */
export class FetchClock {
  #now = 0;
  readonly #latest = new Map<string, { readonly at: number; readonly atMs: number }>();

  /** A node that has not begun a fetch for this long is no longer fetched from: a fetch cannot take longer. */
  static readonly forgottenAfterMs = 120_000;

  /** The moment of a seek: later than every fetch that has begun, earlier than those that will. */
  now(): number {
    return (this.#now += 1);
  }

  began(nodeId: string, nowMs: number): void {
    this.#latest.set(nodeId, { at: this.now(), atMs: nowMs });
    for (const [id, { atMs }] of this.#latest) {
      if (nowMs - atMs > FetchClock.forgottenAfterMs) this.#latest.delete(id);
    }
  }

  allBegunSince(moment: number): boolean {
    for (const { at } of this.#latest.values()) if (at < moment) return false;
    return true;
  }
}
