import { Flag, Op } from '../../cdc/changes.js';
import { compareChange } from '../../cdc/compare.js';
import { isSnapshot, orderText, sourceTimeText } from '../../cdc/position.js';
import { partitionKey } from '../../source/change-source.js';
import type { Events } from './events.js';

/** A row's content, as a number: an event's `after` half (>= 0), a located row (`standing(i)`), or `NO_ROW`. */
export type RowCode = number;

export const NO_ROW: RowCode = -1;

/** The code of the located row `index`. */
export function standing(index: number): RowCode {
  return -2 - index;
}

/** The located row's index of a code that `standing` made; negative for any other code. */
export function locatedOf(code: RowCode): number {
  return -2 - code;
}

/** Where the values of a row's unavailable columns are: another row of this batch or table, or a parked image. */
export type CarrySource =
  | { readonly kind: 'row'; readonly row: RowCode }
  | { readonly kind: 'parked'; readonly key: string; readonly order: string }
  | { readonly kind: 'missing' };

/** The image of a row that a key change deleted, whose create has not been seen yet (R16). */
export type Buried = {
  readonly event: number;
  readonly key: number;
  readonly row: RowCode;
  readonly position: string;
};

export type FoldInput = {
  readonly events: Events;
  /** By event: the number of its key, or -1 for an event that concerns no row. */
  readonly keyOf: Int32Array;
  readonly keyCount: number;
  /** By key: the located row that stands, or -1; and its position (null: unknown, loses to any event). */
  readonly standingRow: Int32Array;
  readonly standingPosition: readonly (string | null)[];
  /** By key: the place at which a row that does not stand is remembered to have been deleted (R24). */
  readonly deadPosition: ReadonlyMap<number, string>;
  /** By slice: rows at or below it are gone for good (R14); '' for none. */
  readonly floors: readonly string[];
  /** By slice: time of the newest change of its partition before the batch (`sourceTimeText`). */
  readonly newest: readonly string[];
  /** The same of all the table's partitions. */
  readonly newestOfAll: string;
  /** The number of the key a create came from, -1 if that key is not in the batch. */
  readonly oldKeyNumber: (event: number) => number;
  readonly oldKeyText: (event: number) => string;
};

/** The row of a key was deleted, and is gone at the end of the batch. */
export type Death = { readonly event: number; readonly key: number };

export type Folded = {
  /** By key: what stands after the batch. */
  readonly final: Int32Array;
  readonly deaths: readonly Death[];
  /** The first change that is late and yet newer than what stands: the source's numbers have gone back (R13). */
  readonly regressed: number | undefined;
  /** By event with unavailable columns: where their values are. */
  readonly carries: ReadonlyMap<number, CarrySource>;
  /** Rows that key changes took away and whose creates are not in the batch. */
  readonly buried: readonly Buried[];
  /** Rows that key changes took away and whose creates are. */
  readonly released: readonly Buried[];
  readonly counts: { readonly applied: number; readonly stale: number; readonly repeated: number };
};

/**
 * Folds a batch's events into one outcome per key (docs/architecture.md, "Which change is newer"): each event is
 * compared with what stands at its turn, stale ones and repeats drop out first, and of those that apply the last
 * operation, the place of carried values and the image under an old key survive (R17). Pure; the same comparator
 * decides here and against the table.
 */
export function fold(input: FoldInput): Folded {
  const { events, keyOf } = input;
  const row = new Int32Array(input.keyCount);
  for (let key = 0; key < input.keyCount; key++) {
    const located = input.standingRow[key] ?? -1;
    row[key] = located < 0 ? NO_ROW : standing(located);
  }
  const position: (string | null | undefined)[] = Array.from({ length: input.keyCount });
  const op = new Uint8Array(input.keyCount);
  for (let key = 0; key < input.keyCount; key++) {
    const located = input.standingRow[key] ?? -1;
    if (located >= 0) position[key] = input.standingPosition[located] ?? null;
    else position[key] = input.deadPosition.get(key);
  }
  const clock = new NewestTimes(input);
  const lastDelete = new Map<number, number>();
  let regressed: number | undefined;
  const carries = new Map<number, CarrySource>();
  const buried = new Burials();
  let applied = 0;
  let stale = 0;
  let repeated = 0;

  for (let event = 0; event < events.length; event++) {
    const key = keyOf[event] ?? -1;
    if (key < 0) continue;
    const eventOp = events.op(event);
    const eventPosition = events.position(event);
    const floor = input.floors[events.slice[event] ?? -1] ?? '';
    if (floor !== '' && orderText(eventPosition) <= floor) {
      stale++;
      if (clock.isNewest(event, eventPosition)) regressed ??= event;
      continue;
    }
    const stands = position[key];
    if (stands !== undefined) {
      const verdict = compareChange(
        { position: eventPosition, op: eventOp, fromOldKey: (events.flags(event) & Flag.oldKey) !== 0 },
        { position: stands, dead: row[key] === NO_ROW, op: op[key] ?? 0 },
      );
      if (verdict !== 'newer') {
        if (verdict === 'repeat') repeated++;
        else stale++;
        if (verdict === 'stale' && clock.isNewer(event, eventPosition, stands)) regressed ??= event;
        clock.note(event, eventPosition);
        continue;
      }
    }
    applied++;
    clock.note(event, eventPosition);
    const flags = events.flags(event);
    if (eventOp === Op.delete) {
      if ((flags & Flag.newKey) !== 0) {
        buried.add({ event, key, row: row[key] ?? NO_ROW, position: eventPosition });
      }
      row[key] = NO_ROW;
      lastDelete.set(key, event);
    } else {
      if ((flags & Flag.placeholder) !== 0)
        carries.set(event, carrySource(input, event, row[key] ?? NO_ROW, buried));
      else if ((flags & Flag.oldKey) !== 0) release(input, event, buried);
      row[key] = event;
    }
    position[key] = eventPosition;
    op[key] = eventOp;
  }
  // A create may come before its delete where they lie in different partitions.
  for (const [event, source] of carries) {
    if (source.kind !== 'parked') continue;
    const image = release(input, event, buried);
    if (image !== undefined) carries.set(event, sourceOf(image));
  }
  const deaths = [...lastDelete].flatMap(([key, event]) => (row[key] === NO_ROW ? [{ key, event }] : []));
  return {
    final: row,
    deaths,
    regressed,
    carries,
    buried: buried.left,
    released: buried.released,
    counts: { applied, stale, repeated },
  };
}

