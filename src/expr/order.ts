import { InvariantError } from '../base/errors.js';
import { compareUtf8 } from '../base/utf8-order.js';
import type { Value } from '../schema/types.js';

/**
 * Orders two values of one type, neither of them null: below zero, zero, above zero. As Spark does: NaN equals itself and
 * is greater than any other number, the zeros are equal, texts and bytes go by their (UTF-8) bytes, false is before true.
 */
export function compareValues(one: Value, other: Value): number {
  if (typeof one === 'number' && typeof other === 'number') return compareNumbers(one, other);
  if (typeof one === 'bigint' && typeof other === 'bigint') return one < other ? -1 : one > other ? 1 : 0;
  if (typeof one === 'string' && typeof other === 'string')
    return one === other ? 0 : compareUtf8(one, other);
  if (typeof one === 'boolean' && typeof other === 'boolean') return Number(one) - Number(other);
  if (one instanceof Uint8Array && other instanceof Uint8Array) return compareBytes(one, other);
  throw new InvariantError(`a ${typeof one} compared to a ${typeof other}`);
}

/** -1, 0 or 1: NaN equals itself and is the greatest, the zeros are equal. */
export function compareNumbers(one: number, other: number): number {
  if (one < other) return -1;
  if (one > other) return 1;
  return one === other ? 0 : Number(Number.isNaN(one)) - Number(Number.isNaN(other));
}

function compareBytes(one: Uint8Array, other: Uint8Array): number {
  const shared = Math.min(one.length, other.length);
  for (let index = 0; index < shared; index++) {
    const difference = (one[index] ?? 0) - (other[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}
