import { parseDecimal } from '../../schema/text-values.js';
import { JsonNumber, type JsonValue } from '../../base/json.js';

/** The bytes of base64 text, or undefined where it is none: `Buffer.from` would pass over what it does not know. */
export function readBase64(text: string): Uint8Array | undefined {
  return BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/** The integer in big-endian two's complement; no bytes are zero. */
export function readTwosComplement(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
}

/** The digits of a JSON number or of a text that is one. */
export function readDecimal(
  json: JsonValue,
): { readonly unscaled: bigint; readonly scale: number } | undefined {
  if (typeof json === 'bigint') return { unscaled: json, scale: 0 };
  if (typeof json === 'number') return parseDecimal(String(json));
  if (json instanceof JsonNumber) return parseDecimal(json.text);
  return typeof json === 'string' && DECIMAL_TEXT.test(json) ? parseDecimal(json) : undefined;
}

const DECIMAL_TEXT = /^[+-]?\d/;

/** What Debezium writes for a numeric that is no number, with `decimal.handling.mode=string` and `double`. */
const SPECIAL: ReadonlySet<string> = new Set([
  'NAN',
  'POSITIVE_INFINITY',
  'NEGATIVE_INFINITY',
  'NaN',
  'Infinity',
  '-Infinity',
]);

export function isSpecialDecimal(json: JsonValue): boolean {
  return typeof json === 'string' && SPECIAL.has(json);
}
