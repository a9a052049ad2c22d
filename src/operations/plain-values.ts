import { SluiceError, unreachable } from '../base/errors.js';
import {
  fitsDecimal,
  formatDate,
  formatDecimal,
  formatTimestampMicros,
  parseDate,
  parseDecimal,
  parseTimestampMicros,
  rescaleDecimal,
} from '../schema/text-values.js';
import { formatType } from '../schema/type-text.js';
import type { DataType, PrimitiveName, StructType, Value } from '../schema/types.js';

/**
 * A value of a row object.
 *
 * | type | given | taken |
 * |---|---|---|
 * | boolean | boolean | boolean |
 * | byte, short, integer | number | number, bigint |
 * | long | bigint | bigint, safe integer, text of digits |
 * | float, double | number | number |
 * | decimal | text with all its fraction digits | text, bigint, number that fits exactly |
 * | string | string | string |
 * | binary | Uint8Array | Uint8Array |
 * | date | `2026-01-31` | the same, Date (its UTC day) |
 * | timestamp | `2026-01-31T00:00:00.000000Z` | ISO text (without a zone: UTC), Date |
 * | timestamp_ntz | the same without `Z` | ISO text, Date |
 * | array | array | array |
 * | map | array of `[key, value]` | the same, Map |
 * | struct | object by field name | object |
 */
export type PlainValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly PlainValue[]
  | { readonly [field: string]: PlainValue };

/** A row as an object by column name. */
export type PlainRow = { readonly [column: string]: PlainValue };

/** A value that is taken for a cell: what `PlainValue` lists as taken. */
export type GivenValue =
  | PlainValue
  | undefined
  | Date
  | ReadonlyMap<GivenValue, GivenValue>
  | readonly GivenValue[]
  | { readonly [field: string]: GivenValue };

/** A row to write, as an object by column name; a column that is left out is null. */
export type GivenRow = { readonly [column: string]: GivenValue };

/** The value as row objects have it. */
export function toPlain(type: DataType, value: Value): PlainValue {
  if (value === null) return null;
  switch (type.kind) {
    case 'decimal':
      return typeof value === 'bigint' ? formatDecimal(value, type.scale) : toPlainLeaf(value);
    case 'primitive':
      if (type.name === 'date' && typeof value === 'number') return formatDate(value);
      if (type.name === 'timestamp' && typeof value === 'bigint') return formatTimestampMicros(value, true);
      if (type.name === 'timestamp_ntz' && typeof value === 'bigint') {
        return formatTimestampMicros(value, false);
      }
      return toPlainLeaf(value);
    case 'array':
      return isList(value) ? value.map((element) => toPlain(type.element, element)) : null;
    case 'map':
      return isList(value)
        ? value.map((entry) => {
            const [key = null, of = null] = isList(entry) ? entry : [];
            return [toPlain(type.key, key), toPlain(type.value, of)];
          })
        : null;
    case 'struct':
      return isRecord(value) ? toPlainRow(type, (name) => value[name] ?? null) : null;
    default:
      return unreachable(type);
  }
}

/** The row as an object, keys in schema order; a column named `__proto__` is a key like any other. */
export function toPlainRow(struct: StructType, valueOf: (name: string, index: number) => Value): PlainRow {
  return Object.fromEntries(
    struct.fields.map(({ name, type }, i) => [name, toPlain(type, valueOf(name, i))]),
  );
}

/** A value taken from outside, `SCHEMA_MISMATCH` if it is none of the type: nothing is rounded or cut. */
export function fromPlain(type: DataType, value: unknown, column: string): Value {
  if (value === null || value === undefined) return null;
  const taken = take(type, value, column);
  if (taken !== undefined) return taken;
  throw new SluiceError('SCHEMA_MISMATCH', `column ${column}: a ${kindOf(value)} is no ${formatType(type)}`, {
    context: { column },
  });
}

