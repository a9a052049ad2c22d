import { InvariantError } from '../../base/errors.js';
import type { DataType, Value } from '../../schema/types.js';

/** A function over given argument types: what they are turned into, and what comes out. */
export type FunctionCall = {
  readonly params: readonly DataType[];
  readonly result: DataType;
  /** Over values that are not null, unless the function sees nulls. */
  readonly apply: (args: readonly Value[]) => Value;
  /** Whether `apply` is given nulls; else one null argument makes the result null. */
  readonly seesNulls?: boolean;
};

/** What a call says before any row is seen. */
export type Arguments = {
  readonly types: readonly DataType[];
  /** Undefined for what is no literal. */
  readonly literals: readonly (Value | undefined)[];
};

/** The function for these arguments; undefined if it takes none such. */
export type Resolve = (args: Arguments) => FunctionCall | undefined;

/** A function of fixed types, of which the last ones may be left out down to `least`. */
export function fixed(
  params: readonly DataType[],
  result: DataType,
  apply: (args: readonly Value[]) => Value,
  least = params.length,
): Resolve {
  return ({ types }) =>
    types.length >= least && types.length <= params.length
      ? { params: params.slice(0, types.length), result, apply }
      : undefined;
}

/** An argument that was turned into a string. */
export function text(value: Value | undefined): string {
  if (typeof value === 'string') return value;
  throw new InvariantError(`a text argument is a ${typeof value}`);
}

/** One that was turned into a number other than a bigint or decimal. */
export function number(value: Value | undefined): number {
  if (typeof value === 'number') return value;
  throw new InvariantError(`a number argument is a ${typeof value}`);
}

/** One that was turned into a bigint, decimal or timestamp. */
export function big(value: Value | undefined): bigint {
  if (typeof value === 'bigint') return value;
  throw new InvariantError(`a bigint argument is a ${typeof value}`);
}

/** Elements of an array, entries of a map. */
export function list(value: Value | undefined): readonly Value[] {
  if (isList(value)) return value;
  throw new InvariantError(`a list argument is a ${typeof value}`);
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}
