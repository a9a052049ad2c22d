import { Flag, Op } from '../../cdc/changes.js';
import { compareChange } from '../../cdc/compare.js';
import { orderText } from '../../cdc/position.js';
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
  | { readonly kind: 'parked'; readonly key: string; readonly position: string }
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
  /** By slice: rows at or below it are gone for good (R14); '' for none. */
  readonly floors: readonly string[];
  /** The number of the key a create came from, -1 if that key is not in the batch. */
  readonly oldKeyNumber: (event: number) => number;
  readonly oldKeyText: (event: number) => string;
};

export type Folded = {
  /** By key: what stands after the batch. */
  readonly final: Int32Array;
  /** By event with unavailable columns: where their values are. */
  readonly carries: ReadonlyMap<number, CarrySource>;
  readonly buried: readonly Buried[];
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
  }
  const carries = new Map<number, CarrySource>();
  const buried = new Map<number, Buried>();
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
        continue;
      }
    }
    applied++;
    const flags = events.flags(event);
    if (eventOp === Op.delete) {
      if ((flags & Flag.newKey) !== 0) {
        buried.set(key, { event, key, row: row[key] ?? NO_ROW, position: eventPosition });
      }
      row[key] = NO_ROW;
    } else {
      if ((flags & Flag.placeholder) !== 0)
        carries.set(event, carrySource(input, event, row[key] ?? NO_ROW, buried));
      else if ((flags & Flag.oldKey) !== 0) release(input, event, buried);
      row[key] = event;
    }
    position[key] = eventPosition;
    op[key] = eventOp;
  }
  return { final: row, carries, buried: [...buried.values()], counts: { applied, stale, repeated } };
}

function carrySource(
  input: FoldInput,
  event: number,
  current: RowCode,
  buried: Map<number, Buried>,
): CarrySource {
  if ((input.events.flags(event) & Flag.oldKey) === 0) {
    return current === NO_ROW ? { kind: 'missing' } : { kind: 'row', row: current };
  }
  const image = release(input, event, buried);
  if (image !== undefined) {
    return image.row === NO_ROW ? { kind: 'missing' } : { kind: 'row', row: image.row };
  }
  return { kind: 'parked', key: input.oldKeyText(event), position: input.events.position(event) };
}

/** The image that the delete half of this key change left behind in the batch; it need not be parked any more. */
function release(input: FoldInput, event: number, buried: Map<number, Buried>): Buried | undefined {
  const from = input.oldKeyNumber(event);
  const image = buried.get(from);
  if (image === undefined || orderText(image.position) !== orderText(input.events.position(event)))
    return undefined;
  buried.delete(from);
  return image;
}
