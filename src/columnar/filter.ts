import type { Table } from 'apache-arrow';
import { columnsIn } from '../expr/columns.js';
import { compileCondition } from '../expr/compile.js';
import type { Expr } from '../expr/parse.js';
import type { StructType, Value } from '../schema/types.js';
import { reader } from './cells.js';

/**
 * The rows for which a condition is true (not false, not unknown), ascending. The table must have, under the names of
 * `struct`, the columns that the condition reads; it may lack others.
 *
 * @throws SluiceError EXPRESSION_INVALID for a name that `struct` does not have or types that do not go together
 */
export function filterRows(table: Table, struct: StructType, condition: Expr): Uint32Array {
  const test = compileCondition(condition, struct);
  const needed = new Set(columnsIn(condition, struct));
  const readers = struct.fields.map((field) =>
    needed.has(field.name) ? reader(table, field.name, field.type) : undefined,
  );
  const { numRows } = table;
  const found = new Uint32Array(numRows);
  let count = 0;
  let row = 0;
  const read = (column: number): Value => readers[column]?.(row) ?? null;
  for (; row < numRows; row++) {
    if (test(read) === true) found[count++] = row;
  }
  return found.subarray(0, count);
}
