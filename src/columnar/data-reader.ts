import { DataType as ArrowType, DateUnit, Precision, type Data } from 'apache-arrow';
import { must, SluiceError, unreachable } from '../base/errors.js';
import { formatType } from '../schema/type-text.js';
import type { DataType, PrimitiveName, StructType, Value } from '../schema/types.js';
import { arrowTypeText } from './arrow-types.js';
import { nullTest } from './chunks.js';

/** Reads one cell of a chunk. */
export type CellReader = (row: number) => Value;

/**
 * The reader of one chunk for values of `type`; `column` only names the column in the error.
 *
 * @throws SluiceError SCHEMA_MISMATCH if the chunk's values are no values of the type
 */
export function dataReader(data: Data, type: DataType, column: string): CellReader {
  if (ArrowType.isNull(data.type)) return () => null;
  const read = ArrowType.isDictionary(data.type)
    ? dictionaryReader(data, type, column)
    : plainReader(data, type, column);
  if (read === undefined) {
    throw new SluiceError(
      'SCHEMA_MISMATCH',
      `column ${column} holds ${arrowTypeText(data.type)}, which cannot be read as ${formatType(type)}`,
      { context: { column } },
    );
  }
  const isNull = nullTest(data);
  return isNull === undefined ? read : (row) => (isNull(row) ? null : read(row));
}

function dictionaryReader(data: Data, type: DataType, column: string): CellReader {
  const dictionary = must(data.dictionary, 'dictionary of a dictionary column');
  const values: Value[] = [];
  for (const chunk of dictionary.data) {
    const read = dataReader(chunk, type, column);
    for (let row = 0; row < chunk.length; row++) values.push(read(row));
  }
  const indexes = data.values;
  return (row) => values[Number(indexes[row])] ?? null;
}

function plainReader(data: Data, type: DataType, column: string): CellReader | undefined {
  switch (type.kind) {
    case 'decimal':
      return decimalReader(data, type.scale);
    case 'array':
      return listReader(data, type.element, column);
    case 'map':
      return mapReader(data, type.key, type.value, column);
    case 'struct':
      return structReader(data, type, column);
    case 'primitive':
      return primitiveReader(data, type.name, column);
    default:
      return unreachable(type);
  }
}

function primitiveReader(data: Data, name: PrimitiveName, column: string): CellReader | undefined {
  switch (name) {
    case 'boolean':
      return booleanReader(data);
    case 'byte':
    case 'short':
    case 'integer':
      return ArrowType.isInt(data.type) ? numberReader(data) : undefined;
    case 'float':
    case 'double':
      return numberReader(data);
    case 'long':
      return longReader(data);
    case 'string':
      return stringReader(data);
    case 'binary':
      return binaryReader(data);
    case 'date':
      return dateReader(data);
    case 'timestamp':
    case 'timestamp_ntz':
      return timestampReader(data, name);
    case 'variant':
      return variantReader(data, column);
    case 'void':
      return () => null;
    default:
      return unreachable(name);
  }
}

