import type { RawRecord } from '../cdc/record.js';
import { describeRecord } from './last-record.js';
import type { LastRecord } from './settler.js';

/** The record that a table applied last in a partition. */
export type LastOf<T> = { readonly table: T; readonly last: LastRecord };

/** What comes of a stretch of a partition that was read. */
export type Seen<T> = {
  /** There is another record at the offset of one that was applied. */
  readonly different: readonly LastOf<T>[];
  /** There is none any more: compacted, or expired. */
  readonly gone: readonly LastOf<T>[];
  /**
   * `behind`: nothing of the stretch is anybody's; where there is nothing more to see for a while, reading is to go on
   * at `seek`. `take`: what lies at `from` or above is to be handed out.
   */
  readonly way:
    | { readonly kind: 'behind'; readonly seek: number | undefined }
    | { readonly kind: 'take'; readonly from: number };
};

/**
 * The way back into a partition. Its tables want it from `from` on, but the record that each of them applied last is
 * read again before anything behind it is believed: a topic that was made anew, and refilled past the offsets of its
 * tables, holds another record there (R6). What is read below `from` on the way is handed to nobody.
 */
export class Resumption<T> {
  /** Still to be seen, by offset. */
  #waiting: readonly LastOf<T>[];
  readonly #tables: ReadonlySet<T>;
  #from: number | undefined;
  #sought: number | undefined;

  constructor(last: readonly LastOf<T>[], from: number) {
    this.#waiting = last.toSorted((one, other) => one.last.offset - other.last.offset);
    this.#tables = new Set(last.map(({ table }) => table));
    this.#from = from;
  }

  /** Where the tables want the partition from, until something from there has come. */
  get from(): number | undefined {
    return this.#from;
  }

  /** The lowest offset below `from` that is still to be seen; undefined if there is none. */
  get unseen(): number | undefined {
    const first = this.#waiting[0]?.last.offset;
    return first !== undefined && this.#from !== undefined && first < this.#from ? first : undefined;
  }

  /** Where to read on if nothing is wanted below `wanted`: at the first record that is still to be seen, if that is lower. */
  next(wanted: number): number {
    return Math.min(wanted, this.#waiting[0]?.last.offset ?? wanted);
  }

  /** Whether nothing has come yet that shows that `from` exists, though reading began below it. */
  get open(): boolean {
    return this.#from !== undefined && (this.unseen !== undefined || this.#sought !== undefined);
  }

  /** Whether the table has a record of its own to be judged by. */
  judges(table: T): boolean {
    return this.#tables.has(table);
  }

  /** All that there is between what was seen before and `next` is among these records, in offset order. */
  see(records: readonly RawRecord[], next: number): Seen<T> {
    return { ...this.#compare(records, next), way: this.#goOn(next) };
  }

  #compare(records: readonly RawRecord[], next: number): Pick<Seen<T>, 'different' | 'gone'> {
    const due = this.#waiting.filter(({ last }) => last.offset < next);
    if (due.length === 0) return { different: [], gone: [] };
    this.#waiting = this.#waiting.slice(due.length);
    const wanted = new Set(due.map(({ last }) => last.offset));
    const hashes = new Map<number, string>();
    for (const record of records) {
      const offset = Number(record.offset);
      if (wanted.has(offset)) hashes.set(offset, describeRecord(record).hash);
    }
    return {
      different: due.filter(({ last }) => (hashes.get(last.offset) ?? last.hash) !== last.hash),
      gone: due.filter(({ last }) => !hashes.has(last.offset)),
    };
  }

  #goOn(next: number): Seen<T>['way'] {
    const from = this.#from;
    if (from === undefined) return { kind: 'take', from: 0 };
    if (next > from) {
      this.#from = undefined;
      return { kind: 'take', from };
    }
    const to = this.unseen ?? from;
    const told = to <= next || to === this.#sought;
    this.#sought = to;
    return { kind: 'behind', seek: told ? undefined : to };
  }
}
