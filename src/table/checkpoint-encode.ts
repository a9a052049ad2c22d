import { setImmediate } from 'node:timers/promises';
import { writeParquet } from '../columnar/parquet.js';
import { TableBuilder } from '../columnar/table-builder.js';
import type { StructType, Value } from '../schema/types.js';

/** So many rows at a time: some tens of milliseconds, in which nothing else of the process runs. */
const ROWS_AT_ONCE = 20_000;

/** Encodes rows of a checkpoint as Parquet; others go on between slices of rows. */
export async function encodeCheckpoint(
  rows: Iterable<readonly Value[]>,
  schema: StructType,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const table = new TableBuilder(schema);
  const columns = schema.fields.map((_, i) => table.column(i));
  let count = 0;
  for (const row of rows) {
    if (++count % ROWS_AT_ONCE === 0) {
      await setImmediate();
      signal.throwIfAborted();
    }
    for (const [i, column] of columns.entries()) {
      const value = row[i] ?? null;
      if (value === null) column.appendNull();
      else column.append(value);
    }
  }
  // Snappy: what every reader of Delta knows, Spark's own choice for its checkpoints.
  return writeParquet(table.finish(), { compression: 'snappy' });
}
