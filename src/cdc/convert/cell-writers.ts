import { parseJson, type JsonValue } from '../../base/json.js';
import {
  BooleanBuilder,
  DateBuilder,
  DecimalBuilder,
  DoubleBuilder,
  IntBuilder,
  LongBuilder,
  TimestampBuilder,
  Utf8Builder,
  type ColumnBuilder,
} from '../../columnar/table-builder.js';
import type { DataType } from '../../schema/types.js';
import { BACKSLASH, MINUS, QUOTE, skipNumber, skipValue } from '../json/scan.js';
import { readString } from '../json/shapes.js';
import type { SourceType } from '../source-type.js';
import type { Conversion } from './conversion.js';
import { INTEGER_BOUNDS } from './numbers.js';

/**
 * Reads one value from bytes into one column. `write` takes the index of a value that is not null and returns the
 * index after it, or -1: then the column has no new cell, and the conversion's `problem` says why.
 */
export interface CellWriter {
  write(bytes: Buffer, at: number): number;
}

/** The fastest writer that takes this encoding into this column without loss. */
export function cellWriter(
  source: SourceType,
  column: ColumnBuilder,
  target: DataType,
  conversion: Conversion,
): CellWriter {
  const any = new AnyWriter(source, column, target, conversion);
  const { kind } = source;
  const plain = kind === 'untyped' || kind === 'integer';
  if (column instanceof LongBuilder) return kind === 'time' ? any : new LongWriter(column, any);
  if (column instanceof IntBuilder && target.kind === 'primitive') {
    const bound = INTEGER_BOUNDS[target.name === 'byte' || target.name === 'short' ? target.name : 'integer'];
    return new IntWriter(column, bound, any);
  }
  if (column instanceof DateBuilder) return plain || kind === 'days' ? new DaysWriter(column, any) : any;
  if (column instanceof TimestampBuilder) return timestampWriter(source, column, any);
  if (column instanceof DoubleBuilder) {
    const single = target.kind === 'primitive' && target.name === 'float';
    // A float in a column of doubles stays the float it was; a number of unknown kind in one of floats may not fit.
    const direct = single ? kind === 'float' : source.kind !== 'float' || source.bits === 64;
    return direct ? new DoubleWriter(column, any) : any;
  }
  if (column instanceof BooleanBuilder) return new BooleanWriter(column, any);
  if (column instanceof Utf8Builder)
    return kind === 'string' || kind === 'untyped' ? new TextWriter(column, any) : any;
  if (column instanceof DecimalBuilder) {
    if (kind === 'untyped') return new DecimalTextWriter(column, any);
    return source.kind === 'decimal' && source.scale === column.type.scale
      ? new DecimalBase64Writer(column, any)
      : any;
  }
  return any;
}

/** Any value into any column, by way of a JSON value. */
class AnyWriter implements CellWriter {
  readonly #source: SourceType;
  readonly #column: ColumnBuilder;
  readonly #target: DataType;
  readonly #conversion: Conversion;

  constructor(source: SourceType, column: ColumnBuilder, target: DataType, conversion: Conversion) {
    this.#source = source;
    this.#column = column;
    this.#target = target;
    this.#conversion = conversion;
  }

  write(bytes: Buffer, at: number): number {
    const end = skipValue(bytes, at);
    const json = end < 0 ? undefined : readValue(bytes, at, end);
    if (json === undefined) {
      this.#conversion.problem = { kind: 'json', reason: 'a value that is not JSON' };
      return -1;
    }
    const value = this.#conversion.convert(json, this.#source, this.#target);
    if (value === undefined) return -1;
    this.#column.append(value);
    return end;
  }
}

/** The JSON value in `[from, upTo)`; undefined if it is none. */
export function readValue(bytes: Buffer, from: number, upTo: number): JsonValue | undefined {
  try {
    return parseJson(bytes.toString('utf8', from, upTo));
  } catch {
    // The caller names the field.
    return undefined;
  }
}

/** After `readInteger`: the index after the token. */
let integerEnd = -1;
/** After `readInteger`: the value. */
let integer = 0;

