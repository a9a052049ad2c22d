import {
  Binary,
  Bool,
  DataType as ArrowType,
  DateDay,
  Decimal,
  Field,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  List,
  Map_,
  Null,
  Precision,
  Schema,
  Struct,
  TimestampMicrosecond,
  Utf8,
  type Int,
} from 'apache-arrow';
import { SluiceError, unreachable } from '../base/errors.js';
import type { DataType, PrimitiveName, PrimitiveType, StructField, StructType } from '../schema/types.js';

/** The Arrow schema that holds rows of `struct`. Fields with a `delta.columnMapping.id` carry it as Parquet's field id. */
export function arrowSchema(struct: StructType): Schema {
  return new Schema(struct.fields.map(arrowField));
}

/** The Arrow field of a Delta field, with the field id of its column mapping if it has one. */
export function arrowField(field: StructField): Field {
  const id = field.metadata['delta.columnMapping.id'];
  const metadata =
    typeof id === 'number' || typeof id === 'bigint' ? new Map([[FIELD_ID, String(id)]]) : null;
  return new Field(field.name, arrowType(field.type), field.nullable, metadata);
}

/**
 * The one Arrow type in which Sluice builds values of a Delta type. Delta protocol, "Primitive Types":
 * `timestamp` is an instant (zone UTC), `timestamp_ntz` a wall clock (no zone), both in microseconds.
 */
export function arrowType(type: DataType): ArrowType {
  switch (type.kind) {
    case 'primitive':
      return primitiveType(type.name);
    case 'decimal':
      return new Decimal(type.scale, type.precision, 128);
    case 'array':
      return new List(new Field('element', arrowType(type.element), type.containsNull));
    case 'map': {
      const entry = new Struct([
        new Field('key', arrowType(type.key), false),
        new Field('value', arrowType(type.value), type.valueContainsNull),
      ]);
      return new Map_(new Field('entries', entry, false));
    }
    case 'struct':
      return new Struct(type.fields.map(arrowField));
    default:
      return unreachable(type);
  }
}

function primitiveType(name: PrimitiveName): ArrowType {
  switch (name) {
    case 'string':
      return new Utf8();
    case 'long':
      return new Int64();
    case 'integer':
      return new Int32();
    case 'short':
      return new Int16();
    case 'byte':
      return new Int8();
    case 'float':
      return new Float32();
    case 'double':
      return new Float64();
    case 'boolean':
      return new Bool();
    case 'binary':
      return new Binary();
    case 'date':
      return new DateDay();
    case 'timestamp':
      return new TimestampMicrosecond('UTC');
    case 'timestamp_ntz':
      return new TimestampMicrosecond();
    case 'variant':
      return new Struct([
        new Field('metadata', new Binary(), false),
        new Field('value', new Binary(), false),
      ]);
    case 'void':
      return new Null();
    default:
      return unreachable(name);
  }
}

/**
 * The Delta columns that an Arrow schema can stand for. Unsigned integers take the next wider signed type,
 * a dictionary the type of its values. A field id stands in the field's metadata as the number `PARQUET:field_id`.
 *
 * @throws SluiceError SCHEMA_MISMATCH for an Arrow type that Delta has no place for
 */
export function structOf(schema: Schema): StructType {
  return { kind: 'struct', fields: schema.fields.map(fieldOf) };
}

function fieldOf(field: Field): StructField {
  const id = field.metadata.get(FIELD_ID);
  const metadata = id === undefined ? {} : { [FIELD_ID]: Number(id) };
  return { name: field.name, type: deltaType(field.type, field.name), nullable: field.nullable, metadata };
}

/** Where arrow-rs, and so the Parquet writer, keeps the field id of a column. */
const FIELD_ID = 'PARQUET:field_id';

/** The Delta type that values of an Arrow type have; `column` only names the column in the error. */
export function deltaType(type: ArrowType, column: string): DataType {
  if (ArrowType.isDictionary(type)) return deltaType(type.dictionary, column);
  if (ArrowType.isDecimal(type)) return { kind: 'decimal', precision: type.precision, scale: type.scale };
  if (ArrowType.isMap(type)) {
    const [key, value] = type.childType.children;
    if (key !== undefined && value !== undefined) {
      return {
        kind: 'map',
        key: deltaType(key.type, column),
        value: deltaType(value.type, column),
        valueContainsNull: value.nullable,
      };
    }
  }
  if (ArrowType.isList(type) || ArrowType.isLargeList(type) || ArrowType.isFixedSizeList(type)) {
    const [element] = type.children;
    if (element !== undefined) {
      return { kind: 'array', element: deltaType(element.type, column), containsNull: element.nullable };
    }
  }
  if (ArrowType.isStruct(type)) return { kind: 'struct', fields: type.children.map(fieldOf) };
  const name = primitiveName(type);
  if (name !== undefined) return primitive(name);
  throw new SluiceError(
    'SCHEMA_MISMATCH',
    `column ${column} has the Arrow type ${arrowTypeText(type)}, which no Delta type holds`,
    {
      context: { column },
      hint: 'cast the column to a type that Delta knows',
    },
  );
}

function primitive(name: PrimitiveName): PrimitiveType {
  return { kind: 'primitive', name };
}

function primitiveName(type: ArrowType): PrimitiveName | undefined {
  if (ArrowType.isInt(type)) return integerName(type);
  if (ArrowType.isFloat(type)) return type.precision === Precision.DOUBLE ? 'double' : 'float';
  if (ArrowType.isBool(type)) return 'boolean';
  if (ArrowType.isUtf8(type) || ArrowType.isLargeUtf8(type) || ArrowType.isUtf8View(type)) return 'string';
  if (
    ArrowType.isBinary(type) ||
    ArrowType.isLargeBinary(type) ||
    ArrowType.isBinaryView(type) ||
    ArrowType.isFixedSizeBinary(type)
  ) {
    return 'binary';
  }
  if (ArrowType.isDate(type)) return 'date';
  if (ArrowType.isTimestamp(type)) return type.timezone ? 'timestamp' : 'timestamp_ntz';
  if (ArrowType.isNull(type)) return 'void';
  return undefined;
}

function integerName(type: Int): PrimitiveName | undefined {
  switch (type.bitWidth) {
    case 8:
      return type.isSigned ? 'byte' : 'short';
    case 16:
      return type.isSigned ? 'short' : 'integer';
    case 32:
      return type.isSigned ? 'integer' : 'long';
    case 64:
      return type.isSigned ? 'long' : undefined;
    default:
      return unreachable(type.bitWidth);
  }
}

/** An Arrow type in Arrow's own words, for errors and for telling types apart. */
export function arrowTypeText(type: ArrowType): string {
  // oxlint-disable-next-line typescript/no-base-to-string -- every Arrow type has a text; only its declaration lacks it
  return String(type);
}
