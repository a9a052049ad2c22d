import { Binary, makeData, Utf8, type Data } from 'apache-arrow';
import type { DataType, Value } from '../../schema/types.js';
import { CellBuilder, grownByteCapacity, grownCapacity } from './column-builder.js';

/** Up to this length a copy byte by byte is cheaper than the call that copies in bulk. */
const SHORT_BYTES = 32;

abstract class VariableBuilder extends CellBuilder {
  protected content = Buffer.alloc(0);
  private offsets = new Int32Array(1);

  get bytes(): number {
    return this.end() + this.rows * 4 + this.nullBytes;
  }

  protected end(): number {
    return this.offsets[this.rows] ?? 0;
  }

  /** Closes a cell whose last byte stands before `end`. */
  protected close(end: number): void {
    const next = this.rows + 1;
    if (next === this.offsets.length) {
      const grown = new Int32Array(grownCapacity(this.offsets.length, next + 1));
      grown.set(this.offsets);
      this.offsets = grown;
    }
    this.offsets[next] = end;
    this.rows = next;
  }

  protected reserve(end: number): void {
    if (end <= this.content.length) return;
    const grown = Buffer.allocUnsafeSlow(grownByteCapacity(this.content.length, end));
    grown.set(this.content);
    this.content = grown;
  }

  protected appendRange(bytes: Uint8Array, start: number, end: number): void {
    let at = this.end();
    const last = at + end - start;
    this.reserve(last);
    const { content } = this;
    if (end - start <= SHORT_BYTES) {
      for (let from = start; from < end; from++) content[at++] = bytes[from] ?? 0;
    } else {
      content.set(bytes.subarray(start, end), at);
    }
    this.close(last);
  }

  protected appendBlank(): void {
    this.close(this.end());
  }

  protected takeContent(): { valueOffsets: Int32Array; data: Uint8Array } {
    const { content, offsets } = this;
    const end = this.end();
    this.content = Buffer.alloc(0);
    this.offsets = new Int32Array(1);
    return {
      valueOffsets: offsets.subarray(0, this.rows + 1),
      data: new Uint8Array(content.buffer, content.byteOffset, end),
    };
  }
}

/** Cells of `string`. */
export class Utf8Builder extends VariableBuilder {
  readonly type: DataType = { kind: 'primitive', name: 'string' };

  /** Appends a string; a lone surrogate, which UTF-8 cannot hold, becomes U+FFFD. */
  appendString(text: string): void {
    const { length } = text;
    let at = this.end();
    this.reserve(at + length * 3);
    const { content } = this;
    if (length <= SHORT_BYTES) {
      let index = 0;
      for (; index < length; index++) {
        const unit = text.charCodeAt(index);
        if (unit >= 0x80) break;
        content[at + index] = unit;
      }
      if (index === length) {
        this.close(at + length);
        return;
      }
    }
    at += content.write(text, at, 'utf8');
    this.close(at);
  }

  /** Appends the UTF-8 text in `bytes` from `start` up to `end`, as it is: that it is UTF-8 is the caller's word. */
  appendUtf8(bytes: Uint8Array, start: number, end: number): void {
    this.appendRange(bytes, start, end);
  }

  append(value: Value): void {
    if (typeof value === 'string') this.appendString(value);
    else if (value === null) this.appendNull();
    else this.refuse(value);
  }

  finish(): Data {
    const content = this.takeContent();
    return makeData({ type: new Utf8(), ...content, ...this.takeCells() });
  }
}

/** Cells of `binary`. */
export class BinaryBuilder extends VariableBuilder {
  readonly type: DataType = { kind: 'primitive', name: 'binary' };

  /** Appends a copy of the bytes from `start` up to `end`, by default of all. */
  appendBytes(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.appendRange(bytes, start, end);
  }

  append(value: Value): void {
    if (value instanceof Uint8Array) this.appendBytes(value);
    else if (value === null) this.appendNull();
    else this.refuse(value);
  }

  finish(): Data {
    const content = this.takeContent();
    return makeData({ type: new Binary(), ...content, ...this.takeCells() });
  }
}
