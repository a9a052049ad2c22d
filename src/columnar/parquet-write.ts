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
import {
  Compression,
  EnabledStatistics,
  Table as WasmTable,
  WriterPropertiesBuilder,
  writeParquet as writeWasm,
} from 'parquet-wasm';
import { columnChunks } from './chunks.js';
import { repeats } from './repetition.js';

export type ParquetCompression = 'zstd' | 'snappy' | 'uncompressed';

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

const CODECS: Readonly<Record<ParquetCompression, Compression>> = {
  zstd: Compression.ZSTD,
  snappy: Compression.SNAPPY,
  uncompressed: Compression.UNCOMPRESSED,
};

/**
 * Encodes a table as one Parquet file, rows in order, statistics in the footer. Names and nesting are those that Spark
 * writes: `list.element` for arrays, `key_value` for maps, required for what takes no null. A field's metadata
 * `PARQUET:field_id` becomes its field id.
 */
export function writeParquet(table: Table, options: ParquetWriteOptions = {}): Uint8Array {
  let properties = new WriterPropertiesBuilder()
    .setCompression(CODECS[options.compression ?? 'zstd'])
    .setMaxRowGroupSize(options.rowsPerGroup ?? ROWS_PER_GROUP)
    .setStatisticsEnabled(EnabledStatistics.Chunk)
    .setDictionaryEnabled(false)
    .setCreatedBy('Sluice');
  for (const { name } of table.schema.fields) {
    if (repeats(columnChunks(table, name))) properties = properties.setColumnDictionaryEnabled(name, true);
  }
  // Both are consumed by the call, so that nothing is left to free in wasm memory.
  return writeWasm(
    WasmTable.fromIPCStream(tableToIPC(withParquetNames(table), 'stream')),
    properties.build(),
  );
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
