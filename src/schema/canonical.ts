import { InvariantError } from '../base/errors.js';
import { compareUtf8 } from '../base/utf8-order.js';
import { formatDate, formatDecimal, formatTimestampMicros } from './text-values.js';
import type { DataType, MapType, PrimitiveName, StructType, Value } from './types.js';

/**
 * A value as JSON text in the canonical row form, made to be compared as text:
 *
 * | type | form |
 * |---|---|
 * | byte, short, integer, long | integer literal, exact |
 * | float, double | the digits of `String(x)`, minus zero `-0.0`, `"NaN"`, `"Infinity"`, `"-Infinity"` |
 * | decimal | string with exactly as many fraction digits as the scale |
 * | string | as `JSON.stringify` |
 * | binary | standard base64 with padding |
 * | date, timestamp, timestamp_ntz | `formatDate`, `formatTimestampMicros` |
 * | array | `[…]` |
 * | map | `[[k,v],…]`, sorted by the UTF-8 bytes of the key's text |
 * | struct | object, keys in schema order |
 * | variant | `{"metadata":…,"value":…}`, both base64 |
 */
export function canonicalValue(type: DataType, value: Value): string {
  if (value === null) return 'null';
  switch (type.kind) {
    case 'primitive':
      return canonicalPrimitive(type.name, value);
    case 'decimal':
      if (typeof value === 'bigint') return `"${formatDecimal(value, type.scale)}"`;
      break;
    case 'array':
      if (isList(value)) {
        return `[${value.map((element) => canonicalValue(type.element, element)).join(',')}]`;
      }
      break;
    case 'map':
      if (isList(value)) return canonicalMap(type, value);
      break;
    case 'struct':
      if (isRecord(value)) {
        return canonicalRow(
          type,
          type.fields.map(({ name }) => (Object.hasOwn(value, name) ? (value[name] ?? null) : null)),
        );
      }
  }
  throw misfit(type.kind);
}

/** A row as a canonical JSON object, keys in schema order; `values` are by field index, absent is null. */
export function canonicalRow(struct: StructType, values: readonly Value[]): string {
  let text = '{';
  for (const [i, { name, type }] of struct.fields.entries()) {
    text += `${i === 0 ? '' : ','}${JSON.stringify(name)}:${canonicalValue(type, values[i] ?? null)}`;
  }
  return text + '}';
}

function canonicalPrimitive(name: PrimitiveName, value: Value): string {
  switch (name) {
    case 'byte':
    case 'short':
    case 'integer':
    case 'long':
      if (typeof value === 'bigint' || typeof value === 'number') return value.toString();
      break;
    case 'float':
      if (typeof value === 'number') return canonicalDouble(Math.fround(value));
      break;
    case 'double':
      if (typeof value === 'number') return canonicalDouble(value);
      break;
    case 'boolean':
      if (typeof value === 'boolean') return value ? 'true' : 'false';
      break;
    case 'string':
      if (typeof value === 'string') return JSON.stringify(value);
      break;
    case 'binary':
      if (value instanceof Uint8Array) return base64(value);
      break;
    case 'date':
      if (typeof value === 'number') return `"${formatDate(value)}"`;
      break;
    case 'timestamp':
    case 'timestamp_ntz':
      if (typeof value === 'bigint') return `"${formatTimestampMicros(value, name === 'timestamp')}"`;
      break;
    case 'variant':
      if (isRecord(value)) return canonicalVariant(value);
      break;
    case 'void':
  }
  throw misfit(name);
}

function canonicalDouble(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0.0' : String(value);
  return `"${value}"`;
}

function canonicalMap(type: MapType, entries: readonly Value[]): string {
  const texts = entries.map((entry) => {
    if (!isList(entry)) throw misfit('map');
    const [key = null, value = null] = entry;
    return [canonicalValue(type.key, key), canonicalValue(type.value, value)] as const;
  });
  texts.sort(([a], [b]) => compareUtf8(a, b));
  return `[${texts.map(([key, value]) => `[${key},${value}]`).join(',')}]`;
}

function canonicalVariant(variant: { readonly [field: string]: Value }): string {
  const { metadata, value } = variant;
  if (!(metadata instanceof Uint8Array) || !(value instanceof Uint8Array)) throw misfit('variant');
  return `{"metadata":${base64(metadata)},"value":${base64(value)}}`;
}

function base64(bytes: Uint8Array): string {
  return `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')}"`;
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function isRecord(value: Value): value is { readonly [field: string]: Value } {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

function misfit(type: string): InvariantError {
  return new InvariantError(`a value that is no ${type} stands in a column of that type`);
}
