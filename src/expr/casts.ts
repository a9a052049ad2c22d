import { unreachable } from '../base/errors.js';
import {
  formatDate,
  formatDecimal,
  formatTimestampMicros,
  fitsDecimal,
  parseDate,
  parseDecimal,
  parseTimestampMicros,
  powerOfTen,
} from '../schema/text-values.js';
import type { DataType, Value } from '../schema/types.js';
import { formatFloating } from './floating-text.js';
import { isFloating, isIntegral, numericRank, scalarName } from './types.js';

/** Converts a value that is not null; null where the type cannot hold it. */
export type Convert = (value: Value) => Value;

export type Cast = {
  readonly convert: Convert;
  /** Whether no value gets past another by it and none becomes null: bounds stay bounds. */
  readonly monotone: boolean;
};

const DAY_US = 86_400_000_000n;
const SECOND_US = 1_000_000n;

/**
 * How values of one type become values of another, as Spark's TRY_CAST does: a value that the other type cannot hold, or a
 * text that is none of its values, becomes null. Undefined where Spark has no such cast. Zones are UTC.
 */
export function castBetween(from: DataType, to: DataType): Cast | undefined {
  const source = scalarName(from);
  const target = scalarName(to);
  if (source === undefined || target === undefined) return undefined;
  if (source === 'void') return { convert: () => null, monotone: true };
  if (source === target && target !== 'decimal') return { convert: (value) => value, monotone: true };
  if (target === 'string') return plain(toText(from));
  if (source === 'string') return fromText(to);
  if (numericRank(from) !== undefined && numericRank(to) !== undefined) return betweenNumbers(from, to);
  if (source === 'boolean') return numericRank(to) === undefined ? undefined : plain(fromBoolean(to));
  if (target === 'boolean')
    return numericRank(from) === undefined ? undefined : plain((value) => Number(value) !== 0);
  return betweenTimes(source, target) ?? betweenTimeAndNumber(from, to);
}

function plain(convert: Convert | undefined): Cast | undefined {
  return convert && { convert, monotone: false };
}

function betweenNumbers(from: DataType, to: DataType): Cast {
  if (to.kind === 'decimal') {
    const whole =
      from.kind === 'decimal' ? from.precision - from.scale : [3, 5, 10, 20][numericRank(from) ?? 9];
    const holds = whole !== undefined && to.precision - to.scale >= whole;
    const exact = from.kind !== 'decimal' || to.scale >= from.scale;
    return { convert: toDecimal(from, to.precision, to.scale), monotone: holds && exact };
  }
  if (isFloating(to)) {
    const single = scalarName(to) === 'float';
    const double = toDouble(from);
    return { convert: (value) => (single ? Math.fround(double(value)) : double(value)), monotone: true };
  }
  const bits = [8, 16, 32, 64][numericRank(to) ?? 3] ?? 64;
  const wider = (numericRank(to) ?? 0) >= (numericRank(from) ?? 0);
  return { convert: toInteger(from, bits), monotone: wider };
}

function toDouble(from: DataType): (value: Value) => number {
  if (from.kind === 'decimal') {
    const { scale } = from;
    return (value) => Number(typeof value === 'bigint' ? formatDecimal(value, scale) : value);
  }
  return (value) => Number(value);
}

function toInteger(from: DataType, bits: number): Convert {
  const fit = (value: bigint): Value => {
    if (BigInt.asIntN(bits, value) !== value) return null;
    return bits === 64 ? value : Number(value);
  };
  if (from.kind === 'decimal') {
    const divisor = powerOfTen(from.scale);
    return (value) => (typeof value === 'bigint' ? fit(value / divisor) : null);
  }
  return (value) => {
    if (typeof value === 'bigint') return fit(value);
    return typeof value === 'number' && Number.isFinite(value) ? fit(BigInt(Math.trunc(value))) : null;
  };
}

function toDecimal(from: DataType, precision: number, scale: number): Convert {
  const fit = (unscaled: bigint, has: number): Value => {
    const rescaled = rescaleRounded(unscaled, has, scale);
    return fitsDecimal(rescaled, precision) ? rescaled : null;
  };
  if (from.kind === 'decimal') return (value) => (typeof value === 'bigint' ? fit(value, from.scale) : null);
  return (value) => {
    if (typeof value === 'bigint') return fit(value, 0);
    const parsed = typeof value === 'number' ? parseDecimal(String(value)) : undefined;
    return parsed === undefined ? null : fit(parsed.unscaled, parsed.scale);
  };
}

/** The same number with `to` fraction digits, half rounded away from zero, as Spark does. */
export function rescaleRounded(unscaled: bigint, from: number, to: number): bigint {
  return to >= from ? unscaled * powerOfTen(to - from) : divideRounded(unscaled, powerOfTen(from - to));
}

/** The quotient, half rounded away from zero. */
export function divideRounded(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  const rest = dividend % divisor;
  const twice = (rest < 0n ? -rest : rest) * 2n;
  if (twice < (divisor < 0n ? -divisor : divisor)) return quotient;
  return dividend < 0n === divisor < 0n ? quotient + 1n : quotient - 1n;
}

