import { inParquetModule } from './parquet-module.js';

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

const CODECS = { zstd: 'ZSTD', snappy: 'SNAPPY', uncompressed: 'UNCOMPRESSED' } as const;

/** Encodes the rows as one Parquet file, statistics in the footer. */
export function encodeIpc({ ipc, compression, rowsPerGroup, dictionaries }: EncodeJob): Uint8Array {
  return inParquetModule((wasm) => {
    let properties = new wasm.WriterPropertiesBuilder()
      .setCompression(wasm.Compression[CODECS[compression]])
      .setMaxRowGroupSize(rowsPerGroup)
      .setStatisticsEnabled(wasm.EnabledStatistics.Chunk)
      .setDictionaryEnabled(false)
      .setCreatedBy('Sluice');
    for (const name of dictionaries) properties = properties.setColumnDictionaryEnabled(name, true);
    // Both are consumed by the call, so that nothing is left to free in wasm memory.
    return wasm.writeParquet(wasm.Table.fromIPCStream(ipc), properties.build());
  });
}
