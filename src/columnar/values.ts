import type { Value } from '../schema/types.js';

/** Whether a value is an array's or a map's. */
export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** Whether a value is a struct's. */
export function isStruct(value: Value): value is { readonly [field: string]: Value } {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}
