import type { RecordBatch, Table } from 'apache-arrow';
import type { Expr } from '../expr/ast.js';
import { compileSelection } from '../expr/select.js';
import type { StructType } from '../schema/types.js';
import { batchView } from './batch.js';

/**
 * A condition over tables: gives the rows for which it is true (not false, not unknown), ascending. The tables must have,
 * under the names of `struct`, the columns that the condition reads; they may lack others.
 *
 * @throws SluiceError EXPRESSION_INVALID for a name that `struct` does not have or types that do not go together
 */
export function rowSelector(condition: Expr, struct: StructType): (table: Table) => Uint32Array {
  const select = compileSelection(condition, struct);
  const ofBatch = (batch: RecordBatch): Uint32Array => {
    const names = batch.schema.fields.map(({ name }) => name);
    return select(batchView(struct, batch.numRows, (name) => batch.data.children[names.indexOf(name)]));
  };
  return (table) => {
    const [only, ...others] = table.batches;
    if (only === undefined) return new Uint32Array(0);
    if (others.length === 0) return ofBatch(only);
    const found = new Uint32Array(table.numRows);
    let count = 0;
    let start = 0;
    for (const batch of table.batches) {
      for (const row of ofBatch(batch)) found[count++] = start + row;
      start += batch.numRows;
    }
    return found.subarray(0, count);
  };
}