/**
 * The times of the newest changes of each partition. A change that the source delivers again was among them; one that
 * is late and newer than all of them is new, and was given a place that lies before what it follows.
 */
class NewestTimes {
  readonly #events: Events;
  readonly #partition: readonly number[];
  readonly #newest: string[];
  #newestOfAll: string;

  constructor({ events, newest, newestOfAll }: FoldInput) {
    this.#events = events;
    const partitions = events.slices.map(({ topic, partition }) => partitionKey(topic, partition));
    this.#partition = partitions.map((key) => partitions.indexOf(key));
    this.#newest = [...newest];
    this.#newestOfAll = newestOfAll;
  }

  note(event: number, position: string): void {
    const partition = this.#partition[this.#events.slice[event] ?? -1] ?? -1;
    const time = sourceTimeText(position);
    if (time > (this.#newest[partition] ?? '')) this.#newest[partition] = time;
    if (time > this.#newestOfAll) this.#newestOfAll = time;
  }

  /** Whether a late streamed change is newer than the row that stands and not older than all of its partition. */
  isNewer(event: number, position: string, stands: string | null): boolean {
    if (isSnapshot(position) || stands === null) return false;
    const time = sourceTimeText(position);
    const partition = this.#partition[this.#events.slice[event] ?? -1] ?? -1;
    const standing = sourceTimeText(stands);
    if (standing === '' || time <= standing) return false;
    // PostgreSQL's clock is that of the commit, which row locks keep in order. Others tell when a statement began: a
    // change delivered again may be newer than what followed it, yet not than all that was seen.
    const newest = this.#newest[partition] ?? '';
    return position.startsWith('1') ? time >= newest : time > newest;
  }

  /** Whether a streamed change is newer than all that was seen in any partition. */
  isNewest(event: number, position: string): boolean {
    const newest = !isSnapshot(position) && sourceTimeText(position) > this.#newestOfAll;
    this.note(event, position);
    return newest;
  }
}

function carrySource(input: FoldInput, event: number, current: RowCode, buried: Burials): CarrySource {
  if ((input.events.flags(event) & Flag.oldKey) === 0) {
    return current === NO_ROW ? { kind: 'missing' } : { kind: 'row', row: current };
  }
  const image = release(input, event, buried);
  if (image !== undefined) return sourceOf(image);
  return { kind: 'parked', key: input.oldKeyText(event), order: orderText(input.events.position(event)) };
}

function sourceOf({ row }: Buried): CarrySource {
  return row === NO_ROW ? { kind: 'missing' } : { kind: 'row', row };
}

/** The image that the delete half of this key change left behind in the batch; it need not be parked any more. */
function release(input: FoldInput, event: number, buried: Burials): Buried | undefined {
  return buried.release(input.oldKeyNumber(event), orderText(input.events.position(event)));
}

/** Rows that key changes of the batch took away, by key and place. */
class Burials {
  readonly #left = new Map<string, Buried>();
  readonly released: Buried[] = [];

  get left(): readonly Buried[] {
    return [...this.#left.values()];
  }

  add(buried: Buried): void {
    this.#left.set(`${buried.key} ${orderText(buried.position)}`, buried);
  }

  release(key: number, order: string): Buried | undefined {
    const place = `${key} ${order}`;
    const found = this.#left.get(place);
    if (found === undefined) return undefined;
    this.#left.delete(place);
    this.released.push(found);
    return found;
  }
}
