import { unreachable } from '../base/errors.js';
import { compareUtf8 } from '../base/utf8-order.js';
import type { StructType, Value } from '../schema/types.js';
import type { CompareOp, Expr } from './ast.js';
import { compareValues } from './order.js';
import { evaluator, type Evaluate } from './evaluate.js';
import { resolveCondition } from './resolve.js';
import { partsOf, type Typed } from './typed.js';
import { isFloating } from './types.js';

/**
 * What is known of a set of rows. A path holds the exact names of a column of the schema, from the outside in; what is
 * not known is undefined. Bounds enclose every value that is not null, but for NaN, and need not be values of a row.
 */
export interface Bounds {
  readonly numRecords: number | undefined;
  min(path: readonly string[]): Value | undefined;
  max(path: readonly string[]): Value | undefined;
  /** Says something only if it is 0 or `numRecords`. */
  nullCount(path: readonly string[]): number | undefined;
  /** The value that every row has in a top-level column, null included: that of a partition column. */
  constant(column: string): Value | undefined;
}

/** What bounds prove: that a condition is true for no row, or for all; `maybe` proves nothing. */
export type Verdict = 'no' | 'maybe' | 'all';

/**
 * Judges sets of rows by a condition before any row is read.
 *
 * @throws SluiceError EXPRESSION_INVALID as `compileCondition` does
 */
export function compileVerdict(expr: Expr, struct: StructType): (bounds: Bounds) => Verdict {
  const typed = resolveCondition(expr, struct);
  return (bounds) => {
    if (bounds.numRecords === 0) return 'no';
    const { mayTrue, mayFalse, mayNull } = truthOf(typed, bounds);
    if (!mayTrue) return 'no';
    return mayFalse || mayNull ? 'maybe' : 'all';
  };
}

/** Which answers a condition can have. */
type Truth = { readonly mayTrue: boolean; readonly mayFalse: boolean; readonly mayNull: boolean };

/** Which values an expression can have: from `low` to `high`, both unknown if undefined, and whether also NaN. */
type Range = {
  readonly low: Value | undefined;
  readonly high: Value | undefined;
  readonly mayNaN: boolean;
  readonly mayNull: boolean;
  readonly mayValue: boolean;
};

const ANY_RANGE: Range = { low: undefined, high: undefined, mayNaN: true, mayNull: true, mayValue: true };

function truthOf(typed: Typed, bounds: Bounds): Truth {
  switch (typed.kind) {
    case 'literal':
    case 'column':
      return truthOfRange(rangeOf(typed, bounds));
    case 'compare':
      return compareTruth(typed.op, rangeOf(typed.left, bounds), rangeOf(typed.right, bounds));
    case 'and':
      return negated(either(typed.items.map((item) => negated(truthOf(item, bounds)))));
    case 'or':
      return either(typed.items.map((item) => truthOf(item, bounds)));
    case 'not':
      return negated(truthOf(typed.of, bounds));
    case 'isNull': {
      const { mayNull, mayValue } = rangeOf(typed.of, bounds);
      return { mayTrue: mayNull, mayFalse: mayValue, mayNull: false };
    }
    case 'in': {
      const of = rangeOf(typed.of, bounds);
      return either(typed.list.map((item) => compareTruth('=', of, rangeOf(item, bounds))));
    }
    case 'like': {
      const { low, high, mayNull, mayValue } = rangeOf(typed.of, bounds);
      const { prefix, prefixOnly } = typed.pattern;
      const mustBegin = prefixOnly && begins(prefix, low) && begins(prefix, high);
      return { mayTrue: mayValue && mayBegin(prefix, low, high), mayFalse: mayValue && !mustBegin, mayNull };
    }
    case 'cast':
    case 'apply':
    case 'arithmetic':
    case 'coalesce':
    case 'case':
      return truthOfRange(rangeOf(typed, bounds));
    default:
      return unreachable(typed);
  }
}

function truthOfRange({ low, high, mayNull, mayValue }: Range): Truth {
  return { mayTrue: mayValue && high !== false, mayFalse: mayValue && low !== true, mayNull };
}

function either(items: readonly Truth[]): Truth {
  return {
    mayTrue: items.some((item) => item.mayTrue),
    mayFalse: items.every((item) => item.mayFalse),
    mayNull: items.some((item) => item.mayNull) && items.every((item) => item.mayNull || item.mayFalse),
  };
}

function negated({ mayTrue, mayFalse, mayNull }: Truth): Truth {
  return { mayTrue: mayFalse, mayFalse: mayTrue, mayNull };
}

