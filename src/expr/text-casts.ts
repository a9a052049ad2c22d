import { unreachable } from '../base/errors.js';
import { fitsDecimal, formatDecimal, parseDecimal } from '../schema/text-values.js';
import type { DataType, Value } from '../schema/types.js';
import { formatFloating } from './floating-text.js';
import { bitsOf, rescaleRounded, type Convert } from './number-casts.js';
import { dateText, readDateText, readTimestampText, timestampText, trimmed } from './time-text.js';
import { scalarName } from './types.js';

/** What a text means as a value of the type; null for what is none of its values. Undefined for types without texts. */
export function fromText(to: DataType): Convert | undefined {
  const parse = textParser(to);
  return parse && ((value) => (typeof value === 'string' ? parse(value) : null));
}

function textParser(to: DataType): ((text: string) => Value) | undefined {
  if (to.kind === 'decimal') {
    const { precision, scale } = to;
    return (text) => {
      const parsed = parseDecimal(trimmed(text));
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
    case 'long':
      return integerParser(bitsOf(to));
    case 'float':
      return (text) => {
        const value = parseDouble(trimmed(text));
        return value === null ? null : Math.fround(value);
      };
    case 'double':
      return (text) => parseDouble(trimmed(text));
    case 'boolean':
      return (text) => BOOLEANS.get(trimmed(text).toLowerCase()) ?? null;
    case 'date':
      return (text) => readDateText(text) ?? null;
    case 'timestamp':
    case 'timestamp_ntz':
      return (text) => readTimestampText(text) ?? null;
    case 'binary':
      return (text) => new TextEncoder().encode(text);
    case 'string':
    case 'variant':
    case 'void':
    case 'decimal':
    case undefined:
      return undefined;
    default:
      return unreachable(name);
  }
}

/** Digits, and a fraction that is cut off. */
const INTEGER = /^([+-]?)(\d*)(?:\.\d*)?$/;

function integerParser(bits: number): (text: string) => Value {
  return (text) => {
    const short = trimmed(text);
    const match = INTEGER.exec(short);
    if (match === null || !/\d/.test(short)) return null;
    const [, sign, digits = ''] = match;
    if (digits.replace(/^0+/, '').length > 19) return null;
    const value = BigInt(digits === '' ? 0 : digits) * (sign === '-' ? -1n : 1n);
    if (BigInt.asIntN(bits, value) !== value) return null;
    return bits === 64 ? value : Number(value);
  };
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ...['t', 'true', 'y', 'yes', '1'].map((text) => [text, true] as const),
  ...['f', 'false', 'n', 'no', '0'].map((text) => [text, false] as const),
]);

function parseDouble(text: string): number | null {
  const plain = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)[fd]?$/i.exec(text);
  if (plain !== null) return Number(plain[1]);
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special === null) return null;
  if (special[2]?.toLowerCase() === 'nan') return special[1] === '' ? NaN : null;
  return special[1] === '-' ? -Infinity : Infinity;
}

/** How a value of the type is written; undefined for types without texts. */
export function toText(from: DataType): Convert | undefined {
  if (from.kind === 'decimal') {
    return (value) => (typeof value === 'bigint' ? decimalText(value, from.scale) : null);
  }
  const name = scalarName(from);
  switch (name) {
    case 'byte':
    case 'short':
    case 'integer':
    case 'long':
    case 'boolean':
    case 'string':
      return String;
    case 'float':
      return (value) => formatFloating(Number(value), true);
    case 'double':
      return (value) => formatFloating(Number(value), false);
    case 'date':
      return (value) => dateText(Number(value));
    case 'timestamp':
    case 'timestamp_ntz':
      return (value) => (typeof value === 'bigint' ? timestampText(value) : null);
    case 'binary':
      return (value) => (value instanceof Uint8Array ? new TextDecoder().decode(value) : null);
    case 'decimal':
    case 'variant':
    case 'void':
    case undefined:
      return undefined;
    default:
      return unreachable(name);
  }
}

/** As Java's BigDecimal writes itself: with an exponent where more than five zeros would follow the point. */
function decimalText(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString();
  const exponent = digits.length - 1 - scale;
  if (exponent >= -6) return formatDecimal(unscaled, scale);
  const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`;
  return `${unscaled < 0n ? '-' : ''}${mantissa}E${exponent}`;
}
