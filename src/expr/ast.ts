import type { DataType, Value } from '../schema/types.js';

export type CompareOp = '=' | '<>' | '<' | '<=' | '>' | '>=' | '<=>';
export type ArithmeticOp = '+' | '-' | '*' | '/' | '%';

/** A parsed expression, names not looked up yet. `at` is the index in the text where a node's own part stands. */
export type Expr = { readonly at: number } & (
  | { readonly kind: 'literal'; readonly type: DataType; readonly value: Value }
  /** Names from the outside in, as they were written. */
  | { readonly kind: 'column'; readonly path: readonly string[] }
  | { readonly kind: 'compare'; readonly op: CompareOp; readonly left: Expr; readonly right: Expr }
  | { readonly kind: 'and' | 'or'; readonly items: readonly Expr[] }
  | { readonly kind: 'not' | 'isNull' | 'negate'; readonly of: Expr }
  | { readonly kind: 'in'; readonly of: Expr; readonly list: readonly Expr[] }
  | { readonly kind: 'like'; readonly of: Expr; readonly pattern: Expr; readonly escape: string }
  | { readonly kind: 'arithmetic'; readonly op: ArithmeticOp; readonly left: Expr; readonly right: Expr }
  | { readonly kind: 'cast'; readonly of: Expr; readonly type: DataType }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expr[] }
);
