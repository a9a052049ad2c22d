import { DECIMAL_PRECISION_MAX, decimal } from './build.js';
import type { DecimalType, PrimitiveName, PrimitiveType } from './types.js';

type AtomicType = PrimitiveType | DecimalType;

/**
 * The type that a column of type `have` needs so that it also holds every value of type `want`: `have`
 * itself (the same object) where `want` fits into it, a wider type where Delta's type widening leads there
 * without anyone asking, or undefined. Automatic widening knows byte → short → integer → long, float →
 * double, date → timestamp_ntz, and decimals that gain digits on either side of the point (Delta protocol,
 * "Type Widening"; Spark leaves the other widenings to ALTER TABLE, since they change how a value reads).
 */
export function widen(have: AtomicType, want: AtomicType): AtomicType | undefined {
  if (holds(have, want)) return have;
  if (have.kind === 'decimal') return widenDecimal(have, want);
  if (want.kind === 'decimal') return undefined;
  return widenings[have.name]?.includes(want.name) === true ? want : undefined;
}

/** Whether every value of `want` is a value of `have`. */
function holds(have: AtomicType, want: AtomicType): boolean {
  if (have.kind === 'decimal') {
    const shape = decimalShape(want);
    return shape !== undefined && shape.scale <= have.scale && shape.whole <= have.precision - have.scale;
  }
  if (want.kind === 'decimal') return false;
  return have.name === want.name || embeddings[have.name]?.includes(want.name) === true;
}

/** A decimal that holds both needs the larger whole part and the larger fraction. */
function widenDecimal(have: DecimalType, want: AtomicType): DecimalType | undefined {
  const shape = decimalShape(want);
  if (shape === undefined) return undefined;
  const scale = Math.max(have.scale, shape.scale);
  const precision = Math.max(have.precision - have.scale, shape.whole) + scale;
  return precision <= DECIMAL_PRECISION_MAX ? decimal(precision, scale) : undefined;
}

/** Digits before and behind the point that the values of a type need, or undefined for other types. */
function decimalShape(type: AtomicType): { whole: number; scale: number } | undefined {
  if (type.kind === 'decimal') return { whole: type.precision - type.scale, scale: type.scale };
  const whole = integerDigits[type.name];
  return whole === undefined ? undefined : { whole, scale: 0 };
}

type ByName<T> = { readonly [name in PrimitiveName]?: T };

const integerDigits: ByName<number> = { byte: 3, short: 5, integer: 10, long: 19 };

/** What a column may become on its own. */
const widenings: ByName<readonly PrimitiveName[]> = {
  byte: ['short', 'integer', 'long'],
  short: ['integer', 'long'],
  integer: ['long'],
  float: ['double'],
  date: ['timestamp_ntz'],
};

/** Types whose every value a column holds exactly. */
const embeddings: ByName<readonly PrimitiveName[]> = {
  short: ['byte'],
  integer: ['byte', 'short'],
  long: ['byte', 'short', 'integer'],
  float: ['byte', 'short'],
  double: ['byte', 'short', 'integer', 'float'],
  timestamp_ntz: ['date'],
};
