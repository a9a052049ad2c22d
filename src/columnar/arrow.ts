import { Schema, Table, tableFromIPC, tableToIPC, Vector, type Field } from 'apache-arrow';
import { assert, must } from '../base/errors.js';
import type { DataType, StructField, StructType, Value } from '../schema/types.js';
import { arrowField, arrowTypeText } from './arrow-types.js';
import { batchOf, tableOfData } from './assemble.js';
import { columnChunks } from './chunks.js';
import { concatData, sameLayout } from './concat.js';
import { constantData } from './constant.js';
import { TableBuilder } from './table-builder.js';

export type { Table as ArrowTable, RecordBatch as ArrowBatch, Vector as ArrowVector } from 'apache-arrow';
export { structOf } from './arrow-types.js';
export { conform } from './conform.js';
export { rowSelector } from './filter.js';
export { takeRows } from './take.js';

/** A table of no rows. */
export function emptyTable(struct: StructType): Table {
  return new TableBuilder(struct).finish();
}

/**
 * A table of the given columns, one for each field of `struct`, which have one length and stay where they are as long as
 * they lie in one piece. `rows` counts the rows of a table without columns.
 */
export function tableOf(
  struct: StructType,
  columns: readonly Vector[],
  rows = columns[0]?.length ?? 0,
): Table {
  assert(columns.length === struct.fields.length, 'a table has a column for each field');
  return tableOfData(struct.fields.map(arrowField), columns.map(wholeData), rows);
}

function wholeData(column: Vector): Vector['data'][number] {
  return concatData(column.data, column.type);
}

/**
 * The rows of all tables, in order, without copying. The columns are the first table's; the others must have the same, by
 * place, name and layout. At least one table.
 */
export function concat(tables: readonly Table[]): Table {
  const first = must(tables[0], 'a table to concatenate');
  if (tables.length === 1) return first;
  for (const table of tables) assertSameColumns(first, table);
  const fields = first.schema.fields.map((field, index) =>
    field.clone({ nullable: tables.some((table) => table.schema.fields[index]?.nullable !== false) }),
  );
  const schema = new Schema(fields);
  const batches = tables.flatMap((table) => table.batches).filter((batch) => batch.numRows > 0);
  const rebound = batches.map((batch) => {
    const columns = batch.data.children.map((child, index) =>
      child.clone(must(fields[index], 'column').type),
    );
    return batchOf(schema, columns, batch.numRows);
  });
  return new Table(schema, rebound);
}

function assertSameColumns(first: Table, table: Table): void {
  const { fields } = table.schema;
  assert(fields.length === first.schema.fields.length, 'tables to concatenate have the same columns');
  for (const [index, field] of first.schema.fields.entries()) {
    const other = must(fields[index], 'column of a table');
    assert(
      other.name === field.name && sameLayout(field.type, other.type),
      () =>
        `column ${field.name}: ${arrowTypeText(field.type)} and ${arrowTypeText(other.type)} cannot be concatenated`,
    );
  }
}

/** The same rows in one batch; a table of one batch as it is. */
export function compact(table: Table): Table {
  if (table.batches.length === 1) return table;
  const { fields } = table.schema;
  const columns = fields.map((field) => concatData(columnChunks(table, field.name), field.type));
  return tableOfData(fields, columns, table.numRows);
}

/** The named columns in the order given, without copying. A name that the table does not have is our bug. */
export function project(table: Table, names: readonly string[]): Table {
  const indexes = names.map((name) => {
    const index = table.schema.fields.findIndex((field) => field.name === name);
    assert(index >= 0, () => `no column ${name} to project`);
    return index;
  });
  const fields = indexes.map((index) => must(table.schema.fields[index], 'column of a table'));
  const schema = new Schema(fields, table.schema.metadata);
  const batches = table.batches.map((batch) => {
    const columns = indexes.map((index) => must(batch.data.children[index], 'column of a record batch'));
    return batchOf(schema, columns, batch.numRows);
  });
  return new Table(schema, batches);
}

/** The named columns, each from the table that has it, in the order given. The tables have the same number of rows. */
export function beside(tables: readonly Table[], names: readonly string[]): Table {
  const rows = tables[0]?.numRows ?? 0;
  const fields: Field[] = [];
  const columns = names.map((name) => {
    const table = must(
      tables.find(({ schema }) => schema.fields.some((field) => field.name === name)),
      `a table with the column ${name}`,
    );
    const field = must(
      table.schema.fields.find((one) => one.name === name),
      `column ${name}`,
    );
    fields.push(field);
    return concatData(columnChunks(table, name), field.type);
  });
  return tableOfData(fields, columns, rows);
}

/** The table with the column in place of the one of that name, or else after all others. */
export function withColumn(table: Table, field: StructField, column: Vector): Table {
  assert(column.length === table.numRows, 'a new column has a cell for each row');
  const data = wholeData(column);
  const added = arrowField(field);
  const at = table.schema.fields.findIndex((each) => each.name === field.name);
  const fields = at < 0 ? [...table.schema.fields, added] : table.schema.fields.with(at, added);
  const schema = new Schema(fields, table.schema.metadata);
  let row = 0;
  const batches = table.batches.map((batch) => {
    const part = table.batches.length === 1 ? data : data.slice(row, batch.numRows);
    row += batch.numRows;
    const columns = at < 0 ? [...batch.data.children, part] : batch.data.children.with(at, part);
    return batchOf(schema, columns, batch.numRows);
  });
  return new Table(schema, batches);
}

/** A column that has the same value in each row. */
export function constantColumn(type: DataType, value: Value, rows: number): Vector {
  return new Vector([constantData(type, value, rows)]);
}

/** Arrow's IPC stream format. */
export function toIpcStream(table: Table): Uint8Array {
  return tableToIPC(table, 'stream');
}

/** Reads what `toIpcStream` or any other Arrow wrote, as stream or file. The bytes are not copied. */
export function fromIpc(bytes: Uint8Array): Table {
  return tableFromIPC(bytes);
}
