/**
 * Thrift's compact protocol as far as Parquet footers use it: read into a tree, change a few values, write it again. What
 * is not understood is carried along as it is. Apache Thrift, "Thrift Compact protocol encoding".
 */
export type ThriftValue = boolean | number | bigint | Uint8Array | ThriftList | ThriftStruct;

export type ThriftList = { readonly element: number; readonly items: readonly ThriftValue[] };

/** A field's wire type and value, by field id. */
export type ThriftStruct = ReadonlyMap<number, { readonly wire: number; readonly value: ThriftValue }>;

/** Wire types of struct fields; a list of booleans says `TRUE` for its elements. */
export const Wire = {
  true: 1,
  false: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  struct: 12,
} as const;

/** The struct that the bytes begin with. Throws RangeError or SyntaxError on bytes that hold none. */
export function decodeThrift(bytes: Uint8Array): ThriftStruct {
  return new Decoder(bytes).struct(0);
}

/** Like `decodeThrift` for a struct that begins at `start`, with the place of the first byte behind it. */
export function decodeThriftAt(
  bytes: Uint8Array,
  start: number,
): { readonly struct: ThriftStruct; readonly end: number } {
  const decoder = new Decoder(bytes, start);
  return { struct: decoder.struct(0), end: decoder.at };
}

/** The inverse of `decodeThrift`. */
export function encodeThrift(struct: ThriftStruct): Uint8Array {
  const encoder = new Encoder();
  encoder.struct(struct);
  return encoder.finish();
}

/** Deeper nesting than any footer has: ends the recursion on bytes that are no footer. */
const DEPTH_MAX = 32;

class Decoder {
  at: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array, start = 0) {
    this.bytes = bytes;
    this.at = start;
  }

  struct(depth: number): ThriftStruct {
    if (depth > DEPTH_MAX) throw new SyntaxError('nested too deeply');
    const fields = new Map<number, { wire: number; value: ThriftValue }>();
    let id = 0;
    for (;;) {
      const head = this.byte();
      if (head === 0) return fields;
      const wire = head & 15;
      const delta = head >> 4;
      id = delta === 0 ? Number(this.zigzag()) : id + delta;
      fields.set(id, { wire, value: this.value(wire, depth) });
    }
  }

  private value(wire: number, depth: number): ThriftValue {
    switch (wire) {
      case Wire.true:
        return true;
      case Wire.false:
        return false;
      case Wire.byte:
        return this.byte();
      case Wire.i16:
      case Wire.i32:
      case Wire.i64:
        return this.zigzag();
      case Wire.double:
        return this.take(8);
      case Wire.binary:
        return this.take(this.size());
      case Wire.list:
      case Wire.set:
        return this.list(depth);
      case Wire.struct:
        return this.struct(depth + 1);
      default:
        throw new SyntaxError(`no thrift type ${wire}`);
    }
  }

  private list(depth: number): ThriftList {
    const head = this.byte();
    const element = head & 15;
    const count = head >> 4 === 15 ? this.size() : head >> 4;
    const items: ThriftValue[] = [];
    for (let index = 0; index < count; index++) {
      const isFlag = element === Wire.true || element === Wire.false;
      items.push(isFlag ? this.byte() === Wire.true : this.value(element, depth + 1));
    }
    return { element, items };
  }

  private size(): number {
    const size = Number(this.varint());
    if (size > this.bytes.length - this.at) throw new RangeError('longer than the bytes that are there');
    return size;
  }

  private zigzag(): number | bigint {
    const value = this.varint();
    if (typeof value === 'number') return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    return (value >> 1n) ^ -(value & 1n);
  }

  private varint(): number | bigint {
    let value = 0;
    let factor = 1;
    // Seven bytes hold 49 bits, which a double takes exactly.
    for (let count = 0; count < 7; count++) {
      const byte = this.byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
    let wide = BigInt(value);
    for (let shift = 49n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      wide |= BigInt(byte & 127) << shift;
      if (byte < 128) return wide;
    }
    throw new SyntaxError('an integer of more than 64 bits');
  }

  private byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new RangeError('ends too early');
    return byte;
  }

  private take(length: number): Uint8Array {
    if (length > this.bytes.length - this.at) throw new RangeError('ends too early');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

class Encoder {
  private bytes = new Uint8Array(1024);
  private at = 0;

  finish(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }

  struct(struct: ThriftStruct): void {
    let last = 0;
    for (const [id, { wire, value }] of [...struct].sort(([one], [other]) => one - other)) {
      const delta = id - last;
      if (delta > 0 && delta < 16) {
        this.byte((delta << 4) | wire);
      } else {
        this.byte(wire);
        this.zigzag(id);
      }
      last = id;
      if (wire !== Wire.true && wire !== Wire.false) this.value(wire, value);
    }
    this.byte(0);
  }

  private value(wire: number, value: ThriftValue): void {
    if (typeof value === 'boolean') {
      this.byte(value ? Wire.true : Wire.false);
    } else if (typeof value === 'number' || typeof value === 'bigint') {
      if (wire === Wire.byte) this.byte(Number(value));
      else this.zigzag(value);
    } else if (value instanceof Uint8Array) {
      if (wire === Wire.binary) this.varint(value.length);
      this.raw(value);
    } else if ('items' in value) {
      this.list(value);
    } else {
      this.struct(value);
    }
  }

  private list({ element, items }: ThriftList): void {
    if (items.length < 15) {
      this.byte((items.length << 4) | element);
    } else {
      this.byte(0xf0 | element);
      this.varint(items.length);
    }
    for (const item of items) this.value(element, item);
  }

  private zigzag(value: number | bigint): void {
    if (typeof value === 'number' && Math.abs(value) < 2 ** 48)
      this.varint(value < 0 ? -value * 2 - 1 : value * 2);
    else this.wideVarint(BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n)));
  }

  private varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.byte((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.byte(rest);
  }

  private wideVarint(value: bigint): void {
    let rest = value;
    while (rest >= 128n) {
      this.byte(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    this.byte(Number(rest));
  }

  private byte(byte: number): void {
    this.reserve(1);
    this.bytes[this.at++] = byte;
  }

  private raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  private reserve(more: number): void {
    if (this.at + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + more));
    grown.set(this.bytes);
    this.bytes = grown;
  }
}
