import { unreachable } from '../base/errors.js';
import { DOUBLE, INTEGER, LONG } from '../schema/build.js';
import { fitsDecimal, powerOfTen } from '../schema/text-values.js';
import type { DataType, DecimalType, Value } from '../schema/types.js';
import type { ArithmeticOp } from './ast.js';
import { bitsOf, divideRounded, rescaleRounded, rounded, wrapped } from './number-casts.js';
import { asDecimal, boundedDecimal, isFloating, isIntegral, scalarName, widerNumber } from './types.js';

/** One operator over two types: what its sides are turned into, and what comes out. */
export type Operation = {
  readonly left: DataType;
  readonly right: DataType;
  readonly result: DataType;
  /** Over values that are not null; null after a division by zero and for a decimal that does not fit. */
  readonly apply: (args: readonly Value[]) => Value;
};

/** Undefined if the operator does not take the types. Integers that do not fit keep their low bits, as Java's do. */
export function operation(op: ArithmeticOp, left: DataType, right: DataType): Operation | undefined {
  const wider = widerNumber(left, right);
  if (wider === undefined) return undefined;
  switch (op) {
    case '<<':
    case '>>':
    case '>>>':
      return isIntegral(left) && isIntegral(right) ? shift(op, left) : undefined;
    case '&':
    case '|':
    case '^':
      return isIntegral(wider) ? integers(wider, BITWISE[op]) : undefined;
    case 'DIV':
      return wholeDivision(wider, left, right);
    case '+':
    case '-':
    case '*':
    case '/':
    case '%':
      break;
    default:
      return unreachable(op);
  }
  const isDecimal = left.kind === 'decimal' || right.kind === 'decimal';
  if (isDecimal && !isFloating(wider)) return decimalOperation(op, asDecimal(left), asDecimal(right));
  // In Spark `/` between integers divides as doubles, and between floats too.
  const type = op === '/' ? DOUBLE : wider;
  if (isFloating(type)) {
    const compute = FLOATING[op];
    const apply = ([a, b]: readonly Value[]): Value => {
      const value = compute(Number(a), Number(b));
      return value === null ? null : rounded(value, type);
    };
    return { left: type, right: type, result: type, apply };
  }
  return integers(type, EXACT[op === '/' ? '%' : op]);
}

type PlainOp = '+' | '-' | '*' | '/' | '%';

const FLOATING: Readonly<Record<PlainOp, (a: number, b: number) => number | null>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => (b === 0 ? null : a / b),
  '%': (a, b) => (b === 0 ? null : a % b),
};

type Compute = (a: bigint, b: bigint) => bigint | null;

const EXACT: Readonly<Record<Exclude<PlainOp, '/'>, Compute>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '%': (a, b) => (b === 0n ? null : a % b),
};

const BITWISE: Readonly<Record<'&' | '|' | '^', Compute>> = {
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
};

function integers(type: DataType, compute: Compute): Operation {
  const bits = bitsOf(type);
  const apply = ([a, b]: readonly Value[]): Value => {
    const value = compute(integerOf(a), integerOf(b));
    return value === null ? null : wrapped(value, bits);
  };
  return { left: type, right: type, result: type, apply };
}

/** Only the low bits of the count matter, as in Java. */
function shift(op: '<<' | '>>' | '>>>', left: DataType): Operation {
  const type = scalarName(left) === 'long' ? LONG : INTEGER;
  const bits = bitsOf(type);
  const apply = ([value, count]: readonly Value[]): Value => {
    const by = BigInt(Number(count) & (bits - 1));
    const from = op === '>>>' ? BigInt.asUintN(bits, integerOf(value)) : integerOf(value);
    return wrapped(op === '<<' ? from << by : from >> by, bits);
  };
  return { left: type, right: INTEGER, result: type, apply };
}

/** Gives a bigint whatever it divides. */
function wholeDivision(wider: DataType, left: DataType, right: DataType): Operation {
  const divide = (a: bigint, b: bigint): Value => (b === 0n ? null : wrapped(a / b, 64));
  if (wider.kind === 'decimal') {
    const [one, other] = [asDecimal(left), asDecimal(right)];
    const [up, down] = [powerOfTen(other.scale), powerOfTen(one.scale)];
    const apply = ([a, b]: readonly Value[]) => divide(integerOf(a) * up, integerOf(b) * down);
    return { left: one, right: other, result: LONG, apply };
  }
  return { left: LONG, right: LONG, result: LONG, apply: ([a, b]) => divide(integerOf(a), integerOf(b)) };
}

function integerOf(value: Value | undefined): bigint {
  return typeof value === 'bigint' ? value : BigInt(Number(value));
}

/** Spark's rules for the digits of a result ("Decimal precision and scale"). */
function decimalOperation(op: PlainOp, left: DecimalType, right: DecimalType): Operation {
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
  compute: Compute,
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

/** How a number of the type is negated; undefined for what is no number. */
export function negation(type: DataType): Operation['apply'] | undefined {
  if (type.kind === 'decimal') return ([value]) => (typeof value === 'bigint' ? -value : null);
  if (isFloating(type)) return ([value]) => -Number(value);
  if (!isIntegral(type)) return undefined;
  const bits = bitsOf(type);
  return ([value]) => wrapped(-integerOf(value), bits);
}

/** `~`; undefined for what is no integer. */
export function complement(type: DataType): Operation['apply'] | undefined {
  if (!isIntegral(type)) return undefined;
  const bits = bitsOf(type);
  return ([value]) => wrapped(~integerOf(value), bits);
}
