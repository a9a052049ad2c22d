import { BOOLEAN, decimal, DECIMAL_PRECISION_MAX, DOUBLE, INTEGER, LONG } from '../../schema/build.js';
import { fitsDecimal, powerOfTen } from '../../schema/text-values.js';
import type { DataType, Value } from '../../schema/types.js';
import { negation, operation } from '../arithmetic.js';
import { bitsOf, toInteger, wrapped } from '../number-casts.js';
import { isFloating, isIntegral, numericRank, scalarName } from '../types.js';
import { big, fixed, number, type FunctionCall, type Resolve } from './define.js';

const double = (apply: (value: number) => number | null): Resolve =>
  fixed([DOUBLE], DOUBLE, ([value]) => apply(number(value)));

/** Texts are read as doubles where a number is wanted. */
function numeric(type: DataType | undefined): DataType | undefined {
  if (type === undefined) return undefined;
  const name = scalarName(type);
  if (name === 'string' || name === 'void') return DOUBLE;
  return numericRank(type) === undefined ? undefined : type;
}

const abs: Resolve = ({ types }) => {
  const type = numeric(types[0]);
  const negate = type && negation(type);
  if (type === undefined || negate === undefined || types.length > 1) return undefined;
  return {
    params: [type],
    result: type,
    apply: (args) => {
      const [value = null] = args;
      if (typeof value === 'number' && isFloating(type)) return Math.abs(value);
      return typeof value === 'bigint' || typeof value === 'number'
        ? value < 0
          ? negate(args)
          : value
        : null;
    },
  };
};

const longOf = toInteger(DOUBLE, LONG);

/** FLOOR and CEIL: a bigint of what is no decimal. */
const toWhole =
  (up: boolean): Resolve =>
  ({ types }) => {
    const type = numeric(types[0]);
    if (type === undefined || types.length > 1) return undefined;
    if (isIntegral(type)) return { params: [LONG], result: LONG, apply: ([value]) => value ?? null };
    if (type.kind !== 'decimal') {
      const apply = ([value]: readonly Value[]) =>
        longOf(up ? Math.ceil(number(value)) : Math.floor(number(value)));
      return { params: [DOUBLE], result: LONG, apply };
    }
    const result = decimal(Math.min(DECIMAL_PRECISION_MAX, type.precision - type.scale + 1), 0);
    const unit = powerOfTen(type.scale);
    const apply = ([value]: readonly Value[]): Value => {
      const rest = ((big(value) % unit) + unit) % unit;
      const floor = (big(value) - rest) / unit;
      return up && rest !== 0n ? floor + 1n : floor;
    };
    return { params: [type], result, apply };
  };

/** ROUND rounds halves away from zero, BROUND to the even neighbour; the number of digits is a literal. */
const round =
  (toEven: boolean): Resolve =>
  ({ types, literals }) => {
    const type = numeric(types[0]);
    const digits = types.length === 1 ? 0 : Number(literals[1] ?? NaN);
    if (type === undefined || types.length > 2 || !Number.isInteger(digits) || Math.abs(digits) > 400)
      return undefined;
    const params = [type, INTEGER].slice(0, types.length);
    if (type.kind === 'decimal')
      return { params, ...roundedDecimal(type.precision, type.scale, digits, toEven) };
    if (isIntegral(type)) {
      const bits = bitsOf(type);
      const apply = ([value = null]: readonly Value[]): Value =>
        digits >= 0
          ? value
          : wrapped(
              atDigits(BigInt(Number(value) === value ? value : big(value)), -digits, toEven) *
                powerOfTen(-digits),
              bits,
            );
      return { params, result: type, apply };
    }
    return { params, result: type, apply: ([value]) => roundedDouble(number(value), digits, toEven, type) };
  };

function roundedDecimal(
  precision: number,
  scale: number,
  digits: number,
  toEven: boolean,
): Omit<FunctionCall, 'params'> {
  const kept = Math.min(Math.max(0, digits), scale);
  const whole = precision - scale + 1;
  const size = digits < 0 ? Math.max(whole, 1 - digits) : whole + kept;
  const result = decimal(Math.min(DECIMAL_PRECISION_MAX, size), digits < 0 ? 0 : kept);
  const drop = digits < 0 ? scale - digits : scale - kept;
  const apply = ([value]: readonly Value[]): Value => {
    const all = atDigits(big(value), drop, toEven) * (digits < 0 ? powerOfTen(-digits) : 1n);
    return fitsDecimal(all, result.precision) ? all : null;
  };
  return { result, apply };
}

