import {
  Schema,
  Table,
  tableFromIPC,
  tableToIPC,
  Timestamp,
  TimeUnit,
  type DataType,
  type Field,
} from 'apache-arrow';
import { assert, InvariantError, isSluiceError, SluiceError } from '../base/errors.js';
import type { StructType } from '../schema/types.js';
import { structOf } from './arrow-types.js';
import { batchOf } from './assemble.js';
import { decodeAside } from './decode-aside.js';
import { decodeIpc, type DecodeJob } from './decode-ipc.js';
import {
  MAGIC_BYTES,
  ParquetFooter,
  type ByteRange,
  type ChunkRange,
  type LeaveOut,
} from './parquet-footer.js';
import { inParquetModule } from './parquet-module.js';
import { checkPages } from './parquet-pages.js';
import { chunkStats, type ChunkStats } from './parquet-stats.js';

/** The bytes of a Parquet file, wherever they are. */
export interface ParquetSource {
  /** Bytes of the whole file. */
  readonly size: number;
  /** What to call the file in an error. */
  readonly name?: string;
  /** The bytes from `start` up to `end`. Its rejections come through as they are. */
  read(start: number, end: number): Promise<Uint8Array>;
}

export type ParquetGroup = {
  readonly rows: number;
  /** The ordinal in the file of the group's first row. */
  readonly firstRow: number;
};

/** What to read of a file. */
export type ParquetPart = {
  readonly columns?: readonly string[];
  readonly groups?: readonly number[];
  /** Fields of top-level structs to do without, where a struct keeps one. */
  readonly leaveOut?: LeaveOut;
};

/** An open Parquet file. It holds the footer only, and nothing in wasm memory. */
export interface ParquetReader extends Disposable, AsyncDisposable {
  /** Rows of the whole file. */
  readonly rows: number;
  readonly groups: readonly ParquetGroup[];
  /** Names of the top-level columns, in file order. */
  readonly columns: readonly string[];
  /** The columns as Delta types, field ids in their metadata (`PARQUET:field_id`). */
  readonly schema: StructType;
  /**
   * Reads the rows of the given row groups (by default all), always in file order, of the given top-level columns (by
   * default all), in file order too. A column that the file does not have is absent from the table. A table without
   * columns still counts its rows.
   *
   * @throws SluiceError CORRUPT_FILE if the bytes are no such Parquet
   */
  read(options?: ParquetPart): Promise<Table>;
  /**
   * Like `read`, decoded when the function is called, anew each time: what is held meanwhile is the part's bytes as they
   * stand in the file.
   */
  keep(options: ParquetPart): Promise<() => Table>;
  /** Bytes of the given top-level columns (by default all) of a row group, without their compression. */
  bytes(group: number, columns?: readonly string[]): number;
  /**
   * What the footer tells of a column in a row group, by its names from the outside in: `absent` if the file has no such
   * column, undefined for one below lists or maps. Nothing is read.
   *
   * @throws SluiceError CORRUPT_FILE if the footer contradicts itself
   */
  stats(group: number, path: readonly string[]): ChunkStats | 'absent' | undefined;
}

/**
 * Opens a file by its footer; nothing else is read yet.
 *
 * @throws SluiceError CORRUPT_FILE if there is no footer to understand
 * @throws SluiceError SCHEMA_MISMATCH if a column's type is none that Delta knows
 */
export async function openParquet(source: ParquetSource): Promise<ParquetReader> {
  const bytes = await readFooter(source);
  return orCorrupt(source, () => new OpenFile(source, new ParquetFooter(bytes), source.size - bytes.length));
}

class OpenFile implements ParquetReader {
  readonly rows: number;
  readonly groups: readonly ParquetGroup[];
  readonly columns: readonly string[];
  readonly schema: StructType;
  private readonly source: ParquetSource;
  private readonly footer: ParquetFooter;
  private readonly arrow: Schema;

  constructor(source: ParquetSource, footer: ParquetFooter, bytesBeforeFooter: number) {
    this.source = source;
    this.footer = footer;
    this.columns = footer.columns.map(({ name }) => name);
    let firstRow = 0;
    this.groups = footer.groupRows.map((rows) => {
      const group = { rows, firstRow };
      firstRow += rows;
      return group;
    });
    this.rows = firstRow;
    // Chunks do not overlap: groups that shared bytes could hold any number of rows in a small file.
    if (this.groups.length > 1 && footer.chunkBytes > bytesBeforeFooter)
      throw new RangeError('column chunks longer than the file');
    this.arrow = readableSchema(footer);
    this.schema = structOf(this.arrow);
  }

  async read(options: ParquetPart = {}): Promise<Table> {
    const part = await this.part(options);
    if (!('file' in part)) return emptied(this.arrow, part.columns, part.rows);
    const ipc = await this.decode(jobOf(part));
    return orCorrupt(this.source, () => tableOf(ipc, part.rows));
  }

