import { assert } from '../base/errors.js';
import type { JsonValue } from '../base/json.js';
import type {
  ArrayType,
  DataType,
  DecimalType,
  MapType,
  PrimitiveName,
  PrimitiveType,
  StructField,
  StructType,
} from './types.js';

/** Spark's and Delta's bound: what fits sixteen bytes. */
export const DECIMAL_PRECISION_MAX = 38;

export function primitive(name: PrimitiveName): PrimitiveType {
  return { kind: 'primitive', name };
}

export const STRING: PrimitiveType = primitive('string');
export const LONG: PrimitiveType = primitive('long');
export const INTEGER: PrimitiveType = primitive('integer');
export const SHORT: PrimitiveType = primitive('short');
export const BYTE: PrimitiveType = primitive('byte');
export const FLOAT: PrimitiveType = primitive('float');
export const DOUBLE: PrimitiveType = primitive('double');
export const BOOLEAN: PrimitiveType = primitive('boolean');
export const BINARY: PrimitiveType = primitive('binary');
export const DATE: PrimitiveType = primitive('date');
/** An instant, kept in UTC. */
export const TIMESTAMP: PrimitiveType = primitive('timestamp');
/** A wall clock's reading without a zone. */
export const TIMESTAMP_NTZ: PrimitiveType = primitive('timestamp_ntz');
/** The type of a column that has never held a value. */
export const VOID: PrimitiveType = primitive('void');

/** Whether a Delta table can hold `decimal(precision, scale)`. */
export function isDecimalShape(precision: number, scale: number): boolean {
  return (
    Number.isInteger(precision) &&
    Number.isInteger(scale) &&
    precision >= 1 &&
    precision <= DECIMAL_PRECISION_MAX &&
    scale >= 0 &&
    scale <= precision
  );
}

/** `precision` digits in all, `scale` of them behind the point. */
export function decimal(precision: number, scale: number): DecimalType {
  assert(isDecimalShape(precision, scale), () => `no such type: decimal(${precision},${scale})`);
  return { kind: 'decimal', precision, scale };
}

export function array(element: DataType, containsNull = true): ArrayType {
  return { kind: 'array', element, containsNull };
}

export function map(key: DataType, value: DataType, valueContainsNull = true): MapType {
  return { kind: 'map', key, value, valueContainsNull };
}

export function struct(fields: readonly StructField[]): StructType {
  return { kind: 'struct', fields };
}

export function field(
  name: string,
  type: DataType,
  nullable = true,
  metadata: Readonly<Record<string, JsonValue>> = {},
): StructField {
  return { name, type, nullable, metadata };
}
