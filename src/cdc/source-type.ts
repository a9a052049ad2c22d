import { isJsonObject, ownMember, parseJson, type JsonObject, type JsonValue } from '../base/json.js';
import type { TimeUnit } from '../schema/type-text.js';

/**
 * How a value is encoded in the record: what its schema half says of it, or `untyped` where there is none. A unit on
 * `untyped` comes from configuration and says how numbers of a time count.
 */
export type SourceType =
  | { readonly kind: 'untyped'; readonly unit?: TimeUnit }
  | { readonly kind: 'integer'; readonly bits: 8 | 16 | 32 | 64 }
  | { readonly kind: 'float'; readonly bits: 32 | 64 }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'string' }
  /** Base64 text. */
  | { readonly kind: 'bytes' }
  /** One bit in a byte, base64. */
  | { readonly kind: 'bit' }
  /** Big-endian two's complement in base64, or a JSON number (KIP-481). No precision: the source gave none. */
  | { readonly kind: 'decimal'; readonly precision: number | undefined; readonly scale: number }
  /** `{scale, value}`, the value as in `decimal`. */
  | { readonly kind: 'variable-decimal' }
  /** Days since 1970-01-01. */
  | { readonly kind: 'days' }
  | { readonly kind: 'iso-date' }
  /** A wall clock's reading, counted from 1970-01-01T00:00. */
  | { readonly kind: 'clock'; readonly unit: TimeUnit }
  | { readonly kind: 'iso-clock' }
  /** An instant as ISO text with an offset. */
  | { readonly kind: 'instant' }
  /** Time since midnight, or a duration that MySQL calls a time. */
  | { readonly kind: 'time'; readonly unit: TimeUnit }
  | { readonly kind: 'iso-time' }
  | { readonly kind: 'array'; readonly element: SourceType }
  | { readonly kind: 'map'; readonly key: SourceType; readonly value: SourceType }
  | { readonly kind: 'struct'; readonly fields: readonly SourceField[] };

export type SourceField = { readonly name: string; readonly type: SourceType; readonly optional: boolean };

/** What a value's schema half says of the two images of a row. */
export type EnvelopeSchema = {
  readonly before: readonly SourceField[];
  readonly after: readonly SourceField[];
};

/** Nothing is known of the value but what its JSON shows. */
export const UNTYPED: SourceType = { kind: 'untyped' };

/** Key of a column's field metadata that says how numbers of its time count. */
export const UNIT_METADATA = 'sluice.unit';

/** How a value without schema half is encoded, as far as its column's metadata tells. */
export function untypedOf(metadata: Readonly<Record<string, JsonValue>>): SourceType {
  const unit = metadata[UNIT_METADATA];
  return unit === 'SECONDS' || unit === 'MILLIS' || unit === 'MICROS' || unit === 'NANOS'
    ? { kind: 'untyped', unit }
    : UNTYPED;
}

/** Reads the schema half of a change event. Undefined: not a schema of Kafka Connect's. */
export function parseEnvelopeSchema(text: string): EnvelopeSchema | undefined {
  const fields = parseStructSchema(text);
  if (fields === undefined) return undefined;
  return { before: fieldsOf(fields, 'before'), after: fieldsOf(fields, 'after') };
}

/** Reads the schema half of a struct, such as a record key. Undefined: not one. */
export function parseStructSchema(text: string): readonly SourceField[] | undefined {
  let json: JsonValue;
  try {
    json = parseJson(text);
  } catch {
    // The caller says which record it was.
    return undefined;
  }
  const type = isJsonObject(json) ? sourceType(json) : undefined;
  return type?.kind === 'struct' ? type.fields : undefined;
}

function fieldsOf(fields: readonly SourceField[], name: string): readonly SourceField[] {
  const type = fields.find((field) => field.name === name)?.type;
  return type?.kind === 'struct' ? type.fields : [];
}

