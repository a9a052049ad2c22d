import { unreachable } from '../base/errors.js';
import { nearest } from '../base/names.js';
import { BOOLEAN, DOUBLE, STRING } from '../schema/build.js';
import { formatType } from '../schema/type-text.js';
import type { DataType, StructField, StructType } from '../schema/types.js';
import { complement, negation } from './arithmetic.js';
import type { Expr } from './ast.js';
import { folded } from './fold.js';
import { itemOf, fieldOf } from './functions/collections.js';
import { invalid } from './invalid.js';
import { likePattern } from './like.js';
import { asCondition, castTo, compared, meet, mustCast, tryCast } from './meet.js';
import { resolveArithmetic } from './resolve-arithmetic.js';
import { applied, caseOf, resolveCall } from './resolve-calls.js';
import type { Typed } from './typed.js';
import { scalarName } from './types.js';

/**
 * Settles names and types of an expression over rows of `struct`, and computes what reads no column. Columns are found as
 * written or else ignoring case, as in Spark; sides of unlike types meet in a common one.
 *
 * @throws SluiceError EXPRESSION_INVALID for a name that is not there or types that do not go together
 */
export function resolve(expr: Expr, struct: StructType): Typed {
  return new Resolver(struct).resolve(expr);
}

/** The expression as a condition: of type boolean, or just NULL. */
export function resolveCondition(expr: Expr, struct: StructType): Typed {
  return asCondition(resolve(expr, struct), expr.at);
}

/** A text of a few hundred characters can stand for more parts than this, each twice in the next. */
const PARTS_MAX = 1_000_000;

class Resolver {
  readonly #struct: StructType;
  #parts = 0;

  constructor(struct: StructType) {
    this.#struct = struct;
  }

  resolve(expr: Expr): Typed {
    if (++this.#parts > PARTS_MAX) throw invalid(expr.at, `more than ${PARTS_MAX} parts`);
    return folded(this.#resolve(expr));
  }

  #resolve(expr: Expr): Typed {
    switch (expr.kind) {
      case 'literal':
        return { kind: 'literal', type: expr.type, value: expr.value };
      case 'interval':
        throw invalid(expr.at, 'an interval may only be added to a date or time, or be taken from it');
      case 'column':
        return this.#column(expr);
      case 'compare':
        return compared(expr.op, this.resolve(expr.left), this.resolve(expr.right), expr.at);
      case 'and':
      case 'or': {
        const items = expr.items.map((item) => asCondition(this.resolve(item), item.at));
        return { kind: expr.kind, type: BOOLEAN, items };
      }
      case 'not':
        return { kind: 'not', type: BOOLEAN, of: asCondition(this.resolve(expr.of), expr.of.at) };
      case 'isNull':
        return { kind: 'isNull', type: BOOLEAN, of: this.resolve(expr.of) };
      case 'in':
        return this.#in(expr);
      case 'like':
        return this.#like(expr);
      case 'arithmetic':
        return resolveArithmetic(expr, (part) => this.resolve(part));
      case 'negate':
      case 'bitNot':
        return this.#unary(expr.kind, this.resolve(expr.of), expr.at);
      case 'cast':
        return mustCast(this.resolve(expr.of), expr.type, expr.at);
      case 'tryCast':
        return tryCast(this.resolve(expr.of), expr.type, expr.at);
      case 'call':
        return resolveCall(
          expr,
          expr.args.map((arg) => this.resolve(arg)),
        );
      case 'case': {
        const branches = expr.branches.map(({ when, result }) => ({
          when: asCondition(this.resolve(when), when.at),
          result: this.resolve(result),
        }));
        return caseOf(branches, expr.otherwise && this.resolve(expr.otherwise), expr.at);
      }
      case 'item': {
        const [of, key] = [this.resolve(expr.of), this.resolve(expr.key)];
        const found = itemOf(of.type, key.type);
        if (found !== undefined) return applied(found, [of, key], expr.at);
        throw invalid(expr.at, `${formatType(of.type)} has no items by ${formatType(key.type)}`);
      }
      case 'field':
        return this.#field(this.resolve(expr.of), expr.name, expr.at);
      default:
        return unreachable(expr);
    }
  }

  #in({ of, list, at }: Expr & { kind: 'in' }): Typed {
    const parts = [this.resolve(of), ...list.map((item) => this.resolve(item))];
    const [one, ...others] = meet(parts, at);
    if (one === undefined) throw invalid(at, 'IN without a list');
    assertComparable(one.type, at);
    return { kind: 'in', type: BOOLEAN, of: one, list: others };
  }

