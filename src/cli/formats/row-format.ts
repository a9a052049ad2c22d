import { compact, emptyTable, toIpcStream, type ArrowTable } from '../../columnar/arrow.js';
import { csv } from '../../columnar/csv.js';
import { ndjson } from '../../columnar/ndjson.js';
import { parquetPieces } from '../../columnar/parquet-stream.js';
import { textTable } from '../../columnar/text-table.js';
import type { StructType } from '../../schema/types.js';

/** How rows are written. */
export const ROW_FORMATS = ['ndjson', 'csv', 'arrow', 'parquet', 'table'] as const;

export type RowFormat = (typeof ROW_FORMATS)[number];

/** Formats that no terminal can show. */
export function isBinary(format: RowFormat): boolean {
  return format === 'arrow' || format === 'parquet';
}

/** Widths of columns are those of so many rows; then the table is closed and a new one begins. */
const ROWS_PER_TEXT_TABLE = 500;

/** What still fits beside other columns on a terminal. */
const CELL_CHARACTERS = 40;

/**
 * The tables' rows in a format, in pieces; all tables have the columns of `struct`. Pieces are made as they are asked
 * for, so that one batch is held at a time. Without rows there is still a header, where the format has one.
 */
export function formatRows(
  format: RowFormat,
  tables: AsyncIterable<ArrowTable>,
  struct: StructType,
): AsyncIterable<string | Uint8Array> {
  switch (format) {
    case 'ndjson':
      return ndjsonPieces(tables, struct);
    case 'csv':
      return csvPieces(tables, struct);
    case 'arrow':
      return ipcPieces(tables, struct);
    case 'parquet':
      return parquetPieces(tables, struct);
    case 'table':
      return textTables(tables, struct);
  }
}

async function* ndjsonPieces(
  tables: AsyncIterable<ArrowTable>,
  struct: StructType,
): AsyncGenerator<string, void, undefined> {
  for await (const rows of tables) yield* ndjson(rows, struct);
}

async function* csvPieces(
  tables: AsyncIterable<ArrowTable>,
  struct: StructType,
): AsyncGenerator<string, void, undefined> {
  yield* csv(emptyTable(struct), struct, { header: true });
  for await (const rows of tables) yield* csv(rows, struct, { header: false });
}

async function* textTables(
  tables: AsyncIterable<ArrowTable>,
  struct: StructType,
): AsyncGenerator<string, void, undefined> {
  let shown = false;
  for await (const rows of tables) {
    for (let from = 0; from < rows.numRows; from += ROWS_PER_TEXT_TABLE) {
      const part = rows.slice(from, from + ROWS_PER_TEXT_TABLE);
      yield textTable(part, struct, { cellCharacters: CELL_CHARACTERS });
      shown = true;
    }
  }
  if (!shown) yield textTable(emptyTable(struct), struct, { cellCharacters: CELL_CHARACTERS });
}

/** Arrow columnar format, "Encapsulated message format": a marker, the length of what follows, and that. */
const MESSAGE_HEAD_BYTES = 8;
/** "IPC Streaming Format": the marker and a length of zero. */
const END_OF_STREAM_BYTES = 8;

/** One Arrow stream out of many: the schema once, then each table's batches, then the end. */
async function* ipcPieces(
  tables: AsyncIterable<ArrowTable>,
  struct: StructType,
): AsyncGenerator<Uint8Array, void, undefined> {
  const empty = toIpcStream(emptyTable(struct));
  yield empty.subarray(0, schemaBytes(empty));
  for await (const rows of tables) {
    const stream = toIpcStream(compact(rows));
    yield stream.subarray(schemaBytes(stream), stream.length - END_OF_STREAM_BYTES);
  }
  yield empty.subarray(empty.length - END_OF_STREAM_BYTES);
}

function schemaBytes(stream: Uint8Array): number {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  return MESSAGE_HEAD_BYTES + view.getInt32(4, true);
}
