import { isSluiceError } from '../base/errors.js';
import { BOOLEAN } from '../schema/build.js';
import { parseTypeText } from '../schema/type-text.js';
import type { ArithmeticOp, CompareOp, Expr } from './ast.js';
import { invalid } from './invalid.js';
import { numberLiteral, stringLiteral, typedLiteral, wordLiteral } from './literals.js';
import { tokenize, type Token } from './tokens.js';

export type { Expr } from './ast.js';

/**
 * Reads a Spark SQL expression, the part of the language that speaks of one row: literals, columns (`a.b`, names in
 * backticks), `= == <> != < <= > >= <=>`, `AND OR NOT`, `IN`, `BETWEEN`, `LIKE … ESCAPE`, `IS [NOT] NULL|TRUE|FALSE`,
 * `IS [NOT] DISTINCT FROM`, `+ - * / %`, `CAST(x AS type)`, typed literals and a few functions. Precedence is Spark's.
 *
 * @throws SluiceError EXPRESSION_INVALID, with the position
 */
export function parseExpression(sql: string): Expr {
  const parser = new Parser(sql);
  const expr = parser.expression();
  parser.end();
  return expr;
}

/** Deeper nesting than people write; bounds the recursion. */
const DEPTH_MAX = 200;

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

const ADDITIVE: Readonly<Record<string, ArithmeticOp>> = { '+': '+', '-': '-' };
const MULTIPLICATIVE: Readonly<Record<string, ArithmeticOp>> = { '*': '*', '/': '/', '%': '%' };

/** Words that are no column unless in backticks. */
const RESERVED = new Set(
  'AND OR NOT IN BETWEEN LIKE ESCAPE IS NULL TRUE FALSE CAST AS DISTINCT FROM CASE WHEN THEN ELSE END SELECT WHERE'.split(
    ' ',
  ),
);

class Parser {
  private readonly sql: string;
  private readonly tokens: readonly Token[];
  private next = 0;
  private depth = 0;

  constructor(sql: string) {
    this.sql = sql;
    this.tokens = tokenize(sql);
  }

  end(): void {
    if (this.token.kind !== 'end') throw this.unexpected('an operator or the end');
  }

  /** `or`, the level that binds least. */
  expression(): Expr {
    if (++this.depth > DEPTH_MAX) throw invalid(this.token.at, 'nested too deeply');
    const expr = this.chain('or', 'OR', () => this.chain('and', 'AND', () => this.not()));
    this.depth--;
    return expr;
  }

  private chain(kind: 'and' | 'or', word: string, operand: () => Expr): Expr {
    const first = operand();
    const { at } = this.token;
    const items = [first];
    while (this.takeWord(word)) items.push(operand());
    return items.length === 1 ? first : { kind, at, items };
  }

  private not(): Expr {
    const { at } = this.token;
    let negations = 0;
    while (this.takeWord('NOT') || this.takeSymbol('!')) negations++;
    const expr = this.predicate();
    if (negations === 0) return expr;
    const once: Expr = { kind: 'not', at, of: expr };
    return negations % 2 === 1 ? once : { kind: 'not', at, of: once };
  }

  /** At most one `IS`, `IN`, `BETWEEN` or `LIKE`, over comparisons: in Spark's grammar `a = b IS NULL` is `(a = b) IS NULL`. */
  private predicate(): Expr {
    const left = this.comparison();
    const { at } = this.token;
    if (this.takeWord('IS')) return this.negated(at, this.takeWord('NOT'), this.isPredicate(left, at));
    const not =
      this.isWord('NOT') && ['IN', 'BETWEEN', 'LIKE'].includes(this.word(1)) && this.takeWord('NOT');
    if (this.takeWord('IN')) return this.negated(at, not, { kind: 'in', at, of: left, list: this.list() });
    if (this.takeWord('BETWEEN')) return this.negated(at, not, this.between(left, at));
    if (this.takeWord('LIKE')) return this.negated(at, not, this.like(left, at));
    return left;
  }

  private negated(at: number, not: boolean, of: Expr): Expr {
    return not ? { kind: 'not', at, of } : of;
  }

  private isPredicate(of: Expr, at: number): Expr {
    if (this.takeWord('NULL')) return { kind: 'isNull', at, of };
    for (const [word, value] of [
      ['TRUE', true],
      ['FALSE', false],
    ] as const) {
      if (!this.takeWord(word)) continue;
      return {
        kind: 'compare',
        at,
        op: '<=>',
        left: of,
        right: { kind: 'literal', at, type: BOOLEAN, value },
      };
    }
    if (this.takeWord('DISTINCT')) {
      this.mustWord('FROM');
      return { kind: 'not', at, of: { kind: 'compare', at, op: '<=>', left: of, right: this.comparison() } };
    }
    throw this.unexpected('NULL, TRUE, FALSE or DISTINCT FROM');
  }

  private between(of: Expr, at: number): Expr {
    const low = this.comparison();
    this.mustWord('AND');
    const high = this.comparison();
    return {
      kind: 'and',
      at,
      items: [
        { kind: 'compare', at, op: '>=', left: of, right: low },
        { kind: 'compare', at, op: '<=', left: of, right: high },
      ],
    };
  }

  private like(of: Expr, at: number): Expr {
    const pattern = this.comparison();
    if (!this.takeWord('ESCAPE')) return { kind: 'like', at, of, pattern, escape: '\\' };
    const { token } = this;
    if (token.kind !== 'string' || Array.from(token.text).length !== 1)
      throw this.unexpected('one character in quotes');
    this.next++;
    return { kind: 'like', at, of, pattern, escape: token.text };
  }

