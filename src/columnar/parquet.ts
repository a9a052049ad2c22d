export { decodingThreads } from './decode-aside.js';
export { openParquet, type ParquetGroup, type ParquetReader, type ParquetSource } from './parquet-read.js';
export {
  writeParquet,
  writeParquetAside,
  type ParquetCompression,
  type ParquetWriteOptions,
} from './parquet-write.js';
export type { ChunkStats } from './parquet-stats.js';
