import {
  DataType as ArrowType,
  Field,
  List,
  Map_,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableToIPC,
} from 'apache-arrow';
import { columnChunks } from './chunks.js';
import { encodeAside } from './encode-aside.js';
import { encodeIpc, type EncodeJob, type ParquetCompression } from './encode-ipc.js';
import { repeats } from './repetition.js';

export type { ParquetCompression } from './encode-ipc.js';

export type ParquetWriteOptions = {
  /** By default zstd, which the Delta protocol recommends where a table does not say otherwise. */
  readonly compression?: ParquetCompression;
  /** The most rows that a row group holds. */
  readonly rowsPerGroup?: number;
};

/**
 * A reader that looks for a few rows reads whole groups of them; at half of this the footer of a large file doubles, at
 * double a lookup reads twice as much.
 */
const ROWS_PER_GROUP = 131_072;

/**
 * Encodes a table as one Parquet file, rows in order, statistics in the footer. Names and nesting are those that Spark
 * writes: `list.element` for arrays, `key_value` for maps, required for what takes no null. A field's metadata
 * `PARQUET:field_id` becomes its field id.
 */
export function writeParquet(table: Table, options: ParquetWriteOptions = {}): Uint8Array {
  return encodeIpc(jobOf(table, options));
}

/**
 * The same file, encoded on another thread where the table is large enough to be worth the way there, so that reading
 * goes on meanwhile.
 */
export async function writeParquetAside(
  table: Table,
  options: ParquetWriteOptions = {},
): Promise<Uint8Array> {
  const job = jobOf(table, options);
  return job.ipc.byteLength < ASIDE_BYTES_MIN ? encodeIpc(job) : encodeAside(job);
}

/** Below it encoding takes a few milliseconds; starting the thread takes fifty. */
const ASIDE_BYTES_MIN = 2 << 20;

function jobOf(table: Table, options: ParquetWriteOptions): EncodeJob {
  const names = table.schema.fields.map(({ name }) => name);
  return {
    ipc: tableToIPC(withParquetNames(table), 'stream'),
    compression: options.compression ?? 'zstd',
    rowsPerGroup: options.rowsPerGroup ?? ROWS_PER_GROUP,
    dictionaries: names.filter((name) => repeats(columnChunks(table, name))),
  };
}

/**
 * The same columns under Parquet's names of nested parts. Tables in memory keep Arrow's own names for a map's entries,
 * since Arrow's readers set those again.
 */
export function withParquetNames(table: Table): Table {
  const schema = new Schema(table.schema.fields.map(parquetField), table.schema.metadata);
  const batches = table.batches.map((batch) => new RecordBatch(schema, batch.data));
  return new Table(schema, batches);
}

type MapEntry = { key: ArrowType; value: ArrowType };

function parquetField(field: Field): Field {
  return field.clone({ type: parquetType(field.type) });
}

function parquetType(type: ArrowType): ArrowType {
  if (ArrowType.isStruct(type)) return new Struct(type.children.map(parquetField));
  if (ArrowType.isList(type))
    return new List(type.valueField.clone({ name: 'element', type: parquetType(type.valueType) }));
  if (ArrowType.isMap(type)) {
    const entry = new Struct<MapEntry>(type.childType.children.map(parquetField));
    const map = new Map_(new Field('entries', entry, false), type.keysSorted);
    // The constructor of a map names its entries by itself.
    const [entries] = map.children;
    if (entries !== undefined) Reflect.set(entries, 'name', 'key_value');
    return map;
  }
  return type;
}