function take(type: DataType, value: unknown, column: string): Value | undefined {
  switch (type.kind) {
    case 'decimal':
      return takeDecimal(value, type.precision, type.scale);
    case 'primitive':
      return takePrimitive(type.name, value);
    case 'array':
      if (!isArray(value)) return undefined;
      return value.map((element) => fromPlain(type.element, element, `${column}.element`));
    case 'map': {
      const entries = value instanceof Map ? [...value] : value;
      if (!isArray(entries) || !entries.every((entry) => isArray(entry) && entry.length === 2))
        return undefined;
      return entries.map((entry) => {
        const [key, of]: readonly unknown[] = isArray(entry) ? entry : [];
        return [fromPlain(type.key, key, `${column}.key`), fromPlain(type.value, of, `${column}.value`)];
      });
    }
    case 'struct': {
      if (typeof value !== 'object' || value === null || isArray(value)) return undefined;
      const fields = ownFields(value, type, column);
      return Object.fromEntries(fields.map(({ name, taken }) => [name, taken]));
    }
    default:
      return unreachable(type);
  }
}

/** An object's fields in the order of the struct; a field that the struct does not have is `SCHEMA_MISMATCH`. */
export function ownFields(
  object: object,
  struct: StructType,
  above = '',
): readonly { readonly name: string; readonly taken: Value }[] {
  const given = new Map<string, unknown>(Object.entries(object));
  const prefix = above === '' ? '' : `${above}.`;
  const fields = struct.fields.map(({ name, type }) => {
    const taken = fromPlain(type, given.get(name), prefix + name);
    given.delete(name);
    return { name, taken };
  });
  const [stranger] = given.keys();
  if (stranger === undefined) return fields;
  throw new SluiceError('SCHEMA_MISMATCH', `the table has no column ${prefix}${stranger}`, {
    context: { column: prefix + stranger },
    hint: 'leave the column out, or add it to the table first',
  });
}

const INTEGER_BITS: Readonly<Partial<Record<PrimitiveName, number>>> = { byte: 8, short: 16, integer: 32 };

function takePrimitive(name: PrimitiveName, value: unknown): Value | undefined {
  switch (name) {
    case 'string':
      return typeof value === 'string' ? value : undefined;
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'float':
    case 'double':
      return typeof value === 'number' ? value : undefined;
    case 'byte':
    case 'short':
    case 'integer': {
      const number = typeof value === 'bigint' ? Number(value) : value;
      const max = 2 ** ((INTEGER_BITS[name] ?? 32) - 1);
      return typeof number === 'number' && Number.isInteger(number) && number >= -max && number < max
        ? number + 0
        : undefined;
    }
    case 'long':
      return takeLong(value);
    case 'binary':
      return value instanceof Uint8Array ? value : undefined;
    case 'date':
      if (value instanceof Date) return Math.floor(value.getTime() / DAY_MS);
      return typeof value === 'string' ? parseDate(value) : undefined;
    case 'timestamp':
    case 'timestamp_ntz':
      if (value instanceof Date) return BigInt(value.getTime()) * 1000n;
      return typeof value === 'string' ? parseTimestampMicros(value) : undefined;
    case 'variant':
    case 'void':
      return undefined;
    default:
      return unreachable(name);
  }
}

const DAY_MS = 86_400_000;
const LONG_MAX = 2n ** 63n;

function takeLong(value: unknown): bigint | undefined {
  let long: bigint | undefined;
  if (typeof value === 'bigint') long = value;
  else if (typeof value === 'number' && Number.isSafeInteger(value)) long = BigInt(value);
  else if (typeof value === 'string' && /^-?\d{1,19}$/.test(value)) long = BigInt(value);
  return long !== undefined && long >= -LONG_MAX && long < LONG_MAX ? long : undefined;
}

function takeDecimal(value: unknown, precision: number, scale: number): bigint | undefined {
  const text = typeof value === 'bigint' || typeof value === 'number' ? String(value) : value;
  const parsed = typeof text === 'string' ? parseDecimal(text) : undefined;
  const unscaled = parsed && rescaleDecimal(parsed.unscaled, parsed.scale, scale);
  return unscaled !== undefined && fitsDecimal(unscaled, precision) ? unscaled : undefined;
}

function toPlainLeaf(value: Value): PlainValue {
  return isList(value) || isRecord(value) ? null : value;
}

function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

function isRecord(value: Value): value is { readonly [field: string]: Value } {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'list';
  if (value instanceof Date) return 'Date';
  return typeof value;
}
