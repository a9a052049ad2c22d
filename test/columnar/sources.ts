import type { ParquetSource } from '../../src/columnar/parquet.js';

/** A file in memory that also counts what is read of it. */
export function inMemory(bytes: Uint8Array): ParquetSource & { readonly reads: [number, number][] } {
  const reads: [number, number][] = [];
  return {
    size: bytes.length,
    name: 'part-0.parquet',
    reads,
    async read(start, end) {
      reads.push([start, end]);
      return bytes.subarray(start, end);
    },
  };
}
