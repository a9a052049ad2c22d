import { unreachable } from '../base/errors.js';
import type { DataType, StructType } from './types.js';

/** Whether two types hold the same values: names, order and nullability count, field metadata does not. */
export function sameType(a: DataType, b: DataType): boolean {
  if (a === b) return true;
  switch (a.kind) {
    case 'primitive':
      return b.kind === 'primitive' && a.name === b.name;
    case 'decimal':
      return b.kind === 'decimal' && a.precision === b.precision && a.scale === b.scale;
    case 'array':
      return b.kind === 'array' && a.containsNull === b.containsNull && sameType(a.element, b.element);
    case 'map':
      return (
        b.kind === 'map' &&
        a.valueContainsNull === b.valueContainsNull &&
        sameType(a.key, b.key) &&
        sameType(a.value, b.value)
      );
    case 'struct':
      return b.kind === 'struct' && sameFields(a, b);
    default:
      return unreachable(a);
  }
}

function sameFields(a: StructType, b: StructType): boolean {
  if (a.fields.length !== b.fields.length) return false;
  return a.fields.every((one, i) => {
    const other = b.fields[i];
    return (
      other !== undefined &&
      one.name === other.name &&
      one.nullable === other.nullable &&
      sameType(one.type, other.type)
    );
  });
}
