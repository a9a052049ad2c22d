import { DataType as ArrowType, makeData, type Data } from 'apache-arrow';
import { must } from '../base/errors.js';
import { arrowTypeText } from './arrow-types.js';
import { fixedData } from './assemble.js';
import { copyBits } from './bits.js';

/** Whether values of both types lie in memory alike; names and nullability of nested parts are left out. */
export function sameLayout(one: ArrowType, other: ArrowType): boolean {
  if (one === other) return true;
  if (one.typeId !== other.typeId) return false;
  if (ArrowType.isDictionary(one) || ArrowType.isDictionary(other)) return false;
  const [left, right] = [one.children ?? [], other.children ?? []];
  if (left.length > 0 || right.length > 0) {
    return (
      left.length === right.length &&
      left.every((field, index) => sameLayout(field.type, must(right[index], 'nested field').type))
    );
  }
  if (ArrowType.isDecimal(one) && ArrowType.isDecimal(other)) {
    return one.scale === other.scale && one.precision === other.precision && one.bitWidth === other.bitWidth;
  }
  // Every zone is one layout: the cells count from the same instant.
  if (ArrowType.isTimestamp(one) && ArrowType.isTimestamp(other)) {
    return one.unit === other.unit && Boolean(one.timezone) === Boolean(other.timezone);
  }
  return arrowTypeText(one) === arrowTypeText(other);
}

/** The cells of all chunks, which have one layout, in one chunk. A single chunk is not copied. */
export function concatData(chunks: readonly Data[], type: ArrowType): Data {
  const [only] = chunks;
  if (only !== undefined && chunks.length === 1) return only;
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const nullCount = chunks.reduce((sum, chunk) => sum + chunk.nullCount, 0);
  const nullBitmap = nullCount === 0 ? undefined : concatValidity(chunks, length);
  const cells = { length, nullCount, nullBitmap };
  if (ArrowType.isNull(type)) return makeData({ type, length });
  if (ArrowType.isBool(type)) return makeData({ type, ...cells, data: concatBits(chunks, length) });
  if (ArrowType.isUtf8(type)) return makeData({ type, ...cells, ...concatRuns(chunks, length) });
  if (ArrowType.isBinary(type)) return makeData({ type, ...cells, ...concatRuns(chunks, length) });
  if (ArrowType.isList(type) || ArrowType.isMap(type)) return concatLists(chunks, type, cells);
  if (ArrowType.isStruct(type)) {
    const children = type.children.map((field, index) =>
      concatData(
        chunks.map((chunk) => must(chunk.children[index], 'field of a struct')),
        field.type,
      ),
    );
    return makeData({ type, ...cells, children });
  }
  const first = chunks[0] ?? makeData({ type, length: 0 });
  return fixedData(first, cells, concatValues(chunks, first, length));
}

type Cells = { length: number; nullCount: number; nullBitmap: Uint8Array | undefined };

function concatLists(chunks: readonly Data[], type: ArrowType, cells: Cells): Data {
  const valueOffsets = new Int32Array(cells.length + 1);
  let row = 0;
  let end = 0;
  const runs = chunks.map((chunk) => {
    const offsets: Int32Array = chunk.valueOffsets;
    const from = offsets[0] ?? 0;
    const upTo = offsets[chunk.length] ?? from;
    for (let index = 1; index <= chunk.length; index++)
      valueOffsets[++row] = end + (offsets[index] ?? 0) - from;
    end += upTo - from;
    return must(chunk.children[0], 'elements of a list').slice(from, upTo - from);
  });
  const elementType = must(type.children[0], 'element of a list').type;
  const child = runs.length === 0 ? emptyData(elementType) : concatData(runs, elementType);
  if (ArrowType.isList(type)) return makeData({ type, ...cells, valueOffsets, child });
  if (ArrowType.isMap(type)) return makeData({ type, ...cells, valueOffsets, child });
  return must<Data>(undefined, 'a list or a map');
}

function emptyData(type: ArrowType): Data {
  return concatData([], type);
}

function concatRuns(chunks: readonly Data[], length: number): { valueOffsets: Int32Array; data: Uint8Array } {
  const valueOffsets = new Int32Array(length + 1);
  let bytes = 0;
  for (const chunk of chunks)
    bytes += Number(chunk.valueOffsets[chunk.length] ?? 0) - Number(chunk.valueOffsets[0] ?? 0);
  const data = new Uint8Array(bytes);
  let row = 0;
  let end = 0;
  for (const chunk of chunks) {
    const offsets: Int32Array = chunk.valueOffsets;
    const from = offsets[0] ?? 0;
    const upTo = offsets[chunk.length] ?? from;
    const values: Uint8Array = chunk.values ?? new Uint8Array(0);
    data.set(values.subarray(from, upTo), end);
    for (let index = 1; index <= chunk.length; index++)
      valueOffsets[++row] = end + (offsets[index] ?? 0) - from;
    end += upTo - from;
  }
  return { valueOffsets, data };
}

type FixedArray = Int32Array | BigInt64Array;

function concatValues(chunks: readonly Data[], { stride, type }: Data, length: number): FixedArray {
  const values: FixedArray = new type.ArrayType(length * stride);
  let at = 0;
  for (const chunk of chunks) {
    const part = chunk.values.subarray(0, chunk.length * stride);
    values.set(part, at);
    at += chunk.length * stride;
  }
  return values;
}

function concatBits(chunks: readonly Data[], length: number): Uint8Array {
  const bits = new Uint8Array((length + 7) >> 3);
  let row = 0;
  for (const chunk of chunks) {
    copyBits(chunk.values, chunk.offset, bits, row, chunk.length);
    row += chunk.length;
  }
  return bits;
}

function concatValidity(chunks: readonly Data[], length: number): Uint8Array {
  const bits = new Uint8Array((length + 7) >> 3).fill(255);
  let row = 0;
  for (const chunk of chunks) {
    if (chunk.nullCount > 0) copyBits(chunk.nullBitmap, chunk.offset, bits, row, chunk.length);
    row += chunk.length;
  }
  return bits;
}
