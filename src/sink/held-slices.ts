import type { TopicPartition } from '../source/change-source.js';
import type { Lease } from '../pipeline/credit.js';
import type { BadRecord, OffsetRange, Slice } from './settler.js';
import { keyOf } from './standing.js';

/** A slice, the bytes that are its part of what it came in with, and its hold on them. */
export type HeldSlice = { readonly slice: Slice; readonly bytes: number; readonly lease: Lease };

/** At which size a batch is closed. */
export type BatchBounds = { readonly maxBytes: number; readonly maxRows: number };

/** Rows that wait for one table, in the order they came. Every slice in it has rows. */
export class HeldSlices {
  #slices: HeldSlice[] = [];
  #rows = 0;
  #bytes = 0;

  get rows(): number {
    return this.#rows;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Takes the slice's lease over. */
  add(held: HeldSlice): void {
    this.#slices.push(held);
    this.#rows += held.slice.rows.length;
    this.#bytes += held.bytes;
  }

  reaches({ maxBytes, maxRows }: BatchBounds): boolean {
    return this.#rows >= maxRows || this.#bytes >= maxBytes;
  }

  /**
   * Where a batch within the bounds ends, by partition: as many rows as fit, oldest first, and at least one. The
   * slice that reaches `maxBytes` is in it whole.
   */
  cut({ maxBytes, maxRows }: BatchBounds): ReadonlyMap<string, number> {
    const upTo = new Map<string, number>();
    let bytes = 0;
    let rows = 0;
    for (const { slice, bytes: sliceBytes } of this.#slices) {
      const room = Math.max(maxRows, 1) - rows;
      const firstLeftOut = slice.rows[room];
      upTo.set(keyOf(slice), firstLeftOut === undefined ? slice.next : slice.changes.offset(firstLeftOut));
      rows += slice.rows.length;
      bytes += sliceBytes;
      if (rows >= maxRows || bytes >= maxBytes) break;
    }
    return upTo;
  }

  /** Removes what lies below the ranges' ends and returns it; a slice that an end goes through is parted. */
  take(ranges: readonly OffsetRange[]): HeldSlice[] {
    const ends = new Map(ranges.map((range) => [keyOf(range), range.next]));
    const taken: HeldSlice[] = [];
    const left: HeldSlice[] = [];
    for (const held of this.#slices) {
      const end = ends.get(keyOf(held.slice));
      const [below, above] = end === undefined ? [undefined, held] : part(held, end);
      if (below !== undefined) taken.push(below);
      if (above === undefined) continue;
      if (above.slice.rows.length > 0) left.push(above);
      else above.lease.release();
    }
    this.#become(left);
    return taken;
  }

  /** Lets go of rows of a partition below `next`. */
  trim({ topic, partition }: TopicPartition, next: number): void {
    release(this.take([{ topic, partition, base: 0, next }]));
  }

  drop(partitions: readonly TopicPartition[]): void {
    const gone = new Set(partitions.map(keyOf));
    release(this.#slices.filter(({ slice }) => gone.has(keyOf(slice))));
    this.#become(this.#slices.filter(({ slice }) => !gone.has(keyOf(slice))));
  }

  dropAll(): void {
    release(this.#slices);
    this.#become([]);
  }

  #become(slices: HeldSlice[]): void {
    this.#slices = slices;
    this.#rows = slices.reduce((sum, { slice }) => sum + slice.rows.length, 0);
    this.#bytes = slices.reduce((sum, { bytes }) => sum + bytes, 0);
  }
}

export function release(slices: readonly HeldSlice[]): void {
  for (const { lease } of slices) lease.release();
}

/**
 * The slices as the ranges want them: only partitions that have a range, rows within it, and the slices of a
 * partition covering it from end to end. What falls out is released.
 */
export function clip(slices: readonly HeldSlice[], ranges: readonly OffsetRange[]): HeldSlice[] {
  const wanted = new Map(ranges.map((range) => [keyOf(range), range]));
  const kept = slices.flatMap((held) => {
    const range = wanted.get(keyOf(held.slice));
    if (range === undefined || held.slice.next <= range.base || held.slice.base >= range.next) {
      held.lease.release();
      return [];
    }
    const [below, within] = held.slice.base < range.base ? part(held, range.base) : [undefined, held];
    if (below !== undefined) below.lease.release();
    if (within === undefined) return [];
    const [inside, above] = part(within, range.next);
    if (above !== undefined) above.lease.release();
    return inside === undefined ? [] : [inside];
  });
  return spread(kept, wanted);
}

/** Takes the rows of these records out. */
export function strip(slices: readonly HeldSlice[], records: readonly BadRecord[]): HeldSlice[] {
  const gone = new Set(records.map((record) => `${keyOf(record)}:${record.offset}`));
  return slices.map((held) => {
    const { slice } = held;
    const key = keyOf(slice);
    const rows = slice.rows.filter((row) => !gone.has(`${key}:${slice.changes.offset(row)}`));
    return rows.length === slice.rows.length ? held : { ...held, slice: { ...slice, rows } };
  });
}

/** Widens a partition's first slice down to its range's base and its last up to the range's end. */
function spread(slices: readonly HeldSlice[], ranges: ReadonlyMap<string, OffsetRange>): HeldSlice[] {
  const at = new Map<string, number>();
  const last = new Map(slices.map(({ slice }, index) => [keyOf(slice), index]));
  return slices.map((held, index) => {
    const key = keyOf(held.slice);
    const range = ranges.get(key);
    const base = at.get(key) ?? range?.base ?? held.slice.base;
    const next = last.get(key) === index ? (range?.next ?? held.slice.next) : held.slice.next;
    at.set(key, next);
    return base === held.slice.base && next === held.slice.next
      ? held
      : { ...held, slice: { ...held.slice, base, next } };
  });
}

/** The slice below and from `offset` on; two parts share the lease. */
function part(held: HeldSlice, offset: number): [HeldSlice | undefined, HeldSlice | undefined] {
  const { slice, bytes, lease } = held;
  if (slice.next <= offset) return [held, undefined];
  if (slice.base >= offset) return [undefined, held];
  const at = firstRowAt(slice, offset);
  lease.share();
  const share = slice.rows.length === 0 ? 0 : Math.round((bytes * at) / slice.rows.length);
  return [
    { slice: { ...slice, next: offset, rows: slice.rows.subarray(0, at) }, bytes: share, lease },
    { slice: { ...slice, base: offset, rows: slice.rows.subarray(at) }, bytes: bytes - share, lease },
  ];
}

/** The index in `rows` of the first row at `offset` or above. */
export function firstRowAt(slice: Slice, offset: number): number {
  let low = 0;
  let high = slice.rows.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = slice.rows[middle];
    if (row !== undefined && slice.changes.offset(row) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
