import { nearest } from '../base/names.js';
import { BOOLEAN, DOUBLE, VOID } from '../schema/build.js';
import { formatType, parseTypeText } from '../schema/type-text.js';
import type { Value } from '../schema/types.js';
import type { Expr } from './ast.js';
import type { FunctionCall } from './functions/define.js';
import { FUNCTION_NAMES, resolveFunction } from './functions/functions.js';
import { invalid } from './invalid.js';
import { asCondition, compared, meet, mustCast } from './meet.js';
import { compareValues } from './order.js';
import type { Typed, TypedBranch } from './typed.js';
import { scalarName } from './types.js';

type Call = Expr & { readonly kind: 'call' };

/** What a call of a function stands for, its arguments settled. */
export function resolveCall({ name, at }: Call, args: readonly Typed[]): Typed {
  const form = FORMS.get(name);
  if (form !== undefined) {
    const made = args.length >= form.least && args.length <= form.most ? form.make(args, at) : undefined;
    if (made === undefined) throw invalid(at, `${name} does not take these arguments`);
    return made;
  }
  if (CAST_NAMES.has(name) && args[0] !== undefined && args.length === 1) {
    return mustCast(args[0], parseTypeText(name), at);
  }
  if (CLOCK.has(name)) {
    throw invalid(
      at,
      `${name} has no meaning here, where no moment is given`,
      'write the moment as a literal',
    );
  }
  const types = args.map(({ type }) => type);
  const literals = args.map((arg) => (arg.kind === 'literal' ? arg.value : undefined));
  const call = resolveFunction(name, { types, literals });
  if (call !== undefined) return applied(call, args, at);
  if (KNOWN.includes(name)) {
    throw invalid(at, `${name} does not take these arguments (${types.map(formatType).join(', ')})`);
  }
  const near = nearest(name, KNOWN);
  throw invalid(
    at,
    `no function ${name}`,
    near === undefined ? 'docs/expressions.md lists those there are' : `did you mean ${near}?`,
  );
}

/** The call with its arguments in the types of its parameters. */
export function applied(call: FunctionCall, args: readonly Typed[], at: number): Typed {
  const { result: type, apply, seesNulls = false } = call;
  const params = args.map((arg, index) => mustCast(arg, call.params[index] ?? arg.type, at));
  return { kind: 'apply', type, args: params, seesNulls, apply };
}

/** CASE, its results in the type in which they meet. */
export function caseOf(branches: readonly TypedBranch[], otherwise: Typed | undefined, at: number): Typed {
  const last: Typed = otherwise ?? { kind: 'literal', type: VOID, value: null };
  const results = meet([...branches.map(({ result }) => result), last], at);
  const made = branches.map(({ when }, i) => ({ when, result: results[i] ?? last }));
  const end = results[branches.length] ?? last;
  return { kind: 'case', type: end.type, branches: made, otherwise: end };
}

/** Calls that are another form of what the language has already, or see nulls where functions do not. */
type Form = {
  readonly least: number;
  readonly most: number;
  readonly make: (args: readonly Typed[], at: number) => Typed | undefined;
};

const coalesce: Form = {
  least: 1,
  most: Infinity,
  make: (args, at) => {
    const parts = meet(args, at);
    return { kind: 'coalesce', type: parts[0]?.type ?? VOID, args: parts };
  },
};

const isNull = (of: Typed): Typed => ({ kind: 'isNull', type: BOOLEAN, of });
const not = (of: Typed): Typed => ({ kind: 'not', type: BOOLEAN, of });

const choice: Form = {
  least: 3,
  most: 3,
  make: ([when, then, otherwise], at) =>
    when && then && caseOf([{ when: asCondition(when, at), result: then }], otherwise, at),
};

/** The greatest or least of the arguments that are not null; NaN is the greatest. */
const extreme = (sign: 1 | -1): Form => ({
  least: 2,
  most: Infinity,
  make: (args, at) => {
    const parts = meet(args, at);
    const type = parts[0]?.type ?? VOID;
    if (scalarName(type) === undefined) return undefined;
    const apply = (values: readonly Value[]): Value => {
      let best: Value = null;
      for (const value of values) {
        if (value !== null && (best === null || compareValues(value, best) * sign > 0)) best = value;
      }
      return best;
    };
    return { kind: 'apply', type, args: parts, seesNulls: true, apply };
  },
});

const FORMS: ReadonlyMap<string, Form> = new Map<string, Form>([
  ['coalesce', coalesce],
  ['nvl', { ...coalesce, least: 2, most: 2 }],
  ['ifnull', { ...coalesce, least: 2, most: 2 }],
  [
    'nvl2',
    {
      least: 3,
      most: 3,
      make: ([of, then, otherwise], at) =>
        of && then && caseOf([{ when: not(isNull(of)), result: then }], otherwise, at),
    },
  ],
  [
    'nullif',
    {
      least: 2,
      most: 2,
      make: ([one, other], at) =>
        one &&
        other &&
        caseOf(
          [{ when: compared('=', one, other, at), result: { kind: 'literal', type: VOID, value: null } }],
          one,
          at,
        ),
    },
  ],
  ['if', choice],
  ['iff', choice],
  ['isnull', { least: 1, most: 1, make: ([of]) => of && isNull(of) }],
  ['isnotnull', { least: 1, most: 1, make: ([of]) => of && not(isNull(of)) }],
  [
    'equal_null',
    { least: 2, most: 2, make: ([one, other], at) => one && other && compared('<=>', one, other, at) },
  ],
  ['greatest', extreme(1)],
  ['least', extreme(-1)],
  [
    'nanvl',
    {
      least: 2,
      most: 2,
      make: (args, at) => ({
        kind: 'apply',
        type: DOUBLE,
        args: args.map((arg) => mustCast(arg, DOUBLE, at)),
        seesNulls: true,
        apply: ([value = null, other = null]) => (Number.isNaN(value) ? other : value),
      }),
    },
  ],
]);

/** Each of these types has a function of its name that casts. */
const CAST_NAMES = new Set(
  'boolean tinyint smallint int bigint float double decimal string binary date timestamp'.split(' '),
);

/** Asked for by name, these would make an expression mean another thing each time. */
const CLOCK = new Set(['current_date', 'current_timestamp', 'now', 'localtimestamp', 'curdate']);

const KNOWN: readonly string[] = [...FUNCTION_NAMES, ...FORMS.keys(), ...CAST_NAMES, ...CLOCK];
