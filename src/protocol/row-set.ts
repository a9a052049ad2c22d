import { assert } from '../base/errors.js';
import {
  ARRAY_MAX,
  containerHas,
  containerOf,
  containerSize,
  containersMeet,
  containerValues,
  intersectContainers,
  subtractContainer,
  uniteContainers,
  type RowContainer,
} from './row-container.js';

/** The rows `high * 65536 + low` for each low half in the container. */
export type RowChunk = { readonly high: number; readonly container: RowContainer };

const CHUNK = 65536;

/**
 * A set of row ordinals of one file, 0 to 2^53 - 1. Compressed by chunks of 65,536 rows, so that a set costs at
 * most 8 KiB a chunk and 2 bytes a row. Immutable: the operations make new sets, which share chunks.
 */
export class RowSet implements Iterable<number> {
  static readonly EMPTY: RowSet = new RowSet([]);

  readonly size: number;
  readonly #chunks: readonly RowChunk[];

  private constructor(chunks: readonly RowChunk[]) {
    this.#chunks = chunks;
    let size = 0;
    for (const { container } of chunks) size += containerSize(container);
    this.size = size;
  }

  /** The set of these ordinals, in any order, repetitions allowed. */
  static from(ordinals: Iterable<number>): RowSet {
    const sorted = Float64Array.from(ordinals);
    let ascending = true;
    for (let i = 0; i < sorted.length; i++) {
      const ordinal = sorted[i] ?? 0;
      assert(Number.isSafeInteger(ordinal) && ordinal >= 0, () => `no row ordinal: ${ordinal}`);
      if (i > 0 && ordinal < (sorted[i - 1] ?? 0)) ascending = false;
    }
    if (!ascending) sorted.sort();
    return RowSet.#fromSorted(sorted);
  }

  /** All ordinals from `from` (included) up to `upTo` (excluded). */
  static range(from: number, upTo: number): RowSet {
    const chunks: RowChunk[] = [];
    for (let at = from; at < upTo;) {
      const high = Math.floor(at / CHUNK);
      const end = Math.min(upTo, (high + 1) * CHUNK);
      const first = at - high * CHUNK;
      chunks.push({
        high,
        container: containerOf(Uint16Array.from({ length: end - at }, (_, i) => first + i)),
      });
      at = end;
    }
    return new RowSet(chunks);
  }

  /** A set of chunks in ascending order of their high parts, empty ones left out; for codecs. */
  static ofChunks(chunks: readonly RowChunk[]): RowSet {
    return new RowSet(chunks.filter(({ container }) => containerSize(container) > 0));
  }

  /** The chunks in ascending order; for codecs. */
  chunks(): readonly RowChunk[] {
    return this.#chunks;
  }

  has(ordinal: number): boolean {
    const high = Math.floor(ordinal / CHUNK);
    const chunk = this.#find(high);
    return chunk !== undefined && containerHas(chunk.container, ordinal - high * CHUNK);
  }

  union(other: RowSet): RowSet {
    if (other.size === 0) return this;
    if (this.size === 0) return other;
    return new RowSet(
      zip(this.#chunks, other.#chunks, (high, a, b) => {
        if (a === undefined || b === undefined) return a ?? b;
        return { high, container: uniteContainers(a.container, b.container) };
      }),
    );
  }

  /** What is here and not in `other`. */
  minus(other: RowSet): RowSet {
    if (other.size === 0 || this.size === 0) return this;
    return RowSet.ofChunks(
      zip(this.#chunks, other.#chunks, (high, a, b) => {
        if (a === undefined || b === undefined) return a;
        return { high, container: subtractContainer(a.container, b.container) };
      }),
    );
  }

  intersection(other: RowSet): RowSet {
    return RowSet.ofChunks(
      zip(this.#chunks, other.#chunks, (high, a, b) => {
        if (a === undefined || b === undefined) return undefined;
        return { high, container: intersectContainers(a.container, b.container) };
      }),
    );
  }

  /** Whether they share a row. */
  intersects(other: RowSet): boolean {
    return this.#chunks.some(({ high, container }) => {
      const chunk = other.#find(high);
      return chunk !== undefined && containersMeet(container, chunk.container);
    });
  }

  /** Whether every row of `other` is here. */
  includes(other: RowSet): boolean {
    return other.size <= this.size && other.minus(this).size === 0;
  }

  equals(other: RowSet): boolean {
    return this.size === other.size && this.includes(other);
  }

  /** The ordinals in ascending order. */
  toArray(): Float64Array {
    const ordinals = new Float64Array(this.size);
    let at = 0;
    for (const { high, container } of this.#chunks) {
      const base = high * CHUNK;
      for (const low of containerValues(container)) ordinals[at++] = base + low;
    }
    return ordinals;
  }

  /** The ordinals in ascending order, chunk by chunk. */
  *[Symbol.iterator](): IterableIterator<number> {
    for (const { high, container } of this.#chunks) {
      const base = high * CHUNK;
      for (const low of containerValues(container)) yield base + low;
    }
  }

  #find(high: number): RowChunk | undefined {
    let from = 0;
    let upTo = this.#chunks.length;
    while (from < upTo) {
      const middle = (from + upTo) >>> 1;
      const chunk = this.#chunks[middle];
      if (chunk === undefined || chunk.high === high) return chunk;
      if (chunk.high < high) from = middle + 1;
      else upTo = middle;
    }
    return undefined;
  }

  static #fromSorted(sorted: Float64Array): RowSet {
    const chunks: RowChunk[] = [];
    const lows = new Uint16Array(Math.min(sorted.length, CHUNK));
    for (let at = 0; at < sorted.length;) {
      const high = Math.floor((sorted[at] ?? 0) / CHUNK);
      const base = high * CHUNK;
      let count = 0;
      for (; at < sorted.length; at++) {
        const low = (sorted[at] ?? 0) - base;
        if (low >= CHUNK) break;
        if (count === 0 || lows[count - 1] !== low) lows[count++] = low;
      }
      chunks.push({ high, container: containerOf(lows.slice(0, count)) });
    }
    return new RowSet(chunks);
  }
}

/** Collects ordinals for a `RowSet`, in any order. */
export class RowSetBuilder {
  #pending: number[] = [];
  #set: RowSet = RowSet.EMPTY;

  add(ordinal: number): void {
    this.#pending.push(ordinal);
    // Folded in before the plain list costs more than the set would.
    if (this.#pending.length >= 16 * ARRAY_MAX) this.#fold();
  }

  finish(): RowSet {
    this.#fold();
    return this.#set;
  }

  #fold(): void {
    this.#set = this.#set.union(RowSet.from(this.#pending));
    this.#pending = [];
  }
}

function zip(
  a: readonly RowChunk[],
  b: readonly RowChunk[],
  join: (high: number, a: RowChunk | undefined, b: RowChunk | undefined) => RowChunk | undefined,
): RowChunk[] {
  const joined: RowChunk[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    const x = a[i];
    const y = b[j];
    const high = Math.min(x?.high ?? Infinity, y?.high ?? Infinity);
    const left = x?.high === high ? x : undefined;
    const right = y?.high === high ? y : undefined;
    if (left !== undefined) i++;
    if (right !== undefined) j++;
    const chunk = join(high, left, right);
    if (chunk !== undefined) joined.push(chunk);
  }
  return joined;
}
