import { ascending } from '../base/ascending.js';
import type { StructType, Value } from '../schema/types.js';
import type { CompareOp, Expr } from './ast.js';
import { evaluator } from './evaluate.js';
import { operandOf } from './operands.js';
import { resolveCondition } from './resolve.js';
import { selectAgainst, selectBetween, Sign } from './select-compare.js';
import { amongLiterals, chosen } from './select-in.js';
import type { Typed } from './typed.js';
import { merged, NONE, selectPresent, without, type Batch } from './vectors.js';

/**
 * A condition over batches of rows of `struct`: gives the rows for which it is true (not false, not unknown), ascending.
 * Common comparisons run over whole columns; what they cannot do is evaluated row by row, with the same answer.
 *
 * @throws SluiceError EXPRESSION_INVALID for a name that is not there or types that do not go together
 */
export function compileSelection(expr: Expr, struct: StructType): (batch: Batch) => Uint32Array {
  const select = selector(resolveCondition(expr, struct), true);
  let all = NONE;
  return (batch) => {
    if (all.length < batch.rows) all = ascending(batch.rows);
    return select(batch, all.subarray(0, batch.rows));
  };
}

/** Narrows rows to those for which a condition has the answer. */
type Select = (batch: Batch, rows: Uint32Array) => Uint32Array;

/** Asking for `false` instead of the opposite of `true` leaves out, as it must, what is unknown. */
function selector(typed: Typed, wanted: boolean): Select {
  switch (typed.kind) {
    case 'literal':
      return (_, rows) => (typed.value === wanted ? rows : NONE);
    case 'not':
      return selector(typed.of, !wanted);
    case 'and':
      return wanted ? every(typed.items, wanted) : some(typed.items, wanted);
    case 'or':
      return wanted ? some(typed.items, wanted) : every(typed.items, wanted);
    case 'isNull':
      return nullSelector(typed, typed.of, wanted);
    case 'column':
      return booleanSelector(typed, wanted);
    case 'compare':
      return compareSelector(typed, wanted);
    case 'in':
      return inSelector(typed, wanted);
    case 'like':
      return likeSelector(typed, wanted);
    case 'cast':
    case 'apply':
    case 'arithmetic':
    case 'coalesce':
    case 'case':
      return rowByRow(typed, wanted);
  }
}

function every(items: readonly Typed[], wanted: boolean): Select {
  const ready = byCost(items).map((item) => selector(item, wanted));
  return (batch, rows) => {
    let left = rows;
    for (const select of ready) {
      if (left.length === 0) return left;
      left = select(batch, left);
    }
    return left;
  };
}

function some(items: readonly Typed[], wanted: boolean): Select {
  const ready = byCost(items).map((item) => selector(item, wanted));
  return (batch, rows) => {
    let found: Uint32Array = NONE;
    let left = rows;
    for (const select of ready) {
      if (left.length === 0) break;
      const more = select(batch, left);
      found = merged(found, more);
      left = without(left, more);
    }
    return found;
  };
}

/** The order of conditions changes no answer: cheap ones leave fewer rows to the others. */
function byCost(items: readonly Typed[]): readonly Typed[] {
  return items.toSorted((one, other) => costOf(one) - costOf(other));
}

function costOf(typed: Typed): number {
  switch (typed.kind) {
    case 'literal':
    case 'isNull':
    case 'column':
      return 0;
    case 'compare':
      return operandOf(typed.left) || operandOf(typed.right) ? 1 : 4;
    case 'not':
      return costOf(typed.of);
    case 'in':
    case 'like':
      return operandOf(typed.of) ? 2 : 4;
    case 'and':
    case 'or':
      return 3;
    default:
      return 4;
  }
}

function rowByRow(typed: Typed, wanted: boolean): Select {
  const evaluate = evaluator(typed);
  return (batch, rows) => {
    const readers: ((row: number) => Value)[] = [];
    let current = 0;
    const read = (column: number): Value => (readers[column] ??= batch.cells(column))(current);
    return chosen(rows, true, (row) => {
      current = row;
      return evaluate(read) === wanted;
    });
  };
}

function nullSelector(typed: Typed, of: Typed, wanted: boolean): Select {
  const slow = rowByRow(typed, wanted);
  if (of.kind !== 'column' || of.path.length > 1) return slow;
  return (batch, rows) => {
    const vector = batch.vector(of.index);
    return vector.kind === 'cells' ? slow(batch, rows) : selectPresent(vector.present, rows, !wanted);
  };
}

