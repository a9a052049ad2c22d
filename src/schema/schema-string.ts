import { SluiceError, unreachable } from '../base/errors.js';
import { isJsonObject, ownMember, parseJson, stringifyJson } from '../base/json.js';
import type { JsonObject, JsonValue } from '../base/json.js';
import { array, decimal, isDecimalShape, map, primitive, struct } from './build.js';
import type { DataType, PrimitiveName, StructField, StructType } from './types.js';

/**
 * The schema in a `metaData` action's `schemaString` (Delta protocol, "Schema Serialization Format").
 * Field metadata stays as it is, to the digit. Fails with `CORRUPT_LOG` for what is no schema and
 * `PROTOCOL_UNSUPPORTED` for a type that is not known here.
 */
export function parseSchemaString(text: string): StructType {
  let json: JsonValue;
  try {
    json = parseJson(text);
  } catch (cause) {
    throw new SluiceError('CORRUPT_LOG', "The table's schemaString is not JSON.", { cause });
  }
  const type = parseType(json, '');
  if (type.kind !== 'struct') throw corrupt('', 'a struct');
  return type;
}

/** The exact inverse of `parseSchemaString`, member order as Spark writes it. */
export function formatSchemaString(schema: StructType): string {
  return stringifyJson(typeToJson(schema));
}

/** A type as it stands in a schema: `"long"`, `"decimal(12,2)"`, or an object for a nested one. */
export function typeToJson(type: DataType): JsonValue {
  switch (type.kind) {
    case 'primitive':
      return type.name;
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'array':
      return { type: 'array', elementType: typeToJson(type.element), containsNull: type.containsNull };
    case 'map':
      return {
        type: 'map',
        keyType: typeToJson(type.key),
        valueType: typeToJson(type.value),
        valueContainsNull: type.valueContainsNull,
      };
    case 'struct':
      return { type: 'struct', fields: type.fields.map(fieldToJson) };
    default:
      return unreachable(type);
  }
}

function fieldToJson(field: StructField): JsonValue {
  return {
    name: field.name,
    type: typeToJson(field.type),
    nullable: field.nullable,
    metadata: field.metadata,
  };
}

function parseType(json: JsonValue | undefined, where: string): DataType {
  if (typeof json === 'string') return parseAtomicType(json, where);
  if (!isJsonObject(json)) throw corrupt(where, 'a type');
  const kind = ownMember(json, 'type');
  if (kind === 'struct') return parseStruct(json, where);
  if (kind === 'array') {
    const element = parseType(ownMember(json, 'elementType'), below(where, 'element'));
    return array(element, flag(json, 'containsNull', where));
  }
  if (kind === 'map') {
    const key = parseType(ownMember(json, 'keyType'), below(where, 'key'));
    const value = parseType(ownMember(json, 'valueType'), below(where, 'value'));
    return map(key, value, flag(json, 'valueContainsNull', where));
  }
  throw corrupt(where, 'a type of kind struct, array or map');
}

function parseStruct(json: JsonObject, where: string): StructType {
  const fields = ownMember(json, 'fields');
  if (!isArray(fields)) throw corrupt(where, 'a list of fields');
  return struct(fields.map((member) => parseField(member, where)));
}

function parseField(json: JsonValue, where: string): StructField {
  if (!isJsonObject(json)) throw corrupt(where, 'a field');
  const name = ownMember(json, 'name');
  if (typeof name !== 'string') throw corrupt(where, 'a name for each field');
  const metadata = ownMember(json, 'metadata') ?? {};
  const at = below(where, name);
  if (!isJsonObject(metadata)) throw corrupt(at, 'an object as metadata');
  return {
    name,
    type: parseType(ownMember(json, 'type'), at),
    nullable: flag(json, 'nullable', at),
    metadata,
  };
}

function parseAtomicType(text: string, where: string): DataType {
  const name = primitiveNames.get(text);
  if (name !== undefined) return primitive(name);
  if (text === 'decimal') return decimal(10, 0);
  const match = /^decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)$/.exec(text);
  const precision = Number(match?.[1]);
  const scale = Number(match?.[2]);
  if (isDecimalShape(precision, scale)) return decimal(precision, scale);
  throw new SluiceError('PROTOCOL_UNSUPPORTED', `Column ${where} has the type ${text}, which is not known.`, {
    context: { column: where, type: text },
    hint: 'The table needs a newer reader.',
  });
}

const primitiveNames: ReadonlyMap<string, PrimitiveName> = new Map<string, PrimitiveName>([
  ['string', 'string'],
  ['long', 'long'],
  ['integer', 'integer'],
  ['short', 'short'],
  ['byte', 'byte'],
  ['float', 'float'],
  ['double', 'double'],
  ['boolean', 'boolean'],
  ['binary', 'binary'],
  ['date', 'date'],
  ['timestamp', 'timestamp'],
  ['timestamp_ntz', 'timestamp_ntz'],
  ['variant', 'variant'],
  ['void', 'void'],
  // Spark before 3.1 spelt void so.
  ['null', 'void'],
]);

/** Absent counts as true, as in Spark. */
function flag(json: JsonObject, name: string, where: string): boolean {
  const value = ownMember(json, name) ?? true;
  if (typeof value !== 'boolean') throw corrupt(where, `true or false for ${name}`);
  return value;
}

// Array.isArray does not narrow readonly arrays.
function isArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function below(where: string, name: string): string {
  return where === '' ? name : `${where}.${name}`;
}

function corrupt(where: string, wanted: string): SluiceError {
  const place = where === '' ? 'its root' : where;
  return new SluiceError('CORRUPT_LOG', `The table's schemaString needs ${wanted} at ${place}.`, {
    context: where === '' ? {} : { column: where },
  });
}
