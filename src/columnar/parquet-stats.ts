import type { DataType, StructField, StructType, Value } from '../schema/types.js';
import { asStruct, integerIn, type LeafColumn, type ParquetFooter } from './parquet-footer.js';
import type { ThriftStruct } from './thrift.js';

/** What a footer tells of one column in one row group; what it does not tell is undefined. */
export type ChunkStats = {
  /** The type of the values below: that of the file, which may be narrower than the table's. */
  readonly type: DataType;
  /** No value of the group is below it, NaN aside. */
  readonly min: Value | undefined;
  readonly max: Value | undefined;
  readonly nullCount: number | undefined;
};

/** Field ids of Apache Parquet's `parquet.thrift`. */
const Statistics = { oldMax: 1, oldMin: 2, nulls: 3, max: 5, min: 6 } as const;
const Element = { type: 1, converted: 6, logical: 10 } as const;
const Logical = { timestamp: 8, integer: 10 } as const;
const Physical = { boolean: 0, int32: 1, int64: 2, float: 4, double: 5, bytes: 6, fixed: 7 } as const;
const UNSIGNED = [11, 12, 13, 14];
const TIMESTAMP_MILLIS = 9;

/**
 * The statistics of a column that lies below structs alone, by its names from the outside in. Undefined for lists, maps
 * and structs, and `absent` if the file has no such column: all its values are null then.
 */
export function chunkStats(
  footer: ParquetFooter,
  schema: StructType,
  group: number,
  path: readonly string[],
): ChunkStats | 'absent' | undefined {
  const found = findType(schema, path);
  if (found === 'absent' || found === undefined) return found;
  const leaf = footer.leafAt(path);
  if (leaf === undefined) return undefined;
  const { statistics, ordered } = footer.statistics(group, leaf);
  const nullCount = statistics && integerIn(statistics, Statistics.nulls);
  const unknown: ChunkStats = { type: found, min: undefined, max: undefined, nullCount };
  if (statistics === undefined || isUnsigned(leaf.element)) return unknown;
  const read = valueReader(leaf, found);
  const bound = (id: number, oldId: number): Value | undefined => {
    const bytes = ordered ? bytesIn(statistics, id) : undefined;
    if (bytes !== undefined) return read(bytes);
    // The order of the older fields is certain for numbers only.
    const old = isPlainNumber(leaf.element) ? bytesIn(statistics, oldId) : undefined;
    return old && read(old);
  };
  return {
    ...unknown,
    min: bound(Statistics.min, Statistics.oldMin),
    max: bound(Statistics.max, Statistics.oldMax),
  };
}

function findType(schema: StructType, path: readonly string[]): DataType | 'absent' | undefined {
  let type: DataType = schema;
  for (const name of path) {
    if (type.kind !== 'struct') return undefined;
    const field: StructField | undefined = type.fields.find((one) => one.name === name);
    if (field === undefined) return 'absent';
    ({ type } = field);
  }
  return type.kind === 'primitive' || type.kind === 'decimal' ? type : undefined;
}

function bytesIn(statistics: ThriftStruct, id: number): Uint8Array | undefined {
  const value = statistics.get(id)?.value;
  return value instanceof Uint8Array ? value : undefined;
}

function isUnsigned(element: ThriftStruct): boolean {
  const converted = integerIn(element, Element.converted);
  if (converted !== undefined && UNSIGNED.includes(converted)) return true;
  const integer = logicalType(element)?.get(Logical.integer)?.value;
  return integer !== undefined && asStruct(integer).get(2)?.value === false;
}

function isPlainNumber(element: ThriftStruct): boolean {
  const physical = integerIn(element, Element.type) ?? Physical.boolean;
  return (
    physical === Physical.int32 ||
    physical === Physical.int64 ||
    physical === Physical.float ||
    physical === Physical.double
  );
}

function logicalType(element: ThriftStruct): ThriftStruct | undefined {
  const logical = element.get(Element.logical)?.value;
  return logical === undefined ? undefined : asStruct(logical);
}

/** Plain encoding of a value: Apache Parquet, "Plain". */
function valueReader({ element }: LeafColumn, type: DataType): (bytes: Uint8Array) => Value | undefined {
  const physical = integerIn(element, Element.type);
  const sized = (size: number, read: (view: DataView) => Value | undefined) => (bytes: Uint8Array) =>
    bytes.length === size ? read(new DataView(bytes.buffer, bytes.byteOffset, size)) : undefined;
  switch (physical) {
    case Physical.boolean:
      return (bytes) => (bytes.length === 1 && isNamed(type, 'boolean') ? bytes[0] !== 0 : undefined);
    case Physical.int32:
      return sized(4, (view) => integerValue(type, BigInt(view.getInt32(0, true)), 1n));
    case Physical.int64:
      return sized(8, (view) => integerValue(type, view.getBigInt64(0, true), unitOf(element)));
    case Physical.float:
      return sized(4, (view) => numberOrUnknown(type, 'float', view.getFloat32(0, true)));
    case Physical.double:
      return sized(8, (view) => numberOrUnknown(type, 'double', view.getFloat64(0, true)));
    case Physical.bytes:
    case Physical.fixed:
      return (bytes) => bytesValue(type, bytes);
    default:
      return () => undefined;
  }
}

function isNamed(type: DataType, name: string): boolean {
  return type.kind === 'primitive' && type.name === name;
}

/** Microseconds in the column's unit of time; undefined for nanoseconds. */
function unitOf(element: ThriftStruct): bigint | undefined {
  if (integerIn(element, Element.converted) === TIMESTAMP_MILLIS) return 1000n;
  const timestamp = logicalType(element)?.get(Logical.timestamp)?.value;
  const unit = timestamp === undefined ? undefined : asStruct(timestamp).get(2)?.value;
  if (unit === undefined) return 1n;
  return asStruct(unit).has(1) ? 1000n : asStruct(unit).has(2) ? 1n : undefined;
}

function integerValue(type: DataType, value: bigint, unit: bigint | undefined): Value | undefined {
  if (type.kind === 'decimal') return value;
  switch (type.kind === 'primitive' ? type.name : undefined) {
    case 'byte':
    case 'short':
    case 'integer':
    case 'date':
      return Number(value);
    case 'long':
      return value;
    case 'timestamp':
    case 'timestamp_ntz':
      return unit === undefined ? undefined : value * unit;
    default:
      return undefined;
  }
}

/** NaN is no bound. */
function numberOrUnknown(type: DataType, name: string, value: number): Value | undefined {
  return isNamed(type, name) && !Number.isNaN(value) ? value : undefined;
}

function bytesValue(type: DataType, bytes: Uint8Array): Value | undefined {
  if (type.kind === 'decimal') return bytes.length === 0 ? undefined : bigEndian(bytes);
  if (isNamed(type, 'binary')) return bytes;
  if (!isNamed(type, 'string')) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // A bound that was cut within a character says nothing that text could.
    return undefined;
  }
}

function bigEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}