/** The integer without its last digits, rounded. */
function atDigits(value: bigint, drop: number, toEven: boolean): bigint {
  if (drop <= 0) return value;
  const unit = powerOfTen(drop);
  const quotient = value / unit;
  const rest = value % unit;
  const twice = (rest < 0n ? -rest : rest) * 2n;
  if (twice < unit || (twice === unit && toEven && quotient % 2n === 0n)) return quotient;
  return value < 0n ? quotient - 1n : quotient + 1n;
}

function roundedDouble(value: number, digits: number, toEven: boolean, type: DataType): number {
  if (!Number.isFinite(value)) return value;
  // Rounding is decimal, and a decimal zero has no sign.
  if (value === 0) return 0;
  // The shortest digits are what people see, and what Spark rounds.
  const shown = scalarName(type) === 'float' ? shortFloat(value) : String(value);
  const [, sign = '', whole = '0', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(shown) ?? [];
  const scale = fraction.length - Number(exponent);
  if (scale <= digits) return value;
  const drop = scale - digits;
  const unscaled = atDigits(BigInt(whole + fraction), drop, toEven);
  const result = Number(`${sign}${unscaled}e${-digits}`);
  const zero = result === 0 ? 0 : result;
  return scalarName(type) === 'float' ? Math.fround(zero) : zero;
}

function shortFloat(value: number): string {
  for (let digits = 1; digits < 9; digits++) {
    const shown = value.toPrecision(digits);
    if (Math.fround(Number(shown)) === value) return String(Number(shown));
  }
  return String(value);
}

const modulo: Resolve = ({ types }) => {
  const [one, other] = [numeric(types[0]), numeric(types[1])];
  const found = one && other && operation('%', one, other);
  if (found === undefined || types.length !== 2) return undefined;
  return { params: [found.left, found.right], result: found.result, apply: found.apply };
};

/** The remainder that has the sign of the divisor or none. */
const positiveModulo: Resolve = (args) => {
  const found = modulo(args);
  const [one, other] = args.types;
  if (found === undefined || one === undefined || other === undefined) return undefined;
  const { result, params, apply } = found;
  return {
    params,
    result,
    apply: (values) => {
      const rest = apply(values);
      const [, by] = values;
      if (typeof rest === 'bigint') {
        if (rest >= 0n) return rest;
        const scaled = big(by) * scaleFactor(params[1], result);
        return (rest + scaled) % scaled;
      }
      if (typeof rest !== 'number' || !(rest < 0)) return rest;
      return (rest + number(by)) % number(by);
    },
  };
};

function scaleFactor(from: DataType | undefined, to: DataType): bigint {
  if (from?.kind !== 'decimal' || to.kind !== 'decimal') return 1n;
  return powerOfTen(to.scale - from.scale);
}

const sign: Resolve = ({ types }) =>
  types.length === 1 && numeric(types[0]) !== undefined
    ? {
        params: [DOUBLE],
        result: DOUBLE,
        apply: ([value]) => (Number.isNaN(value) ? NaN : Math.sign(number(value)) + 0),
      }
    : undefined;

const whole: Resolve = ({ types }) => {
  const [one, other] = types;
  const found = one && other && types.length === 2 ? operation('DIV', one, other) : undefined;
  return found && { params: [found.left, found.right], result: found.result, apply: found.apply };
};

const isNaN: Resolve = ({ types }) =>
  types.length === 1 && numeric(types[0]) !== undefined
    ? { params: [DOUBLE], result: BOOLEAN, seesNulls: true, apply: ([value]) => Number.isNaN(value) }
    : undefined;

export const NUMBER_FUNCTIONS: readonly (readonly [string, Resolve])[] = [
  ['abs', abs],
  ['floor', toWhole(false)],
  ['ceil', toWhole(true)],
  ['ceiling', toWhole(true)],
  ['round', round(false)],
  ['bround', round(true)],
  ['mod', modulo],
  ['pmod', positiveModulo],
  ['div', whole],
  ['sign', sign],
  ['signum', sign],
  ['isnan', isNaN],
  ['sqrt', double(Math.sqrt)],
  ['cbrt', double(Math.cbrt)],
  ['exp', double(Math.exp)],
  ['ln', double((value) => (value <= 0 ? null : Math.log(value)))],
  ['log10', double((value) => (value <= 0 ? null : Math.log10(value)))],
  ['log2', double((value) => (value <= 0 ? null : Math.log2(value)))],
  ['pow', fixed([DOUBLE, DOUBLE], DOUBLE, ([base, exponent]) => number(base) ** number(exponent))],
  ['power', fixed([DOUBLE, DOUBLE], DOUBLE, ([base, exponent]) => number(base) ** number(exponent))],
];
