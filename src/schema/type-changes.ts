import type { DataType, PrimitiveName } from './types.js';
import { DECIMAL_PRECISION_MAX } from './build.js';

/**
 * Whether values of one type without parts can be read as another, each exactly: the types are the same, or Delta's type
 * widening leads from the one to the other. Delta protocol, "Type Widening".
 */
export function isWidening(from: DataType, to: DataType): boolean {
  if (from.kind === 'primitive' && to.kind === 'primitive') {
    return from.name === to.name || WIDER[from.name]?.includes(to.name) === true;
  }
  if (to.kind !== 'decimal') return false;
  const whole = to.precision - to.scale;
  if (from.kind === 'decimal') {
    return to.scale >= from.scale && whole >= from.precision - from.scale;
  }
  if (from.kind !== 'primitive') return false;
  const digits = INTEGER_DIGITS[from.name];
  return digits !== undefined && whole >= digits && to.precision <= DECIMAL_PRECISION_MAX;
}

type ByName<T> = { readonly [name in PrimitiveName]?: T };

const WIDER: ByName<readonly PrimitiveName[]> = {
  byte: ['short', 'integer', 'long', 'double'],
  short: ['integer', 'long', 'double'],
  integer: ['long', 'double'],
  float: ['double'],
  date: ['timestamp_ntz'],
};

/** Digits of the largest values. */
const INTEGER_DIGITS: ByName<number> = { byte: 3, short: 5, integer: 10, long: 19 };
