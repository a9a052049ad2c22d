import { DataType as ArrowType, makeData, type Data, type Table } from 'apache-arrow';
import { must } from '../base/errors.js';
import { fixedData, tableOfData } from './assemble.js';
import { chunkStarts, columnChunks, findChunk } from './chunks.js';
import { concatData } from './concat.js';

/** Row ordinals in the order wanted; a row may come several times. */
export type Rows = Uint32Array | readonly number[];

/** The given rows in the given order, in one batch. A row that is not there is our bug. */
export function takeRows(table: Table, rows: Rows): Table {
  const { numRows } = table;
  for (let index = 0; index < rows.length; index++) {
    must((rows[index] ?? numRows) < numRows ? true : undefined, `row ${rows[index]} of ${numRows}`);
  }
  const { fields } = table.schema;
  const runs = table.batches.length > 1 ? chunkRuns(table, rows) : undefined;
  const columns = fields.map((field) => {
    const chunks = columnChunks(table, field.name);
    if (runs === undefined) return takeData(concatData(chunks, field.type), rows);
    const parts = runs.map((run) => takeData(must(chunks[run.chunk], 'chunk of a column'), run.rows));
    return concatData(parts, field.type);
  });
  return tableOfData(fields, columns, rows.length);
}

type Run = { readonly chunk: number; readonly rows: number[] };

/**
 * The rows as runs that stay within one chunk, so that taking a few rows does not copy whole columns; `undefined` if they
 * jump about so much that one copy is cheaper.
 */
function chunkRuns(table: Table, rows: Rows): Run[] | undefined {
  const starts = chunkStarts(table.batches.map((batch) => ({ length: batch.numRows })));
  const runs: Run[] = [];
  const most = table.batches.length * 2;
  let run: Run | undefined;
  let from = 0;
  let upTo = 0;
  for (let index = 0; index < rows.length; index++) {
    const row = must(rows[index], 'row to take');
    if (run === undefined || row < from || row >= upTo) {
      if (runs.length === most) return undefined;
      const chunk = findChunk(starts, row);
      from = starts[chunk] ?? 0;
      upTo = starts[chunk + 1] ?? 0;
      run = { chunk, rows: [] };
      runs.push(run);
    }
    run.rows.push(row - from);
  }
  return runs;
}

/** The given cells of a chunk, in the given order. */
export function takeData(data: Data, rows: Rows): Data {
  const { type } = data;
  const length = rows.length;
  if (ArrowType.isNull(type)) return makeData({ type, length });
  const cells = { length, ...takeValidity(data, rows) };
  if (ArrowType.isBool(type))
    return makeData({ type, ...cells, data: takeBits(data.values, data.offset, rows) });
  if (ArrowType.isUtf8(type)) return makeData({ type, ...cells, ...takeRuns(data, rows) });
  if (ArrowType.isBinary(type)) return makeData({ type, ...cells, ...takeRuns(data, rows) });
  if (ArrowType.isList(type)) return makeData({ type, ...cells, ...takeLists(data, rows) });
  if (ArrowType.isMap(type)) return makeData({ type, ...cells, ...takeLists(data, rows) });
  if (ArrowType.isStruct(type)) {
    return makeData({ type, ...cells, children: data.children.map((child) => takeData(child, rows)) });
  }
  return fixedData(data, cells, takeValues(data, rows));
}

function takeValidity(data: Data, rows: Rows): { nullCount: number; nullBitmap: Uint8Array | undefined } {
  if (data.nullCount === 0) return { nullCount: 0, nullBitmap: undefined };
  const nullBitmap = takeBits(data.nullBitmap, data.offset, rows);
  let nullCount = rows.length;
  for (let index = 0; index < rows.length; index++) {
    if (((nullBitmap[index >> 3] ?? 0) & (1 << (index & 7))) !== 0) nullCount--;
  }
  return nullCount === 0 ? { nullCount, nullBitmap: undefined } : { nullCount, nullBitmap };
}

function takeBits(bits: Uint8Array, offset: number, rows: Rows): Uint8Array {
  const taken = new Uint8Array((rows.length + 7) >> 3);
  for (let index = 0; index < rows.length; index++) {
    const bit = offset + (rows[index] ?? 0);
    if (((bits[bit >> 3] ?? 0) & (1 << (bit & 7))) === 0) continue;
    taken[index >> 3] = (taken[index >> 3] ?? 0) | (1 << (index & 7));
  }
  return taken;
}

type FixedArray = Int32Array | BigInt64Array;

function takeValues(data: Data, rows: Rows): FixedArray {
  const { stride } = data;
  const source: FixedArray = data.values;
  const values: FixedArray = new data.type.ArrayType(rows.length * stride);
  // BigInts for 64-bit cells would cost far more than the copy: they are moved as pairs of words.
  const wide = values.BYTES_PER_ELEMENT === 8;
  const from = wide ? wordsOf(source) : source;
  const to = wide ? wordsOf(values) : values;
  takeCells(from, to, rows, wide ? stride * 2 : stride);
  return values;
}

function takeCells(from: FixedArray, to: FixedArray, rows: Rows, width: number): void {
  if (from instanceof BigInt64Array || to instanceof BigInt64Array) return;
  for (let index = 0, at = 0; index < rows.length; index++) {
    const start = (rows[index] ?? 0) * width;
    for (let word = 0; word < width; word++) to[at++] = from[start + word] ?? 0;
  }
}

function wordsOf(values: FixedArray): Int32Array {
  return new Int32Array(values.buffer, values.byteOffset, values.byteLength >> 2);
}

function takeRuns(data: Data, rows: Rows): { valueOffsets: Int32Array; data: Uint8Array } {
  const offsets: Int32Array = data.valueOffsets;
  const source: Uint8Array = data.values ?? new Uint8Array(0);
  const valueOffsets = new Int32Array(rows.length + 1);
  let end = 0;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] ?? 0;
    end += (offsets[row + 1] ?? 0) - (offsets[row] ?? 0);
    valueOffsets[index + 1] = end;
  }
  const content = new Uint8Array(end);
  for (let index = 0, at = 0; index < rows.length; index++) {
    const row = rows[index] ?? 0;
    const start = offsets[row] ?? 0;
    const stop = offsets[row + 1] ?? 0;
    if (stop - start > 24) content.set(source.subarray(start, stop), at);
    else for (let byte = start, to = at; byte < stop; byte++) content[to++] = source[byte] ?? 0;
    at += stop - start;
  }
  return { valueOffsets, data: content };
}

function takeLists(data: Data, rows: Rows): { valueOffsets: Int32Array; child: Data } {
  const offsets: Int32Array = data.valueOffsets;
  const valueOffsets = new Int32Array(rows.length + 1);
  const elements: number[] = [];
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] ?? 0;
    const stop = offsets[row + 1] ?? 0;
    for (let element = offsets[row] ?? 0; element < stop; element++) elements.push(element);
    valueOffsets[index + 1] = elements.length;
  }
  return { valueOffsets, child: takeData(must(data.children[0], 'elements of a list'), elements) };
}
