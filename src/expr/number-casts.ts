import { fitsDecimal, formatDecimal, parseDecimal, powerOfTen } from '../schema/text-values.js';
import type { DataType, Value } from '../schema/types.js';
import { numericRank, scalarName } from './types.js';

/** Converts a value that is not null; null where the type cannot hold it. */
export type Convert = (value: Value) => Value;

const BITS: readonly number[] = [8, 16, 32, 64];

/** The width of an integer type; 64 for any other. */
export function bitsOf(type: DataType): number {
  return BITS[numericRank(type) ?? 3] ?? 64;
}

/** The integer with its low bits, as a value of the integer type of that width. */
export function wrapped(value: bigint, bits: number): Value {
  const low = BigInt.asIntN(bits, value);
  return bits === 64 ? low : Number(low);
}

/** A number of any numeric type as a double. */
export function doubleOf(from: DataType): (value: Value) => number {
  if (from.kind === 'decimal') {
    const { scale } = from;
    return (value) => Number(typeof value === 'bigint' ? formatDecimal(value, scale) : value);
  }
  return (value) => Number(value);
}

/** The double as a value of a floating type. */
export function rounded(value: number, to: DataType): number {
  return scalarName(to) === 'float' ? Math.fround(value) : value;
}

/** To an integer type: fractions are cut off, too many bits too; floating numbers stop at the ends, NaN is 0. */
export function toInteger(from: DataType, to: DataType): Convert {
  const bits = bitsOf(to);
  if (from.kind === 'decimal') {
    const divisor = powerOfTen(from.scale);
    return (value) => (typeof value === 'bigint' ? wrapped(value / divisor, bits) : null);
  }
  return (value) => {
    if (typeof value === 'bigint') return wrapped(value, bits);
    if (typeof value !== 'number') return null;
    if (Number.isInteger(value) && Math.abs(value) < 2 ** 31) return wrapped(BigInt(value), bits);
    return wrapped(saturated(value, bits === 64 ? 64 : 32), bits);
  };
}

function saturated(value: number, bits: 32 | 64): bigint {
  if (Number.isNaN(value)) return 0n;
  const end = 2 ** (bits - 1);
  if (value >= end) return 2n ** BigInt(bits - 1) - 1n;
  if (value <= -end) return -(2n ** BigInt(bits - 1));
  return BigInt(Math.trunc(value));
}

export function toDecimal(from: DataType, precision: number, scale: number): Convert {
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
