import type { JsonValue } from '../../base/json.js';
import type { PlainValue } from '../../operations/plain-values.js';

/**
 * What JSON would make of a value of a row object, so that it can be converted like one that came in a record: bytes
 * as base64, numbers that are not finite by name, a Date as ISO text.
 */
export function plainJson(value: PlainValue | Date): JsonValue {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (isList(value)) return value.map(plainJson);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plainJson(member)]));
}

function isList(value: PlainValue): value is readonly PlainValue[] {
  return Array.isArray(value);
}
