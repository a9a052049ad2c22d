import type { StructType, Value } from '../schema/types.js';
import type { Expr } from './ast.js';
import { evaluator, type ReadColumn } from './evaluate.js';
import { resolve, resolveCondition } from './resolve.js';

/**
 * An expression over rows of `struct` as a function, in SQL's three-valued logic: null where the answer is unknown. What
 * cannot be computed (a division by zero, a number too large, a text that is no date) is null.
 *
 * @throws SluiceError EXPRESSION_INVALID for a name that is not there or types that do not go together
 */
export function compile(expr: Expr, struct: StructType): (read: ReadColumn) => Value {
  return evaluator(resolve(expr, struct));
}

/** The same for a condition: an expression of another type than boolean is refused. */
export function compileCondition(expr: Expr, struct: StructType): (read: ReadColumn) => Value {
  return evaluator(resolveCondition(expr, struct));
}
