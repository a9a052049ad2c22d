import type { ArithmeticOp } from './ast.js';
import type { Typed } from './typed.js';
import { isFloating, isIntegral, scalarName } from './types.js';
import { selectPresent, type Batch, type Vector } from './vectors.js';

/** Computes the cells of some rows; those of other rows hold anything. */
export type Operand = (batch: Batch, rows: Uint32Array) => Vector;

/** How an expression is computed column by column; undefined if it is not: columns, widened numbers, sums and products. */
export function operandOf(typed: Typed): Operand | undefined {
  switch (typed.kind) {
    case 'column': {
      const { index } = typed;
      return typed.path.length === 1 ? (batch) => batch.vector(index) : undefined;
    }
    case 'cast':
      return castOperand(typed);
    case 'arithmetic':
      return arithmeticOperand(typed);
    default:
      return undefined;
  }
}

function castOperand({ of, type }: Typed & { readonly kind: 'cast' }): Operand | undefined {
  const inner = isIntegral(of.type) || isFloating(of.type) ? operandOf(of) : undefined;
  if (inner === undefined) return undefined;
  const from = scalarName(of.type);
  const to = scalarName(type);
  if (to === 'double' && from !== 'long') return inner;
  if (to === 'long' && isIntegral(of.type))
    return (batch, rows) => widened(inner(batch, rows), batch.rows, rows);
  const narrow = from === 'byte' || from === 'short';
  return (to === 'integer' || to === 'short' || to === 'float') && narrow ? inner : undefined;
}

function widened(vector: Vector, length: number, rows: Uint32Array): Vector {
  if (vector.kind !== 'numbers') return CELLS;
  const words = new Int32Array(length * 2);
  const { values, present } = vector;
  for (let index = 0; index < rows.length; index++) {
    const row = rows[index] ?? 0;
    const value = values[row] ?? 0;
    words[row * 2] = value;
    words[row * 2 + 1] = value < 0 ? -1 : 0;
  }
  return { kind: 'words', words, width: 2, present };
}

const CELLS: Vector = { kind: 'cells' };

type Compute = (one: number, other: number) => number;

/** A result that is no number stands for null; doubles keep their NaN apart by going through cells. */
const INTEGERS: Partial<Record<ArithmeticOp, Compute>> = {
  '+': (one, other) => (one + other) | 0,
  '-': (one, other) => (one - other) | 0,
  '*': Math.imul,
  '%': (one, other) => (other === 0 ? NaN : one % other),
};

const DOUBLES: Partial<Record<ArithmeticOp, Compute>> = {
  '+': (one, other) => one + other,
  '-': (one, other) => one - other,
  '*': (one, other) => one * other,
};

function arithmeticOperand({
  op,
  left,
  right,
  type,
}: Typed & { readonly kind: 'arithmetic' }): Operand | undefined {
  const name = scalarName(type);
  const compute = name === 'integer' ? INTEGERS[op] : name === 'double' ? DOUBLES[op] : undefined;
  const [one, other] = [sideOf(left), sideOf(right)];
  if (compute === undefined || one === undefined || other === undefined) return undefined;
  const integers = name === 'integer';
  return (batch, rows) => {
    const [a, b] = [one(batch, rows), other(batch, rows)];
    if (a.kind !== 'numbers' || b.kind !== 'numbers') return CELLS;
    const both = selectPresent(b.present, selectPresent(a.present, rows, true), true);
    const bits = new Uint8Array((batch.rows + 7) >> 3);
    const values = integers ? new Int32Array(batch.rows) : new Float64Array(batch.rows);
    const [own, others] = [a.values, b.values];
    for (let index = 0; index < both.length; index++) {
      const row = both[index] ?? 0;
      const value = compute(own[row] ?? 0, others[row] ?? 0);
      values[row] = value;
      if (!integers || value === value) bits[row >> 3] = (bits[row >> 3] ?? 0) | (1 << (row & 7));
    }
    return { kind: 'numbers', values, present: { bits, offset: 0 } };
  };
}

/** One side of a sum: a literal takes the same value in each row. */
function sideOf(typed: Typed): Operand | undefined {
  if (typed.kind !== 'literal') return operandOf(typed);
  const { value } = typed;
  if (typeof value !== 'number') return undefined;
  return (batch) => ({
    kind: 'numbers',
    values: new Float64Array(batch.rows).fill(value),
    present: undefined,
  });
}
