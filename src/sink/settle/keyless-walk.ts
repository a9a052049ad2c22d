import { Op } from '../../cdc/changes.js';
import { orderText, ordersAcrossPartitions } from '../../cdc/position.js';
import type { Events } from './events.js';
import { changesRow } from './keys.js';

/** A row that stands while the batch is gone through: an event's, or one of the table's. */
type Row = { readonly event: number } | { readonly located: number };

/** A change whose row had not come when it was applied: the next equal row from before `limit` is that row. */
export type Owed = { readonly text: string; readonly limit: string };

export type WalkInput = {
  readonly events: Events;
  /** The events to apply, in the order in which they are to be. */
  readonly order: readonly number[];
  /** Texts of the table's rows that equal a `before` image of the batch. */
  readonly located: readonly string[];
  /** What earlier commits are owed. */
  readonly owed: readonly Owed[];
  /** The latest place, as it is compared, of all changes that were applied to the table or are in the batch. */
  readonly newest: string;
  readonly textOfEvent: (event: number) => string;
  readonly textOfBefore: (event: number) => string;
};

/** What becomes of the rows. */
export type Walked = {
  readonly updates: readonly { readonly event: number; readonly located: number }[];
  readonly inserts: readonly number[];
  readonly deletes: readonly number[];
  /** Events that found no row that equals their `before`, by whatever place it must come from before. */
  readonly owed: readonly { readonly event: number; readonly limit: string }[];
  /** Indexes of what was owed and has come. */
  readonly paid: readonly number[];
  /** Events that found no row and have no place that orders them among other partitions' rows. */
  readonly lost: readonly number[];
};

type Debt = Owed & { readonly from: { readonly event: number } | { readonly index: number } };

/**
 * Goes through the events of a table without a key, with the table's equal rows and the batch's own as what stands: an
 * update or delete takes one row that equals its `before`. One that finds none is applied all the same, and its row is
 * owed: it comes from a partition that is behind, and is taken out as it comes (R18).
 *
 * Equal rows can stand for each other, so what counts is how many there are: a row may pay for any change that takes an
 * equal one. But only rows from before the newest place that was applied when the debt was made pay: what was written
 * later is never swallowed by a change whose row was never sent. Pure.
 */
export function walkKeyless(input: WalkInput): Walked {
  const walk = new Walk(input);
  for (const event of input.order) walk.take(event);
  return walk.result();
}

class Walk {
  readonly #input: WalkInput;
  readonly #rows = new Map<string, Row[]>();
  readonly #debts = new Map<string, Debt[]>();
  /** The table's row that each event's row goes back to, for those that do. */
  readonly #origin = new Map<number, number>();
  readonly #live = new Set<number>();
  readonly #deletes: number[] = [];
  readonly #paid: number[] = [];
  readonly #lost: number[] = [];

  constructor(input: WalkInput) {
    this.#input = input;
    input.located.forEach((text, located) => push(this.#rows, text, { located }));
    input.owed.forEach((owed, index) => push(this.#debts, owed.text, { ...owed, from: { index } }));
  }

  take(event: number): void {
    const { events, textOfBefore } = this.#input;
    const op = events.op(event);
    if (!changesRow(op)) return;
    if (op === Op.update || op === Op.delete) {
      const before = textOfBefore(event);
      const found = this.#rows.get(before)?.shift();
      if (found === undefined && !this.#owe(event, before)) return;
      const from = found === undefined ? undefined : this.#leave(found);
      if (op === Op.delete) {
        if (from !== undefined) this.#deletes.push(from);
        return;
      }
      if (from !== undefined) this.#origin.set(event, from);
    }
    this.#stand(event);
  }

  result(): Walked {
    const updates: { event: number; located: number }[] = [];
    const inserts: number[] = [];
    for (const event of this.#live) {
      const located = this.#origin.get(event);
      if (located === undefined) inserts.push(event);
      else updates.push({ event, located });
    }
    const owed = [...this.#debts.values()]
      .flat()
      .flatMap(({ from, limit }) => ('event' in from ? [{ event: from.event, limit }] : []));
    return { updates, inserts, deletes: this.#deletes, owed, paid: this.#paid, lost: this.#lost };
  }

  /** Whether the event may go on without its row, which then is owed. */
  #owe(event: number, text: string): boolean {
    const order = orderText(this.#input.events.position(event));
    if (!ordersAcrossPartitions(order)) {
      this.#lost.push(event);
      return false;
    }
    const { newest } = this.#input;
    push(this.#debts, text, { text, limit: order > newest ? order : newest, from: { event } });
    return true;
  }

  /** An event's row comes to stand, unless it is owed. */
  #stand(event: number): void {
    const text = this.#input.textOfEvent(event);
    const order = orderText(this.#input.events.position(event));
    const debts = this.#debts.get(text) ?? [];
    // The least limit that it is below: what has a later one can wait for later rows.
    let least = -1;
    for (const [at, { limit }] of debts.entries()) {
      if (limit > order && (least < 0 || limit < (debts[least]?.limit ?? ''))) least = at;
    }
    const [debt] = least < 0 ? [] : debts.splice(least, 1);
    if (debt === undefined) {
      this.#live.add(event);
      push(this.#rows, text, { event });
      return;
    }
    if ('index' in debt.from) this.#paid.push(debt.from.index);
    const located = this.#origin.get(event);
    if (located !== undefined) this.#deletes.push(located);
  }

  /** Takes a row away; gives the table's row that it goes back to. */
  #leave(row: Row): number | undefined {
    if ('located' in row) return row.located;
    this.#live.delete(row.event);
    return this.#origin.get(row.event);
  }
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
