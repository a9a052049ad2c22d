import { BOOLEAN, VOID } from '../schema/build.js';
import { formatType } from '../schema/type-text.js';
import type { DataType } from '../schema/types.js';
import type { CompareOp } from './ast.js';
import { castBetween, tryCastBetween } from './casts.js';
import { folded } from './fold.js';
import { invalid } from './invalid.js';
import type { Typed } from './typed.js';
import { comparedType, commonType, numericRank, sameType, scalarName } from './types.js';

/** A comparison, its sides brought to the type in which they are compared. */
export function compared(op: CompareOp, left: Typed, right: Typed, at: number): Typed {
  const type = comparedType(left.type, right.type) ?? booleanAsNumber(op, left.type, right.type);
  const name = type && scalarName(type);
  if (type === undefined || name === undefined || name === 'variant') {
    throw invalid(at, `${formatType(left.type)} and ${formatType(right.type)} cannot be compared`);
  }
  return { kind: 'compare', type: BOOLEAN, op, left: castTo(left, type, at), right: castTo(right, type, at) };
}

/** In Spark a boolean equals 1 or 0. */
function booleanAsNumber(op: CompareOp, left: DataType, right: DataType): DataType | undefined {
  if (op !== '=' && op !== '<=>' && op !== '<>') return undefined;
  if (scalarName(left) === 'boolean' && numericRank(right) !== undefined) return right;
  return scalarName(right) === 'boolean' && numericRank(left) !== undefined ? left : undefined;
}

/** All parts in the one type in which they meet. */
export function meet(parts: readonly Typed[], at: number): readonly Typed[] {
  let type: DataType = VOID;
  for (const part of parts) {
    const common = commonType(type, part.type);
    if (common === undefined) {
      throw invalid(at, `${formatType(type)} and ${formatType(part.type)} have no type in common`);
    }
    type = common;
  }
  return parts.map((part) => mustCast(part, type, at));
}

export function asCondition(typed: Typed, at: number): Typed {
  const name = scalarName(typed.type);
  if (name === 'boolean') return typed;
  if (name === 'void') return { kind: 'literal', type: BOOLEAN, value: null };
  if (name === 'string' && typed.kind === 'literal') return castTo(typed, BOOLEAN, at);
  throw invalid(at, `a condition is needed here, not ${formatType(typed.type)}`);
}

/** The part in another type, as its place asks for. A text literal that is no value of it is a slip, and refused. */
export function castTo(of: Typed, type: DataType, at: number): Typed {
  const made = mustCast(of, type, at);
  if (
    of.kind === 'literal' &&
    typeof of.value === 'string' &&
    made.kind === 'literal' &&
    made.value === null
  ) {
    // It would find no rows, without a word.
    throw invalid(at, `${JSON.stringify(of.value.slice(0, 100))} is no ${formatType(type)}`);
  }
  return made;
}

/** The part in another type, null where that cannot hold it. */
export function mustCast(of: Typed, type: DataType, at: number): Typed {
  if (sameType(of.type, type)) return of;
  const made = castBetween(of.type, type) ?? castElements(of.type, type);
  if (made === undefined) throw invalid(at, `no way from ${formatType(of.type)} to ${formatType(type)}`);
  return folded({ kind: 'cast', type, of, ...made });
}

/** The part as TRY_CAST gives it. */
export function tryCast(of: Typed, type: DataType, at: number): Typed {
  if (sameType(of.type, type)) return of;
  const made = tryCastBetween(of.type, type);
  if (made === undefined) throw invalid(at, `no way from ${formatType(of.type)} to ${formatType(type)}`);
  return folded({ kind: 'cast', type, of, ...made });
}

function castElements(from: DataType, to: DataType): ReturnType<typeof castBetween> {
  if (from.kind !== 'array' || to.kind !== 'array') return undefined;
  const element = castBetween(from.element, to.element);
  if (element === undefined) return undefined;
  return {
    monotone: false,
    convert: (value) =>
      Array.isArray(value) ? value.map((item) => (item === null ? null : element.convert(item))) : null,
  };
}
