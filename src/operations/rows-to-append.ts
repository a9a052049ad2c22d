import { SluiceError } from '../base/errors.js';
import {
  conform,
  structOf,
  tableOf,
  type ArrowBatch,
  type ArrowTable,
  type ArrowVector,
} from '../columnar/arrow.js';
import { TableBuilder } from '../columnar/table-builder.js';
import type { StructType } from '../schema/types.js';
import { ownFields, type GivenRow } from './plain-values.js';

/** One piece of rows to write. */
export type RowsPiece = ArrowTable | ArrowBatch | GivenRow;

/** Rows to write: an Arrow table, record batches, row objects, or a stream of any of these. */
export type RowData = ArrowTable | ArrowBatch | Iterable<RowsPiece> | AsyncIterable<RowsPiece>;

/**
 * Rows as tables in the schema's own types, a bounded number of row objects at a time. `SCHEMA_MISMATCH` for a column
 * that the schema does not have, or a value that its column cannot hold without loss.
 */
export async function* tablesOf(
  data: RowData,
  schema: StructType,
): AsyncGenerator<ArrowTable, void, undefined> {
  if (isArrow(data)) {
    yield fitted(data, schema);
    return;
  }
  let builder: TableBuilder | undefined;
  for await (const piece of data) {
    if (isArrow(piece)) {
      if (builder !== undefined) yield builder.finish();
      builder = undefined;
      yield fitted(piece, schema);
      continue;
    }
    builder ??= new TableBuilder(schema);
    for (const [i, { taken }] of ownFields(piece, schema).entries()) builder.column(i).append(taken);
    if (builder.length < ROWS_PER_TABLE) continue;
    yield builder.finish();
    builder = undefined;
  }
  if (builder !== undefined) yield builder.finish();
}

/** Objects are turned into files at least this often, so that a long stream is never held whole. */
const ROWS_PER_TABLE = 262_144;

function fitted(piece: ArrowTable | ArrowBatch, schema: StructType): ArrowTable {
  const stranger = piece.schema.fields.find(
    ({ name }) => !schema.fields.some((column) => column.name === name),
  );
  if (stranger !== undefined) {
    throw new SluiceError('SCHEMA_MISMATCH', `the table has no column ${stranger.name}`, {
      context: { column: stranger.name },
      hint: 'leave the column out, or add it to the table first',
    });
  }
  return conform('batches' in piece ? piece : tableOfBatch(piece), schema);
}

function tableOfBatch(batch: ArrowBatch): ArrowTable {
  const columns = batch.schema.fields.flatMap(({ name }): ArrowVector[] => {
    const column = batch.getChild(name);
    return column === null ? [] : [column];
  });
  return tableOf(structOf(batch.schema), columns, batch.numRows);
}

function isArrow(piece: RowData | RowsPiece): piece is ArrowTable | ArrowBatch {
  return 'schema' in piece && 'numRows' in piece && 'getChild' in piece;
}
