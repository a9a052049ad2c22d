import type { Table } from 'apache-arrow';
import type { DataType, StructType, Value } from '../schema/types.js';
import { chunkedReader, columnChunks } from './chunks.js';
import { dataReader } from './data-reader.js';

/**
 * Reads the cells of a column as values of a Delta type. `type` may be wider than what the column holds (Delta protocol,
 * "Type Widening"): an int column is read as long, a `decimal(10,2)` as `decimal(12,4)`, a date as timestamp_ntz.
 * The table is read in place; nothing is allocated for a cell but its value.
 *
 * @throws SluiceError SCHEMA_MISMATCH if the column's values are no values of the type
 */
export function reader(table: Table, columnName: string, type: DataType): (row: number) => Value {
  return chunkedReader(columnChunks(table, columnName), (chunk) => dataReader(chunk, type, columnName));
}

/** The rows of a table as arrays of values, one a column of `struct`, in its order. */
export function* rowsOf(table: Table, struct: StructType): Generator<Value[], void, undefined> {
  const readers = struct.fields.map((field) => reader(table, field.name, field.type));
  const { numRows } = table;
  for (let row = 0; row < numRows; row++) yield readers.map((read) => read(row));
}
