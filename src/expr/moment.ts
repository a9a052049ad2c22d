import { DATE, TIMESTAMP, TIMESTAMP_NTZ } from '../schema/build.js';
import { splitMicros } from './calendar.js';
import type { Expr } from './ast.js';

/** The expression with `current_date()`, `current_timestamp()` and their like as literals of one moment, in UTC. */
export function atMoment(expr: Expr, micros: bigint): Expr {
  const inner = (part: Expr): Expr => atMoment(part, micros);
  switch (expr.kind) {
    case 'literal':
    case 'interval':
    case 'column':
      return expr;
    case 'compare':
    case 'arithmetic':
      return { ...expr, left: inner(expr.left), right: inner(expr.right) };
    case 'and':
    case 'or':
      return { ...expr, items: expr.items.map(inner) };
    case 'in':
      return { ...expr, of: inner(expr.of), list: expr.list.map(inner) };
    case 'like':
      return { ...expr, of: inner(expr.of), pattern: inner(expr.pattern) };
    case 'item':
      return { ...expr, of: inner(expr.of), key: inner(expr.key) };
    case 'case': {
      const branches = expr.branches.map(({ when, result }) => ({
        when: inner(when),
        result: inner(result),
      }));
      return { ...expr, branches, otherwise: expr.otherwise && inner(expr.otherwise) };
    }
    case 'call':
      return (
        (expr.args.length === 0 && clockLiteral(expr.name, expr.at, micros)) || {
          ...expr,
          args: expr.args.map(inner),
        }
      );
    case 'not':
    case 'isNull':
    case 'negate':
    case 'bitNot':
    case 'cast':
    case 'tryCast':
    case 'field':
      return { ...expr, of: inner(expr.of) };
  }
}

function clockLiteral(name: string, at: number, micros: bigint): Expr | undefined {
  switch (name) {
    case 'current_date':
    case 'curdate':
      return { kind: 'literal', at, type: DATE, value: splitMicros(micros).days };
    case 'current_timestamp':
    case 'now':
      return { kind: 'literal', at, type: TIMESTAMP, value: micros };
    case 'localtimestamp':
      return { kind: 'literal', at, type: TIMESTAMP_NTZ, value: micros };
    default:
      return undefined;
  }
}
