import { Int64, makeData, TimestampMicrosecond, type Data } from 'apache-arrow';
import { assert } from '../../base/errors.js';
import type { DataType, Value } from '../../schema/types.js';
import { CellBuilder, grownCapacity } from './column-builder.js';

/**
 * Cells of 64 bits, written as two 32-bit words, least first, as all machines that Node runs on keep them: a BigInt for
 * each cell would cost more than all the rest of the work.
 */
abstract class WordPairBuilder extends CellBuilder {
  private words = new Int32Array(0);

  get bytes(): number {
    return this.rows * 8 + this.nullBytes;
  }

  /** Appends the integer whose lower 32 bits are `low` and whose upper are `high`; both may come signed or unsigned. */
  appendInt64(low: number, high: number): void {
    const at = this.rows * 2;
    if (at === this.words.length) this.grow();
    this.words[at] = low;
    this.words[at + 1] = high;
    this.rows++;
  }

  /** Appends a safe integer; any other number is our bug. */
  appendNumber(value: number): void {
    const low = value | 0;
    if (low === value) {
      this.appendInt64(low, low >> 31);
      return;
    }
    assert(Number.isSafeInteger(value), 'a number that is no safe integer in a column of 64-bit integers');
    const high = Math.floor(value / 0x1_0000_0000);
    this.appendInt64(value - high * 0x1_0000_0000, high);
  }

  /** Appends an integer of 64 bits; a larger one is our bug. */
  appendBigInt(value: bigint): void {
    assert(BigInt.asIntN(64, value) === value, 'an integer of more than 64 bits');
    this.appendInt64(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  }

  append(value: Value): void {
    if (typeof value === 'bigint') this.appendBigInt(value);
    else if (value === null) this.appendNull();
    else this.refuse(value);
  }

  protected appendBlank(): void {
    this.appendInt64(0, 0);
  }

  protected takeValues(): BigInt64Array {
    const values = new BigInt64Array(this.words.buffer, 0, this.rows);
    this.words = new Int32Array(0);
    return values;
  }

  private grow(): void {
    const grown = new Int32Array(grownCapacity(this.words.length >> 1, this.rows + 1) * 2);
    grown.set(this.words);
    this.words = grown;
  }
}

/** Cells of `long`. */
export class LongBuilder extends WordPairBuilder {
  readonly type: DataType = { kind: 'primitive', name: 'long' };

  finish(): Data {
    const data = this.takeValues();
    return makeData({ type: new Int64(), data, ...this.takeCells() });
  }
}

/** Cells of `timestamp` or `timestamp_ntz`: microseconds since 1970-01-01T00:00:00. */
export class TimestampBuilder extends WordPairBuilder {
  readonly type: DataType;
  private readonly zone: string | null;

  constructor(name: 'timestamp' | 'timestamp_ntz') {
    super();
    this.type = { kind: 'primitive', name };
    this.zone = name === 'timestamp' ? 'UTC' : null;
  }

  /** Microseconds; a number must be a safe integer. */
  appendMicros(micros: bigint | number): void {
    if (typeof micros === 'number') this.appendNumber(micros);
    else this.appendBigInt(micros);
  }

  finish(): Data {
    const data = this.takeValues();
    return makeData({ type: new TimestampMicrosecond(this.zone), data, ...this.takeCells() });
  }
}
