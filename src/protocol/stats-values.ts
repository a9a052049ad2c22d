import { JsonNumber, jsonToBigInt, jsonToDouble, type JsonValue } from '../base/json.js';
import {
  formatDate,
  formatDecimal,
  formatTimestampMicros,
  parseDate,
  parseDecimal,
  parseTimestampMicros,
  rescaleDecimal,
} from '../schema/text-values.js';
import type { DataType, DecimalType, PrimitiveName, Value } from '../schema/types.js';

/** Delta Spark's default for the prefix of strings in stats, in UTF-16 units. */
const STRING_PREFIX_UNITS = 32;

/** From 0001-01-01 to 9999-12-31: years outside are spelled in different ways by different engines. */
const DAYS_MIN = -719_162;
const DAYS_MAX = 2_932_896;
const DAY_US = 86_400_000_000n;

/** What the millisecond that a maximum was cut to may have held more, in µs. */
const CUT_US = 999n;

/**
 * The lower bound that stats hold for a string: its first 32 UTF-16 units, one more where that would split a
 * character. Never above the string in the order of UTF-8 bytes.
 */
export function truncateMin(text: string, units: number = STRING_PREFIX_UNITS): string {
  return text.length <= units ? text : text.slice(0, prefixEnd(text, units));
}

/**
 * The upper bound that stats hold for a string: itself if short, else a prefix and one character that is
 * greater than what follows it in the order of UTF-8 bytes (U+007F where that is ASCII below it, U+10FFFF
 * otherwise). Undefined where twice the prefix holds no place for one: no bound then.
 */
export function truncateMax(text: string, units: number = STRING_PREFIX_UNITS): string | undefined {
  if (text.length <= units) return text;
  let end = prefixEnd(text, units);
  for (; end < text.length; end += HIGHEST.length) {
    if (end >= 2 * units) return undefined;
    if (text.charCodeAt(end) < 0x7f) return text.slice(0, end) + '\u007f';
    if (!text.startsWith(HIGHEST, end)) return text.slice(0, end) + HIGHEST;
  }
  return text;
}

/** A bound as JSON, or undefined where stats cannot hold it. NaN is the caller's to leave out. */
export function boundJson(type: DataType, value: Value, side: 'min' | 'max'): JsonValue | undefined {
  if (type.kind === 'decimal') {
    return typeof value === 'bigint' ? new JsonNumber(formatDecimal(value, type.scale)) : undefined;
  }
  if (type.kind !== 'primitive') return undefined;
  switch (type.name) {
    case 'byte':
    case 'short':
    case 'integer':
    case 'long':
      return typeof value === 'number' || typeof value === 'bigint' ? value : undefined;
    case 'float':
    case 'double':
      return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
    case 'string':
      if (typeof value !== 'string') return undefined;
      return side === 'min' ? truncateMin(value) : truncateMax(value);
    case 'date':
      return typeof value === 'number' && value >= DAYS_MIN && value <= DAYS_MAX
        ? formatDate(value)
        : undefined;
    case 'timestamp':
    case 'timestamp_ntz':
      return typeof value === 'bigint' ? timestampText(value, type.name === 'timestamp') : undefined;
    default:
      return undefined;
  }
}

/** The bound that a JSON value of the stats stands for, or undefined where it says nothing. */
export function parseBound(type: DataType, value: JsonValue, side: 'min' | 'max'): Value | undefined {
  if (type.kind === 'decimal') return parseDecimalBound(type, value);
  return type.kind === 'primitive' ? parsePrimitive(type.name, value, side) : undefined;
}

function parsePrimitive(name: PrimitiveName, value: JsonValue, side: 'min' | 'max'): Value | undefined {
  switch (name) {
    case 'byte':
    case 'short':
    case 'integer':
      return typeof value === 'number' && Number.isInteger(value) ? value : undefined;
    case 'long':
      return jsonToBigInt(value);
    case 'float':
    case 'double': {
      const double = parseFloating(value);
      // The shortest digits of a float stand for another double.
      return double !== undefined && name === 'float' ? Math.fround(double) : double;
    }
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'string':
      return typeof value === 'string' ? value : undefined;
    case 'date':
      return typeof value === 'string' ? parseDate(value) : undefined;
    case 'timestamp':
    case 'timestamp_ntz': {
      const micros = typeof value === 'string' ? parseTimestampMicros(value) : undefined;
      return micros !== undefined && side === 'max' && micros % 1000n === 0n ? micros + CUT_US : micros;
    }
    default:
      return undefined;
  }
}

function parseDecimalBound(type: DecimalType, value: JsonValue): bigint | undefined {
  const decimal = parseDecimal(value instanceof JsonNumber ? value.text : String(value));
  return decimal === undefined ? undefined : rescaleDecimal(decimal.unscaled, decimal.scale, type.scale);
}

function parseFloating(value: JsonValue): number | undefined {
  if (value === 'Infinity') return Infinity;
  if (value === '-Infinity') return -Infinity;
  return jsonToDouble(value);
}

/** `yyyy-MM-ddTHH:mm:ss.SSS`, cut down to the millisecond. */
function timestampText(micros: bigint, zoned: boolean): string | undefined {
  const days = Number(micros / DAY_US);
  if (days <= DAYS_MIN || days > DAYS_MAX) return undefined;
  const text = formatTimestampMicros(micros, false);
  return text.slice(0, -3) + (zoned ? 'Z' : '');
}

/** U+10FFFF, the highest character in the order of UTF-8 bytes. */
const HIGHEST = '\u{10ffff}';

function prefixEnd(text: string, units: number): number {
  const last = text.charCodeAt(units - 1);
  const splits = last >= 0xd800 && last <= 0xdbff && isLowSurrogate(text.charCodeAt(units));
  return splits ? units + 1 : units;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
