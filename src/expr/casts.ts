import { fitsTimestamp, powerOfTen } from '../schema/text-values.js';
import type { DataType, Value } from '../schema/types.js';
import { DAY_US, splitMicros } from './calendar.js';
import { doubleOf, rounded, toDecimal, toInteger, type Convert } from './number-casts.js';
import { fromText, toText } from './text-casts.js';
import { trimmed } from './time-text.js';
import { isFloating, isIntegral, isTime, numericRank, sameType, scalarName } from './types.js';

export type Cast = {
  readonly convert: Convert;
  /** Whether no value gets past another by it and none becomes null: bounds stay bounds. */
  readonly monotone: boolean;
};

/** `TRY_CAST`: an integer type's value that it cannot hold is null, and a text with a fraction is no integer. */
export function tryCastBetween(from: DataType, to: DataType): Cast | undefined {
  const made = castBetween(from, to);
  if (made === undefined || !isIntegral(to)) return made;
  const fits = (value: Value, result: Value): boolean => {
    if (typeof value === 'string') return /^[+-]?\d+$/.test(trimmed(value));
    if (typeof value === 'boolean' || result === null) return true;
    const exact = typeof value === 'bigint' ? whole(value, from) : Math.trunc(Number(value));
    return exact === (typeof exact === 'bigint' ? BigInt(String(result)) : Number(result));
  };
  const convert: Convert = (value) => {
    const result = made.convert(value);
    return fits(value, result) ? result : null;
  };
  return { convert, monotone: made.monotone };
}

function whole(value: bigint, from: DataType): bigint {
  if (from.kind === 'decimal') return value / powerOfTen(from.scale);
  return isTime(scalarName(from)) ? floorSeconds(value) : value;
}

/**
 * How values of one type become values of another, as Spark's CAST does without ANSI mode: an integer that is too large
 * keeps its low bits, a floating number stops at the ends of an integer type, and any other value that the type cannot
 * hold, or a text that is none of its values, becomes null. Undefined where there is no such cast. Zones are UTC.
 */
export function castBetween(from: DataType, to: DataType): Cast | undefined {
  if (sameType(from, to)) return { convert: (value) => value, monotone: true };
  const source = scalarName(from);
  const target = scalarName(to);
  if (source === 'void') return { convert: () => null, monotone: true };
  if (source === undefined || target === undefined) return undefined;
  if (target === 'string') return plain(toText(from));
  if (source === 'string') return plain(fromText(to));
  if (numericRank(from) !== undefined && numericRank(to) !== undefined) return betweenNumbers(from, to);
  if (source === 'boolean') return numericRank(to) === undefined ? undefined : plain(fromBoolean(to));
  if (target === 'boolean') return toBoolean(from);
  return betweenTimes(source, target) ?? betweenTimeAndNumber(from, to);
}

function plain(convert: Convert | undefined): Cast | undefined {
  return convert && { convert, monotone: false };
}

/** Digits before the point that hold each value of an integer type. */
const WHOLE_DIGITS: readonly number[] = [3, 5, 10, 19];

function betweenNumbers(from: DataType, to: DataType): Cast {
  if (to.kind === 'decimal') {
    const whole =
      from.kind === 'decimal'
        ? from.precision - from.scale
        : WHOLE_DIGITS[numericRank(from) ?? WHOLE_DIGITS.length];
    const holds = whole !== undefined && to.precision - to.scale >= whole;
    const exact = from.kind !== 'decimal' || to.scale >= from.scale;
    return { convert: toDecimal(from, to.precision, to.scale), monotone: holds && exact };
  }
  if (isFloating(to)) {
    const double = doubleOf(from);
    return { convert: (value) => rounded(double(value), to), monotone: true };
  }
  const wider = isIntegral(from) && (numericRank(to) ?? 0) >= (numericRank(from) ?? 0);
  return { convert: toInteger(from, to), monotone: wider };
}

function fromBoolean(to: DataType): Convert {
  const whole = toInteger({ kind: 'primitive', name: 'integer' }, { kind: 'primitive', name: 'long' });
  const one =
    to.kind === 'decimal'
      ? toDecimal({ kind: 'primitive', name: 'integer' }, to.precision, to.scale)
      : scalarName(to) === 'long'
        ? whole
        : (value: Value) => value;
  return (value) => one(value === true ? 1 : 0);
}

function toBoolean(from: DataType): Cast | undefined {
  const name = scalarName(from);
  if (name !== 'timestamp' && numericRank(from) === undefined) return undefined;
  return plain((value) => Number(value) !== 0);
}

function betweenTimes(source: string, target: string): Cast | undefined {
  if (source === 'date') {
    if (target !== 'timestamp' && target !== 'timestamp_ntz') return undefined;
    return { convert: (value) => clamped(BigInt(Number(value)) * BigInt(DAY_US)), monotone: true };
  }
  if (source !== 'timestamp' && source !== 'timestamp_ntz') return undefined;
  if (target === 'timestamp' || target === 'timestamp_ntz')
    return { convert: (value) => value, monotone: true };
  if (target !== 'date') return undefined;
  return {
    convert: (value) => (typeof value === 'bigint' ? splitMicros(value).days : null),
    monotone: true,
  };
}

/** Dates reach farther than timestamps: what lies beyond is at their end, so that bounds stay bounds. */
function clamped(micros: bigint): bigint {
  const end = 2n ** 63n;
  return micros >= end ? end - 1n : micros < -end ? -end : micros;
}

function inRange(micros: bigint): bigint | null {
  return fitsTimestamp(micros) ? micros : null;
}

const SECOND_US = 1_000_000;

function betweenTimeAndNumber(from: DataType, to: DataType): Cast | undefined {
  if (scalarName(from) === 'timestamp') {
    if (isIntegral(to)) {
      const narrow = toInteger({ kind: 'primitive', name: 'long' }, to);
      return plain((value) => narrow(floorSeconds(value)));
    }
    if (isFloating(to)) return plain((value) => rounded(Number(value) / SECOND_US, to));
  }
  if (scalarName(to) === 'timestamp') {
    if (isIntegral(from)) return plain((value) => inRange(BigInt(Number(value)) * BigInt(SECOND_US)));
    if (isFloating(from) || from.kind === 'decimal') {
      const double = doubleOf(from);
      const whole = toInteger({ kind: 'primitive', name: 'double' }, { kind: 'primitive', name: 'long' });
      return plain((value) => {
        const seconds = double(value);
        return Number.isFinite(seconds) ? whole(seconds * SECOND_US) : null;
      });
    }
  }
  return undefined;
}

function floorSeconds(value: Value): bigint {
  if (typeof value !== 'bigint') return 0n;
  const by = BigInt(SECOND_US);
  const quotient = value / by;
  return value < 0n && quotient * by !== value ? quotient - 1n : quotient;
}
