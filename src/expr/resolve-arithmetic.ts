import { DATE, decimal, DOUBLE, INTEGER, TIMESTAMP } from '../schema/build.js';
import { fitsDate, fitsTimestamp } from '../schema/text-values.js';
import { formatType } from '../schema/type-text.js';
import type { DataType, Value } from '../schema/types.js';
import { operation } from './arithmetic.js';
import type { Expr, Interval } from './ast.js';
import { joinMicros, plusMonths, splitMicros } from './calendar.js';
import { big, number } from './functions/define.js';
import { invalid } from './invalid.js';
import { mustCast } from './meet.js';
import type { Typed } from './typed.js';
import { isIntegral, isTime, scalarName } from './types.js';

/** `a + b` and its like: over numbers, over a date and days, over a date or time and an interval. */
export function resolveArithmetic(
  expr: Expr & { kind: 'arithmetic' },
  resolve: (expr: Expr) => Typed,
): Typed {
  const { op, at } = expr;
  const [one, other] = [expr.left, expr.right];
  if (other.kind === 'interval' && (op === '+' || op === '-')) {
    return plusInterval(resolve(one), op === '+' ? other : negated(other), at);
  }
  if (one.kind === 'interval' && op === '+' && other.kind !== 'interval')
    return plusInterval(resolve(other), one, at);
  const [left, right] = [resolve(one), resolve(other)];
  if (scalarName(left.type) === 'date' && isDays(right.type) && (op === '+' || op === '-')) {
    return plusDays(left, right, op === '+' ? 1 : -1, at);
  }
  if (scalarName(right.type) === 'date' && isDays(left.type) && op === '+')
    return plusDays(right, left, 1, at);
  if (op === '-' && (isTime(scalarName(left.type)) || isTime(scalarName(right.type)))) {
    throw invalid(
      at,
      'the time between two dates is an interval, which no column holds',
      'datediff(end, start) gives days',
    );
  }
  return overNumbers(op, left, right, at);
}

function overNumbers(
  op: (Expr & { kind: 'arithmetic' })['op'],
  left: Typed,
  right: Typed,
  at: number,
): Typed {
  const [one, other] = [asNumber(left, right, at), asNumber(right, left, at)];
  if (scalarName(one.type) === 'void' || scalarName(other.type) === 'void') {
    const known = scalarName(one.type) === 'void' ? other.type : one.type;
    return { kind: 'literal', type: operation(op, known, known)?.result ?? DOUBLE, value: null };
  }
  const made = operation(op, one.type, other.type);
  if (made === undefined) {
    throw invalid(at, `${op} takes numbers, not ${formatType(left.type)} and ${formatType(right.type)}`);
  }
  const { apply, result: type } = made;
  return {
    kind: 'arithmetic',
    type,
    op,
    left: mustCast(one, made.left, at),
    right: mustCast(other, made.right, at),
    apply,
  };
}

/** A text is read as double, and an integer literal beside a decimal has just its own digits, as in Spark. */
function asNumber(typed: Typed, other: Typed, at: number): Typed {
  if (typed.kind === 'literal' && isIntegral(typed.type) && other.type.kind === 'decimal') {
    const { value } = typed;
    if (typeof value !== 'number' && typeof value !== 'bigint') return typed;
    return mustCast(typed, decimal(value.toString().replace('-', '').length, 0), at);
  }
  return scalarName(typed.type) === 'string' ? mustCast(typed, DOUBLE, at) : typed;
}

function isDays(type: DataType): boolean {
  return isIntegral(type) && scalarName(type) !== 'long';
}

function plusDays(date: Typed, days: Typed, sign: 1 | -1, at: number): Typed {
  const apply = ([from, count]: readonly Value[]): Value => (number(from) + sign * number(count)) | 0;
  return { kind: 'apply', type: DATE, args: [date, mustCast(days, INTEGER, at)], seesNulls: false, apply };
}

function negated({ months, days, micros }: Interval): Interval {
  return { months: -months, days: -days, micros: -micros };
}

/** A date plus months or days is a date, plus hours it is a time. */
function plusInterval(of: Typed, { months, days, micros }: Interval, at: number): Typed {
  const name = scalarName(of.type);
  if (name === 'date' && micros === 0n) {
    const apply = ([from]: readonly Value[]): Value => {
      const day = plusMonths(number(from), months) + days;
      return fitsDate(day) ? day : null;
    };
    return { kind: 'apply', type: DATE, args: [of], seesNulls: false, apply };
  }
  if (!isTime(name)) throw invalid(at, `an interval cannot be added to ${formatType(of.type)}`);
  const time = name === 'date' ? mustCast(of, TIMESTAMP, at) : of;
  const apply = ([from]: readonly Value[]): Value => {
    const { days: day, inDay } = splitMicros(big(from));
    const later = joinMicros(plusMonths(day, months) + days, inDay) + micros;
    return fitsTimestamp(later) ? later : null;
  };
  return { kind: 'apply', type: time.type, args: [time], seesNulls: false, apply };
}