/** Reads an integer of at most fifteen digits, which a double holds exactly. False for anything else. */
function readInteger(bytes: Buffer, at: number): boolean {
  const negative = bytes[at] === MINUS;
  const first = negative ? at + 1 : at;
  let p = first;
  let value = 0;
  for (; p < bytes.length; p++) {
    const digit = (bytes[p] ?? 0) - 0x30;
    if (!(digit >= 0 && digit <= 9)) break;
    value = value * 10 + digit;
  }
  const digits = p - first;
  // A leading zero is no JSON, fraction and exponent are for others to judge.
  if (digits === 0 || digits > 15 || (digits > 1 && bytes[first] === 0x30) || isFractionMark(bytes[p]))
    return false;
  integer = negative && value !== 0 ? -value : value;
  integerEnd = p;
  return true;
}

function isFractionMark(c: number | undefined): boolean {
  return c === 0x2e || c === 0x65 || c === 0x45;
}

class LongWriter implements CellWriter {
  readonly #column: LongBuilder;
  readonly #any: CellWriter;

  constructor(column: LongBuilder, any: CellWriter) {
    this.#column = column;
    this.#any = any;
  }

  write(bytes: Buffer, at: number): number {
    if (!readInteger(bytes, at)) return this.#any.write(bytes, at);
    this.#column.appendNumber(integer);
    return integerEnd;
  }
}

class IntWriter implements CellWriter {
  readonly #column: IntBuilder;
  readonly #bound: number;
  readonly #any: CellWriter;

  constructor(column: IntBuilder, bound: number, any: CellWriter) {
    this.#column = column;
    this.#bound = bound;
    this.#any = any;
  }

  write(bytes: Buffer, at: number): number {
    if (!readInteger(bytes, at) || integer > this.#bound || integer < -this.#bound)
      return this.#any.write(bytes, at);
    this.#column.appendNumber(integer);
    return integerEnd;
  }
}

/** Days that every date column takes without a look: about the years -25000 to 29000. */
const PLAIN_DAYS = 10_000_000;

class DaysWriter implements CellWriter {
  readonly #column: DateBuilder;
  readonly #any: CellWriter;

  constructor(column: DateBuilder, any: CellWriter) {
    this.#column = column;
    this.#any = any;
  }

  write(bytes: Buffer, at: number): number {
    if (!readInteger(bytes, at) || integer > PLAIN_DAYS || integer < -PLAIN_DAYS)
      return this.#any.write(bytes, at);
    this.#column.appendDays(integer);
    return integerEnd;
  }
}

function timestampWriter(source: SourceType, column: TimestampBuilder, any: CellWriter): CellWriter {
  const unit = source.kind === 'clock' || source.kind === 'untyped' ? source.unit : undefined;
  if (unit === 'MILLIS') return new CountWriter(column, 1000, any);
  if (unit === 'MICROS') return new CountWriter(column, 1, any);
  if (unit === 'SECONDS') return new CountWriter(column, 1_000_000, any);
  if (unit === undefined && source.kind !== 'days' && source.kind !== 'iso-date')
    return new IsoWriter(column, any);
  return any;
}

/** A count of seconds, milliseconds or microseconds since 1970. */
class CountWriter implements CellWriter {
  readonly #column: TimestampBuilder;
  readonly #micros: number;
  readonly #any: CellWriter;

  constructor(column: TimestampBuilder, micros: number, any: CellWriter) {
    this.#column = column;
    this.#micros = micros;
    this.#any = any;
  }

  write(bytes: Buffer, at: number): number {
    // Microseconds of today have sixteen digits: the first fifteen, and one more that still is exact.
    const end = skipNumber(bytes, at);
    if (end - at <= 15) {
      if (!readInteger(bytes, at)) return this.#any.write(bytes, at);
      const micros = integer * this.#micros;
      if (!Number.isSafeInteger(micros)) return this.#any.write(bytes, at);
      this.#column.appendMicros(micros);
      return integerEnd;
    }
    return this.#long(bytes, at, end);
  }

  #long(bytes: Buffer, at: number, end: number): number {
    if (end - at !== 16 || this.#micros !== 1 || bytes[at] === MINUS) return this.#any.write(bytes, at);
    let micros = 0;
    for (let p = at; p < end; p++) {
      const digit = (bytes[p] ?? 0) - 0x30;
      if (!(digit >= 0 && digit <= 9)) return this.#any.write(bytes, at);
      micros = micros * 10 + digit;
    }
    if (micros > Number.MAX_SAFE_INTEGER) return this.#any.write(bytes, at);
    this.#column.appendMicros(micros);
    return end;
  }
}

/** `"YYYY-MM-DDTHH:MM:SS.ffffffZ"` and the like, of a year with four digits and the zone Z, straight from the digits. */
class IsoWriter implements CellWriter {
  readonly #column: TimestampBuilder;
  readonly #any: CellWriter;