function rangeOf(typed: Typed, bounds: Bounds): Range {
  switch (typed.kind) {
    case 'literal': {
      return pointAt(typed.value);
    }
    case 'column': {
      const [top = ''] = typed.path;
      const constant = typed.path.length === 1 ? bounds.constant(top) : undefined;
      if (constant !== undefined) return pointAt(constant);
      const nulls = bounds.nullCount(typed.path);
      return {
        low: bounds.min(typed.path) ?? undefined,
        high: bounds.max(typed.path) ?? undefined,
        // Some writers leave NaN out of the bounds of a column that holds some.
        mayNaN: isFloating(typed.type),
        mayNull: nulls !== 0,
        mayValue: nulls === undefined || nulls !== bounds.numRecords,
      };
    }
    case 'cast': {
      const point = pointOf(typed, bounds);
      if (point !== undefined) return point;
      const { low, high, mayNaN, mayNull, mayValue } = rangeOf(typed.of, bounds);
      if (!typed.monotone) return { ...ANY_RANGE, mayValue };
      const convert = (end: Value | undefined) =>
        end === undefined ? undefined : (typed.convert(end) ?? undefined);
      return { low: convert(low), high: convert(high), mayNaN, mayNull, mayValue };
    }
    case 'apply':
    case 'arithmetic':
    case 'coalesce':
    case 'case':
      return pointOf(typed, bounds) ?? ANY_RANGE;
    case 'compare':
    case 'and':
    case 'or':
    case 'not':
    case 'isNull':
    case 'in':
    case 'like': {
      const { mayNull, mayTrue, mayFalse } = truthOf(typed, bounds);
      return { ...ANY_RANGE, mayNull, mayValue: mayTrue || mayFalse, low: !mayFalse, high: mayTrue };
    }
    default:
      return unreachable(typed);
  }
}

function pointAt(value: Value): Range {
  if (value === null) return { ...ANY_RANGE, mayValue: false };
  return { low: value, high: value, mayNaN: Number.isNaN(value), mayNull: false, mayValue: true };
}

/** The one value that an expression has in all rows, if it reads nothing but constant columns. */
function pointOf(typed: Typed, bounds: Bounds): Range | undefined {
  let known = constants.get(typed);
  if (known === undefined) {
    const names = new Map<number, string>();
    collect(typed, names);
    known = { names, evaluate: evaluator(typed) };
    constants.set(typed, known);
  }
  const values = new Map<number, Value>();
  for (const [index, name] of known.names) {
    const value = bounds.constant(name);
    if (value === undefined) return undefined;
    values.set(index, value);
  }
  return pointAt(known.evaluate((index) => values.get(index) ?? null));
}

/** Asked of many sets of rows, an expression is made ready once. */
const constants = new WeakMap<
  Typed,
  { readonly names: ReadonlyMap<number, string>; readonly evaluate: Evaluate }
>();

function collect(typed: Typed, names: Map<number, string>): void {
  if (typed.kind === 'column') names.set(typed.index, typed.path[0] ?? '');
  for (const part of partsOf(typed)) collect(part, names);
}

function compareTruth(op: CompareOp, left: Range, right: Range): Truth {
  const values = left.mayValue && right.mayValue;
  const mayNull = left.mayNull || right.mayNull;
  const of = (mayTrue: boolean, mayFalse: boolean): Truth => ({
    mayTrue: values && mayTrue,
    mayFalse: values && mayFalse,
    mayNull,
  });
  switch (op) {
    case '=':
      return of(mayEqual(left, right), mayDiffer(left, right));
    case '<>':
      return of(mayDiffer(left, right), mayEqual(left, right));
    case '<':
      return of(mayPrecede(left, right, false), mayPrecede(right, left, true));
    case '<=':
      return of(mayPrecede(left, right, true), mayPrecede(right, left, false));
    case '>':
      return of(mayPrecede(right, left, false), mayPrecede(left, right, true));
    case '>=':
      return of(mayPrecede(right, left, true), mayPrecede(left, right, false));
    case '<=>': {
      const oneNull = (left.mayNull && right.mayValue) || (left.mayValue && right.mayNull);
      return {
        mayTrue: (values && mayEqual(left, right)) || (left.mayNull && right.mayNull),
        mayFalse: (values && mayDiffer(left, right)) || oneNull,
        mayNull: false,
      };
    }
    default:
      return unreachable(op);
  }
}

/** Whether some value of the one can be less than (or equal to) some of the other. NaN is the greatest. */
function mayPrecede(one: Range, other: Range, orEqual: boolean): boolean {
  if (one.low === undefined || other.high === undefined || other.mayNaN) return true;
  const sign = compareValues(one.low, other.high);
  return sign < 0 || (orEqual && sign === 0);
}

function mayEqual(one: Range, other: Range): boolean {
  if ((one.mayNaN && mayBeNaN(other)) || (other.mayNaN && mayBeNaN(one))) return true;
  return notAbove(one.low, other.high) && notAbove(other.low, one.high);
}

function mayBeNaN({ mayNaN, high }: Range): boolean {
  return mayNaN || high === undefined || Number.isNaN(high);
}

function notAbove(low: Value | undefined, high: Value | undefined): boolean {
  return low === undefined || high === undefined || compareValues(low, high) <= 0;
}

/** Whether the two can be unequal: not if each is known to be one and the same value. */
function mayDiffer(one: Range, other: Range): boolean {
  if (one.mayNaN || other.mayNaN) return true;
  const { low } = one;
  if (low === undefined) return true;
  return [one.high, other.low, other.high].some((end) => end === undefined || compareValues(low, end) !== 0);
}

/** Whether a text between the bounds can begin with the prefix. */
function mayBegin(prefix: string, low: Value | undefined, high: Value | undefined): boolean {
  if (typeof high === 'string' && compareUtf8(high, prefix) < 0) return false;
  return typeof low !== 'string' || low.startsWith(prefix) || compareUtf8(low, prefix) < 0;
}

function begins(prefix: string, end: Value | undefined): boolean {
  return typeof end === 'string' && end.startsWith(prefix);
}
