import { DATE, INTEGER, STRING } from '../schema/build.js';
import type { DataType, Value } from '../schema/types.js';
import { negation } from './arithmetic.js';
import { scalarName } from './types.js';

/** A function over given argument types: what they are turned into, and what comes out. */
export type FunctionCall = {
  readonly params: readonly DataType[];
  readonly result: DataType;
  /** Over values that are not null. */
  readonly apply: (args: readonly Value[]) => Value;
};

type Resolve = (args: readonly DataType[]) => FunctionCall | undefined;

const textToText =
  (apply: (text: string) => Value, result: DataType): Resolve =>
  (args) =>
    args.length === 1
      ? { params: [STRING], result, apply: ([text]) => (typeof text === 'string' ? apply(text) : null) }
      : undefined;

const substring: Resolve = (args) => {
  if (args.length !== 2 && args.length !== 3) return undefined;
  return {
    params: [STRING, INTEGER, INTEGER].slice(0, args.length),
    result: STRING,
    apply: ([text, from, count]) =>
      typeof text === 'string'
        ? slice(Array.from(text), Number(from), count === undefined ? Infinity : Number(count))
        : null,
  };
};

/** Positions count characters from 1; a negative one counts from the end, and 0 is the first, as in Spark. */
function slice(characters: readonly string[], from: number, count: number): string {
  const start = from > 0 ? from - 1 : from < 0 ? characters.length + from : 0;
  const end = start + Math.max(0, count);
  return characters.slice(Math.max(0, start), Math.max(0, end)).join('');
}

const length: Resolve = (args) => {
  const [type] = args;
  if (type !== undefined && args.length === 1 && scalarName(type) === 'binary') {
    return {
      params: [type],
      result: INTEGER,
      apply: ([bytes]) => (bytes instanceof Uint8Array ? bytes.length : null),
    };
  }
  return textToText((text) => Array.from(text).length, INTEGER)(args);
};

const abs: Resolve = ([type, ...more]) => {
  if (type === undefined || more.length > 0) return undefined;
  const negate = negation(type);
  if (negate === undefined) return undefined;
  return {
    params: [type],
    result: type,
    apply: (args) => {
      const value = args[0] ?? null;
      const below = typeof value === 'number' ? value <= 0 : typeof value === 'bigint' && value < 0n;
      // Zero goes through too: minus zero becomes zero.
      return below ? plusZero(negate(args)) : value;
    },
  };
};

function plusZero(value: Value): Value {
  return value === 0 ? 0 : value;
}

const date: Resolve = (args) =>
  args.length === 1 ? { params: [DATE], result: DATE, apply: ([day]) => day ?? null } : undefined;

const FUNCTIONS: ReadonlyMap<string, Resolve> = new Map([
  ['lower', textToText((text) => text.toLowerCase(), STRING)],
  ['upper', textToText((text) => text.toUpperCase(), STRING)],
  ['length', length],
  ['substring', substring],
  ['substr', substring],
  ['abs', abs],
  ['date', date],
]);

export const FUNCTION_NAMES: readonly string[] = [...FUNCTIONS.keys(), 'coalesce'];

/** The function for these argument types; undefined if it takes none such. */
export function resolveFunction(name: string, args: readonly DataType[]): FunctionCall | undefined {
  return FUNCTIONS.get(name)?.(args);
}
