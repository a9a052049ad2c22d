import { unreachable } from '../../base/errors.js';
import { compareUtf8 } from '../../base/utf8-order.js';
import type { DataType, Value } from '../../schema/types.js';

/**
 * Orders two values of one primitive type as Delta's file stats do: strings by their UTF-8 bytes, everything else by
 * value. NaN where the values have no order (a null, a nested value, NaN): nothing may be concluded from it.
 */
export function compareValues(a: Value, b: Value): number {
  if (typeof a === 'string' && typeof b === 'string') return compareUtf8(a, b);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'bigint' && typeof b === 'bigint') return a < b ? -1 : a > b ? 1 : 0;
  return NaN;
}

/** Whether file stats and `compareValues` order the values of this type, so that a range of it proves something. */
export function hasOrder(type: DataType): boolean {
  if (type.kind === 'decimal') return true;
  if (type.kind !== 'primitive') return false;
  switch (type.name) {
    case 'string':
    case 'long':
    case 'integer':
    case 'short':
    case 'byte':
    case 'date':
    case 'timestamp':
    case 'timestamp_ntz':
      return true;
    case 'binary':
    case 'boolean':
    case 'variant':
    case 'void':
      return false;
    case 'float':
    case 'double':
      // A NaN in a file of floats lies outside the bounds that some writers give it.
      return false;
    default:
      return unreachable(type.name);
  }
}
