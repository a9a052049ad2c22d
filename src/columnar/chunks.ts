import type { Data, Table } from 'apache-arrow';
import { must } from '../base/errors.js';

/** The chunks of a column, one for each record batch, in row order; `undefined` if the table has no such column. */
export function findChunks(table: Table, column: string): readonly Data[] | undefined {
  const index = table.schema.fields.findIndex((field) => field.name === column);
  if (index < 0) return undefined;
  return table.batches.map((batch) => must(batch.data.children[index], 'column of a record batch'));
}

/** The chunks of a column that must be there. */
export function columnChunks(table: Table, column: string): readonly Data[] {
  return must(findChunks(table, column), `column ${column} of a table`);
}

/**
 * Joins readers of chunks into a reader of the whole column. Rows asked in ascending order, or near each other, find
 * their chunk without a search.
 */
export function chunkedReader<T>(
  chunks: readonly Data[],
  open: (chunk: Data) => (row: number) => T,
): (row: number) => T {
  const filled = chunks.filter((chunk) => chunk.length > 0);
  const [only] = filled;
  if (only !== undefined && filled.length === 1) return open(only);
  const readers = filled.map(open);
  const starts = chunkStarts(filled);
  let chunk = 0;
  let from = 0;
  let upTo = 0;
  let read = (row: number): T => must<T>(undefined, `row ${row}`);
  return (row) => {
    if (row < from || row >= upTo) {
      chunk = findChunk(starts, row);
      from = must(starts[chunk], `chunk of row ${row}`);
      upTo = must(starts[chunk + 1], `chunk of row ${row}`);
      read = must(readers[chunk], `chunk of row ${row}`);
    }
    return read(row - from);
  };
}

/** First rows of the chunks, and at the end the row count. */
export function chunkStarts(chunks: readonly { readonly length: number }[]): Float64Array {
  const starts = new Float64Array(chunks.length + 1);
  let row = 0;
  for (const [index, chunk] of chunks.entries()) {
    starts[index] = row;
    row += chunk.length;
  }
  starts[chunks.length] = row;
  return starts;
}

/** The index of the chunk that holds the row; `starts.length - 1` for a row past the end. */
export function findChunk(starts: Float64Array, row: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? Infinity) <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Whether the cell is null, for any Arrow type but unions. */
export function nullTest(data: Data): ((row: number) => boolean) | undefined {
  if (data.nullCount === 0) return undefined;
  const { nullBitmap, offset } = data;
  if (nullBitmap === null || nullBitmap === undefined || nullBitmap.length === 0) {
    return data.nullCount === data.length ? () => true : undefined;
  }
  return (row) => {
    const bit = offset + row;
    return ((nullBitmap[bit >> 3] ?? 0) & (1 << (bit & 7))) === 0;
  };
}
