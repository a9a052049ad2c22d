import { unreachable } from '../base/errors.js';
import { nearest } from '../base/names.js';
import { BOOLEAN, decimal, STRING, VOID } from '../schema/build.js';
import { formatType } from '../schema/type-text.js';
import type { DataType, StructField, StructType } from '../schema/types.js';
import { negation, operation } from './arithmetic.js';
import type { Expr } from './ast.js';
import { castBetween } from './casts.js';
import { FUNCTION_NAMES, resolveFunction } from './functions.js';
import { invalid } from './invalid.js';
import { likePattern } from './like.js';
import type { Typed } from './typed.js';
import { commonType, isIntegral, scalarName } from './types.js';

/**
 * Settles names and types of an expression over rows of `struct`. Columns are found as written or else ignoring case, as
 * in Spark; sides of unlike types meet in a common one.
 *
 * @throws SluiceError EXPRESSION_INVALID for a name that is not there or types that do not go together
 */
export function resolve(expr: Expr, struct: StructType): Typed {
  const inner = (part: Expr): Typed => resolve(part, struct);
  switch (expr.kind) {
    case 'literal':
      return { kind: 'literal', type: expr.type, value: expr.value };
    case 'column':
      return resolveColumn(expr, struct);
    case 'compare': {
      const [left, right] = meet([inner(expr.left), inner(expr.right)], expr.at);
      return { kind: 'compare', type: BOOLEAN, op: expr.op, left, right };
    }
    case 'and':
    case 'or':
      return {
        kind: expr.kind,
        type: BOOLEAN,
        items: expr.items.map((item) => asCondition(inner(item), item.at)),
      };
    case 'not':
      return { kind: 'not', type: BOOLEAN, of: asCondition(inner(expr.of), expr.of.at) };
    case 'isNull':
      return { kind: 'isNull', type: BOOLEAN, of: inner(expr.of) };
    case 'in': {
      const [of, ...list] = meet([inner(expr.of), ...expr.list.map(inner)], expr.at);
      return { kind: 'in', type: BOOLEAN, of, list };
    }
    case 'like':
      return resolveLike(expr, struct);
    case 'arithmetic':
      return resolveArithmetic(expr, inner(expr.left), inner(expr.right));
    case 'negate': {
      const of = inner(expr.of);
      const apply = negation(of.type);
      if (apply === undefined) throw invalid(expr.at, `- takes a number, not ${formatType(of.type)}`);
      return { kind: 'apply', type: of.type, args: [of], apply };
    }
    case 'cast':
      return explicitCast(inner(expr.of), expr.type, expr.at);
    case 'call':
      return resolveCall(expr, expr.args.map(inner));
    default:
      return unreachable(expr);
  }
}

/** The expression as a condition: of type boolean, or just NULL. */
export function resolveCondition(expr: Expr, struct: StructType): Typed {
  return asCondition(resolve(expr, struct), expr.at);
}

function asCondition(typed: Typed, at: number): Typed {
  const name = scalarName(typed.type);
  if (name === 'boolean') return typed;
  if (name === 'void') return { kind: 'literal', type: BOOLEAN, value: null };
  if (name === 'string' && typed.kind === 'literal') return cast(typed, BOOLEAN, at);
  throw invalid(at, `a condition must be true or false, not ${formatType(typed.type)}`);
}

function resolveColumn({ path, at }: Expr & { kind: 'column' }, struct: StructType): Typed {
  let fields: readonly StructField[] = struct.fields;
  let found: StructField | undefined;
  const names: string[] = [];
  for (const name of path) {
    found = findField(fields, name, at);
    if (found === undefined) {
      const near = nearest(
        name,
        fields.map((field) => field.name),
      );
      throw invalid(
        at,
        `no column ${path.join('.')}`,
        near === undefined ? undefined : `did you mean ${near}?`,
      );
    }
    names.push(found.name);
    fields = found.type.kind === 'struct' ? found.type.fields : [];
  }
  if (found === undefined) throw invalid(at, 'a column without a name');
  const index = struct.fields.findIndex((field) => field.name === names[0]);
  return { kind: 'column', type: found.type, index, path: names };
}

function findField(fields: readonly StructField[], name: string, at: number): StructField | undefined {
  const exact = fields.find((field) => field.name === name);
  if (exact !== undefined) return exact;
  const lower = name.toLowerCase();
  const alike = fields.filter((field) => field.name.toLowerCase() === lower);
  if (alike.length > 1)
    throw invalid(at, `${name} is ambiguous: ${alike.map((field) => field.name).join(', ')}`);
  return alike[0];
}

