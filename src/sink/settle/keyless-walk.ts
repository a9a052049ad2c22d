import { assert, must } from '../../base/errors.js';
import { Op } from '../../cdc/changes.js';
import { isSnapshot, orderText, ordersAcrossPartitions } from '../../cdc/position.js';
import { matchEqualRows, type Ranked } from './equal-rows.js';
import type { Events } from './events.js';
import type { Origin, Taken } from './memory/records.js';

export type WalkInput = {
  readonly events: Events;
  /** The events to apply. */
  readonly news: readonly number[];
  /** The table's rows that equal a `before` image of the batch. */
  readonly located: readonly { readonly text: string; readonly origin: Origin }[];
  /** By text of an event's row: what earlier changes have taken of equal rows, or would have. */
  readonly taken: ReadonlyMap<string, readonly Taken[]>;
  /** Whether the events' places order them across partitions (`placesOrder`). */
  readonly ordered: boolean;
  readonly textOfEvent: (event: number) => string;
  readonly textOfBefore: (event: number) => string;
};

/** A half of an event. */
export type Half = { readonly event: number; readonly half: 'before' | 'after' };

/** What becomes of the rows. */
export type Walked = {
  readonly updates: readonly { readonly event: number; readonly located: number }[];
  /** Rows like an event's `after`; of one that was taken and stands again, where it came from. */
  readonly inserts: readonly { readonly event: number; readonly origin?: Origin }[];
  /** Located rows. */
  readonly deletes: readonly number[];
  /** What is to be remembered, each with a half of the batch that equals the row. */
  readonly taken: readonly { readonly taken: Taken; readonly like: Half }[];
  /** Events that found no row and have no place that orders them among other partitions' rows. */
  readonly lost: readonly number[];
};

type Put = Ranked & {
  readonly from:
    | { readonly kind: 'event'; readonly event: number }
    | { readonly kind: 'located'; readonly located: number; readonly origin: Origin }
    | { readonly kind: 'taken'; readonly origin: Origin };
};
type Take = Ranked & {
  readonly by:
    | { readonly kind: 'event'; readonly event: number }
    | { readonly kind: 'known'; readonly taken: Taken; readonly row: Put | undefined };
};
/** All that is known of rows that equal one another; `like`: a half of the batch that equals them. */
type Group = { readonly puts: Put[]; readonly takes: Take[]; like: Half | undefined };

/**
 * Whether these events can be brought into the source's order. Where they cannot, they are taken as they come, and each
 * update or delete must find its row.
 */
export function placesOrder(events: Events, news: readonly number[]): boolean {
  return news.every((event) => ordersAcrossPartitions(orderText(events.position(event))));
}

/**
 * The rank of a row or change by its place in the source's history. A snapshot's rows lie before all that is streamed:
 * what a transaction wrote before the snapshot was taken, and committed after it, is streamed and may concern them (R12).
 */
export function rankOf(position: string): string {
  return isSnapshot(position) ? '' : orderText(position);
}

/**
 * Decides what a batch does to the rows of a table without a key: for each content that it touches, the rows that stand
 * by all that is known, earlier changes and the batch's, less those that stand now (R18; SPEC.md, "Equal rows"). Pure.
 */
export function walkKeyless(input: WalkInput): Walked {
  const outcome = new Outcome(input);
  for (const group of groupsOf(input).values()) outcome.settle(group);
  return outcome.result();
}

