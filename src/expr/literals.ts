import {
  BINARY,
  BOOLEAN,
  DATE,
  decimal,
  DECIMAL_PRECISION_MAX,
  primitive,
  TIMESTAMP,
  TIMESTAMP_NTZ,
  VOID,
} from '../schema/build.js';
import { parseDecimal } from '../schema/text-values.js';
import type { DataType, Value } from '../schema/types.js';
import { invalid } from './invalid.js';
import { readDateText, readTimestampText } from './time-text.js';
import type { Token } from './tokens.js';

type Literal = {
  readonly kind: 'literal';
  readonly at: number;
  readonly type: DataType;
  readonly value: Value;
};

/**
 * What a number means as Spark SQL reads it: an int if it fits, else a bigint or a decimal; 1.5 is a decimal, 1e3 a
 * double. The minus before it, if there is one, belongs to it, so that the least integers can be written.
 */
export function numberLiteral({ text, at }: Token, negative: boolean): Literal {
  if (text.length > DIGITS_MAX) throw invalid(at, `a number of ${text.length} characters`);
  const [, digits = text, suffix = ''] = /^(.*?)(BD|[LSYDF])?$/is.exec(text) ?? [];
  const parsed = parseDecimal(digits);
  if (parsed === undefined) throw invalid(at, `${text} is no number`);
  const { scale } = parsed;
  const unscaled = negative ? -parsed.unscaled : parsed.unscaled;
  const type = numberType(digits, suffix.toUpperCase(), unscaled);
  if (type === 'double' || type === 'float') {
    const value = negative ? -Number(digits) : Number(digits);
    if (!Number.isFinite(type === 'float' ? Math.fround(value) : value))
      throw invalid(at, `${text} is no ${type}`);
    return {
      kind: 'literal',
      at,
      type: primitive(type),
      value: type === 'float' ? Math.fround(value) : value,
    };
  }
  if (type === 'decimal') {
    const precision = Math.max(String(parsed.unscaled).length, scale);
    if (precision > DECIMAL_PRECISION_MAX)
      throw invalid(at, `${text} has more than ${DECIMAL_PRECISION_MAX} digits`);
    return { kind: 'literal', at, type: decimal(precision, scale), value: unscaled };
  }
  if (scale > 0 || !fits(unscaled, BITS[type])) throw invalid(at, `${text} is no ${type}`);
  return { kind: 'literal', at, type: primitive(type), value: type === 'long' ? unscaled : Number(unscaled) };
}

/** More than the exact value of any double takes. */
const DIGITS_MAX = 1100;

const BITS = { byte: 8, short: 16, integer: 32, long: 64 } as const;

function fits(value: bigint, bits: number): boolean {
  return BigInt.asIntN(bits, value) === value;
}

function numberType(
  digits: string,
  suffix: string,
  unscaled: bigint,
): keyof typeof BITS | 'decimal' | 'double' | 'float' {
  switch (suffix) {
    case 'L':
      return 'long';
    case 'S':
      return 'short';
    case 'Y':
      return 'byte';
    case 'F':
      return 'float';
    case 'D':
      return 'double';
    case 'BD':
      return 'decimal';
  }
  if (/e/i.test(digits)) return 'double';
  if (digits.includes('.')) return 'decimal';
  return fits(unscaled, 32) ? 'integer' : fits(unscaled, 64) ? 'long' : 'decimal';
}

/** `DATE '…'`, `TIMESTAMP '…'`, `TIMESTAMP_NTZ '…'`, `X'…'`; a timestamp without a zone is UTC. Undefined for other words. */
export function typedLiteral(word: string, text: string, at: number): Literal | undefined {
  switch (word.toUpperCase()) {
    case 'DATE':
      return { kind: 'literal', at, type: DATE, value: mustParse(readDateText(text), 'date', text, at) };
    case 'TIMESTAMP':
    case 'TIMESTAMP_LTZ':
      return {
        kind: 'literal',
        at,
        type: TIMESTAMP,
        value: mustParse(readTimestampText(text), 'timestamp', text, at),
      };
    case 'TIMESTAMP_NTZ':
      return {
        kind: 'literal',
        at,
        type: TIMESTAMP_NTZ,
        value: mustParse(readTimestampText(text), 'timestamp', text, at),
      };
    case 'X':
      return {
        kind: 'literal',
        at,
        type: BINARY,
        value: mustParse(parseHex(text), 'row of hex digits', text, at),
      };
    default:
      return undefined;
  }
}

function mustParse<T>(value: T | undefined, what: string, text: string, at: number): T {
  if (value === undefined) throw invalid(at, `${JSON.stringify(text)} is no ${what}`);
  return value;
}

function parseHex(text: string): Uint8Array | undefined {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) return undefined;
  return Uint8Array.from({ length: text.length / 2 }, (_, i) =>
    Number.parseInt(text.slice(i * 2, i * 2 + 2), 16),
  );
}

/** TRUE, FALSE and NULL; undefined for other words. */
export function wordLiteral(word: string, at: number): Literal | undefined {
  switch (word.toUpperCase()) {
    case 'TRUE':
      return { kind: 'literal', at, type: BOOLEAN, value: true };
    case 'FALSE':
      return { kind: 'literal', at, type: BOOLEAN, value: false };
    case 'NULL':
      return { kind: 'literal', at, type: VOID, value: null };
    default:
      return undefined;
  }
}
