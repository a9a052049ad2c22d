import {
  Bool,
  DateDay,
  Decimal,
  Float32,
  Float64,
  Int16,
  Int32,
  Int8,
  makeData,
  type Data,
} from 'apache-arrow';
import { assert } from '../../base/errors.js';
import type { DataType, DecimalType, Value } from '../../schema/types.js';
import { CellBuilder, grownCapacity } from './column-builder.js';

/** Cells of `byte`, `short` or `integer`. */
export class IntBuilder extends CellBuilder {
  readonly type: DataType;
  private readonly width: 1 | 2 | 4;
  private values: Int8Array | Int16Array | Int32Array;

  constructor(name: 'byte' | 'short' | 'integer') {
    super();
    this.type = { kind: 'primitive', name };
    this.width = name === 'byte' ? 1 : name === 'short' ? 2 : 4;
    this.values = this.room(0);
  }

  get bytes(): number {
    return this.rows * this.width + this.nullBytes;
  }

  /** A number that is no integer of the column's range is our bug. */
  appendNumber(value: number): void {
    const row = this.rows;
    if (row === this.values.length) this.grow();
    this.values[row] = value;
    assert(this.values[row] === value || value === 0, 'a number outside the range of its integer column');
    this.rows = row + 1;
  }

  append(value: Value): void {
    if (typeof value === 'number') this.appendNumber(value);
    else if (value === null) this.appendNull();
    else this.refuse(value);
  }

  finish(): Data {
    const values = this.values.subarray(0, this.rows);
    const cells = this.takeCells();
    this.values = this.room(0);
    if (values instanceof Int8Array) return makeData({ type: new Int8(), data: values, ...cells });
    if (values instanceof Int16Array) return makeData({ type: new Int16(), data: values, ...cells });
    return makeData({ type: new Int32(), data: values, ...cells });
  }

  protected appendBlank(): void {
    if (this.rows === this.values.length) this.grow();
    this.values[this.rows++] = 0;
  }

  private grow(): void {
    const grown = this.room(grownCapacity(this.values.length, this.rows + 1));
    grown.set(this.values);
    this.values = grown;
  }

  private room(capacity: number): Int8Array | Int16Array | Int32Array {
    return this.width === 1
      ? new Int8Array(capacity)
      : this.width === 2
        ? new Int16Array(capacity)
        : new Int32Array(capacity);
  }
}

/** Cells of `date`: days since 1970-01-01. */
export class DateBuilder extends CellBuilder {
  readonly type: DataType = { kind: 'primitive', name: 'date' };
  private values = new Int32Array(0);

  get bytes(): number {
    return this.rows * 4 + this.nullBytes;
  }

  appendDays(days: number): void {
    const row = this.rows;
    if (row === this.values.length) this.grow();
    this.values[row] = days;
    assert(this.values[row] === days || days === 0, 'days outside the range of a date column');
    this.rows = row + 1;
  }

  append(value: Value): void {
    if (typeof value === 'number') this.appendDays(value);
    else if (value === null) this.appendNull();
    else this.refuse(value);
  }

  finish(): Data {
    const data = this.values.subarray(0, this.rows);
    this.values = new Int32Array(0);
    return makeData({ type: new DateDay(), data, ...this.takeCells() });
  }

  protected appendBlank(): void {
    if (this.rows === this.values.length) this.grow();
    this.values[this.rows++] = 0;
  }

  private grow(): void {
    const grown = new Int32Array(grownCapacity(this.values.length, this.rows + 1));
    grown.set(this.values);
    this.values = grown;
  }
}

/** Cells of `float` or `double`. */
export class DoubleBuilder extends CellBuilder {
  readonly type: DataType;
  private readonly single: boolean;
  private values: Float32Array | Float64Array;

  constructor(name: 'float' | 'double') {
    super();
    this.type = { kind: 'primitive', name };
    this.single = name === 'float';
    this.values = this.room(0);
  }

  get bytes(): number {
    return this.rows * (this.single ? 4 : 8) + this.nullBytes;
  }

  /** Appends the number, rounded to the nearest float in a `float` column. */
  appendNumber(value: number): void {
    const row = this.rows;
    if (row === this.values.length) this.grow();
    this.values[row] = value;
    this.rows = row + 1;
  }

  append(value: Value): void {
    if (typeof value === 'number') this.appendNumber(value);
    else if (value === null) this.appendNull();
    else this.refuse(value);
  }

