import { DataType as ArrowType, DateUnit, type Data } from 'apache-arrow';
import { nullTest } from './chunks.js';

/** Rows of a column's least and greatest value that is not null. */
export type BoundRows = { readonly min: number; readonly max: number };

type RowTest = ((row: number) => boolean) | undefined;

/**
 * Where a chunk's least and greatest value stand: numbers and decimals by size, strings by their UTF-8 bytes, as Delta
 * compares them. Undefined if all cells are null, if a NaN is among them, or for a type that has no order.
 */
export function boundsOf(data: Data): BoundRows | undefined {
  const isNull = nullTest(data);
  const { type } = data;
  if (ArrowType.isUtf8(type)) return textBounds(data, isNull);
  if (ArrowType.isFloat(type)) return floatBounds(data, isNull);
  if (ArrowType.isDecimal(type)) return wordBounds(data, isNull, type.bitWidth >> 5);
  if (ArrowType.isTimestamp(type)) return wordBounds(data, isNull, 2);
  if (ArrowType.isInt(type)) {
    if (type.bitWidth < 64) return numberBounds(data, isNull);
    return type.isSigned ? wordBounds(data, isNull, 2) : undefined;
  }
  if (ArrowType.isDate(type) && type.unit === DateUnit.DAY) return numberBounds(data, isNull);
  return undefined;
}

function firstRow(data: Data, isNull: RowTest): number {
  let row = 0;
  if (isNull !== undefined) while (row < data.length && isNull(row)) row++;
  return row;
}

function numberBounds(data: Data, isNull: RowTest): BoundRows | undefined {
  const values: Int32Array = data.values;
  const { length } = data;
  let min = firstRow(data, isNull);
  if (min >= length) return undefined;
  let max = min;
  let least = values[min] ?? 0;
  let greatest = least;
  for (let row = min + 1; row < length; row++) {
    const value = values[row] ?? 0;
    if (value >= least && value <= greatest) continue;
    if (isNull !== undefined && isNull(row)) continue;
    if (value < least) {
      least = value;
      min = row;
    } else {
      greatest = value;
      max = row;
    }
  }
  return { min, max };
}

function floatBounds(data: Data, isNull: RowTest): BoundRows | undefined {
  const values: Float64Array = data.values;
  for (let row = 0; row < data.length; row++) {
    const value = values[row] ?? 0;
    if (value !== value && !isNull?.(row)) return undefined;
  }
  return numberBounds(data, isNull);
}

/** Integers of `width` 32-bit words, least first, the last one signed. */
function wordBounds(data: Data, isNull: RowTest, width: number): BoundRows | undefined {
  const values: Uint32Array | BigInt64Array = data.values;
  const words = new Int32Array(values.buffer, values.byteOffset, data.length * width);
  const { length } = data;
  let min = firstRow(data, isNull);
  if (min >= length) return undefined;
  let max = min;
  for (let row = min + 1; row < length; row++) {
    const low = compareWords(words, row * width, min * width, width);
    if (low >= 0 && compareWords(words, row * width, max * width, width) <= 0) continue;
    if (isNull !== undefined && isNull(row)) continue;
    if (low < 0) min = row;
    else max = row;
  }
  return { min, max };
}

function compareWords(words: Int32Array, one: number, other: number, width: number): number {
  const high = (words[one + width - 1] ?? 0) - (words[other + width - 1] ?? 0);
  if (high !== 0) return high;
  for (let word = width - 2; word >= 0; word--) {
    const difference = ((words[one + word] ?? 0) >>> 0) - ((words[other + word] ?? 0) >>> 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function textBounds(data: Data, isNull: RowTest): BoundRows | undefined {
  const offsets: Int32Array = data.valueOffsets;
  const bytes: Uint8Array = data.values ?? new Uint8Array(0);
  const { length } = data;
  let min = firstRow(data, isNull);
  if (min >= length) return undefined;
  let max = min;
  for (let row = min + 1; row < length; row++) {
    if (isNull !== undefined && isNull(row)) continue;
    if (compareRanges(bytes, offsets, row, min) < 0) min = row;
    else if (compareRanges(bytes, offsets, row, max) > 0) max = row;
  }
  return { min, max };
}

function compareRanges(bytes: Uint8Array, offsets: Int32Array, one: number, other: number): number {
  let at = offsets[one] ?? 0;
  let to = offsets[other] ?? 0;
  const end = offsets[one + 1] ?? 0;
  const stop = offsets[other + 1] ?? 0;
  while (at < end && to < stop) {
    const difference = (bytes[at++] ?? 0) - (bytes[to++] ?? 0);
    if (difference !== 0) return difference;
  }
  return end - at - (stop - to);
}
