import { InvariantError } from '../base/errors.js';
import { normaliseDecimal } from './text-values.js';
import type { DataType, Value } from './types.js';

/**
 * The canonical text of one key value: two values of a column are equal exactly if their texts are. The
 * three floating zeros are one, all NaNs are one, 1.0 is 1.00, and an integer keeps its text when its
 * column is widened. A null is no key value.
 */
export function keyPart(type: DataType, value: Value): string {
  if (type.kind === 'decimal') {
    if (typeof value !== 'bigint') throw notAKey(type);
    const { unscaled, scale } = normaliseDecimal(value, type.scale);
    return `${unscaled}e-${scale}`;
  }
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') {
    // Adding zero turns minus zero into zero.
    return String((isFloat(type) ? Math.fround(value) : value) + 0);
  }
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (value instanceof Uint8Array) return hex(value);
  throw notAKey(type);
}

/**
 * One text for a key of several parts, so that different parts never give the same text; a single part
 * stands for itself.
 */
export function joinKey(parts: readonly string[]): string {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first;
  let text = '';
  for (const part of parts) text += `${part.length}:${part}`;
  return text;
}

function isFloat(type: DataType): boolean {
  return type.kind === 'primitive' && type.name === 'float';
}

function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte] ?? '';
  return text;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function notAKey(type: DataType): InvariantError {
  return new InvariantError(`no key text for a value of type ${type.kind}`);
}
