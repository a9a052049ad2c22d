import { inParquetModule } from './parquet-module.js';

/** A Parquet file on its way into memory: plain data, so that it can cross to another thread. */
export type DecodeJob = {
  /** The whole file. */
  readonly file: Uint8Array;
  /** The most rows that a batch holds. */
  readonly batchRows: number;
};

/** The rows as an Arrow IPC stream. Throws whatever the codec has against the file. */
export function decodeIpc({ file, batchRows }: DecodeJob): Uint8Array {
  return inParquetModule((wasm) => wasm.readParquet(file, { batchSize: batchRows }).intoIPCStream());
}
