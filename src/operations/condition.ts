import { atMoment } from '../expr/moment.js';
import { parseExpression, type Expr } from '../expr/parse.js';

/**
 * A condition that a reader wrote, at this moment: `current_date()` and its like mean now, in UTC, for all of its rows.
 *
 * @throws SluiceError EXPRESSION_INVALID
 */
export function conditionNow(sql: string): Expr {
  return atMoment(parseExpression(sql), BigInt(Date.now()) * 1000n);
}