  constructor(column: TimestampBuilder, any: CellWriter) {
    this.#column = column;
    this.#any = any;
  }

  write(bytes: Buffer, at: number): number {
    const year = pair(bytes, at + 1) * 100 + pair(bytes, at + 3);
    const month = pair(bytes, at + 6);
    const day = pair(bytes, at + 9);
    const hour = pair(bytes, at + 12);
    const minute = pair(bytes, at + 15);
    const second = pair(bytes, at + 18);
    const shaped =
      bytes[at] === QUOTE &&
      bytes[at + 5] === MINUS &&
      bytes[at + 8] === MINUS &&
      bytes[at + 11] === 0x54 &&
      bytes[at + 14] === 0x3a &&
      bytes[at + 17] === 0x3a;
    // Days past the 28th, and whatever is no number, are judged with the calendar at hand.
    const plain =
      year >= 1 &&
      month >= 1 &&
      month <= 12 &&
      day >= 1 &&
      day <= 28 &&
      hour <= 23 &&
      minute <= 59 &&
      second <= 59;
    if (!shaped || !plain) return this.#any.write(bytes, at);
    let p = at + 20;
    let fraction = 0;
    if (bytes[p] === 0x2e) {
      p++;
      let weight = 100_000;
      for (; weight >= 1; p++) {
        const digit = (bytes[p] ?? 0) - 0x30;
        if (!(digit >= 0 && digit <= 9)) break;
        fraction += digit * weight;
        weight /= 10;
      }
      if (weight === 100_000) return this.#any.write(bytes, at);
    }
    if (bytes[p] !== 0x5a || bytes[p + 1] !== QUOTE) return this.#any.write(bytes, at);
    const seconds = daysOf(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    const micros = seconds * 1_000_000 + fraction;
    if (!Number.isSafeInteger(micros)) return this.#any.write(bytes, at);
    this.#column.appendMicros(micros);
    return p + 2;
  }
}

/** Two digits as a number, or NaN, which fails every comparison. */
function pair(bytes: Buffer, at: number): number {
  const tens = (bytes[at] ?? 0) - 0x30;
  const ones = (bytes[at + 1] ?? 0) - 0x30;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/** Days since 1970-01-01 of a day in the years 1 to 9999, proleptic Gregorian: counted from March, so that a leap day ends its year. */
function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const fromMarch = month <= 2 ? month + 9 : month - 3;
  const leaps = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400);
  return shifted * 365 + leaps + Math.floor((153 * fromMarch + 2) / 5) + day - 1 - 719_468;
}

class DoubleWriter implements CellWriter {
  readonly #column: DoubleBuilder;
  readonly #any: CellWriter;

  constructor(column: DoubleBuilder, any: CellWriter) {
    this.#column = column;
    this.#any = any;
  }

  write(bytes: Buffer, at: number): number {
    const end = skipNumber(bytes, at);
    // Fifteen digits always come back from a double; an exponent may take it to where doubles are coarser.
    if (end < 0 || end - at > 15) return this.#any.write(bytes, at);
    for (let p = at; p < end; p++) {
      const c = bytes[p];
      if (c === 0x65 || c === 0x45) return this.#any.write(bytes, at);
    }
    this.#column.appendNumber(Number(bytes.toString('latin1', at, end)));
    return end;
  }
}

class BooleanWriter implements CellWriter {
  readonly #column: BooleanBuilder;
  readonly #any: CellWriter;

  constructor(column: BooleanBuilder, any: CellWriter) {
    this.#column = column;
    this.#any = any;
  }

  write(bytes: Buffer, at: number): number {
    const c = bytes[at];
    if (c === 0x74 && bytes[at + 1] === 0x72 && bytes[at + 2] === 0x75 && bytes[at + 3] === 0x65) {
      this.#column.appendBoolean(true);
      return at + 4;
    }
    if (
      c === 0x66 &&
      bytes[at + 1] === 0x61 &&
      bytes[at + 2] === 0x6c &&
      bytes[at + 3] === 0x73 &&
      bytes[at + 4] === 0x65
    ) {
      this.#column.appendBoolean(false);
      return at + 5;
    }
    return this.#any.write(bytes, at);
  }
}

/** Texts without escapes are copied as bytes; the record was checked to be UTF-8. */
class TextWriter implements CellWriter {
  readonly #column: Utf8Builder;
  readonly #any: CellWriter;

