import { assert, must, SluiceError } from '../base/errors.js';
import {
  ARRAY_MAX,
  containerOf,
  containerOfWords,
  containerSize,
  containerValues,
  type RowContainer,
} from './row-container.js';
import { RowSet, type RowChunk } from './row-set.js';

/** The four bytes `d1 d3 39 64` before a bitmap in the portable format. */
const ROARING_MAGIC = 1681511377;

const COOKIE = 12346;
const COOKIE_WITH_RUNS = 12347;
/** With runs, containers have offsets only from this number on. */
const OFFSETS_FROM = 4;
const BITMAP_BYTES = 8192;
/** High halves of 16 bits in one bucket of 2^32 rows. */
const CHUNKS_PER_BUCKET = 65536;

/**
 * The bytes of a set as "RoaringBitmapArray" in the portable format: magic, number of buckets, and per 2^32
 * rows a 32-bit Roaring bitmap. Gaps between buckets are filled with empty ones, as Delta Spark does;
 * containers that are shorter as runs are written as runs. Delta protocol, "Deletion Vector Format".
 */
export function encodeRoaring(set: RowSet): Uint8Array {
  const buckets = bucketsOf(set);
  let length = 12;
  for (const bucket of buckets) length += 4 + bucket.bytes;
  const out = new Uint8Array(length);
  const view = new DataView(out.buffer);
  view.setUint32(0, ROARING_MAGIC, true);
  view.setUint32(4, buckets.length, true);
  let at = 12;
  for (const [key, bucket] of buckets.entries()) {
    view.setUint32(at, key, true);
    writeBucket(view, at + 4, bucket);
    at += 4 + bucket.bytes;
  }
  return out;
}

/**
 * The set that those bytes hold. Takes buckets in ascending order with or without gaps, and containers of all
 * three kinds.
 *
 * @throws SluiceError CORRUPT_FILE for bytes that are no such bitmap
 */
export function decodeRoaring(bytes: Uint8Array): RowSet {
  const reader = new Reader(bytes);
  const magic = reader.uint32();
  if (magic !== ROARING_MAGIC) throw corrupt(`it begins with ${magic}, not ${ROARING_MAGIC}`);
  const count = reader.uint32();
  if (reader.uint32() !== 0) throw corrupt('its number of buckets is beyond 2^32');
  const chunks: RowChunk[] = [];
  let last = -1;
  for (let i = 0; i < count; i++) {
    const key = reader.uint32();
    if (key <= last) throw corrupt('its buckets are not in order');
    // Row ordinals end at 2^53.
    if (key >= 2 ** 21) throw corrupt('it holds rows beyond 2^53');
    last = key;
    readBucket(reader, key * CHUNKS_PER_BUCKET, chunks);
  }
  return RowSet.ofChunks(chunks);
}

type Encoding =
  | { readonly kind: 'values'; readonly values: Uint16Array }
  | { readonly kind: 'words'; readonly words: Uint32Array }
  | { readonly kind: 'runs'; readonly runs: Uint16Array };

type Part = {
  readonly key: number;
  readonly size: number;
  readonly bytes: number;
  readonly encoding: Encoding;
};

type Bucket = {
  readonly parts: readonly Part[];
  readonly runs: boolean;
  readonly header: number;
  readonly bytes: number;
};

function bucketsOf(set: RowSet): Bucket[] {
  const parts: Part[][] = [];
  for (const { high, container } of set.chunks()) {
    const key = Math.floor(high / CHUNKS_PER_BUCKET);
    while (parts.length <= key) parts.push([]);
    must(parts[key], 'a bucket').push(partOf(high % CHUNKS_PER_BUCKET, container));
  }
  return parts.map(bucketOf);
}

function bucketOf(parts: readonly Part[]): Bucket {
  const runs = parts.some(({ encoding }) => encoding.kind === 'runs');
  const offsets = !runs || parts.length >= OFFSETS_FROM ? 4 * parts.length : 0;
  const header = (runs ? 4 + Math.ceil(parts.length / 8) : 8) + 4 * parts.length + offsets;
  return { parts, runs, header, bytes: parts.reduce((sum, { bytes }) => sum + bytes, header) };
}

function partOf(key: number, container: RowContainer): Part {
  const size = containerSize(container);
  const values = containerValues(container);
  const runs = runsOf(values);
  const runBytes = 2 + 2 * runs.length;
  const plainBytes = container.kind === 'bitmap' ? BITMAP_BYTES : 2 * size;
  if (runBytes < plainBytes) return { key, size, bytes: runBytes, encoding: { kind: 'runs', runs } };
  if (container.kind === 'bitmap') {
    return { key, size, bytes: plainBytes, encoding: { kind: 'words', words: container.words } };
  }
  return { key, size, bytes: plainBytes, encoding: { kind: 'values', values } };
}

/** Pairs of a run's first value and its length less one. */
function runsOf(values: Uint16Array): Uint16Array {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (i === 0 || values[i] !== (values[i - 1] ?? 0) + 1) count++;
  const runs = new Uint16Array(2 * count);
  let at = 0;
  for (let i = 0; i < values.length;) {
    const start = i;
    while (i + 1 < values.length && values[i + 1] === (values[i] ?? 0) + 1) i++;
    runs[at++] = values[start] ?? 0;
    runs[at++] = i - start;
    i++;
  }
  return runs;
}