/** Kafka Connect's and Debezium's own names for encodings (Debezium docs, "Data type mappings"); others are their base type. */
const SEMANTIC: ReadonlyMap<string, SourceType> = new Map<string, SourceType>([
  ['io.debezium.time.Date', { kind: 'days' }],
  ['io.debezium.time.IsoDate', { kind: 'iso-date' }],
  ['io.debezium.time.Timestamp', { kind: 'clock', unit: 'MILLIS' }],
  ['io.debezium.time.MicroTimestamp', { kind: 'clock', unit: 'MICROS' }],
  ['io.debezium.time.NanoTimestamp', { kind: 'clock', unit: 'NANOS' }],
  ['io.debezium.time.IsoTimestamp', { kind: 'iso-clock' }],
  ['io.debezium.time.ZonedTimestamp', { kind: 'instant' }],
  ['io.debezium.time.Time', { kind: 'time', unit: 'MILLIS' }],
  ['io.debezium.time.MicroTime', { kind: 'time', unit: 'MICROS' }],
  ['io.debezium.time.NanoTime', { kind: 'time', unit: 'NANOS' }],
  ['io.debezium.time.IsoTime', { kind: 'iso-time' }],
  ['io.debezium.data.VariableScaleDecimal', { kind: 'variable-decimal' }],
  ['org.apache.kafka.connect.data.Date', { kind: 'days' }],
  ['org.apache.kafka.connect.data.Time', { kind: 'time', unit: 'MILLIS' }],
  ['org.apache.kafka.connect.data.Timestamp', { kind: 'clock', unit: 'MILLIS' }],
]);

function sourceType(schema: JsonObject): SourceType | undefined {
  const name = ownMember(schema, 'name');
  if (typeof name === 'string') {
    const semantic = SEMANTIC.get(name);
    if (semantic !== undefined) return semantic;
    if (name === 'org.apache.kafka.connect.data.Decimal') return decimalType(schema);
    if (name === 'io.debezium.data.Bits' && parameter(schema, 'length') === 1) return { kind: 'bit' };
  }
  const base = ownMember(schema, 'type');
  if (typeof base !== 'string') return undefined;
  switch (base) {
    case 'int8':
      return { kind: 'integer', bits: 8 };
    case 'int16':
      return { kind: 'integer', bits: 16 };
    case 'int32':
      return { kind: 'integer', bits: 32 };
    case 'int64':
      return { kind: 'integer', bits: 64 };
    case 'float':
    case 'float32':
      return { kind: 'float', bits: 32 };
    case 'double':
    case 'float64':
      return { kind: 'float', bits: 64 };
    case 'boolean':
      return { kind: 'boolean' };
    case 'string':
      return { kind: 'string' };
    case 'bytes':
      return { kind: 'bytes' };
    case 'array':
      return arrayType(schema);
    case 'map':
      return mapType(schema);
    case 'struct':
      return structType(schema);
    default:
      return undefined;
  }
}

function decimalType(schema: JsonObject): SourceType | undefined {
  const scale = parameter(schema, 'scale');
  if (scale === undefined) return undefined;
  return { kind: 'decimal', precision: parameter(schema, 'connect.decimal.precision'), scale };
}

function parameter(schema: JsonObject, name: string): number | undefined {
  const parameters = ownMember(schema, 'parameters');
  const text = isJsonObject(parameters) ? ownMember(parameters, name) : undefined;
  return typeof text === 'string' && /^-?\d{1,6}$/.test(text) ? Number(text) : undefined;
}

function arrayType(schema: JsonObject): SourceType | undefined {
  const element = member(schema, 'items');
  return element === undefined ? undefined : { kind: 'array', element };
}

function mapType(schema: JsonObject): SourceType | undefined {
  const key = member(schema, 'keys');
  const value = member(schema, 'values');
  return key === undefined || value === undefined ? undefined : { kind: 'map', key, value };
}

function member(schema: JsonObject, name: string): SourceType | undefined {
  const inner = ownMember(schema, name);
  return isJsonObject(inner) ? sourceType(inner) : undefined;
}

function structType(schema: JsonObject): SourceType | undefined {
  const list = ownMember(schema, 'fields');
  if (!Array.isArray(list)) return undefined;
  const fields: SourceField[] = [];
  for (const item of list) {
    const field = sourceField(item);
    if (field === undefined) return undefined;
    fields.push(field);
  }
  return { kind: 'struct', fields };
}

function sourceField(item: JsonValue): SourceField | undefined {
  if (!isJsonObject(item)) return undefined;
  const name = ownMember(item, 'field');
  const type = sourceType(item);
  if (typeof name !== 'string' || type === undefined) return undefined;
  return { name, type, optional: ownMember(item, 'optional') === true };
}
