import { decimal, DECIMAL_PRECISION_MAX, DOUBLE, primitive } from '../schema/build.js';
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

/** The type in which two numbers meet; undefined if either is none. A decimal meets a float as double, as in Spark. */
export function widerNumber(one: DataType, other: DataType): DataType | undefined {
  const left = numericRank(one);
  const right = numericRank(other);
  if (left === undefined || right === undefined) return undefined;
  if (one.kind === 'decimal' || other.kind === 'decimal') {
    if (left > 4 || right > 4) return DOUBLE;
    const [a, b] = [asDecimal(one), asDecimal(other)];
    const scale = Math.max(a.scale, b.scale);
    return boundedDecimal(Math.max(a.precision - a.scale, b.precision - b.scale) + scale, scale);
  }
  return left >= right ? one : other;
}

/** At least this many fraction digits are kept where a result has too many digits. */
const SCALE_KEPT = 6;

/** Spark's way to bring a result type down to 38 digits: fraction digits go first, but not below six. */
export function boundedDecimal(precision: number, scale: number): DecimalType {
  if (precision <= DECIMAL_PRECISION_MAX) return decimal(precision, scale);
  const whole = precision - scale;
  const kept = Math.max(DECIMAL_PRECISION_MAX - whole, Math.min(scale, SCALE_KEPT));
  return decimal(DECIMAL_PRECISION_MAX, kept);
}

/** The type in which two values are compared; undefined if they have no common ground. */
export function commonType(one: DataType, other: DataType): DataType | undefined {
  const left = scalarName(one);
  const right = scalarName(other);
  if (left === undefined || right === undefined) return undefined;
  if (left === 'variant' || right === 'variant') return undefined;
  if (left === 'void') return other;
  if (right === 'void') return one;
  const number = widerNumber(one, other);
  if (number !== undefined) return number;
  if (left === right) return one;
  if (left === 'string') return fromString(other);
  if (right === 'string') return fromString(one);
  return isTime(left) && isTime(right) ? laterTime(left, right) : undefined;
}

/** Spark reads a text beside a value of another type as that type; beside an integer as bigint, beside a float as double. */
function fromString(type: DataType): DataType {
  if (isIntegral(type)) return primitive('long');
  return isFloating(type) ? DOUBLE : type;
}

function isTime(name: string): boolean {
  return name === 'date' || name === 'timestamp' || name === 'timestamp_ntz';
}

function laterTime(left: string, right: string): DataType {
  return left === 'timestamp' || right === 'timestamp' ? primitive('timestamp') : primitive('timestamp_ntz');
}
