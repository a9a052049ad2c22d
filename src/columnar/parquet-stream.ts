import { tableToIPC } from 'apache-arrow';
import type { RecordBatch } from 'parquet-wasm';
import type { StructType } from '../schema/types.js';
import { emptyTable, type ArrowTable } from './arrow.js';
import { parquetModule, type ParquetModule } from './parquet-module.js';
import { withParquetNames, writeParquet } from './parquet-write.js';

/** As many rows as data files have in a group: what the writer holds at most. */
const ROWS_PER_GROUP = 131_072;

/**
 * Encodes tables of the same columns as one Parquet file, zstd, in pieces; at most one row group is held. Without any
 * rows the file has the columns of `struct` and nothing else.
 */
export async function* parquetPieces(
  tables: AsyncIterable<ArrowTable>,
  struct: StructType,
): AsyncGenerator<Uint8Array, void, undefined> {
  const wasm = parquetModule();
  const batches = wasmBatches(wasm, tables);
  try {
    const first = await batches.next();
    if (first.done === true) {
      yield writeParquet(emptyTable(struct));
      return;
    }
    const properties = new wasm.WriterPropertiesBuilder()
      .setCompression(wasm.Compression.ZSTD)
      .setMaxRowGroupSize(ROWS_PER_GROUP)
      .setCreatedBy('Sluice')
      .build();
    yield* await wasm.transformParquetStream(pulled(first.value, batches), properties);
  } finally {
    await batches.return();
  }
}

async function* wasmBatches(
  wasm: ParquetModule,
  tables: AsyncIterable<ArrowTable>,
): AsyncGenerator<RecordBatch, void, undefined> {
  for await (const table of tables) {
    const held = wasm.Table.fromIPCStream(tableToIPC(withParquetNames(table), 'stream'));
    try {
      // Each batch is consumed by the writer.
      yield* held.recordBatches();
    } finally {
      held.free();
    }
  }
}

function pulled(
  first: RecordBatch,
  rest: AsyncGenerator<RecordBatch, void, undefined>,
): ReadableStream<RecordBatch> {
  let head: RecordBatch | undefined = first;
  return new ReadableStream<RecordBatch>(
    {
      pull: async (controller) => {
        if (head !== undefined) {
          controller.enqueue(head);
          head = undefined;
          return;
        }
        const next = await rest.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
    },
    // Nothing is read ahead of the writer.
    { highWaterMark: 0 },
  );
}
