import { unreachable } from '../base/errors.js';
import type { Value } from '../schema/types.js';
import type { CompareOp } from './ast.js';
import { compareValues } from './order.js';
import type { Typed, TypedBranch } from './typed.js';

/** Gives the row's value of a top-level column, by its index in the schema. */
export type ReadColumn = (column: number) => Value;

/** Gives an expression's value in a row. */
export type Evaluate = (read: ReadColumn) => Value;

/** The expression as a function of a row, in SQL's three-valued logic: null where the answer is unknown. */
export function evaluator(typed: Typed): Evaluate {
  switch (typed.kind) {
    case 'literal': {
      const { value } = typed;
      return () => value;
    }
    case 'column':
      return columnEvaluator(typed.index, typed.path);
    case 'compare':
      return compareEvaluator(typed.op, evaluator(typed.left), evaluator(typed.right));
    case 'and':
      return junctionEvaluator(typed.items.map(evaluator), false);
    case 'or':
      return junctionEvaluator(typed.items.map(evaluator), true);
    case 'not': {
      const of = evaluator(typed.of);
      return (read) => {
        const value = of(read);
        return value === null ? null : value === false;
      };
    }
    case 'isNull': {
      const of = evaluator(typed.of);
      return (read) => of(read) === null;
    }
    case 'in':
      return inEvaluator(typed.of, typed.list);
    case 'like': {
      const of = evaluator(typed.of);
      const { matches } = typed.pattern;
      const encoder = new TextEncoder();
      return (read) => {
        const text = of(read);
        if (typeof text !== 'string') return null;
        const bytes = encoder.encode(text);
        return matches(bytes, 0, bytes.length);
      };
    }
    case 'cast': {
      const of = evaluator(typed.of);
      const { convert } = typed;
      return (read) => {
        const value = of(read);
        return value === null ? null : convert(value);
      };
    }
    case 'apply': {
      const args = typed.args.map(evaluator);
      const { apply, seesNulls } = typed;
      return (read) => {
        const values: Value[] = [];
        for (const arg of args) {
          const value = arg(read);
          if (value === null && !seesNulls) return null;
          values.push(value);
        }
        return apply(values);
      };
    }
    case 'arithmetic': {
      const [left, right] = [evaluator(typed.left), evaluator(typed.right)];
      const { apply } = typed;
      return (read) => {
        const one = left(read);
        if (one === null) return null;
        const other = right(read);
        return other === null ? null : apply([one, other]);
      };
    }
    case 'case':
      return caseEvaluator(typed.branches, typed.otherwise);
    case 'coalesce': {
      const args = typed.args.map(evaluator);
      return (read) => {
        for (const arg of args) {
          const value = arg(read);
          if (value !== null) return value;
        }
        return null;
      };
    }
    default:
      return unreachable(typed);
  }
}

function caseEvaluator(branches: readonly TypedBranch[], otherwise: Typed): Evaluate {
  const ready = branches.map(({ when, result }) => ({ when: evaluator(when), result: evaluator(result) }));
  const last = evaluator(otherwise);
  return (read) => {
    for (const { when, result } of ready) if (when(read) === true) return result(read);
    return last(read);
  };
}

function columnEvaluator(index: number, path: readonly string[]): Evaluate {
  const [, ...inner] = path;
  if (inner.length === 0) return (read) => read(index);
  return (read) => {
    let value = read(index);
    for (const name of inner) {
      if (!isRecord(value)) return null;
      value = value[name] ?? null;
    }
    return value;
  };
}

function isRecord(value: Value): value is { readonly [field: string]: Value } {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  );
}

/** Whether an operator holds, by the sign of the comparison. */
const HOLDS: Readonly<Record<CompareOp, (sign: number) => boolean>> = {
  '=': (sign) => sign === 0,
  '<=>': (sign) => sign === 0,
  '<>': (sign) => sign !== 0,
  '<': (sign) => sign < 0,
  '<=': (sign) => sign <= 0,
  '>': (sign) => sign > 0,
  '>=': (sign) => sign >= 0,
};

function compareEvaluator(op: CompareOp, left: Evaluate, right: Evaluate): Evaluate {
  const test = HOLDS[op];
  return (read) => {
    const one = left(read);
    const other = right(read);
    if (one === null || other === null) return op === '<=>' ? one === other : null;
    return test(compareValues(one, other));
  };
}

/** AND and OR: `decisive` settles the answer at once, an unknown part keeps it open, otherwise it is the other. */
function junctionEvaluator(items: readonly Evaluate[], decisive: boolean): Evaluate {
  return (read) => {
    let open = false;
    for (const item of items) {
      const value = item(read);
      if (value === decisive) return decisive;
      if (value === null) open = true;
    }
    return open ? null : !decisive;
  };
}

function inEvaluator(of: Typed, list: readonly Typed[]): Evaluate {
  const value = evaluator(of);
  const known = literalSet(list);
  if (known !== undefined) {
    return (read) => {
      const one = value(read);
      if (one === null) return null;
      return known.values.has(setKey(one)) ? true : known.hasNull ? null : false;
    };
  }
  const items = list.map(evaluator);
  return junctionEvaluator(
    items.map((item) => compareEvaluator('=', value, item)),
    true,
  );
}

type SetKey = string | number | bigint | boolean;

/** The list as a set, if it consists of literals that a set can tell apart. */
function literalSet(list: readonly Typed[]): { values: ReadonlySet<SetKey>; hasNull: boolean } | undefined {
  const values = new Set<SetKey>();
  let hasNull = false;
  for (const item of list) {
    if (item.kind !== 'literal' || item.value instanceof Uint8Array) return undefined;
    if (item.value === null) hasNull = true;
    else values.add(setKey(item.value));
  }
  return { values, hasNull };
}

/** A set tells numbers apart as `compareValues` does: NaN equals itself, and the zeros are one. */
function setKey(value: Value): SetKey {
  return typeof value === 'object' ? '' : value;
}
