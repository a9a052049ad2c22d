import { SluiceError, unreachable } from '../base/errors.js';
import {
  formatDate,
  formatDecimal,
  formatTimestampMicros,
  parseDate,
  parseDecimal,
  parseTimestampMicros,
} from '../schema/text-values.js';
import type { DataType, Value } from '../schema/types.js';

/**
 * The value of a partition column as `add.partitionValues` holds it, null for null. The empty string is null for every
 * type, strings too. A timestamp without a zone is UTC. `CORRUPT_LOG` for a text that is no value of the type. Delta
 * protocol, "Partition Value Serialization".
 */
export function parsePartitionValue(type: DataType, text: string | null | undefined): Value {
  if (text === null || text === undefined || text === '') return null;
  const value = parseText(type, text);
  if (value === undefined) {
    throw new SluiceError('CORRUPT_LOG', `"${text}" is no value of the partition column's type`, {
      context: { type: type.kind === 'primitive' ? type.name : type.kind },
    });
  }
  return value;
}

function parseText(type: DataType, text: string): Value | undefined {
  if (type.kind === 'decimal') return rescaled(parseDecimal(text), type.scale);
  if (type.kind !== 'primitive') return undefined;
  switch (type.name) {
    case 'string':
      return text;
    case 'long':
      return /^[+-]?\d+$/.test(text) ? BigInt(text) : undefined;
    case 'integer':
    case 'short':
    case 'byte':
      return /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
    case 'float':
      return narrowed(parseFloating(text));
    case 'double':
      return parseFloating(text);
    case 'boolean':
      return parseBoolean(text);
    case 'binary':
      return new TextEncoder().encode(text);
    case 'date':
      return parseDate(text);
    case 'timestamp':
    case 'timestamp_ntz':
      return parseTimestampMicros(text);
    case 'variant':
    case 'void':
      return undefined;
    default:
      return unreachable(type.name);
  }
}

/** The decimal at the column's scale; a value with more digits after the point than that is no value of the type. */
function rescaled(
  parsed: { unscaled: bigint; scale: number } | undefined,
  scale: number,
): bigint | undefined {
  if (parsed === undefined) return undefined;
  if (parsed.scale <= scale) return parsed.unscaled * 10n ** BigInt(scale - parsed.scale);
  const divisor = 10n ** BigInt(parsed.scale - scale);
  return parsed.unscaled % divisor === 0n ? parsed.unscaled / divisor : undefined;
}

function parseFloating(text: string): number | undefined {
  switch (text) {
    case 'NaN':
      return NaN;
    case 'Infinity':
      return Infinity;
    case '-Infinity':
      return -Infinity;
    default: {
      const value = Number(text);
      return Number.isNaN(value) ? undefined : value;
    }
  }
}

function narrowed(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Math.fround(value);
}

function parseBoolean(text: string): boolean | undefined {
  const lower = text.toLowerCase();
  if (lower === 'true') return true;
  return lower === 'false' ? false : undefined;
}

/**
 * The text of a partition value: null for null and for the empty string. Timestamps are written in UTC. Throws
 * `SCHEMA_MISMATCH` for a type that cannot part a table. Delta protocol, "Partition Value Serialization".
 */
export function formatPartitionValue(type: DataType, value: Value): string | null {
  if (value === null || value === '') return null;
  if (type.kind === 'decimal' && typeof value === 'bigint') return formatDecimal(value, type.scale);
  if (type.kind === 'primitive') {
    if (typeof value === 'bigint') {
      if (type.name === 'timestamp') return formatTimestampMicros(value, true);
      if (type.name === 'timestamp_ntz') return formatTimestampMicros(value, false).replace('T', ' ');
      return value.toString();
    }
    if (typeof value === 'number') {
      if (type.name === 'date') return formatDate(value);
      if (type.name === 'double') return javaDouble(value, String(Math.abs(value)));
      if (type.name === 'float') return javaDouble(value, shortestFloat(Math.abs(value)));
      return String(value);
    }
    if (typeof value === 'string') return value;
    if (typeof value === 'boolean') return String(value);
    if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  }
  throw new SluiceError('SCHEMA_MISMATCH', `a column of type ${type.kind} cannot part a table`);
}

/** As Java's `Double.toString`: always a fraction digit, an exponent below 10^-3 and from 10^7 on. */
function javaDouble(value: number, digitsText: string): string {
  if (!Number.isFinite(value)) return String(value);
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (value === 0) return `${sign}0.0`;
  const { digits, exponent } = scientific(digitsText);
  if (exponent < -3 || exponent >= 7) {
    return `${sign}${digits[0] ?? '0'}.${digits.slice(1) || '0'}E${exponent}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

/** `d.ddd × 10^exponent` of a positive finite number's text: significant digits without zeros at either end. */
function scientific(text: string): { digits: string; exponent: number } {
  const [mantissa = '', power = '0'] = text.split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const all = whole + fraction;
  const lead = /^0*/.exec(all)?.[0].length ?? 0;
  return { digits: all.slice(lead).replace(/0+$/, ''), exponent: Number(power) + whole.length - 1 - lead };
}

/** The fewest digits that give the same 32-bit float back; nine always do. */
function shortestFloat(value: number): string {
  for (let precision = 1; precision < 9; precision++) {
    const text = value.toPrecision(precision);
    if (Math.fround(Number(text)) === value) return text;
  }
  return value.toPrecision(9);
}
