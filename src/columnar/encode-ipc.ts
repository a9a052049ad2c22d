import {
  Compression,
  EnabledStatistics,
  Table as WasmTable,
  WriterPropertiesBuilder,
  writeParquet as writeWasm,
} from 'parquet-wasm';

export type ParquetCompression = 'zstd' | 'snappy' | 'uncompressed';

/** A table on its way into a Parquet file: plain data, so that it can cross to another thread. */
export type EncodeJob = {
  /** The rows as an Arrow IPC stream. */
  readonly ipc: Uint8Array;
  readonly compression: ParquetCompression;
  readonly rowsPerGroup: number;
  /** Columns whose values repeat. */
  readonly dictionaries: readonly string[];
};

const CODECS: Readonly<Record<ParquetCompression, Compression>> = {
  zstd: Compression.ZSTD,
  snappy: Compression.SNAPPY,
  uncompressed: Compression.UNCOMPRESSED,
};

/** Encodes the rows as one Parquet file, statistics in the footer. */
export function encodeIpc({ ipc, compression, rowsPerGroup, dictionaries }: EncodeJob): Uint8Array {
  let properties = new WriterPropertiesBuilder()
    .setCompression(CODECS[compression])
    .setMaxRowGroupSize(rowsPerGroup)
    .setStatisticsEnabled(EnabledStatistics.Chunk)
    .setDictionaryEnabled(false)
    .setCreatedBy('Sluice');
  for (const name of dictionaries) properties = properties.setColumnDictionaryEnabled(name, true);
  // Both are consumed by the call, so that nothing is left to free in wasm memory.
  return writeWasm(WasmTable.fromIPCStream(ipc), properties.build());
}