  finish(): Data {
    const values = this.values.subarray(0, this.rows);
    const cells = this.takeCells();
    this.values = this.room(0);
    return values instanceof Float32Array
      ? makeData({ type: new Float32(), data: values, ...cells })
      : makeData({ type: new Float64(), data: values, ...cells });
  }

  protected appendBlank(): void {
    this.appendNumber(0);
  }

  private grow(): void {
    const grown = this.room(grownCapacity(this.values.length, this.rows + 1));
    grown.set(this.values);
    this.values = grown;
  }

  private room(capacity: number): Float32Array | Float64Array {
    return this.single ? new Float32Array(capacity) : new Float64Array(capacity);
  }
}

/** Cells of `boolean`, a bit each. */
export class BooleanBuilder extends CellBuilder {
  readonly type: DataType = { kind: 'primitive', name: 'boolean' };
  private bits = new Uint8Array(0);

  get bytes(): number {
    return ((this.rows + 7) >> 3) + this.nullBytes;
  }

  appendBoolean(value: boolean): void {
    const row = this.rows;
    const byte = row >> 3;
    if (byte === this.bits.length) this.grow();
    const bits = this.bits[byte] ?? 0;
    const bit = 1 << (row & 7);
    this.bits[byte] = value ? bits | bit : bits & ~bit;
    this.rows = row + 1;
  }

  append(value: Value): void {
    if (typeof value === 'boolean') this.appendBoolean(value);
    else if (value === null) this.appendNull();
    else this.refuse(value);
  }

  finish(): Data {
    const data = this.bits.subarray(0, (this.rows + 7) >> 3);
    this.bits = new Uint8Array(0);
    return makeData({ type: new Bool(), data, ...this.takeCells() });
  }

  protected appendBlank(): void {
    this.appendBoolean(false);
  }

  private grow(): void {
    const grown = new Uint8Array(grownCapacity(this.bits.length, (this.rows >> 3) + 1));
    grown.set(this.bits);
    this.bits = grown;
  }
}

/** Cells of `decimal(p,s)`: unscaled values in 128 bits, least word first. */
export class DecimalBuilder extends CellBuilder {
  readonly type: DecimalType;
  private readonly bound: bigint;
  private readonly boundNumber: number;
  private words = new Int32Array(0);

  constructor(type: DecimalType) {
    super();
    this.type = type;
    this.bound = 10n ** BigInt(type.precision);
    this.boundNumber = 10 ** type.precision;
  }

  get bytes(): number {
    return this.rows * 16 + this.nullBytes;
  }

  /** The unscaled value; one with more digits than the column's precision is our bug. */
  appendUnscaled(value: bigint): void {
    assert(value < this.bound && value > -this.bound, 'a decimal with more digits than its column');
    let at = this.place();
    for (let rest = value, word = 0; word < 4; word++) {
      this.words[at++] = Number(BigInt.asIntN(32, rest));
      rest >>= 32n;
    }
    this.rows++;
  }

  /** The same for an unscaled value that is a safe integer, at a fraction of the cost. */
  appendUnscaledNumber(value: number): void {
    assert(
      Number.isSafeInteger(value) && Math.abs(value) < this.boundNumber,
      'a decimal with more digits than its column',
    );
    const at = this.place();
    const high = Math.floor(value / 0x1_0000_0000);
    const sign = value < 0 ? -1 : 0;
    this.words[at] = value - high * 0x1_0000_0000;
    this.words[at + 1] = high;
    this.words[at + 2] = sign;
    this.words[at + 3] = sign;
    this.rows++;
  }

  append(value: Value): void {
    if (typeof value === 'bigint') this.appendUnscaled(value);
    else if (value === null) this.appendNull();
    else this.refuse(value);
  }

  finish(): Data {
    const data = new Uint32Array(this.words.buffer, 0, this.rows * 4);
    this.words = new Int32Array(0);
    return makeData({
      type: new Decimal(this.type.scale, this.type.precision, 128),
      data,
      ...this.takeCells(),
    });
  }

  protected appendBlank(): void {
    const at = this.place();
    this.words.fill(0, at, at + 4);
    this.rows++;
  }

  private place(): number {
    const at = this.rows * 4;
    if (at === this.words.length) {
      const grown = new Int32Array(grownCapacity(this.words.length >> 2, this.rows + 1) * 4);
      grown.set(this.words);
      this.words = grown;
    }
    return at;
  }
}