function fromBoolean(to: DataType): Convert {
  if (to.kind === 'decimal') {
    const one = powerOfTen(to.scale);
    return (value) => (value === true ? (fitsDecimal(one, to.precision) ? one : null) : 0n);
  }
  return scalarName(to) === 'long'
    ? (value) => (value === true ? 1n : 0n)
    : (value) => (value === true ? 1 : 0);
}

function betweenTimes(source: string, target: string): Cast | undefined {
  if (source === 'date') {
    if (target !== 'timestamp' && target !== 'timestamp_ntz') return undefined;
    return { convert: (value) => BigInt(Number(value)) * DAY_US, monotone: true };
  }
  if (source !== 'timestamp' && source !== 'timestamp_ntz') return undefined;
  if (target === 'timestamp' || target === 'timestamp_ntz')
    return { convert: (value) => value, monotone: true };
  if (target !== 'date') return undefined;
  return {
    convert: (value) => (typeof value === 'bigint' ? Number(floorDivide(value, DAY_US)) : null),
    monotone: true,
  };
}

function betweenTimeAndNumber(from: DataType, to: DataType): Cast | undefined {
  if (scalarName(from) === 'timestamp' && isIntegral(to)) {
    const narrow = toInteger(
      { kind: 'primitive', name: 'long' },
      [8, 16, 32, 64][numericRank(to) ?? 3] ?? 64,
    );
    return plain((value) => (typeof value === 'bigint' ? narrow(floorDivide(value, SECOND_US)) : null));
  }
  if (scalarName(to) === 'timestamp' && isIntegral(from)) {
    return plain((value) => {
      const micros = BigInt(Number(value)) * SECOND_US;
      return BigInt.asIntN(64, micros) === micros ? micros : null;
    });
  }
  return undefined;
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value < 0n && quotient * by !== value ? quotient - 1n : quotient;
}

function fromText(to: DataType): Cast | undefined {
  const parse = textParser(to);
  return parse && plain((value) => (typeof value === 'string' ? parse(value.trim()) : null));
}

function textParser(to: DataType): ((text: string) => Value) | undefined {
  if (to.kind === 'decimal') {
    const { precision, scale } = to;
    return (text) => {
      const parsed = parseDecimal(text);
      if (parsed === undefined) return null;
      const unscaled = rescaleRounded(parsed.unscaled, parsed.scale, scale);
      return fitsDecimal(unscaled, precision) ? unscaled : null;
    };
  }
  const name = scalarName(to);
  switch (name) {
    case 'byte':
    case 'short':
    case 'integer':
    case 'long': {
      const narrow = toInteger(
        { kind: 'primitive', name: 'long' },
        [8, 16, 32, 64][numericRank(to) ?? 3] ?? 64,
      );
      return (text) => (/^[+-]?\d+$/.test(text) ? narrow(BigInt(text.replace(/^\+/, ''))) : null);
    }
    case 'float':
      return (text) => {
        const value = parseDouble(text);
        return value === null ? null : Math.fround(value);
      };
    case 'double':
      return parseDouble;
    case 'boolean':
      return (text) => BOOLEANS.get(text.toLowerCase()) ?? null;
    case 'date':
      // A time behind the day is cut off, as Spark does.
      return (text) => parseDate(text) ?? parseDate(text.split(/[T ]/, 1)[0] ?? '') ?? null;
    case 'timestamp':
    case 'timestamp_ntz':
      return (text) => parseTimestampMicros(text) ?? null;
    case 'binary':
      return (text) => new TextEncoder().encode(text);
    case 'string':
    case 'decimal':
    case 'variant':
    case 'void':
    case undefined:
      return undefined;
    default:
      return unreachable(name);
  }
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['t', 'true', 'y', 'yes', '1'].map((text) => [text, true] as const),
  ...['f', 'false', 'n', 'no', '0'].map((text) => [text, false] as const),
]);

function parseDouble(text: string): number | null {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return Number(text);
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special === null) return null;
  if (special[2]?.toLowerCase() === 'nan') return special[1] === '' ? NaN : null;
  return special[1] === '-' ? -Infinity : Infinity;
}

function toText(from: DataType): Convert | undefined {
  if (from.kind === 'decimal') {
    return (value) => (typeof value === 'bigint' ? formatDecimal(value, from.scale) : null);
  }
  const name = scalarName(from);
  switch (name) {
    case 'byte':
    case 'short':
    case 'integer':
    case 'long':
    case 'boolean':
      return String;
    case 'float':
      return (value) => formatFloating(Number(value), true);
    case 'double':
      return (value) => formatFloating(Number(value), false);
    case 'date':
      return (value) => formatDate(Number(value));
    case 'timestamp':
    case 'timestamp_ntz':
      return (value) =>
        typeof value === 'bigint'
          ? formatTimestampMicros(value, false)
              .replace('T', ' ')
              .replace(/\.?0+$/, '')
          : null;
    case 'binary':
      return (value) => (value instanceof Uint8Array ? new TextDecoder().decode(value) : null);
    case 'string':
    case 'decimal':
    case 'variant':
    case 'void':
    case undefined:
      return undefined;
    default:
      return unreachable(name);
  }
}