  async keep(options: ParquetPart): Promise<() => Table> {
    const part = await this.part(options);
    if (!('file' in part)) return () => emptied(this.arrow, part.columns, part.rows);
    return () => orCorrupt(this.source, () => tableOf(decodeIpc(jobOf(part)), part.rows));
  }

  /** The part as a file of its own; without one where it has no values. */
  private async part({ columns: names, groups: wanted, leaveOut }: ParquetPart): Promise<Excerpted | Empty> {
    const columns = [...this.columns.keys()].filter(
      (index) => names === undefined || names.includes(this.columns[index] ?? ''),
    );
    const groups =
      wanted === undefined ? [...this.groups.keys()] : [...new Set(wanted)].sort((a, b) => a - b);
    let rows = 0;
    for (const index of groups) {
      const group = this.groups[index];
      assert(group !== undefined, () => `no row group ${index}`);
      rows += group.rows;
    }
    if (columns.length === 0 || rows === 0) {
      orCorrupt(this.source, () => groups.forEach((index) => this.footer.checkedRows(index)));
      return { columns, rows };
    }
    const { ranges, footer } = orCorrupt(this.source, () =>
      this.footer.excerpt(columns, groups, this.hints(columns), leaveOut),
    );
    const file = await assemble(this.source, ranges, footer);
    orCorrupt(this.source, () => checkChunks(file, ranges));
    return { file, rows };
  }

  bytes(group: number, columns?: readonly string[]): number {
    const wanted = this.columns.flatMap((name, index) => (columns?.includes(name) === false ? [] : [index]));
    return orCorrupt(this.source, () => this.footer.bytes(group, wanted));
  }

  stats(group: number, path: readonly string[]): ChunkStats | 'absent' | undefined {
    return orCorrupt(this.source, () => chunkStats(this.footer, this.schema, group, path));
  }

  private async decode(job: DecodeJob): Promise<Uint8Array> {
    try {
      return await decodeAside(job);
    } catch (cause) {
      throw corrupt(this.source, cause);
    }
  }

  private hints(columns: readonly number[]): ReadonlyMap<string, string> {
    if (!columns.some((index) => this.footer.columns[index]?.int96)) return new Map();
    const fields = columns.flatMap((index) => this.arrow.fields[index] ?? []);
    return schemaHint(new Schema(fields));
  }

  // Each call into wasm gives back all that it took, so that nothing is left to free.
  [Symbol.dispose](): void {}

  async [Symbol.asyncDispose](): Promise<void> {}
}

type Excerpted = { readonly file: Uint8Array; readonly rows: number };
type Empty = { readonly columns: readonly number[]; readonly rows: number };

function jobOf({ file, rows }: Excerpted): DecodeJob {
  return { file, batchRows: Math.min(rows, BATCH_ROWS) };
}

function tableOf(ipc: Uint8Array, rows: number): Table {
  const table = tableFromIPC(ipc);
  if (table.numRows !== rows) throw new RangeError(`${table.numRows} rows where the footer says ${rows}`);
  return table;
}

/** One batch for nearly every read, since one chunk is read fastest; a bound for what lies in wasm memory at once. */
const BATCH_ROWS = 1 << 20;

/** Files of one writer and one table have the same schema: it is made sense of once. */
const SCHEMAS_MAX = 64;
const schemas = new Map<string, Schema>();

/** The columns in Arrow types, with microseconds where a column holds INT96. */
function readableSchema(footer: ParquetFooter): Schema {
  const none = footer.excerpt([...footer.columns.keys()], [], new Map()).footer;
  const key = Buffer.from(none.buffer, none.byteOffset, none.byteLength).toString('latin1');
  const known = schemas.get(key);
  if (known !== undefined) return known;
  const schema = decodeSchema(none, footer);
  const [oldest] = schemas.keys();
  if (oldest !== undefined && schemas.size >= SCHEMAS_MAX) schemas.delete(oldest);
  schemas.set(key, schema);
  return schema;
}

function decodeSchema(bytes: Uint8Array, footer: ParquetFooter): Schema {
  const bare = new Uint8Array(MAGIC_BYTES + bytes.length + 8);
  finishFile(bare, bytes);
  const { schema } = tableFromIPC(inParquetModule((wasm) => wasm.readSchema(bare).intoIPCStream()));
  const fields = schema.fields.map((field, index) =>
    footer.columns[index]?.int96 ? inMicros(field) : field,
  );
  return new Schema(fields);
}

/**
 * INT96 reaches from year -4712 to far beyond 9999, and Arrow's nanoseconds only from 1677 to 2262: they are read as
 * microseconds. Delta protocol, "Primitive Types": a timestamp is an instant, in UTC.
 */
function inMicros(field: Field): Field {
  return field.clone({ type: microsType(field.type) });
}

function microsType(type: DataType): DataType {
  if (type instanceof Timestamp && type.unit === TimeUnit.NANOSECOND)
    return new Timestamp(TimeUnit.MICROSECOND, 'UTC');
  if (type.children?.length) Reflect.set(type, 'children', type.children.map(inMicros));
  return type;
}