function booleanReader(data: Data): CellReader | undefined {
  if (!ArrowType.isBool(data.type)) return undefined;
  const { values, offset }: { values: Uint8Array; offset: number } = data;
  return (row) => {
    const bit = offset + row;
    return ((values[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  };
}

function numberReader(data: Data): CellReader | undefined {
  if (ArrowType.isInt(data.type)) {
    if (data.type.bitWidth === 64) return undefined;
  } else if (!ArrowType.isFloat(data.type) || data.type.precision === Precision.HALF) {
    return undefined;
  }
  const values: Int32Array = data.values;
  return (row) => values[row] ?? 0;
}

function longReader(data: Data): CellReader | undefined {
  if (!ArrowType.isInt(data.type)) return undefined;
  if (data.type.bitWidth === 64) {
    const values: BigInt64Array = data.values;
    return (row) => values[row] ?? 0n;
  }
  const values: Int32Array = data.values;
  return (row) => BigInt(values[row] ?? 0);
}

function decimalReader(data: Data, scale: number): CellReader | undefined {
  if (ArrowType.isInt(data.type)) {
    const factor = 10n ** BigInt(scale);
    const values: ArrayLike<number | bigint> = data.values;
    return (row) => BigInt(values[row] ?? 0) * factor;
  }
  if (!ArrowType.isDecimal(data.type) || data.type.scale > scale) return undefined;
  const factor = 10n ** BigInt(scale - data.type.scale);
  const words: Uint32Array = data.values;
  const width = data.type.bitWidth >> 5;
  const read = (row: number): bigint => readWords(words, row * width, width);
  return factor === 1n ? read : (row) => read(row) * factor;
}

/** The signed integer in `width` words from `at` on, least first. */
function readWords(words: Uint32Array, at: number, width: number): bigint {
  const low = words[at] ?? 0;
  if (width === 1) return BigInt(low | 0);
  const high = (words[at + 1] ?? 0) | 0;
  let extended = true;
  for (let word = 2; word < width; word++) extended &&= ((words[at + word] ?? 0) | 0) === high >> 31;
  // Most decimals are small: below 2^53 a number carries them at a fraction of the cost.
  if (extended && high >= -0x20_0000 && high < 0x20_0000) return BigInt(high * 0x1_0000_0000 + low);
  let value = BigInt((words[at + width - 1] ?? 0) | 0);
  for (let word = width - 2; word >= 0; word--) value = (value << 32n) | BigInt(words[at + word] ?? 0);
  return value;
}

function stringReader(data: Data): CellReader | undefined {
  if (ArrowType.isUtf8(data.type) || ArrowType.isLargeUtf8(data.type)) {
    const content = bufferOf(data.values);
    if (data.valueOffsets instanceof Int32Array) {
      const offsets = data.valueOffsets;
      return (row) => content.toString('utf8', offsets[row] ?? 0, offsets[row + 1] ?? 0);
    }
    const offsets: ArrayLike<number | bigint> = data.valueOffsets;
    return (row) => content.toString('utf8', Number(offsets[row] ?? 0), Number(offsets[row + 1] ?? 0));
  }
  const bytes = ArrowType.isUtf8View(data.type) ? viewReader(data) : undefined;
  return bytes && ((row) => bufferOf(bytes(row)).toString('utf8'));
}

function binaryReader(data: Data): CellReader | undefined {
  if (ArrowType.isBinary(data.type) || ArrowType.isLargeBinary(data.type)) {
    const content: Uint8Array = data.values;
    const offsets: ArrayLike<number | bigint> = data.valueOffsets;
    return (row) => content.subarray(Number(offsets[row] ?? 0), Number(offsets[row + 1] ?? 0));
  }
  if (ArrowType.isFixedSizeBinary(data.type)) {
    const content: Uint8Array = data.values;
    const width = data.type.byteWidth;
    return (row) => content.subarray(row * width, (row + 1) * width);
  }
  return ArrowType.isBinaryView(data.type) ? viewReader(data) : undefined;
}

/** Arrow's "Variable-size Binary View Layout": up to 12 bytes stand in the view itself. */
function viewReader(data: Data): (row: number) => Uint8Array {
  const views: Uint8Array = data.values;
  const words = new DataView(views.buffer, views.byteOffset, views.byteLength);
  return (row) => {
    const at = row * 16;
    const length = words.getInt32(at, true);
    if (length <= 12) return views.subarray(at + 4, at + 4 + length);
    const buffer = must(data.variadicBuffers[words.getInt32(at + 8, true)], 'buffer of a view');
    const start = words.getInt32(at + 12, true);
    return buffer.subarray(start, start + length);
  };
}

function dateReader(data: Data): CellReader | undefined {
  if (!ArrowType.isDate(data.type)) return undefined;
  if (data.type.unit === DateUnit.DAY) {
    const days: Int32Array = data.values;
    return (row) => days[row] ?? 0;
  }
  const millis: ArrayLike<number | bigint> = data.values;
  return (row) => Math.floor(Number(millis[row] ?? 0) / 86_400_000);
}

/** Microseconds in one of Arrow's units: second, millisecond, microsecond. */
const MICROS_PER_UNIT: readonly bigint[] = [1_000_000n, 1000n, 1n];

function timestampReader(data: Data, name: 'timestamp' | 'timestamp_ntz'): CellReader | undefined {
  if (name === 'timestamp_ntz' && ArrowType.isDate(data.type)) {
    const days = dateReader(data);
    return days && ((row) => BigInt(Number(days(row))) * 86_400_000_000n);
  }
  if (!ArrowType.isTimestamp(data.type)) return undefined;
  const values: BigInt64Array = data.values;
  const factor = MICROS_PER_UNIT[data.type.unit];
  if (factor === 1n) return (row) => values[row] ?? 0n;
  if (factor !== undefined) return (row) => (values[row] ?? 0n) * factor;
  return (row) => floorDivide(values[row] ?? 0n, 1000n);
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value < 0n && quotient * by !== value ? quotient - 1n : quotient;
}

function listReader(data: Data, element: DataType, column: string): CellReader | undefined {
  const [child] = data.children;
  if (child === undefined) return undefined;
  const read = dataReader(child, element, column);
  if (ArrowType.isFixedSizeList(data.type)) {
    const width = data.type.listSize;
    return (row) => readRun(read, row * width, (row + 1) * width);
  }
  if (!ArrowType.isList(data.type) && !ArrowType.isLargeList(data.type)) return undefined;
  const offsets: ArrayLike<number | bigint> = data.valueOffsets;
  return (row) => readRun(read, Number(offsets[row] ?? 0), Number(offsets[row + 1] ?? 0));
}

function readRun(read: CellReader, from: number, upTo: number): Value[] {
  const values: Value[] = [];
  for (let index = from; index < upTo; index++) values.push(read(index));
  return values;
}

function mapReader(data: Data, key: DataType, value: DataType, column: string): CellReader | undefined {
  const [keys, values] = data.children[0]?.children ?? [];
  if (!ArrowType.isMap(data.type) || keys === undefined || values === undefined) return undefined;
  const readKey = dataReader(keys, key, column);
  const readValue = dataReader(values, value, column);
  const offsets: Int32Array = data.valueOffsets;
  return (row) => {
    const entries: Value[] = [];
    const upTo = offsets[row + 1] ?? 0;
    for (let index = offsets[row] ?? 0; index < upTo; index++)
      entries.push([readKey(index), readValue(index)]);
    return entries;
  };
}

function structReader(data: Data, struct: StructType, column: string): CellReader | undefined {
  if (!ArrowType.isStruct(data.type)) return undefined;
  const names = data.type.children.map((field) => field.name);
  const readers = struct.fields.map((field): readonly [string, CellReader] => {
    const child = data.children[names.indexOf(field.name)];
    const read: CellReader =
      child === undefined ? () => null : dataReader(child, field.type, `${column}.${field.name}`);
    return [field.name, read];
  });
  return (row) => Object.fromEntries(readers.map(([name, read]) => [name, read(row)]));
}

const VARIANT: StructType = {
  kind: 'struct',
  fields: ['metadata', 'value'].map((name) => ({
    name,
    type: { kind: 'primitive', name: 'binary' },
    nullable: false,
    metadata: {},
  })),
};

function variantReader(data: Data, column: string): CellReader | undefined {
  return structReader(data, VARIANT, column);
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
