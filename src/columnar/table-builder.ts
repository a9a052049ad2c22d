import { Table, type Schema } from 'apache-arrow';
import { assert, must, unreachable } from '../base/errors.js';
import type { DataType, PrimitiveType, StructType } from '../schema/types.js';
import { arrowSchema } from './arrow-types.js';
import { batchOf } from './assemble.js';
import { BinaryBuilder, Utf8Builder } from './builders/bytes.js';
import type { ColumnBuilder } from './builders/column-builder.js';
import { LongBuilder, TimestampBuilder } from './builders/longs.js';
import { ListBuilder, MapBuilder, StructBuilder, VoidBuilder } from './builders/nested.js';
import {
  BooleanBuilder,
  DateBuilder,
  DecimalBuilder,
  DoubleBuilder,
  IntBuilder,
} from './builders/numbers.js';

export type { ColumnBuilder } from './builders/column-builder.js';
export { Utf8Builder } from './builders/bytes.js';
export { LongBuilder, TimestampBuilder } from './builders/longs.js';
export { ListBuilder, StructBuilder } from './builders/nested.js';
export {
  BooleanBuilder,
  DateBuilder,
  DecimalBuilder,
  DoubleBuilder,
  IntBuilder,
} from './builders/numbers.js';

/**
 * Rows on their way into an Arrow table, column by column. A row is complete when each column has a cell for it; a half
 * written one is undone by `truncate(length)`.
 */
export class TableBuilder {
  readonly schema: StructType;
  private readonly arrow: Schema;
  private readonly columns: readonly ColumnBuilder[];

  constructor(schema: StructType) {
    this.schema = schema;
    this.arrow = arrowSchema(schema);
    this.columns = schema.fields.map((field) => columnBuilder(field.type));
  }

  /** Complete rows. */
  get length(): number {
    let rows = this.columns[0]?.length ?? 0;
    for (const column of this.columns) if (column.length < rows) rows = column.length;
    return rows;
  }

  /** Bytes that the rows take, roughly; costs a look at each column. */
  get bytes(): number {
    let sum = 0;
    for (const column of this.columns) sum += column.bytes;
    return sum;
  }

  /** The builder of the schema's column with that index. Its class follows from the type: `LongBuilder` for `long`, … */
  column(index: number): ColumnBuilder {
    return must(this.columns[index], 'column of a table builder');
  }

  /** Forgets all cells from the given row on. */
  truncate(rows: number): void {
    for (const column of this.columns) column.truncate(rows);
  }

  /**
   * Hands over the rows as a table of one batch and starts anew, empty. Columns of unequal length, or a null in a column
   * that takes none, are our bug.
   */
  finish(): Table {
    const { length } = this;
    const columns = this.columns.map((column, index) => {
      assert(column.length === length, 'every column has a cell for each row');
      const data = column.finish();
      const field = this.arrow.fields[index];
      assert(
        field?.nullable !== false || data.nullCount === 0,
        () => `a null in ${field?.name}, which takes none`,
      );
      return data;
    });
    return new Table(this.arrow, [batchOf(this.arrow, columns, length)]);
  }
}

/** An empty column of a Delta type. */
export function columnBuilder(type: DataType): ColumnBuilder {
  switch (type.kind) {
    case 'primitive':
      return primitiveBuilder(type);
    case 'decimal':
      return new DecimalBuilder(type);
    case 'array':
      return new ListBuilder(type, columnBuilder(type.element));
    case 'map':
      return new MapBuilder(type, columnBuilder(type.key), columnBuilder(type.value));
    case 'struct':
      return new StructBuilder(
        type,
        type.fields.map((field) => columnBuilder(field.type)),
      );
    default:
      return unreachable(type);
  }
}

function primitiveBuilder(type: PrimitiveType): ColumnBuilder {
  switch (type.name) {
    case 'string':
      return new Utf8Builder();
    case 'long':
      return new LongBuilder();
    case 'integer':
    case 'short':
    case 'byte':
      return new IntBuilder(type.name);
    case 'float':
    case 'double':
      return new DoubleBuilder(type.name);
    case 'boolean':
      return new BooleanBuilder();
    case 'binary':
      return new BinaryBuilder();
    case 'date':
      return new DateBuilder();
    case 'timestamp':
    case 'timestamp_ntz':
      return new TimestampBuilder(type.name);
    case 'variant':
      return new StructBuilder(VARIANT, [new BinaryBuilder(), new BinaryBuilder()], type);
    case 'void':
      return new VoidBuilder();
    default:
      return unreachable(type.name);
  }
}

const BINARY: PrimitiveType = { kind: 'primitive', name: 'binary' };

/** Delta protocol, "Variant Data in Parquet". */
const VARIANT: StructType = {
  kind: 'struct',
  fields: [
    { name: 'metadata', type: BINARY, nullable: false, metadata: {} },
    { name: 'value', type: BINARY, nullable: false, metadata: {} },
  ],
};