  constructor(column: Utf8Builder, any: CellWriter) {
    this.#column = column;
    this.#any = any;
  }

  write(bytes: Buffer, at: number): number {
    if (bytes[at] !== QUOTE) return this.#any.write(bytes, at);
    for (let p = at + 1; p < bytes.length; p++) {
      const c = bytes[p] ?? 0;
      if (c === QUOTE) {
        this.#column.appendUtf8(bytes, at + 1, p);
        return p + 1;
      }
      if (c === BACKSLASH || c < 0x20) break;
    }
    return this.#any.write(bytes, at);
  }
}

/** A decimal number as text, with exactly as many places as the column or fewer. */
class DecimalTextWriter implements CellWriter {
  readonly #column: DecimalBuilder;
  readonly #scale: number;
  readonly #bound: number;
  readonly #any: CellWriter;

  constructor(column: DecimalBuilder, any: CellWriter) {
    this.#column = column;
    this.#scale = column.type.scale;
    this.#bound = 10 ** Math.min(column.type.precision, 15);
    this.#any = any;
  }

  write(bytes: Buffer, at: number): number {
    if (bytes[at] !== QUOTE) return this.#any.write(bytes, at);
    const negative = bytes[at + 1] === MINUS;
    const first = negative ? at + 2 : at + 1;
    let p = first;
    let unscaled = 0;
    let places = -1;
    for (; p - first <= 16; p++) {
      const c = bytes[p] ?? 0;
      if (c === 0x2e && places < 0 && p > first) {
        places = 0;
        continue;
      }
      const digit = c - 0x30;
      if (!(digit >= 0 && digit <= 9)) break;
      unscaled = unscaled * 10 + digit;
      if (places >= 0) places++;
    }
    if (bytes[p] !== QUOTE || p === first || places === 0) return this.#any.write(bytes, at);
    const missing = this.#scale - Math.max(places, 0);
    if (missing < 0 || missing > 15 || p - first > 15) return this.#any.write(bytes, at);
    unscaled *= 10 ** missing;
    if (unscaled >= this.#bound) return this.#any.write(bytes, at);
    this.#column.appendUnscaledNumber(negative && unscaled !== 0 ? -unscaled : unscaled);
    return p + 1;
  }
}

/** What a base64 letter stands for; 255 for other bytes. */
const BASE64 = new Uint8Array(256).fill(255);
const BASE64_LETTERS = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
for (const [value, letter] of BASE64_LETTERS.entries()) BASE64[letter] = value;

/** A decimal as up to six bytes of two's complement in base64, with as many places as the column. */
class DecimalBase64Writer implements CellWriter {
  readonly #column: DecimalBuilder;
  readonly #bound: number;
  readonly #any: CellWriter;

  constructor(column: DecimalBuilder, any: CellWriter) {
    this.#column = column;
    this.#bound = 10 ** Math.min(column.type.precision, 15);
    this.#any = any;
  }

  write(bytes: Buffer, at: number): number {
    let bits = 0;
    let width = 0;
    let p = at + 1;
    for (; width < 48; p++) {
      const letter = BASE64[bytes[p] ?? 0] ?? 255;
      if (letter > 63) break;
      bits = bits * 64 + letter;
      width += 6;
    }
    // What is left of the last letter fills up a byte that is not there.
    const spare = width % 8;
    let end = p;
    while (bytes[end] === 0x3d) end++;
    if (bytes[at] !== QUOTE || bytes[end] !== QUOTE || width < 8 || spare === 6 || end - p !== spare / 2) {
      return this.#any.write(bytes, at);
    }
    width -= spare;
    let unscaled = Math.floor(bits / 2 ** spare);
    if (unscaled >= 2 ** (width - 1)) unscaled -= 2 ** width;
    if (unscaled >= this.#bound || unscaled <= -this.#bound) return this.#any.write(bytes, at);
    this.#column.appendUnscaledNumber(unscaled);
    return end + 1;
  }
}

/** The text of a string token without making it if it has no escapes; undefined if it is no JSON string. */
export function readText(bytes: Buffer, from: number, upTo: number): string | undefined {
  for (let p = from + 1; p < upTo - 1; p++) {
    const c = bytes[p] ?? 0;
    if (c === BACKSLASH || c < 0x20) return readString(bytes, from, upTo);
  }
  return bytes.toString('utf8', from + 1, upTo - 1);
}
