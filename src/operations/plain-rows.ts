import type { ArrowTable } from '../columnar/arrow.js';
import { reader } from '../columnar/cells.js';
import type { StructType } from '../schema/types.js';
import { toPlainRow, type PlainRow } from './plain-values.js';

/** The rows of a table as objects with the columns of `struct`: `PlainValue` says how each type comes. */
export function* plainRows(rows: ArrowTable, struct: StructType): Generator<PlainRow, void, undefined> {
  const readers = struct.fields.map(({ name, type }) => reader(rows, name, type));
  for (let row = 0; row < rows.numRows; row++) {
    yield toPlainRow(struct, (_, i) => readers[i]?.(row) ?? null);
  }
}
