import { crc32 } from 'node:zlib';
import { asStruct, integerIn, type ChunkRange } from './parquet-footer.js';
import { decodeThriftAt, type ThriftStruct } from './thrift.js';

/** Field ids of Apache Parquet's `parquet.thrift`. */
const Page = { type: 1, uncompressed: 2, compressed: 3, crc: 4, data: 5, dictionary: 7, dataV2: 8 } as const;
const DataV2 = { values: 1, nulls: 2, rows: 3, definition: 5, repetition: 6 } as const;
const PageType = { data: 0, index: 1, dictionary: 2, dataV2: 3 } as const;

/**
 * How many bytes one compressed byte can become at most, by codec. Snappy copies 64 bytes by a tag of three; DEFLATE
 * and LZ4 have fixed bounds; Zstandard repeats a byte 128 KiB long in four bytes. LZO and Brotli have no useful bound.
 */
const RATIO_MAX: readonly number[] = [1, 22, 1032, Infinity, Infinity, 255, 32_768, 255];
/** What is exact above for long input is not for a few bytes. */
const SLACK_BYTES = 1024;

/** What a column of fixed width may take in memory for the rows that are decoded at once. */
const FIXED_BYTES_MAX = 2 ** 30;

/**
 * Checks the pages of a column chunk before they are decoded: their headers lie inside it, sizes and counts are such as
 * their bytes can have, counts add up to the footer's, and checksums, where a writer put them, are right. What is decoded
 * then can neither ask for memory out of all proportion nor run on for long. Apache Parquet, "Data Pages".
 *
 * @param rowsAtOnce - the most rows that are decoded into one array
 * @throws RangeError or SyntaxError on pages that are none
 */
export function checkPages(chunk: Uint8Array, says: ChunkRange, rowsAtOnce: number): void {
  if (says.width * Math.min(says.rows, rowsAtOnce) > FIXED_BYTES_MAX)
    throw new RangeError(`values of ${says.width} bytes`);
  let values = 0;
  let at = 0;
  while (at < chunk.length) {
    const { struct: header, end: start } = decodeThriftAt(chunk, at);
    at = start + count(header, Page.compressed);
    if (at > chunk.length) throw new RangeError('a page beyond its column');
    const body = chunk.subarray(start, at);
    values += checkPage(header, body, RATIO_MAX[says.codec] ?? Infinity);
  }
  if (values !== says.values) throw new RangeError(`${values} values where the footer says ${says.values}`);
}

/** Checks a page, and tells how many values of the column it holds. */
function checkPage(header: ThriftStruct, body: Uint8Array, ratio: number): number {
  const uncompressed = count(header, Page.uncompressed);
  if (uncompressed > body.length * ratio + SLACK_BYTES)
    throw new RangeError(`a page of ${body.length} bytes that would be ${uncompressed}`);
  const crc = header.get(Page.crc)?.value;
  if (typeof crc === 'number' && crc32(body) !== crc >>> 0)
    throw new RangeError('a page with another checksum');
  switch (header.get(Page.type)?.value) {
    case PageType.data:
      return count(inner(header, Page.data), 1);
    case PageType.dataV2:
      return checkLevels(inner(header, Page.dataV2), body.length);
    case PageType.dictionary:
      if (count(inner(header, Page.dictionary), 1) > uncompressed)
        throw new RangeError('a dictionary of more values than bytes');
      return 0;
    case PageType.index:
      return 0;
    default:
      throw new SyntaxError('a page of an unknown type');
  }
}

function checkLevels(header: ThriftStruct, bytes: number): number {
  const values = count(header, DataV2.values);
  const levels = count(header, DataV2.definition) + count(header, DataV2.repetition);
  if (levels > bytes) throw new RangeError('levels that are longer than their page');
  if (count(header, DataV2.nulls) > values || count(header, DataV2.rows) > values)
    throw new RangeError('a page of more nulls or rows than values');
  return values;
}

function inner(header: ThriftStruct, id: number): ThriftStruct {
  return asStruct(header.get(id)?.value);
}

function count(struct: ThriftStruct, id: number): number {
  const value = integerIn(struct, id);
  if (value === undefined) throw new SyntaxError(`field ${id} of a page is no count`);
  return value;
}
