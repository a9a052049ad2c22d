import { BOOLEAN } from '../schema/build.js';
import type { ArithmeticOp, CompareOp, Expr } from './ast.js';
import { ValueParser } from './parse-values.js';

export type { Expr } from './ast.js';

/**
 * Reads a Spark SQL expression, the part of the language that speaks of one row; docs/expressions.md lists it. Precedence
 * is Spark's.
 *
 * @throws SluiceError EXPRESSION_INVALID, with the position
 */
export function parseExpression(sql: string): Expr {
  const parser = new Parser(sql);
  const expr = parser.expression();
  if (parser.token.kind !== 'end') throw parser.unexpected('an operator or the end');
  return expr;
}

const COMPARISONS: Readonly<Record<string, CompareOp>> = {
  '=': '=',
  '==': '=',
  '<>': '<>',
  '!=': '<>',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
  '<=>': '<=>',
};

/** The binary operators below comparisons, from those that bind least to those that bind most. */
const LEVELS: readonly Readonly<Record<string, ArithmeticOp | '||'>>[] = [
  { '|': '|' },
  { '^': '^' },
  { '&': '&' },
  { '<<': '<<', '>>': '>>', '>>>': '>>>' },
  { '+': '+', '-': '-', '||': '||' },
  { '*': '*', '/': '/', '%': '%', DIV: 'DIV' },
];

const AFTER_NOT = new Set(['IN', 'BETWEEN', 'LIKE', 'ILIKE', 'RLIKE', 'REGEXP']);

class Parser extends ValueParser {
  /** `OR`, the level that binds least. */
  override expression(): Expr {
    return this.nested(() => this.#chain('or', 'OR', () => this.#chain('and', 'AND', () => this.#not())));
  }

  override operand(): Expr {
    return this.#binary(0);
  }

  #chain(kind: 'and' | 'or', word: string, operand: () => Expr): Expr {
    const first = operand();
    const { at } = this.token;
    const items = [first];
    while (this.takeWord(word)) items.push(operand());
    return items.length === 1 ? first : { kind, at, items };
  }

  #not(): Expr {
    const { at } = this.token;
    let negations = 0;
    while (this.takeWord('NOT') || this.takeSymbol('!')) negations++;
    const expr = this.#predicate();
    if (negations === 0) return expr;
    const once: Expr = { kind: 'not', at, of: expr };
    return negations % 2 === 1 ? once : { kind: 'not', at, of: once };
  }

  /** At most one `IS`, `IN`, `BETWEEN` or `LIKE`, over comparisons: in Spark's grammar `a = b IS NULL` is `(a = b) IS NULL`. */
  #predicate(): Expr {
    const left = this.#comparison();
    const { at } = this.token;
    if (this.takeWord('IS')) return negated(at, this.takeWord('NOT'), this.#isPredicate(left, at));
    const not = this.word() === 'NOT' && AFTER_NOT.has(this.word(1)) && this.takeWord('NOT');
    if (this.takeWord('IN')) return negated(at, not, { kind: 'in', at, of: left, list: this.#list() });
    if (this.takeWord('BETWEEN')) return negated(at, not, this.#between(left, at));
    if (this.takeWord('LIKE')) return negated(at, not, this.#like(left, at, false));
    if (this.takeWord('ILIKE')) return negated(at, not, this.#like(left, at, true));
    if (this.takeWord('RLIKE') || this.takeWord('REGEXP')) {
      return negated(at, not, { kind: 'call', at, name: 'rlike', args: [left, this.#comparison()] });
    }
    return left;
  }

  #isPredicate(of: Expr, at: number): Expr {
    if (this.takeWord('NULL')) return { kind: 'isNull', at, of };
    // UNKNOWN speaks of conditions only, which the comparison asks for.
    if (this.takeWord('UNKNOWN')) return { kind: 'isNull', at, of: { kind: 'or', at, items: [of] } };
    for (const value of [true, false]) {
      if (!this.takeWord(value ? 'TRUE' : 'FALSE')) continue;
      const right: Expr = { kind: 'literal', at, type: BOOLEAN, value };
      return { kind: 'compare', at, op: '<=>', left: of, right };
    }
    if (this.takeWord('DISTINCT')) {
      this.mustWord('FROM');
      return { kind: 'not', at, of: { kind: 'compare', at, op: '<=>', left: of, right: this.#comparison() } };
    }
    throw this.unexpected('NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM');
  }

  #between(of: Expr, at: number): Expr {
    const low = this.#comparison();
    this.mustWord('AND');
    const high = this.#comparison();
    return {
      kind: 'and',
      at,
      items: [
        { kind: 'compare', at, op: '>=', left: of, right: low },
        { kind: 'compare', at, op: '<=', left: of, right: high },
      ],
    };
  }

  #like(of: Expr, at: number, ignoreCase: boolean): Expr {
    const pattern = this.#comparison();
    const like = { kind: 'like', at, of, pattern, ignoreCase } as const;
    if (!this.takeWord('ESCAPE')) return { ...like, escape: '\\' };
    const { token } = this;
    if (token.kind !== 'string' || Array.from(token.text).length !== 1)
      throw this.unexpected('one character in quotes');
    return { ...like, escape: this.take().text };
  }

  #list(): Expr[] {
    this.mustSymbol('(');
    const items: Expr[] = [];
    do items.push(this.expression());
    while (this.takeSymbol(','));
    this.mustSymbol(')');
    return items;
  }

  #comparison(): Expr {
    let left = this.operand();
    for (let round = 0; ; round++) {
      const { kind, text, at } = this.token;
      const op = kind === 'symbol' ? COMPARISONS[text] : undefined;
      if (op === undefined) return left;
      this.bound(round);
      this.take();
      left = { kind: 'compare', at, op, left, right: this.operand() };
    }
  }

  #binary(level: number): Expr {
    const ops = LEVELS[level];
    if (ops === undefined) return this.unary();
    let left = this.#binary(level + 1);
    for (let round = 0; ; round++) {
      const { kind, text, at } = this.token;
      const name = kind === 'symbol' ? text : this.word();
      const op = Object.hasOwn(ops, name) ? ops[name] : undefined;
      if (op === undefined) return left;
      this.bound(round);
      this.take();
      const right = this.#binary(level + 1);
      left =
        op === '||'
          ? { kind: 'call', at, name: 'concat', args: [left, right] }
          : { kind: 'arithmetic', at, op, left, right };
    }
  }
}

function negated(at: number, not: boolean, of: Expr): Expr {
  return not ? { kind: 'not', at, of } : of;
}
