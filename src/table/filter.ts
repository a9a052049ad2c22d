import { must } from '../base/errors.js';
import { takeRows, type ArrowTable } from '../columnar/arrow.js';
import { reader } from '../columnar/cells.js';
import { compileCondition } from '../expr/compile.js';
import type { Expr } from '../expr/parse.js';
import type { StructType, Value } from '../schema/types.js';

/**
 * A filter that keeps the rows for which a condition is true; unknown is not true. It may be given any table that has the
 * columns which the condition reads, by their names in `struct`.
 *
 * @throws SluiceError EXPRESSION_INVALID for a condition that does not fit the columns
 */
export function rowFilter(condition: Expr, struct: StructType): (rows: ArrowTable) => ArrowTable {
  const holds = compileCondition(condition, struct);
  return (rows) => {
    const readers: ((row: number) => Value)[] = [];
    let row = 0;
    const read = (column: number): Value => {
      const known = (readers[column] ??= columnReader(rows, struct, column));
      return known(row);
    };
    const kept = new Uint32Array(rows.numRows);
    let count = 0;
    for (; row < rows.numRows; row++) if (holds(read) === true) kept[count++] = row;
    return count === rows.numRows ? rows : takeRows(rows, kept.subarray(0, count));
  };
}

function columnReader(rows: ArrowTable, struct: StructType, column: number): (row: number) => Value {
  const { name, type } = must(struct.fields[column], 'the column that a condition reads');
  return reader(rows, name, type);
}