  private list(): Expr[] {
    this.mustSymbol('(');
    const items: Expr[] = [];
    do items.push(this.expression());
    while (this.takeSymbol(','));
    this.mustSymbol(')');
    return items;
  }

  private comparison(): Expr {
    let left = this.arithmetic(ADDITIVE, () => this.arithmetic(MULTIPLICATIVE, () => this.unary()));
    for (;;) {
      const { kind, text, at } = this.token;
      const op = kind === 'symbol' ? COMPARISONS[text] : undefined;
      if (op === undefined) return left;
      this.next++;
      const right = this.arithmetic(ADDITIVE, () => this.arithmetic(MULTIPLICATIVE, () => this.unary()));
      left = { kind: 'compare', at, op, left, right };
    }
  }

  private arithmetic(ops: Readonly<Record<string, ArithmeticOp>>, operand: () => Expr): Expr {
    let left = operand();
    for (let count = 0; ; count++) {
      const { kind, text, at } = this.token;
      const op = kind === 'symbol' ? ops[text] : undefined;
      if (op === undefined) return left;
      if (count > DEPTH_MAX) throw invalid(at, 'too many operators in a row');
      this.next++;
      left = { kind: 'arithmetic', at, op, left, right: operand() };
    }
  }

  private unary(): Expr {
    const { at } = this.token;
    if (this.takeSymbol('+')) return this.nested(() => this.unary());
    if (!this.takeSymbol('-')) return this.primary();
    if (this.token.kind === 'number') return { ...numberLiteral(this.take(), true), at };
    return { kind: 'negate', at, of: this.nested(() => this.unary()) };
  }

  private nested(read: () => Expr): Expr {
    if (++this.depth > DEPTH_MAX) throw invalid(this.token.at, 'nested too deeply');
    const expr = read();
    this.depth--;
    return expr;
  }

  private primary(): Expr {
    const { token } = this;
    switch (token.kind) {
      case 'number':
        return numberLiteral(this.take(), false);
      case 'string':
        return stringLiteral(this.take());
      case 'name':
        return this.column();
      case 'word':
        return this.wordExpression(token);
      case 'symbol': {
        if (!this.takeSymbol('(')) break;
        const expr = this.expression();
        this.mustSymbol(')');
        return expr;
      }
      case 'end':
        break;
    }
    throw this.unexpected('a value');
  }

  private wordExpression({ text, at }: Token): Expr {
    const following = this.tokens[this.next + 1];
    if (following?.kind === 'string') {
      const literal = typedLiteral(text, following.text, at);
      if (literal !== undefined) {
        this.next += 2;
        return literal;
      }
    }
    const literal = wordLiteral(text, at);
    if (literal !== undefined) {
      this.next++;
      return literal;
    }
    if (text.toUpperCase() === 'CAST') return this.cast(at);
    if (RESERVED.has(text.toUpperCase())) throw this.unexpected('a value');
    if (following?.kind === 'symbol' && following.text === '(') return this.call(text, at);
    return this.column();
  }

  private call(name: string, at: number): Expr {
    this.next += 2;
    const args: Expr[] = [];
    if (!this.takeSymbol(')')) {
      do args.push(this.expression());
      while (this.takeSymbol(','));
      this.mustSymbol(')');
    }
    return { kind: 'call', at, name: name.toLowerCase(), args };
  }

  private cast(at: number): Expr {
    this.next++;
    this.mustSymbol('(');
    const of = this.expression();
    this.mustWord('AS');
    const start = this.token.at;
    // The type's own text is read by the reader of types: here it only ends at the bracket that closes the cast.
    for (let open = 0; ; this.next++) {
      const { kind, text } = this.token;
      if (kind === 'end') throw this.unexpected(')');
      if (kind === 'symbol' && text === '(') open++;
      if (kind === 'symbol' && text === ')' && open-- === 0) break;
    }
    const typeText = this.sql.slice(start, this.token.at);
    this.next++;
    try {
      return { kind: 'cast', at, of, type: parseTypeText(typeText.trim()) };
    } catch (cause) {
      if (!isSluiceError(cause)) throw cause;
      throw invalid(start, `${JSON.stringify(typeText.trim())} is no type`, cause.hint);
    }
  }

  private column(): Expr {
    const { at } = this.token;
    const path = [this.name()];
    while (this.takeSymbol('.')) path.push(this.name());
    return { kind: 'column', at, path };
  }

  private name(): string {
    const { kind } = this.token;
    if (kind !== 'word' && kind !== 'name') throw this.unexpected('a name');
    return this.take().text;
  }

  private get token(): Token {
    return this.tokens[this.next] ?? { kind: 'end', text: '', at: this.sql.length, end: this.sql.length };
  }

  private take(): Token {
    const { token } = this;
    this.next++;
    return token;
  }

  private word(ahead: number): string {
    const token = this.tokens[this.next + ahead];
    return token?.kind === 'word' ? token.text.toUpperCase() : '';
  }

  private isWord(word: string): boolean {
    return this.word(0) === word;
  }

  private takeWord(word: string): boolean {
    if (!this.isWord(word)) return false;
    this.next++;
    return true;
  }

  private mustWord(word: string): void {
    if (!this.takeWord(word)) throw this.unexpected(word);
  }

  private takeSymbol(symbol: string): boolean {
    if (this.token.kind !== 'symbol' || this.token.text !== symbol) return false;
    this.next++;
    return true;
  }

  private mustSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.unexpected(symbol);
  }

  private unexpected(wanted: string): Error {
    const { kind, text, at } = this.token;
    const found = kind === 'end' ? 'the end' : JSON.stringify(text);
    return invalid(at, `${wanted} expected, but found ${found}`);
  }
}