/** All parts in the one type in which the first meets all others. */
function meet(parts: readonly [Typed, ...Typed[]], at: number): [Typed, Typed, ...Typed[]];
function meet(parts: readonly Typed[], at: number): Typed[] {
  let type: DataType = VOID;
  for (const part of parts) {
    const common = commonType(type, part.type);
    if (common === undefined) {
      throw invalid(at, `${formatType(type)} and ${formatType(part.type)} cannot be compared`);
    }
    type = common;
  }
  return parts.map((part) => cast(part, type, at));
}

/** The part in another type, as its place asks for. */
function cast(of: Typed, type: DataType, at: number): Typed {
  const made = explicitCast(of, type, at);
  // A literal that is no value of the type is a slip that would find no rows, without a word.
  if (of.kind === 'literal' && of.value !== null && made.kind === 'literal' && made.value === null) {
    const shown = typeof of.value === 'string' ? JSON.stringify(of.value) : 'the literal';
    throw invalid(at, `${shown} is no ${formatType(type)}`);
  }
  return made;
}

function explicitCast(of: Typed, type: DataType, at: number): Typed {
  const made = castBetween(of.type, type);
  if (made === undefined) throw invalid(at, `no way from ${formatType(of.type)} to ${formatType(type)}`);
  if (isSame(of.type, type)) return of;
  if (of.kind !== 'literal') return { kind: 'cast', type, of, ...made };
  return { kind: 'literal', type, value: of.value === null ? null : made.convert(of.value) };
}

function isSame(one: DataType, other: DataType): boolean {
  if (one.kind === 'decimal' && other.kind === 'decimal') {
    return one.precision === other.precision && one.scale === other.scale;
  }
  return scalarName(one) === scalarName(other);
}

function resolveLike({ of, pattern, escape, at }: Expr & { kind: 'like' }, struct: StructType): Typed {
  const text = cast(resolve(of, struct), STRING, at);
  const like = cast(resolve(pattern, struct), STRING, at);
  if (like.kind !== 'literal') throw invalid(pattern.at, 'a pattern of LIKE must be a text in quotes');
  if (typeof like.value !== 'string') return { kind: 'literal', type: BOOLEAN, value: null };
  const ready = likePattern(like.value, escape);
  if (ready === undefined) {
    throw invalid(pattern.at, `${escape} may only stand before %, _ and itself in a pattern`);
  }
  return { kind: 'like', type: BOOLEAN, of: text, ...ready };
}

function resolveArithmetic({ op, at }: Expr & { kind: 'arithmetic' }, left: Typed, right: Typed): Typed {
  const [one, other] = [asNumber(left, right), asNumber(right, left)];
  if (scalarName(one.type) === 'void' || scalarName(other.type) === 'void') {
    const type = scalarName(one.type) === 'void' ? other.type : one.type;
    return { kind: 'literal', type, value: null };
  }
  const made = operation(op, one.type, other.type);
  if (made === undefined) {
    throw invalid(at, `${op} takes numbers, not ${formatType(left.type)} and ${formatType(right.type)}`);
  }
  const args = [cast(one, made.left, at), cast(other, made.right, at)];
  return { kind: 'apply', type: made.result, args, apply: made.apply };
}

/** A text beside a number is read as double, and an integer literal beside a decimal has just its own digits, as in Spark. */
function asNumber(typed: Typed, other: Typed): Typed {
  if (typed.kind === 'literal' && isIntegral(typed.type) && other.type.kind === 'decimal') {
    const { value } = typed;
    if (typeof value !== 'number' && typeof value !== 'bigint') return typed;
    return cast(typed, decimal(value.toString().replace('-', '').length, 0), 0);
  }
  if (scalarName(typed.type) !== 'string' || scalarName(other.type) === 'string') return typed;
  return cast(typed, { kind: 'primitive', name: 'double' }, 0);
}

function resolveCall({ name, at }: Expr & { kind: 'call' }, args: readonly Typed[]): Typed {
  if (name === 'coalesce' && args[0] !== undefined) {
    const parts = meet([args[0], ...args.slice(1)], at);
    return { kind: 'coalesce', type: parts[0].type, args: parts };
  }
  const call = resolveFunction(
    name,
    args.map(({ type }) => type),
  );
  if (call === undefined) {
    const near = FUNCTION_NAMES.includes(name) ? undefined : nearest(name, FUNCTION_NAMES);
    const hint = near === undefined ? `known are ${FUNCTION_NAMES.join(', ')}` : `did you mean ${near}?`;
    const known = FUNCTION_NAMES.includes(name);
    throw invalid(at, known ? `${name} does not take these arguments` : `no function ${name}`, hint);
  }
  const params = args.map((arg, index) => cast(arg, call.params[index] ?? arg.type, at));
  return { kind: 'apply', type: call.result, args: params, apply: call.apply };
}
