import { canonicalValue } from '../schema/canonical.js';
import type { DataType, Value } from '../schema/types.js';

/** A value as people read it, which is the canonical form less the quotes around it; a text as it is. Not for null. */
export function cellText(type: DataType, value: Value): string {
  if (typeof value === 'string') return value;
  const text = canonicalValue(type, value);
  return text.startsWith('"') ? text.slice(1, -1) : text;
}
