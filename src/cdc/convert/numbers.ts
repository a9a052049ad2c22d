import { JsonNumber, type JsonValue } from '../../base/json.js';
import { parseDecimal, normaliseDecimal } from '../../schema/text-values.js';

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

/**
 * Whether the nearest double (or float, with `single`) gives back the digits of a number literal: read, written as the
 * shortest text that is it, and compared as decimals. For a float nine digits are enough to be it.
 */
export function keepsDigits(literal: string, single: boolean): boolean {
  const value = Number(literal);
  if (!Number.isFinite(value)) return false;
  const exact = parseDecimal(literal);
  if (exact === undefined) return false;
  if (single) {
    const near = Math.fround(value);
    if (!Number.isFinite(near)) return false;
    return sameDecimal(exact, near) || significantDigits(exact.unscaled) <= 9;
  }
  return sameDecimal(exact, value);
}

/** The text of a JSON number that was parsed without loss. */
export function numberText(json: JsonValue): string | undefined {
  if (json instanceof JsonNumber) return json.text;
  if (typeof json === 'bigint') return json.toString();
  return typeof json === 'number' ? String(json) : undefined;
}

function sameDecimal(exact: { readonly unscaled: bigint; readonly scale: number }, value: number): boolean {
  const written = parseDecimal(String(value));
  if (written === undefined) return false;
  const a = normaliseDecimal(exact.unscaled, exact.scale);
  const b = normaliseDecimal(written.unscaled, written.scale);
  return a.unscaled === b.unscaled && a.scale === b.scale;
}

function significantDigits(unscaled: bigint): number {
  return unscaled.toString().replace('-', '').replace(/0+$/, '').length;
}