function writeBucket(view: DataView, start: number, bucket: Bucket): void {
  const { parts, runs } = bucket;
  let at = start;
  if (runs) {
    view.setUint32(at, COOKIE_WITH_RUNS | ((parts.length - 1) << 16), true);
    at += 4;
    for (const [i, { encoding }] of parts.entries()) {
      const flag = at + (i >> 3);
      if (encoding.kind === 'runs') view.setUint8(flag, view.getUint8(flag) | (1 << (i & 7)));
    }
    at += Math.ceil(parts.length / 8);
  } else {
    view.setUint32(at, COOKIE, true);
    view.setUint32(at + 4, parts.length, true);
    at += 8;
  }
  for (const { key, size } of parts) {
    view.setUint16(at, key, true);
    view.setUint16(at + 2, size - 1, true);
    at += 4;
  }
  let body = bucket.header;
  if (!runs || parts.length >= OFFSETS_FROM) {
    for (const { bytes } of parts) {
      view.setUint32(at, body, true);
      at += 4;
      body += bytes;
    }
  }
  for (const part of parts) at = writePart(view, at, part);
  assert(at === start + bucket.bytes, 'a bitmap takes the bytes that were counted');
}

function writePart(view: DataView, start: number, part: Part): number {
  const { encoding } = part;
  let at = start;
  switch (encoding.kind) {
    case 'values':
      for (const value of encoding.values) {
        view.setUint16(at, value, true);
        at += 2;
      }
      return at;
    case 'words':
      for (const word of encoding.words) {
        view.setUint32(at, word, true);
        at += 4;
      }
      return at;
    case 'runs':
      view.setUint16(at, encoding.runs.length / 2, true);
      at += 2;
      for (const half of encoding.runs) {
        view.setUint16(at, half, true);
        at += 2;
      }
      return at;
  }
}

function readBucket(reader: Reader, base: number, into: RowChunk[]): void {
  const cookie = reader.uint32();
  const runs = (cookie & 0xffff) === COOKIE_WITH_RUNS;
  if (!runs && cookie !== COOKIE) throw corrupt('a bucket has an unknown cookie');
  const count = runs ? (cookie >>> 16) + 1 : reader.uint32();
  if (count > CHUNKS_PER_BUCKET) throw corrupt('a bucket has too many containers');
  const flags = runs ? reader.take(Math.ceil(count / 8)) : undefined;
  const header = reader.uint16s(2 * count);
  if (!runs || count >= OFFSETS_FROM) reader.take(4 * count);
  for (let i = 0; i < count; i++) {
    const key = header[2 * i] ?? 0;
    const size = (header[2 * i + 1] ?? 0) + 1;
    if (i > 0 && key <= (header[2 * i - 2] ?? 0)) throw corrupt('containers are not in order');
    const isRun = flags !== undefined && (((flags[i >> 3] ?? 0) >> (i & 7)) & 1) === 1;
    const container = isRun ? readRuns(reader) : readPlain(reader, size);
    if (containerSize(container) !== size) throw corrupt('a container does not hold what its header says');
    into.push({ high: base + key, container });
  }
}

function readPlain(reader: Reader, size: number): RowContainer {
  if (size > ARRAY_MAX) return containerOfWords(reader.uint32s(BITMAP_BYTES / 4));
  const values = reader.uint16s(size);
  for (let i = 1; i < size; i++) {
    if ((values[i] ?? 0) <= (values[i - 1] ?? 0)) throw corrupt('the rows of a container are not in order');
  }
  return containerOf(values);
}

function readRuns(reader: Reader): RowContainer {
  const [count = 0] = reader.uint16s(1);
  const runs = reader.uint16s(2 * count);
  const values: number[] = [];
  let next = 0;
  for (let i = 0; i < count; i++) {
    const start = runs[2 * i] ?? 0;
    const end = start + (runs[2 * i + 1] ?? 0);
    if (start < next || end > 0xffff) throw corrupt('the runs of a container are not in order');
    for (let value = start; value <= end; value++) values.push(value);
    next = end + 1;
  }
  return containerOf(Uint16Array.from(values));
}

/** Little-endian reads that fail at the end of the bytes. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  take(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw corrupt('it ends too early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  uint32(): number {
    this.take(4);
    return this.#view.getUint32(this.#at - 4, true);
  }

  uint16s(count: number): Uint16Array {
    const start = this.#at;
    this.take(2 * count);
    return Uint16Array.from({ length: count }, (_, i) => this.#view.getUint16(start + 2 * i, true));
  }

  uint32s(count: number): Uint32Array {
    const start = this.#at;
    this.take(4 * count);
    return Uint32Array.from({ length: count }, (_, i) => this.#view.getUint32(start + 4 * i, true));
  }
}

function corrupt(why: string): SluiceError {
  return new SluiceError('CORRUPT_FILE', `a deletion vector's bitmap cannot be read: ${why}`);
}
