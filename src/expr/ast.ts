import type { DataType, Value } from '../schema/types.js';

export type CompareOp = '=' | '<>' | '<' | '<=' | '>' | '>=' | '<=>';
export type ArithmeticOp = '+' | '-' | '*' | '/' | '%' | 'DIV' | '&' | '|' | '^' | '<<' | '>>' | '>>>';

/** A span of time: of months and days, whose length depends on the calendar, and of microseconds. */
export type Interval = { readonly months: number; readonly days: number; readonly micros: bigint };

/** A parsed expression, names not looked up yet. `at` is the index in the text where a node's own part stands. */
export type Expr = { readonly at: number } & (
  | { readonly kind: 'literal'; readonly type: DataType; readonly value: Value }
  | ({ readonly kind: 'interval' } & Interval)
  /** Names from the outside in, as they were written. */
  | { readonly kind: 'column'; readonly path: readonly string[] }
  | { readonly kind: 'compare'; readonly op: CompareOp; readonly left: Expr; readonly right: Expr }
  | { readonly kind: 'and' | 'or'; readonly items: readonly Expr[] }
  | { readonly kind: 'not' | 'isNull' | 'negate' | 'bitNot'; readonly of: Expr }
  | { readonly kind: 'in'; readonly of: Expr; readonly list: readonly Expr[] }
  | {
      readonly kind: 'like';
      readonly of: Expr;
      readonly pattern: Expr;
      readonly escape: string;
      readonly ignoreCase: boolean;
    }
  | { readonly kind: 'arithmetic'; readonly op: ArithmeticOp; readonly left: Expr; readonly right: Expr }
  | { readonly kind: 'cast' | 'tryCast'; readonly of: Expr; readonly type: DataType }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expr[] }
  | { readonly kind: 'case'; readonly branches: readonly Branch[]; readonly otherwise: Expr | undefined }
  /** An element of an array, from 0 on, or the value of a key of a map. */
  | { readonly kind: 'item'; readonly of: Expr; readonly key: Expr }
  /** A field of what is no column. */
  | { readonly kind: 'field'; readonly of: Expr; readonly name: string }
);

export type Branch = { readonly when: Expr; readonly result: Expr };
