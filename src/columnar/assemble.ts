import {
  BufferType,
  Data,
  DataType as ArrowType,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  type Field,
} from 'apache-arrow';
import { assert } from '../base/errors.js';
import { arrowTypeText } from './arrow-types.js';

/** A record batch over whole columns, which stay where they are. All columns have `rows` cells. */
export function batchOf(schema: Schema, columns: readonly Data[], rows: number): RecordBatch {
  for (const column of columns) assert(column.length === rows, 'every column has a cell for each row');
  const type = new Struct(schema.fields);
  return new RecordBatch(schema, makeData({ type, length: rows, nullCount: 0, children: [...columns] }));
}

/** A table of one batch over whole columns. */
export function tableOfData(fields: readonly Field[], columns: readonly Data[], rows: number): Table {
  const schema = new Schema([...fields]);
  return new Table(schema, [batchOf(schema, columns, rows)]);
}

/**
 * New cells of the same fixed-width type as `like`. Types of any other layout are refused: `conform` turns those of other
 * writers (views, large offsets) into ours.
 */
export function fixedData(
  like: Data,
  cells: { readonly length: number; readonly nullCount: number; readonly nullBitmap: Uint8Array | undefined },
  values: Int32Array | BigInt64Array,
): Data {
  const { type } = like;
  assert(isFixedWidth(type), () => `cells of ${arrowTypeText(type)} cannot be moved`);
  const buffers = {
    [BufferType.DATA]: values,
    ...(cells.nullBitmap === undefined ? {} : { [BufferType.VALIDITY]: cells.nullBitmap }),
  };
  return new Data(type, 0, cells.length, cells.nullCount, buffers, [], like.dictionary);
}

function isFixedWidth(type: ArrowType): boolean {
  return (
    ArrowType.isInt(type) ||
    ArrowType.isFloat(type) ||
    ArrowType.isDecimal(type) ||
    ArrowType.isDate(type) ||
    ArrowType.isTime(type) ||
    ArrowType.isTimestamp(type) ||
    ArrowType.isFixedSizeBinary(type) ||
    ArrowType.isDictionary(type)
  );
}
