import type { Changes } from '../../cdc/changes.js';
import { withEpoch } from '../../cdc/position.js';
import type { Slice } from '../settler.js';
import type { Origin } from './memory/records.js';
import { epochsOf, type PartitionDomain } from './partition-domain.js';

/**
 * The records of a batch as one list: event `e` is record `record[e]` of slice `slice[e]`. Slices stand one
 * after another, each in offset order; no order is claimed between records of different slices.
 */
export class Events {
  readonly slices: readonly Slice[];
  readonly length: number;
  readonly slice: Uint32Array;
  readonly record: Uint32Array;
  /** By slice: offsets from which positions count in a later epoch, ascending; undefined for none. */
  readonly #epochs: readonly (PartitionDomain['epochs'] | undefined)[];

  /** `domains`: what the table remembers of its partitions. */
  constructor(slices: readonly Slice[], domains: ReadonlyMap<string, PartitionDomain> = new Map()) {
    this.slices = slices;
    this.#epochs = slices.map((slice) => {
      const epochs = epochsOf(domains, slice);
      return epochs.length === 0 ? undefined : epochs.toSorted((a, b) => a.offset - b.offset);
    });
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

  /** When the event's Kafka record was made, ms since 1970. */
  timestamp(event: number): number {
    return this.changes(event).timestamp(this.record[event] ?? -1);
  }

  /** The event's place in Kafka. */
  place(event: number): { readonly partition: number; readonly offset: number } {
    const { partition, changes } = this.sliceOf(event);
    return { partition, offset: changes.offset(this.record[event] ?? -1) };
  }

  origin(event: number): Origin {
    return { position: this.position(event), ...this.place(event) };
  }

  /** The event's position text, in the epoch that its offset lies in (R13). */
  position(event: number): string {
    const changes = this.changes(event);
    const record = this.record[event] ?? -1;
    const position = changes.position[record] ?? '';
    const epochs = this.#epochs[this.slice[event] ?? -1];
    if (epochs === undefined || position === '') return position;
    const offset = changes.offset(record);
    const boundary = epochs.findLast((each) => each.offset <= offset);
    return boundary === undefined ? position : withEpoch(position, boundary.epoch);
  }
}