/** What arrow-rs takes as the wanted Arrow types: the schema message of the stream format, under its own key. */
function schemaHint(schema: Schema): ReadonlyMap<string, string> {
  const stream = tableToIPC(new Table(schema), 'stream');
  return new Map([
    ['ARROW:schema', Buffer.from(stream.subarray(0, stream.length - END_OF_STREAM_BYTES)).toString('base64')],
  ]);
}

const END_OF_STREAM_BYTES = 8;

function emptied(schema: Schema, columns: readonly number[], rows: number): Table {
  if (columns.length > 0)
    return new Table(new Schema(columns.flatMap((index) => schema.fields[index] ?? [])));
  const none = new Schema([]);
  return new Table(none, [batchOf(none, [], rows)]);
}

/** Covers the footer of nearly all files in one read; a longer one costs a second. */
const TAIL_BYTES = 64 * 1024;
const MAGIC = Buffer.from('PAR1');

async function readFooter(source: ParquetSource): Promise<Uint8Array> {
  const { size } = source;
  const tail = await source.read(Math.max(0, size - TAIL_BYTES), size);
  const end = tail.byteLength - 8;
  if (end < 0 || MAGIC.compare(tail, end + 4) !== 0)
    throw corrupt(source, new SyntaxError('no PAR1 at its end'));
  const length = new DataView(tail.buffer, tail.byteOffset).getUint32(end, true);
  if (length <= end) return tail.subarray(end - length, end);
  if (length > size - 8 - MAGIC_BYTES) throw corrupt(source, new RangeError('a footer longer than the file'));
  return source.read(size - 8 - length, size - 8);
}

/** Two runs that are not farther apart are read as one: the bytes between cost less than another request. */
const GAP_BYTES = 128 * 1024;
/** Requests on their way at the same time, so that a wide table does not open hundreds. */
const READS_MAX = 8;

/** Reads the ranges and puts a file together of them. */
async function assemble(
  source: ParquetSource,
  ranges: readonly ByteRange[],
  footer: Uint8Array,
): Promise<Uint8Array> {
  const bytes = ranges.reduce((sum, { start, end }) => sum + (end - start), 0);
  // Chunks do not overlap, so that together they are no longer than the file.
  if (bytes > source.size) throw corrupt(source, new RangeError('column chunks beyond its end'));
  const file = new Uint8Array(MAGIC_BYTES + bytes + footer.length + 8);
  const reads = coalesce(source, ranges);
  for (let first = 0; first < reads.length; first += READS_MAX) {
    await Promise.all(
      reads.slice(first, first + READS_MAX).map(async ({ start, end, parts }) => {
        const run = await source.read(start, end);
        if (run.byteLength !== end - start) throw corrupt(source, new RangeError('ends too early'));
        for (const part of parts) file.set(run.subarray(part.start - start, part.end - start), part.to);
      }),
    );
  }
  finishFile(file, footer);
  return file;
}

/** Before anything is decoded: see `checkPages`. The chunks lie one after another, as they were put together. */
function checkChunks(file: Uint8Array, ranges: readonly ChunkRange[]): void {
  let at = MAGIC_BYTES;
  for (const range of ranges) {
    const start = at;
    at += range.end - range.start;
    checkPages(file.subarray(start, at), range, BATCH_ROWS);
  }
}

type Part = ByteRange & { readonly to: number };
type Read = { start: number; end: number; parts: Part[] };

function coalesce(source: ParquetSource, ranges: readonly ByteRange[]): Read[] {
  let to = MAGIC_BYTES;
  const parts = ranges.map(({ start, end }): Part => {
    if (end > source.size) throw corrupt(source, new RangeError('a column chunk beyond its end'));
    const part = { start, end, to };
    to += end - start;
    return part;
  });
  const reads: Read[] = [];
  for (const part of parts.sort((one, other) => one.start - other.start)) {
    const last = reads.at(-1);
    if (last !== undefined && part.start - last.end <= GAP_BYTES) {
      last.end = Math.max(last.end, part.end);
      last.parts.push(part);
    } else {
      reads.push({ start: part.start, end: part.end, parts: [part] });
    }
  }
  return reads;
}

function finishFile(file: Uint8Array, footer: Uint8Array): void {
  const end = file.length - 8;
  file.set(MAGIC, 0);
  file.set(footer, end - footer.length);
  new DataView(file.buffer, file.byteOffset).setUint32(end, footer.length, true);
  file.set(MAGIC, end + 4);
}

function orCorrupt<T>(source: ParquetSource, decode: () => T): T {
  try {
    return decode();
  } catch (cause) {
    if (isSluiceError(cause) || cause instanceof InvariantError) throw cause;
    throw corrupt(source, cause);
  }
}

function corrupt(source: ParquetSource, cause: unknown): SluiceError {
  return new SluiceError(
    'CORRUPT_FILE',
    `${source.name ?? 'a data file'} is no Parquet file that can be read`,
    {
      context: { file: source.name },
      hint: 'restore the file from a copy, or the table to a version that does not have it',
      cause,
    },
  );
}