function groupsOf(input: WalkInput): ReadonlyMap<string, Group> {
  const { events, news, located, taken, ordered } = input;
  const groups = new Map<string, Group>();
  const groupOf = (text: string): Group => {
    const known = groups.get(text);
    if (known !== undefined) return known;
    const group: Group = { puts: [], takes: [], like: undefined };
    groups.set(text, group);
    return group;
  };
  const ranked = (origin: Origin): Ranked => {
    const { position, partition, offset } = origin;
    return { rank: ordered ? rankOf(position) : '', partition, offset };
  };
  located.forEach(({ text, origin }, at) => {
    groupOf(text).puts.push({ ...ranked(origin), from: { kind: 'located', located: at, origin } });
  });
  for (const [text, all] of taken) {
    const group = groupOf(text);
    for (const each of all) {
      const { by, row: origin } = each;
      const row: Put | undefined =
        origin === undefined ? undefined : { ...ranked(origin), from: { kind: 'taken', origin } };
      if (row !== undefined) group.puts.push(row);
      group.takes.push({ ...ranked(by), by: { kind: 'known', taken: each, row } });
    }
  }
  news.forEach((event, at) => {
    const op = events.op(event);
    const place = ranked(events.origin(event));
    const rank = ordered ? place.rank : (at + 1).toString(16).padStart(8, '0');
    if (op === Op.update || op === Op.delete) {
      const group = groupOf(input.textOfBefore(event));
      group.takes.push({ ...place, rank, by: { kind: 'event', event } });
      group.like ??= { event, half: 'before' };
    }
    if (op !== Op.delete) {
      const group = groupOf(input.textOfEvent(event));
      group.puts.push({ ...place, rank, from: { kind: 'event', event } });
      if (group.like?.half !== 'after') group.like = { event, half: 'after' };
    }
  });
  return groups;
}

class Outcome {
  readonly #input: WalkInput;
  /** Events whose row comes to stand. */
  readonly #standing: number[] = [];
  readonly #again: { readonly event: number; readonly origin: Origin }[] = [];
  readonly #removed = new Set<number>();
  readonly #taken: { readonly taken: Taken; readonly like: Half }[] = [];
  readonly #lost: number[] = [];
  /** By event: the row that it took. */
  readonly #took = new Map<number, Put>();

  constructor(input: WalkInput) {
    this.#input = input;
  }

  settle({ puts, takes, like }: Group): void {
    const { standing, took } = matchEqualRows(puts, takes);
    for (const put of puts) {
      const { from } = put;
      if (from.kind === 'located') {
        if (!standing.has(put)) this.#removed.add(from.located);
      } else if (standing.has(put)) {
        if (from.kind === 'event') this.#standing.push(from.event);
        else this.#again.push({ event: rowLike(like), origin: from.origin });
      }
    }
    for (const [{ by }, row] of took) {
      if (by.kind === 'event') this.#takenBy(by.event, row);
      else if (row !== by.row) {
        const { taken } = by;
        this.#note(
          { by: taken.by, round: taken.round + 1, row: this.#originOf(row) },
          must(like, 'a like row'),
        );
      }
    }
  }

  result(): Walked {
    const updates: { event: number; located: number }[] = [];
    const inserts: { event: number; origin?: Origin }[] = [];
    const left = new Set(this.#removed);
    for (const event of this.#standing) {
      const located = this.#cameFrom(event);
      if (located !== undefined && left.delete(located)) updates.push({ event, located });
      else inserts.push({ event });
    }
    return {
      updates,
      inserts: [...inserts, ...this.#again],
      deletes: [...left],
      taken: this.#taken,
      lost: this.#lost,
    };
  }

  #takenBy(event: number, row: Put | undefined): void {
    const { events, ordered } = this.#input;
    const by = events.origin(event);
    if (row !== undefined) this.#took.set(event, row);
    else if (!ordersAcrossPartitions(orderText(by.position))) this.#lost.push(event);
    if (ordered || row === undefined) {
      this.#note({ by, round: 0, row: this.#originOf(row) }, { event, half: 'before' });
    }
  }

  #note(taken: Taken, like: Half): void {
    this.#taken.push({ taken, like });
  }

  #originOf(row: Put | undefined): Origin | undefined {
    if (row === undefined) return undefined;
    return row.from.kind === 'event' ? this.#input.events.origin(row.from.event) : row.from.origin;
  }

  /** The table's row that an event's row goes back to, through rows of the batch that others have changed. */
  #cameFrom(event: number): number | undefined {
    let from = this.#took.get(event)?.from;
    while (from?.kind === 'event') from = this.#took.get(from.event)?.from;
    return from?.kind === 'located' ? from.located : undefined;
  }
}

/** More rows stand than did only if the batch puts some: where a row stands again, an event's takes its place in a pair. */
function rowLike(like: Half | undefined): number {
  assert(like?.half === 'after', 'a row stands again when an equal one comes');
  return like.event;
}
