import type { Changes } from '../../cdc/changes.js';
import type { Slice } from '../settler.js';

/**
 * The records of a batch as one list: event `e` is record `record[e]` of slice `slice[e]`. Slices stand one
 * after another, each in offset order; no order is claimed between records of different slices.
 */
export class Events {
  readonly slices: readonly Slice[];
  readonly length: number;
  readonly slice: Uint32Array;
  readonly record: Uint32Array;

  constructor(slices: readonly Slice[]) {
    this.slices = slices;
    this.length = slices.reduce((sum, slice) => sum + slice.rows.length, 0);
    this.slice = new Uint32Array(this.length);
    this.record = new Uint32Array(this.length);
    let at = 0;
    slices.forEach((slice, index) => {
      this.slice.fill(index, at, at + slice.rows.length);
      this.record.set(slice.rows, at);
      at += slice.rows.length;
    });
  }

  changes(event: number): Changes {
    return this.sliceOf(event).changes;
  }

  sliceOf(event: number): Slice {
    const slice = this.slices[this.slice[event] ?? -1];
    if (slice === undefined) throw new RangeError(`no event ${event}`);
    return slice;
  }

  op(event: number): number {
    return this.changes(event).op[this.record[event] ?? -1] ?? 0;
  }

  flags(event: number): number {
    return this.changes(event).flags[this.record[event] ?? -1] ?? 0;
  }

  position(event: number): string {
    return this.changes(event).position[this.record[event] ?? -1] ?? '';
  }
}
