import { unreachable } from '../base/errors.js';
import { DOUBLE } from '../schema/build.js';
import { fitsDecimal, powerOfTen } from '../schema/text-values.js';
import type { DataType, DecimalType, Value } from '../schema/types.js';
import type { ArithmeticOp } from './ast.js';
import { divideRounded, rescaleRounded } from './casts.js';
import { asDecimal, boundedDecimal, isFloating, scalarName, widerNumber } from './types.js';

/** One operator over two types: what its sides are turned into, and what comes out. */
export type Operation = {
  readonly left: DataType;
  readonly right: DataType;
  readonly result: DataType;
  /** Over values that are not null; null where the result does not fit, or after a division by zero (Spark's `try_…`). */
  readonly apply: (args: readonly Value[]) => Value;
};

/** Undefined if one of the types is no number. */
export function operation(op: ArithmeticOp, left: DataType, right: DataType): Operation | undefined {
  const wider = widerNumber(left, right);
  if (wider === undefined) return undefined;
  if (left.kind === 'decimal' || right.kind === 'decimal') {
    if (!isFloating(wider)) return decimalOperation(op, asDecimal(left), asDecimal(right));
  }
  // In Spark `/` between integers divides as doubles.
  const type = op === '/' ? DOUBLE : wider;
  if (isFloating(type)) {
    const single = scalarName(type) === 'float';
    const compute = FLOATING[op];
    const apply = ([a, b]: readonly Value[]): Value => {
      const value = compute(Number(a), Number(b));
      return value === null ? null : single ? Math.fround(value) : value;
    };
    return { left: type, right: type, result: type, apply };
  }
  return { left: type, right: type, result: type, apply: integerOperation(op, scalarName(type) ?? 'long') };
}

const FLOATING: Readonly<Record<ArithmeticOp, (a: number, b: number) => number | null>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => (b === 0 ? null : a / b),
  '%': (a, b) => (b === 0 ? null : a % b),
};

const EXACT: Readonly<Record<Exclude<ArithmeticOp, '/'>, (a: bigint, b: bigint) => bigint | null>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '%': (a, b) => (b === 0n ? null : a % b),
};

const BITS: Readonly<Record<string, number>> = { byte: 8, short: 16, integer: 32, long: 64 };

function integerOperation(op: ArithmeticOp, name: string): Operation['apply'] {
  const compute = EXACT[op === '/' ? '%' : op];
  const bits = BITS[name] ?? 64;
  return ([a, b]) => {
    const value = compute(integerOf(a), integerOf(b));
    if (value === null || BigInt.asIntN(bits, value) !== value) return null;
    return bits === 64 ? value : Number(value);
  };
}

function integerOf(value: Value | undefined): bigint {
  return typeof value === 'bigint' ? value : BigInt(Number(value));
}

/** Spark's rules for the digits of a result ("Decimal precision and scale"). */
function decimalOperation(op: ArithmeticOp, left: DecimalType, right: DecimalType): Operation {
  const [p1, s1, p2, s2] = [left.precision, left.scale, right.precision, right.scale];
  const scale = Math.max(s1, s2);
  switch (op) {
    case '+':
    case '-': {
      const result = boundedDecimal(Math.max(p1 - s1, p2 - s2) + scale + 1, scale);
      return { left, right, result, apply: aligned(EXACT[op], left, right, result) };
    }
    case '%': {
      const result = boundedDecimal(Math.min(p1 - s1, p2 - s2) + scale, scale);
      return { left, right, result, apply: aligned(EXACT[op], left, right, result) };
    }
    case '*': {
      const result = boundedDecimal(p1 + p2 + 1, s1 + s2);
      return { left, right, result, apply: ([a, b]) => fitted(integerOf(a) * integerOf(b), s1 + s2, result) };
    }
    case '/': {
      const digits = Math.max(6, s1 + p2 + 1);
      const result = boundedDecimal(p1 - s1 + s2 + digits, digits);
      const factor = powerOfTen(result.scale + s2);
      const divisor = powerOfTen(s1);
      const apply = ([a, b]: readonly Value[]): Value => {
        const by = integerOf(b) * divisor;
        return by === 0n ? null : fitted(divideRounded(integerOf(a) * factor, by), result.scale, result);
      };
      return { left, right, result, apply };
    }
    default:
      return unreachable(op);
  }
}

function aligned(
  compute: (a: bigint, b: bigint) => bigint | null,
  left: DecimalType,
  right: DecimalType,
  result: DecimalType,
): Operation['apply'] {
  const scale = Math.max(left.scale, right.scale);
  const [leftFactor, rightFactor] = [powerOfTen(scale - left.scale), powerOfTen(scale - right.scale)];
  return ([a, b]) => {
    const value = compute(integerOf(a) * leftFactor, integerOf(b) * rightFactor);
    return value === null ? null : fitted(value, scale, result);
  };
}

function fitted(unscaled: bigint, scale: number, type: DecimalType): Value {
  const value = rescaleRounded(unscaled, scale, type.scale);
  return fitsDecimal(value, type.precision) ? value : null;
}

/** The type of a negated or absolute value, and the function; undefined for what is no number. */
export function negation(type: DataType): Operation['apply'] | undefined {
  if (type.kind === 'decimal') return ([value]) => (typeof value === 'bigint' ? -value : null);
  if (isFloating(type)) return ([value]) => -Number(value);
  const name = scalarName(type);
  if (name === undefined || BITS[name] === undefined) return undefined;
  const subtract = integerOperation('-', name);
  return ([value]) => subtract([name === 'long' ? 0n : 0, value ?? null]);
}
