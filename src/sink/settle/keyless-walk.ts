import { Op } from '../../cdc/changes.js';
import { orderText } from '../../cdc/position.js';
import type { Events } from './events.js';
import { changesRow } from './keys.js';

/** A row that stands while the batch is gone through: an event's, one of the table's, or a remembered update's. */
type Row =
  | { readonly kind: 'event'; readonly event: number }
  | { readonly kind: 'located'; readonly located: number }
  | { readonly kind: 'remembered'; readonly index: number };

/** A row that goes in: an event's, or the one that a remembered update leaves. */
export type PutRow = Exclude<Row, { readonly kind: 'located' }>;

/** An update or delete that an earlier commit found no row for. `after`: the text of the row it leaves, if it does. */
export type Remembered = {
  readonly before: string;
  readonly after: string | undefined;
  readonly order: string;
};

export type WalkInput = {
  readonly events: Events;
  /** The events to apply, in the order in which they are to be. */
  readonly order: readonly number[];
  /** Texts of the table's rows that equal a `before` image of the batch. */
  readonly located: readonly string[];
  readonly remembered: readonly Remembered[];
  readonly textOfEvent: (event: number) => string;
  readonly textOfBefore: (event: number) => string;
};

/** What becomes of the rows. */
export type Walked = {
  readonly updates: readonly { readonly row: PutRow; readonly located: number }[];
  readonly inserts: readonly PutRow[];
  readonly deletes: readonly number[];
  /** Events that found no row that equals their `before`: they wait for it. */
  readonly unmatched: readonly number[];
  /** Indexes of remembered ones that have found their row. */
  readonly matched: readonly number[];
};

type Waiter = {
  readonly row: PutRow;
  readonly order: string;
  /** Undefined for a delete. */
  readonly after: string | undefined;
};

/**
 * Goes through the events of a table without a key, with the table's equal rows and the batch's own as what stands: an
 * update or delete takes one row that equals its `before`. One that finds none waits for an insert from an earlier place,
 * of this batch or of a later one: its row comes from a partition that is behind (R18). Pure.
 */
export function walkKeyless(input: WalkInput): Walked {
  const walk = new Walk(input);
  for (const event of input.order) walk.take(event);
  return walk.result();
}

class Walk {
  readonly #input: WalkInput;
  readonly #rows = new Map<string, Row[]>();
  readonly #waiters = new Map<string, Waiter[]>();
  /** By put row: the table's row that it goes back to. */
  readonly #origin = new Map<string, number>();
  readonly #live = new Map<string, PutRow>();
  readonly #deletes: number[] = [];
  readonly #matched: number[] = [];

  constructor(input: WalkInput) {
    this.#input = input;
    input.located.forEach((text, located) => push(this.#rows, text, { kind: 'located', located }));
    input.remembered.forEach(({ before, after, order }, index) => {
      push(this.#waiters, before, { row: { kind: 'remembered', index }, order, after });
    });
  }

  take(event: number): void {
    const { events, textOfBefore, textOfEvent } = this.#input;
    const op = events.op(event);
    if (!changesRow(op)) return;
    const order = orderText(events.position(event));
    const row: PutRow = { kind: 'event', event };
    if (op !== Op.update && op !== Op.delete) {
      this.#stand(row, textOfEvent(event), order);
      return;
    }
    const after = op === Op.delete ? undefined : textOfEvent(event);
    const before = textOfBefore(event);
    const found = this.#rows.get(before)?.shift();
    if (found === undefined) push(this.#waiters, before, { row, order, after });
    else this.#change(found, { row, order, after });
  }

  result(): Walked {
    const updates: { row: PutRow; located: number }[] = [];
    const inserts: PutRow[] = [];
    for (const [key, row] of this.#live) {
      const located = this.#origin.get(key);
      if (located === undefined) inserts.push(row);
      else updates.push({ row, located });
    }
    const unmatched = [...this.#waiters.values()]
      .flat()
      .flatMap(({ row }) => (row.kind === 'event' ? [row.event] : []));
    return { updates, inserts, deletes: this.#deletes, unmatched, matched: this.#matched };
  }

  /** A row comes to stand, unless one that waits for it, from a later place, takes it at once. */
  #stand(row: PutRow, text: string, order: string): void {
    this.#live.set(keyOf(row), row);
    const waiters = this.#waiters.get(text);
    const at = waiters?.findIndex((waiter) => waiter.order > order) ?? -1;
    const [waiter] = at < 0 ? [] : (waiters?.splice(at, 1) ?? []);
    if (waiter === undefined) {
      push(this.#rows, text, row);
      return;
    }
    if (waiter.row.kind === 'remembered') this.#matched.push(waiter.row.index);
    this.#change(row, waiter);
  }

  #change(found: Row, { row, order, after }: Waiter): void {
    const from = found.kind === 'located' ? found.located : this.#origin.get(keyOf(found));
    if (found.kind !== 'located') this.#live.delete(keyOf(found));
    if (after === undefined) {
      if (from !== undefined) this.#deletes.push(from);
      return;
    }
    if (from !== undefined) this.#origin.set(keyOf(row), from);
    this.#stand(row, after, order);
  }
}

function keyOf(row: PutRow): string {
  return row.kind === 'event' ? `e${row.event}` : `r${row.index}`;
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
