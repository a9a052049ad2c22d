import type { StructType } from '../schema/types.js';
import type { Expr } from './ast.js';
import { resolve } from './resolve.js';
import type { Typed } from './typed.js';

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
  switch (typed.kind) {
    case 'literal':
      return;
    case 'column':
      indexes.add(typed.index);
      return;
    case 'compare':
      collect(typed.left, indexes);
      collect(typed.right, indexes);
      return;
    case 'and':
    case 'or':
      for (const item of typed.items) collect(item, indexes);
      return;
    case 'apply':
    case 'coalesce':
      for (const arg of typed.args) collect(arg, indexes);
      return;
    case 'in':
      for (const item of typed.list) collect(item, indexes);
      collect(typed.of, indexes);
      return;
    case 'not':
    case 'isNull':
    case 'like':
    case 'cast':
      collect(typed.of, indexes);
  }
}
