import type { Assignment } from '../expr/assign.js';
import { SluiceError } from '../base/errors.js';
import { atMoment } from '../expr/moment.js';
import { parseExpression, type Expr } from '../expr/parse.js';

/**
 * An expression that a user wrote, at this moment: `current_date()` and its like mean now, in UTC, for all of its rows.
 *
 * @throws SluiceError EXPRESSION_INVALID
 */
export function conditionNow(sql: string): Expr {
  return atMoment(parseExpression(sql), BigInt(Date.now()) * 1000n);
}

/**
 * Columns and their new values, at this moment.
 *
 * @throws SluiceError EXPRESSION_INVALID, USAGE where nothing is set
 */
export function assignmentsNow(set: Iterable<readonly [string, string]>): readonly Assignment[] {
  const assignments = [...set].map(([column, value]) => ({
    target: parseExpression(column),
    value: conditionNow(value),
  }));
  if (assignments.length > 0) return assignments;
  throw new SluiceError('USAGE', 'no column is set', { hint: 'set: { city: "\'Bonn\'" }' });
}
