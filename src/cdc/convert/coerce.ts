import type { JsonValue } from '../../base/json.js';
import { sameType } from '../../schema/equal.js';
import { fitsDecimal, rescaleDecimal } from '../../schema/text-values.js';
import type { DataType, Value } from '../../schema/types.js';
import { UNTYPED, type SourceType } from '../source-type.js';
import type { Conversion } from './conversion.js';
import { fitsInt64, INTEGER_BOUNDS } from './numbers.js';

const DAY_US = 86_400_000_000n;

/**
 * A value of one column type as a value of another, exactly or not at all (then undefined, and the conversion's
 * `problem` says why). `from` is what the value was decoded as; a value that does not look like it, or has no such
 * type, is taken for what JSON would make of it.
 */
export function coerce(
  value: Value,
  from: DataType | undefined,
  to: DataType,
  conversion: Conversion,
): Value | undefined {
  if (value === null) return null;
  if (from === undefined || !looksLike(value, from)) return natural(value, UNTYPED, to, conversion);
  if (sameType(from, to)) return value;
  if (typeof value === 'bigint' && from.kind === 'decimal' && to.kind === 'decimal') {
    const unscaled = rescaleDecimal(value, from.scale, to.scale);
    if (unscaled === undefined) return conversion.refuse('a number with more decimal places than its column');
    return fitsDecimal(unscaled, to.precision)
      ? unscaled
      : conversion.refuse('a number with more digits than its decimal column');
  }
  if (from.kind === 'array' && to.kind === 'array' && isList(value))
    return coerceList(value, from.element, to.element, conversion);
  if (from.kind === 'struct' && to.kind === 'struct' && isRecord(value))
    return coerceStruct(value, from, to, conversion);
  if (from.kind === 'primitive' && to.kind === 'primitive') {
    if (from.name === 'date' && to.name === 'timestamp_ntz' && typeof value === 'number')
      return BigInt(value) * DAY_US;
    if (isTimestamp(from.name) && isTimestamp(to.name)) return value;
    if (from.name === 'float') return natural(value, { kind: 'float', bits: 32 }, to, conversion);
    if (isPlain(from.name)) return natural(value, UNTYPED, to, conversion);
  }
  return conversion.mismatch('a value whose type does not go with its column');
}

function coerceList(
  value: readonly Value[],
  from: DataType,
  to: DataType,
  conversion: Conversion,
): readonly Value[] | undefined {
  const values: Value[] = [];
  for (const item of value) {
    const one = coerce(item, from, to, conversion);
    if (one === undefined) return undefined;
    values.push(one);
  }
  return values;
}

function coerceStruct(
  value: { readonly [field: string]: Value },
  from: Extract<DataType, { kind: 'struct' }>,
  to: Extract<DataType, { kind: 'struct' }>,
  conversion: Conversion,
): Value | undefined {
  const members: [string, Value][] = [];
  for (const { name, type } of to.fields) {
    const had = from.fields.find((field) => field.name === name)?.type;
    const one = coerce(Object.hasOwn(value, name) ? (value[name] ?? null) : null, had, type, conversion);
    if (one === undefined) return undefined;
    members.push([name, one]);
  }
  return Object.fromEntries(members);
}

/** A value that nobody gave a type: bytes are bytes, and everything else is what JSON would say. */
function natural(value: Value, source: SourceType, to: DataType, conversion: Conversion): Value | undefined {
  if (value instanceof Uint8Array) {
    return to.kind === 'primitive' && to.name === 'binary'
      ? value
      : conversion.mismatch('bytes for a column that is not binary');
  }
  if (typeof value === 'number' && !Number.isFinite(value)) {
    const isDouble = to.kind === 'primitive' && (to.name === 'double' || to.name === 'float');
    return isDouble ? value : conversion.mismatch('a number that is not finite for a column of another type');
  }
  const json = toJson(value);
  return json === undefined
    ? conversion.mismatch('bytes inside a value without a type')
    : conversion.convert(json, source, to);
}

function toJson(value: Value): JsonValue | undefined {
  if (value instanceof Uint8Array) return undefined;
  if (isList(value)) {
    const items = value.map(toJson);
    return items.every((item) => item !== undefined) ? items : undefined;
  }
  if (isRecord(value)) {
    const members: [string, JsonValue][] = [];
    for (const [name, member] of Object.entries(value)) {
      const json = toJson(member);
      if (json === undefined) return undefined;
      members.push([name, json]);
    }
    return Object.fromEntries(members);
  }
  return value;
}

/** Whether a value may be one of that type, by its kind and, for numbers, its bounds. */
function looksLike(value: Value, type: DataType): boolean {
  switch (type.kind) {
    case 'decimal':
      return typeof value === 'bigint' && fitsDecimal(value, type.precision);
    case 'array':
    case 'map':
      return isList(value);
    case 'struct':
      return isRecord(value);
    case 'primitive':
      switch (type.name) {
        case 'byte':
        case 'short':
        case 'integer':
          return (
            typeof value === 'number' &&
            Number.isInteger(value) &&
            Math.abs(value) <= INTEGER_BOUNDS[type.name] + 1
          );
        case 'long':
        case 'timestamp':
        case 'timestamp_ntz':
          return typeof value === 'bigint' && fitsInt64(value);
        case 'date':
          return typeof value === 'number' && Number.isInteger(value);
        case 'float':
        case 'double':
          return typeof value === 'number';
        case 'boolean':
          return typeof value === 'boolean';
        case 'string':
          return typeof value === 'string';
        case 'binary':
          return value instanceof Uint8Array;
        default:
          return false;
      }
  }
}

function isTimestamp(name: string): boolean {
  return name === 'timestamp' || name === 'timestamp_ntz';
}

/** Types whose values are what JSON has. */
function isPlain(name: string): boolean {
  return ['byte', 'short', 'integer', 'long', 'double', 'boolean', 'string'].includes(name);
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function isRecord(value: Value): value is { readonly [field: string]: Value } {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}
