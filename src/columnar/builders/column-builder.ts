import type { Data } from 'apache-arrow';
import { assert, InvariantError } from '../../base/errors.js';
import { formatType } from '../../schema/type-text.js';
import type { DataType, Value } from '../../schema/types.js';

/** A growing column. Every append puts exactly one cell, or throws and puts none. */
export interface ColumnBuilder {
  readonly type: DataType;
  /** Cells so far. */
  readonly length: number;
  /** Bytes that the cells take, roughly; cheap. */
  readonly bytes: number;
  appendNull(): void;
  /** Appends any value of the column's type; `null` is the null cell. A value of another type is our bug. */
  append(value: Value): void;
  /** Forgets all cells from the given one on. A column that is shorter stays as it is. */
  truncate(rows: number): void;
  /** Hands over the column and starts anew, empty. */
  finish(): Data;
}

/** Cells for which room is made at first; each further step doubles it. Small, since nested columns are many. */
export const FIRST_CAPACITY = 64;

/** Keeps which cells are null: nothing at all until the first of them, then a bit for each cell, set where there is a value. */
export abstract class CellBuilder implements ColumnBuilder {
  abstract readonly type: DataType;
  protected rows = 0;
  private nulls = 0;
  private validity: Uint8Array | undefined;

  get length(): number {
    return this.rows;
  }

  abstract get bytes(): number;
  abstract append(value: Value): void;
  abstract finish(): Data;
  /** Puts one cell whose content nobody reads. */
  protected abstract appendBlank(): void;

  appendNull(): void {
    const row = this.rows;
    this.appendBlank();
    const byte = row >> 3;
    let validity = this.validity;
    if (validity === undefined || byte >= validity.length) {
      // New room is all ones, so that a value never has to touch the bitmap.
      const grown = new Uint8Array(Math.max(FIRST_CAPACITY >> 3, (byte + 1) * 2)).fill(255);
      if (validity !== undefined) grown.set(validity);
      this.validity = validity = grown;
    }
    validity[byte] = (validity[byte] ?? 0) & ~(1 << (row & 7));
    this.nulls++;
  }

  truncate(rows: number): void {
    if (rows >= this.rows) return;
    const validity = this.validity;
    if (validity !== undefined && this.nulls > 0) {
      for (let row = rows; row < this.rows; row++) {
        const bits = validity[row >> 3] ?? 255;
        const bit = 1 << (row & 7);
        if ((bits & bit) !== 0) continue;
        validity[row >> 3] = bits | bit;
        this.nulls--;
      }
    }
    this.rows = rows;
  }

  protected get nullBytes(): number {
    return this.nulls === 0 ? 0 : (this.rows + 7) >> 3;
  }

  /** The part of `makeData`'s properties that all columns share; starts the column anew. */
  protected takeCells(): { length: number; nullCount: number; nullBitmap: Uint8Array | undefined } {
    const { rows: length, nulls: nullCount } = this;
    const nullBitmap = nullCount === 0 ? undefined : this.bitmapOf(length);
    this.rows = 0;
    this.nulls = 0;
    this.validity = undefined;
    return { length, nullCount, nullBitmap };
  }

  private bitmapOf(length: number): Uint8Array {
    const bytes = (length + 7) >> 3;
    const bitmap = this.validity ?? new Uint8Array(0);
    if (bitmap.length >= bytes) return bitmap.subarray(0, bytes);
    const whole = new Uint8Array(bytes).fill(255);
    whole.set(bitmap);
    return whole;
  }

  /** The end of `append` for a value of another type. */
  protected refuse(value: Value): never {
    throw new InvariantError(`a ${typeof value} put into a column of type ${formatType(this.type)}`);
  }
}

/** A capacity of at least `needed` that is at least twice the one before. */
export function grownCapacity(capacity: number, needed: number): number {
  return Math.max(FIRST_CAPACITY, capacity * 2, needed);
}

/** The most bytes that 32-bit offsets can address. */
const BYTES_MAX = 0x7fff_ffff;

/** A capacity for bytes under 32-bit offsets; more than they can address is our bug: batches are bounded far below. */
export function grownByteCapacity(capacity: number, needed: number): number {
  assert(needed <= BYTES_MAX, () => `a column of ${needed} bytes is more than one batch can hold`);
  return Math.min(BYTES_MAX, grownCapacity(capacity, needed));
}
