import type { StructType } from '../schema/types.js';
import type { Expr } from './ast.js';
import { resolve } from './resolve.js';
import { partsOf, type Typed } from './typed.js';

/**
 * The top-level columns of `struct` that an expression reads, by their exact names, in the schema's order.
 *
 * @throws SluiceError EXPRESSION_INVALID as `compile` does
 */
export function columnsIn(expr: Expr, struct: StructType): readonly string[] {
  const indexes = new Set<number>();
  collect(resolve(expr, struct), indexes);
  return struct.fields.filter((_, index) => indexes.has(index)).map((field) => field.name);
}

function collect(typed: Typed, indexes: Set<number>): void {
  if (typed.kind === 'column') indexes.add(typed.index);
  for (const part of partsOf(typed)) collect(part, indexes);
}
