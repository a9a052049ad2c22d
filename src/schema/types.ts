import type { JsonValue } from '../base/json.js';

/** Names of Delta's primitive types as they stand in `schemaString`. */
export type PrimitiveName =
  | 'string'
  | 'long'
  | 'integer'
  | 'short'
  | 'byte'
  | 'float'
  | 'double'
  | 'boolean'
  | 'binary'
  | 'date'
  | 'timestamp'
  | 'timestamp_ntz'
  | 'variant'
  | 'void';

export type PrimitiveType = { readonly kind: 'primitive'; readonly name: PrimitiveName };
export type DecimalType = { readonly kind: 'decimal'; readonly precision: number; readonly scale: number };
export type ArrayType = {
  readonly kind: 'array';
  readonly element: DataType;
  readonly containsNull: boolean;
};
export type MapType = {
  readonly kind: 'map';
  readonly key: DataType;
  readonly value: DataType;
  readonly valueContainsNull: boolean;
};
export type StructType = { readonly kind: 'struct'; readonly fields: readonly StructField[] };

/** A type of a Delta column. */
export type DataType = PrimitiveType | DecimalType | ArrayType | MapType | StructType;

export type StructField = {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
  /** Any JSON, kept as it was found: 64-bit integers included. */
  readonly metadata: Readonly<Record<string, JsonValue>>;
};

/**
 * A value inside Sluice, by type:
 *
 * | type | value |
 * |---|---|
 * | boolean | boolean |
 * | byte, short, integer, float, double | number |
 * | long | bigint |
 * | decimal(p,s) | bigint, the unscaled value |
 * | string | string |
 * | binary | Uint8Array |
 * | date | number, days since 1970-01-01 |
 * | timestamp, timestamp_ntz | bigint, microseconds since 1970-01-01T00:00:00 |
 * | array | array of values |
 * | map | array of `[key, value]` |
 * | struct | object by field name |
 * | any | null |
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [field: string]: Value };