  #unary(kind: 'negate' | 'bitNot', inner: Typed, at: number): Typed {
    const made = scalarName(inner.type) === 'string' ? mustCast(inner, DOUBLE, at) : inner;
    const apply = (kind === 'negate' ? negation : complement)(made.type);
    if (apply === undefined) {
      throw invalid(
        at,
        `${kind === 'negate' ? '- takes a number' : '~ takes an integer'}, not ${formatType(made.type)}`,
      );
    }
    return { kind: 'apply', type: made.type, args: [made], seesNulls: false, apply };
  }

  #like({ of, pattern, escape, ignoreCase, at }: Expr & { kind: 'like' }): Typed {
    const lowered = (part: Typed): Typed =>
      ignoreCase ? folded(resolveCall({ name: 'lower', at, kind: 'call', args: [] }, [part])) : part;
    const text = castTo(lowered(this.resolve(of)), STRING, at);
    const like = castTo(lowered(this.resolve(pattern)), STRING, at);
    if (like.kind !== 'literal') throw invalid(pattern.at, 'a pattern of LIKE must be a text in quotes');
    if (typeof like.value !== 'string') return { kind: 'literal', type: BOOLEAN, value: null };
    const ready = likePattern(like.value, escape);
    if (ready === undefined) {
      throw invalid(pattern.at, `${escape} may only stand before %, _ and itself in a pattern`);
    }
    return { kind: 'like', type: BOOLEAN, of: text, pattern: ready };
  }

  /** Names lead through structs; behind them a name is a key of a map. */
  #column({ path, at }: Expr & { kind: 'column' }): Typed {
    const [first = ''] = path;
    const top = findField(this.#struct.fields, first, at);
    if (top === undefined) throw unknownColumn(path, this.#struct.fields, first, at);
    const index = this.#struct.fields.indexOf(top);
    const names = [top.name];
    let { type } = top;
    while (names.length < path.length && type.kind === 'struct') {
      const name = path[names.length] ?? '';
      const field = findField(type.fields, name, at);
      if (field === undefined) throw unknownColumn(path, type.fields, name, at);
      names.push(field.name);
      ({ type } = field);
    }
    let found: Typed = { kind: 'column', type, index, path: names };
    for (const name of path.slice(names.length)) found = this.#field(found, name, at, path);
    return found;
  }

  #field(of: Typed, name: string, at: number, path: readonly string[] = [name]): Typed {
    const found = fieldOf(of.type, name);
    if (found !== undefined) return applied(found, [of], at);
    throw unknownColumn(path, of.type.kind === 'struct' ? of.type.fields : [], name, at);
  }
}

function unknownColumn(
  path: readonly string[],
  fields: readonly StructField[],
  name: string,
  at: number,
): Error {
  const names = fields.map((field) => field.name);
  const near = nearest(name, names);
  const hint = near === undefined ? listed(names) : `did you mean ${near}?`;
  return invalid(at, `no column ${path.join('.')}`, hint);
}

function listed(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  return `there are ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}`;
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

function assertComparable(type: DataType, at: number): void {
  const name = scalarName(type);
  if (name === undefined || name === 'variant')
    throw invalid(at, `values of ${formatType(type)} cannot be compared`);
}
