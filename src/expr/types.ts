import { decimal, DECIMAL_PRECISION_MAX, DOUBLE, STRING, TIMESTAMP, TIMESTAMP_NTZ } from '../schema/build.js';
import type { DataType, DecimalType, PrimitiveName } from '../schema/types.js';

/** The name of a primitive type, `decimal` for decimals, undefined for what has parts. */
export function scalarName(type: DataType): PrimitiveName | 'decimal' | undefined {
  if (type.kind === 'decimal') return 'decimal';
  return type.kind === 'primitive' ? type.name : undefined;
}

const WIDTH: Partial<Record<PrimitiveName | 'decimal', number>> = {
  byte: 0,
  short: 1,
  integer: 2,
  long: 3,
  decimal: 4,
  float: 5,
  double: 6,
};

/** Place of a numeric type in Spark's order of promotion; undefined for others. */
export function numericRank(type: DataType): number | undefined {
  const name = scalarName(type);
  return name === undefined ? undefined : WIDTH[name];
}

export function isIntegral(type: DataType): boolean {
  const rank = numericRank(type);
  return rank !== undefined && rank <= 3;
}

export function isFloating(type: DataType): boolean {
  const rank = numericRank(type);
  return rank !== undefined && rank >= 5;
}

/** The digits that each value of an integer type fits into. */
const INTEGER_DIGITS: readonly number[] = [3, 5, 10, 20];

/** The decimal type that holds each value of an integral or decimal type. */
export function asDecimal(type: DataType): DecimalType {
  return type.kind === 'decimal' ? type : decimal(INTEGER_DIGITS[numericRank(type) ?? 3] ?? 20, 0);
}

/**
 * The type in which two numbers meet; undefined if either is none. A decimal meets a float as double, as in Spark, and of
 * two decimals with too many digits between them the whole part is kept.
 */
export function widerNumber(one: DataType, other: DataType): DataType | undefined {
  const left = numericRank(one);
  const right = numericRank(other);
  if (left === undefined || right === undefined) return undefined;
  if (one.kind === 'decimal' || other.kind === 'decimal') {
    if (left > 4 || right > 4) return DOUBLE;
    const [a, b] = [asDecimal(one), asDecimal(other)];
    const scale = Math.max(a.scale, b.scale);
    const digits = Math.max(a.precision - a.scale, b.precision - b.scale) + scale;
    const over = Math.max(0, digits - DECIMAL_PRECISION_MAX);
    return decimal(digits - over, Math.max(0, scale - over));
  }
  return left >= right ? one : other;
}

/** At least this many fraction digits are kept where a result has too many digits. */
const SCALE_KEPT = 6;

/** Spark's way to bring the type of a sum or product down to 38 digits: fraction digits go first, but not below six. */
export function boundedDecimal(precision: number, scale: number): DecimalType {
  if (precision <= DECIMAL_PRECISION_MAX) return decimal(precision, scale);
  const whole = precision - scale;
  const kept = Math.max(DECIMAL_PRECISION_MAX - whole, Math.min(scale, SCALE_KEPT));
  return decimal(DECIMAL_PRECISION_MAX, kept);
}

/**
 * The type in which two values are compared by an operator; undefined if they have no common ground. A text is read as
 * what stands beside it, beside a decimal as double. Docs, "Types that meet" in expressions.md.
 */
export function comparedType(one: DataType, other: DataType): DataType | undefined {
  const [left, right] = [scalarName(one), scalarName(other)];
  if (left === 'string' && right !== 'string') return besideText(other);
  if (right === 'string' && left !== 'string') return besideText(one);
  return commonType(one, other);
}

/** The type in which the alternatives of one place meet (a list, branches); undefined if there is none. Texts win. */
export function commonType(one: DataType, other: DataType): DataType | undefined {
  if (sameType(one, other)) return one;
  const [left, right] = [scalarName(one), scalarName(other)];
  if (left === 'void') return other;
  if (right === 'void') return one;
  if (left === undefined || right === undefined) return commonNested(one, other);
  const number = widerNumber(one, other);
  if (number !== undefined) return number;
  if (left === 'string') return joinsText(right) ? one : undefined;
  if (right === 'string') return joinsText(left) ? other : undefined;
  return isTime(left) && isTime(right) ? laterTime(left, right) : undefined;
}

function commonNested(one: DataType, other: DataType): DataType | undefined {
  if (one.kind !== 'array' || other.kind !== 'array') return undefined;
  const element = commonType(one.element, other.element);
  return element && { kind: 'array', element, containsNull: one.containsNull || other.containsNull };
}

/** Whether the two hold the same values: names of struct fields count, their nullability does not. */
export function sameType(one: DataType, other: DataType): boolean {
  switch (one.kind) {
    case 'primitive':
      return other.kind === 'primitive' && one.name === other.name;
    case 'decimal':
      return other.kind === 'decimal' && one.precision === other.precision && one.scale === other.scale;
    case 'array':
      return other.kind === 'array' && sameType(one.element, other.element);
    case 'map':
      return other.kind === 'map' && sameType(one.key, other.key) && sameType(one.value, other.value);
    case 'struct':
      return (
        other.kind === 'struct' &&
        one.fields.length === other.fields.length &&
        one.fields.every(({ name, type }, i) => {
          const field = other.fields[i];
          return field !== undefined && field.name === name && sameType(type, field.type);
        })
      );
  }
}

function besideText(type: DataType): DataType | undefined {
  const name = scalarName(type);
  if (name === 'void') return STRING;
  if (name === 'decimal') return DOUBLE;
  return name === undefined || name === 'variant' ? undefined : type;
}

function joinsText(name: string): boolean {
  return name !== 'binary' && name !== 'boolean' && name !== 'variant';
}

export function isTime(name: string | undefined): boolean {
  return name === 'date' || name === 'timestamp' || name === 'timestamp_ntz';
}

function laterTime(left: string, right: string): DataType {
  return left === 'timestamp' || right === 'timestamp' ? TIMESTAMP : TIMESTAMP_NTZ;
}
