import type { DataType, Value } from '../schema/types.js';
import type { Convert } from './casts.js';
import type { CompareOp } from './ast.js';

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
  /** `prefix` is what each matching text begins with. */
  | {
      readonly kind: 'like';
      readonly of: Typed;
      readonly prefix: string;
      readonly matches: (text: string) => boolean;
    }
  | { readonly kind: 'cast'; readonly of: Typed; readonly convert: Convert; readonly monotone: boolean }
  /** A function of values that are not null; null as soon as one of them is. */
  | {
      readonly kind: 'apply';
      readonly args: readonly Typed[];
      readonly apply: (args: readonly Value[]) => Value;
    }
  | { readonly kind: 'coalesce'; readonly args: readonly Typed[] }
);