function booleanSelector(typed: Typed & { readonly kind: 'column' }, wanted: boolean): Select {
  const slow = rowByRow(typed, wanted);
  if (typed.path.length > 1) return slow;
  return (batch, rows) => {
    const vector = batch.vector(typed.index);
    if (vector.kind !== 'booleans') return slow(batch, rows);
    return selectPresent(vector, selectPresent(vector.present, rows, true), wanted);
  };
}

const MASKS: Readonly<Record<CompareOp, number>> = {
  '<': Sign.less,
  '<=': Sign.less | Sign.equal,
  '=': Sign.equal,
  '<=>': Sign.equal,
  '<>': Sign.less | Sign.greater,
  '>': Sign.greater,
  '>=': Sign.greater | Sign.equal,
};

function compareSelector(typed: Typed & { readonly kind: 'compare' }, wanted: boolean): Select {
  const { op, left, right } = typed;
  if (op === '<=>') return sameSelector(typed, wanted);
  const slow = rowByRow(typed, wanted);
  const mask = wanted ? MASKS[op] : Sign.all ^ MASKS[op];
  if (right.kind === 'literal') return againstLiteral(left, right.value, mask, slow);
  if (left.kind === 'literal') return againstLiteral(right, left.value, mirrored(mask), slow);
  const [one, other] = [operandOf(left), operandOf(right)];
  if (one === undefined || other === undefined) return slow;
  return (batch, rows) => {
    const [a, b] = [one(batch, rows), other(batch, rows)];
    if (a.kind === 'cells' || b.kind === 'cells') return slow(batch, rows);
    const both = selectPresent(b.present, selectPresent(a.present, rows, true), true);
    return selectBetween(a, b, mask, both) ?? slow(batch, rows);
  };
}

function mirrored(mask: number): number {
  return (mask & Sign.equal) | ((mask & Sign.less) << 2) | ((mask & Sign.greater) >> 2);
}

function againstLiteral(of: Typed, literal: Value, mask: number, slow: Select): Select {
  if (literal === null) return () => NONE;
  const operand = operandOf(of);
  if (operand === undefined) return slow;
  return (batch, rows) => {
    const vector = operand(batch, rows);
    if (vector.kind === 'cells') return slow(batch, rows);
    const known = selectPresent(vector.present, rows, true);
    return selectAgainst(vector, literal, mask, known) ?? slow(batch, rows);
  };
}

/** `<=>` is never unknown: against a value it is true where `=` is, and false elsewhere. */
function sameSelector(typed: Typed & { readonly kind: 'compare' }, wanted: boolean): Select {
  const { left, right, type } = typed;
  if (right.kind !== 'literal' || right.value === null) return rowByRow(typed, wanted);
  const { value } = right;
  const equal =
    typeof value === 'boolean'
      ? selector(left, value)
      : compareSelector({ kind: 'compare', type, op: '=', left, right }, true);
  return wanted ? equal : (batch, rows) => without(rows, equal(batch, rows));
}

function inSelector(typed: Typed & { readonly kind: 'in' }, wanted: boolean): Select {
  const slow = rowByRow(typed, wanted);
  const operand = operandOf(typed.of);
  const literals: Value[] = [];
  let hasNull = false;
  for (const item of typed.list) {
    if (item.kind !== 'literal') return slow;
    if (item.value === null) hasNull = true;
    else literals.push(item.value);
  }
  // What is not found beside a null is unknown.
  if (hasNull && !wanted) return () => NONE;
  if (operand === undefined) return slow;
  const among = amongLiterals(literals);
  return (batch, rows) => {
    const vector = operand(batch, rows);
    if (vector.kind === 'cells') return slow(batch, rows);
    return among(vector, selectPresent(vector.present, rows, true), wanted) ?? slow(batch, rows);
  };
}

function likeSelector(typed: Typed & { readonly kind: 'like' }, wanted: boolean): Select {
  const slow = rowByRow(typed, wanted);
  const operand = operandOf(typed.of);
  if (operand === undefined) return slow;
  const { matches } = typed.pattern;
  return (batch, rows) => {
    const vector = operand(batch, rows);
    if (vector.kind !== 'text') return slow(batch, rows);
    const { offsets, bytes, present } = vector;
    return chosen(selectPresent(present, rows, true), wanted, (row) =>
      matches(bytes, offsets[row] ?? 0, offsets[row + 1] ?? 0),
    );
  };
}
