import type { DataType, Value } from '../schema/types.js';
import type { ArithmeticOp, CompareOp } from './ast.js';
import type { Convert } from './number-casts.js';
import type { LikePattern } from './like.js';

/** An expression whose names and types are settled: each part has the type that its place asks for. */
export type Typed = { readonly type: DataType } & (
  | { readonly kind: 'literal'; readonly value: Value }
  /** The top-level column's index in the schema, and the exact names from it inwards. */
  | { readonly kind: 'column'; readonly index: number; readonly path: readonly string[] }
  /** Both sides have one type. */
  | { readonly kind: 'compare'; readonly op: CompareOp; readonly left: Typed; readonly right: Typed }
  | { readonly kind: 'and' | 'or'; readonly items: readonly Typed[] }
  | { readonly kind: 'not' | 'isNull'; readonly of: Typed }
  /** All of the list's parts have the type of `of`. */
  | { readonly kind: 'in'; readonly of: Typed; readonly list: readonly Typed[] }
  | { readonly kind: 'like'; readonly of: Typed; readonly pattern: LikePattern }
  | { readonly kind: 'cast'; readonly of: Typed; readonly convert: Convert; readonly monotone: boolean }
  | {
      readonly kind: 'arithmetic';
      readonly op: ArithmeticOp;
      readonly left: Typed;
      readonly right: Typed;
      readonly apply: (args: readonly Value[]) => Value;
    }
  /** A function; null as soon as an argument is null, unless it sees nulls itself. */
  | {
      readonly kind: 'apply';
      readonly args: readonly Typed[];
      readonly seesNulls: boolean;
      readonly apply: (args: readonly Value[]) => Value;
    }
  | { readonly kind: 'coalesce'; readonly args: readonly Typed[] }
  | { readonly kind: 'case'; readonly branches: readonly TypedBranch[]; readonly otherwise: Typed }
);

export type TypedBranch = { readonly when: Typed; readonly result: Typed };

/** The parts that an expression is made of. */
export function partsOf(typed: Typed): readonly Typed[] {
  switch (typed.kind) {
    case 'literal':
    case 'column':
      return [];
    case 'compare':
    case 'arithmetic':
      return [typed.left, typed.right];
    case 'and':
    case 'or':
      return typed.items;
    case 'apply':
    case 'coalesce':
      return typed.args;
    case 'in':
      return [typed.of, ...typed.list];
    case 'not':
    case 'isNull':
    case 'like':
    case 'cast':
      return [typed.of];
    case 'case':
      return [...typed.branches.flatMap(({ when, result }) => [when, result]), typed.otherwise];
  }
}
