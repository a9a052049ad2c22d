export { decodingThreads } from './decode-aside.js';
export { openParquet, type ParquetReader, type ParquetSource } from './parquet-read.js';
export { writeParquet, writeParquetAside } from './parquet-write.js';
export type { ChunkStats } from './parquet-stats.js';
