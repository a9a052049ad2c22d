import { JsonNumber, type JsonValue } from '../../base/json.js';
import { parseDecimal, normaliseDecimal, type DecimalNumber } from '../../schema/text-values.js';

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

/** The bounds of Delta's integer types. */
export const INTEGER_BOUNDS = { byte: 0x7f, short: 0x7fff, integer: 0x7fff_ffff } as const;

export function fitsInt64(value: bigint): boolean {
  return value >= INT64_MIN && value <= INT64_MAX;
}

/** Debezium's and Java's words for doubles that JSON has no number for. */
export function readSpecialDouble(text: string): number | undefined {
  switch (text) {
    case 'NaN':
      return Number.NaN;
    case 'Infinity':
      return Number.POSITIVE_INFINITY;
    case '-Infinity':
      return Number.NEGATIVE_INFINITY;
    default:
      return undefined;
  }
}

/** More digits than this no double or float is ever written with, and a longer literal is no measurement. */
const DIGITS_MAX = 100;

/**
 * Whether the nearest double (or float, with `single`) keeps the digits of a number literal: written again with as
 * many of them, it is the same number. For a float nine digits are enough to be it.
 */
export function keepsDigits(literal: string, single: boolean): boolean {
  const exact = parseDecimal(literal);
  const value = single ? Math.fround(Number(literal)) : Number(literal);
  if (exact === undefined || !Number.isFinite(value)) return false;
  const digits = significantDigits(exact.unscaled);
  if (digits === 0 || value === 0) return digits === 0;
  if (single && digits <= 9) return true;
  if (digits > DIGITS_MAX) return false;
  // A tie at that length is rounded up, where the shortest text of the same double may end one lower.
  return [value.toPrecision(digits), String(value)].some((text) => {
    const written = parseDecimal(text);
    return written !== undefined && sameDecimal(exact, written);
  });
}

/** The text of a JSON number that was parsed without loss. */
export function numberText(json: JsonValue): string | undefined {
  if (json instanceof JsonNumber) return json.text;
  if (typeof json === 'bigint') return json.toString();
  return typeof json === 'number' ? String(json) : undefined;
}

function sameDecimal(a: DecimalNumber, b: DecimalNumber): boolean {
  const one = normaliseDecimal(a.unscaled, a.scale);
  const other = normaliseDecimal(b.unscaled, b.scale);
  return one.unscaled === other.unscaled && one.scale === other.scale;
}

function significantDigits(unscaled: bigint): number {
  return unscaled.toString().replace('-', '').replace(/0+$/, '').length;
}
