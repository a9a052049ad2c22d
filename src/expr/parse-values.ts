import { isSluiceError } from '../base/errors.js';
import { STRING } from '../schema/build.js';
import { parseTypeText } from '../schema/type-text.js';
import type { Branch, Expr } from './ast.js';
import { TokenCursor } from './cursor.js';
import { intervalOf } from './intervals.js';
import { invalid } from './invalid.js';
import { numberLiteral, typedLiteral, wordLiteral } from './literals.js';
import type { Token } from './tokens.js';

/** Words that are no column unless in backticks. */
const RESERVED = new Set(
  'AND OR NOT IN BETWEEN LIKE ILIKE RLIKE ESCAPE IS NULL TRUE FALSE CAST TRY_CAST AS DISTINCT FROM CASE WHEN THEN ELSE END SELECT WHERE'.split(
    ' ',
  ),
);

/** Functions that are called without brackets. */
const BARE = new Set(['CURRENT_DATE', 'CURRENT_TIMESTAMP', 'LOCALTIMESTAMP']);

/** What an expression's operators stand between: literals, columns, calls, casts, brackets. */
export abstract class ValueParser extends TokenCursor {
  abstract expression(): Expr;
  /** An expression without comparisons and logic. */
  abstract operand(): Expr;

  unary(): Expr {
    const { at } = this.token;
    if (this.takeSymbol('+')) return this.nested(() => this.unary());
    if (this.takeSymbol('~')) return { kind: 'bitNot', at, of: this.nested(() => this.unary()) };
    if (!this.takeSymbol('-')) return this.#postfix(this.#primary());
    if (this.token.kind === 'number') return this.#postfix({ ...numberLiteral(this.take(), true), at });
    return { kind: 'negate', at, of: this.nested(() => this.unary()) };
  }

  /** `::type`, `[key]` and `.field` behind a value. */
  #postfix(of: Expr): Expr {
    let left = of;
    for (let round = 0; ; round++) {
      const { at } = this.token;
      this.bound(round);
      if (this.takeSymbol('::')) {
        left = { kind: 'cast', at, of: left, type: this.#typeBehindColons() };
      } else if (this.takeSymbol('[')) {
        left = { kind: 'item', at, of: left, key: this.nested(() => this.operand()) };
        this.mustSymbol(']');
      } else if (left.kind !== 'literal' && this.takeSymbol('.')) {
        left = { kind: 'field', at, of: left, name: this.#name() };
      } else {
        return left;
      }
    }
  }

  #primary(): Expr {
    const { token } = this;
    switch (token.kind) {
      case 'number':
        return numberLiteral(this.take(), false);
      case 'string':
        return { kind: 'literal', at: token.at, type: STRING, value: this.#text() };
      case 'name':
        return this.#column();
      case 'word':
        return this.#wordExpression(token);
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

  /** Texts that stand beside each other are one. */
  #text(): string {
    let text = this.take().text;
    while (this.token.kind === 'string') text += this.take().text;
    return text;
  }

  #wordExpression({ text, at }: Token): Expr {
    const following = this.ahead(1);
    const word = text.toUpperCase();
    if (following.kind === 'string') {
      const literal = typedLiteral(text, following.text, at);
      if (literal !== undefined) {
        this.take();
        this.take();
        return literal;
      }
    }
    const literal = wordLiteral(text, at);
    if (literal !== undefined) {
      this.take();
      return literal;
    }
    if (word === 'CASE') return this.nested(() => this.#case(at));
    if (word === 'INTERVAL' && startsInterval(following)) return this.#interval(at);
    if (following.kind === 'symbol' && following.text === '(') {
      if (word === 'CAST') return this.#cast('cast', at);
      if (word === 'TRY_CAST') return this.#cast('tryCast', at);
      if (!RESERVED.has(word) || word === 'RLIKE') return this.#call(text, at);
    }
    if (RESERVED.has(word)) throw this.unexpected('a value');
    if (BARE.has(word)) {
      this.take();
      return { kind: 'call', at, name: text.toLowerCase(), args: [] };
    }
    return this.#column();
  }

  #call(name: string, at: number): Expr {
    this.take();
    this.take();
    const args = this.#wordedArguments(name.toUpperCase()) ?? this.#arguments();
    return { kind: 'call', at, name: name.toLowerCase(), args };
  }

  #arguments(): Expr[] {
    const args: Expr[] = [];
    if (this.takeSymbol(')')) return args;
    do args.push(this.expression());
    while (this.takeSymbol(','));
    this.mustSymbol(')');
    return args;
  }

  /** The calls whose arguments words may part: `EXTRACT(f FROM x)`, `TRIM(BOTH c FROM x)`, `SUBSTRING(x FROM a FOR b)`, `POSITION(a IN b)`. */
  #wordedArguments(name: string): Expr[] | undefined {
    const { at } = this.token;
    if (name === 'EXTRACT') {
      const unit: Expr = { kind: 'literal', at, type: STRING, value: this.#name().toLowerCase() };
      this.mustWord('FROM');
      return this.#closed([unit, this.expression()]);
    }
    if (name === 'TRIM') return this.#trimArguments();
    if (name === 'POSITION') {
      const first = this.operand();
      if (this.takeWord('IN')) return this.#closed([first, this.operand()]);
      this.mustSymbol(',');
      return [first, ...this.#arguments()];
    }
    if ((name === 'SUBSTRING' || name === 'SUBSTR') && !this.isSymbol(')')) {
      const text = this.expression();
      if (this.takeWord('FROM')) {
        const from = this.expression();
        return this.#closed(this.takeWord('FOR') ? [text, from, this.expression()] : [text, from]);
      }
      return this.takeSymbol(',') ? [text, ...this.#arguments()] : this.#closed([text]);
    }
    return undefined;
  }

  #trimArguments(): Expr[] | undefined {
    const { at } = this.token;
    const side = this.word();
    const sided = (side === 'BOTH' || side === 'LEADING' || side === 'TRAILING') && !this.isSymbol(')', 1);
    if (sided) this.take();
    const where: Expr = {
      kind: 'literal',
      at,
      type: STRING,
      value: (sided ? side : 'BOTH').toLowerCase(),
    };
    if (sided && this.takeWord('FROM')) return this.#closed([this.expression(), where]);
    const first = this.expression();
    if (this.takeWord('FROM')) return this.#closed([this.expression(), where, first]);
    return sided ? [first, where, ...this.#arguments()] : this.#closed([first]);
  }

  #closed(args: Expr[]): Expr[] {
    this.mustSymbol(')');
    return args;
  }

  #case(at: number): Expr {
    this.take();
    const operand = this.word() === 'WHEN' ? undefined : this.expression();
    const branches: Branch[] = [];
    while (this.takeWord('WHEN')) {
      const value = this.expression();
      this.mustWord('THEN');
      const when: Expr =
        operand === undefined
          ? value
          : { kind: 'compare', at: value.at, op: '=', left: operand, right: value };
      branches.push({ when, result: this.expression() });
    }
    if (branches.length === 0) throw this.unexpected('WHEN');
    const otherwise = this.takeWord('ELSE') ? this.expression() : undefined;
    this.mustWord('END');
    return { kind: 'case', at, branches, otherwise };
  }

  #interval(at: number): Expr {
    this.take();
    const parts: { text: string; unit: string }[] = [];
    do {
      const minus = this.takeSymbol('-');
      const text = `${minus ? '-' : ''}${this.take().text}`;
      let unit = this.word();
      if (unit !== '') this.take();
      if (unit !== '' && this.takeWord('TO')) unit += ` TO ${this.take().text.toUpperCase()}`;
      parts.push({ text, unit });
    } while (startsInterval(this.token) && this.ahead(1).kind === 'word');
    return { kind: 'interval', at, ...intervalOf(parts, at) };
  }

  #cast(kind: 'cast' | 'tryCast', at: number): Expr {
    this.take();
    this.mustSymbol('(');
    const of = this.expression();
    this.mustWord('AS');
    const start = this.token.at;
    // The type's own text is read by the reader of types: here it only ends at the bracket that closes the cast.
    for (let open = 0; ; this.take()) {
      if (this.token.kind === 'end') throw this.unexpected(')');
      if (this.isSymbol('(')) open++;
      if (this.isSymbol(')') && open-- === 0) break;
    }
    const type = this.#typeFrom(start, this.token.at);
    this.take();
    return { kind, at, of, type };
  }

  #typeBehindColons(): ReturnType<typeof parseTypeText> {
    const start = this.token.at;
    let { end } = this.take();
    for (const [opening, closing] of [
      ['<', '>'],
      ['(', ')'],
    ] as const) {
      if (!this.isSymbol(opening)) continue;
      for (let open = 0; ;) {
        const token = this.take();
        if (token.kind === 'end') throw this.unexpected(closing);
        if (token.kind === 'symbol') open += weight(token.text, opening, closing);
        end = token.end;
        if (open <= 0) break;
      }
    }
    return this.#typeFrom(start, end);
  }

  #typeFrom(start: number, end: number): ReturnType<typeof parseTypeText> {
    const text = this.sql.slice(start, end).trim();
    try {
      return parseTypeText(text);
    } catch (cause) {
      if (!isSluiceError(cause)) throw cause;
      throw invalid(start, `${JSON.stringify(text.slice(0, 100))} is no type`, cause.hint);
    }
  }

  #column(): Expr {
    const { at } = this.token;
    const path = [this.#name()];
    while (this.takeSymbol('.')) {
      this.bound(path.length);
      path.push(this.#name());
    }
    return { kind: 'column', at, path };
  }

  #name(): string {
    const { kind } = this.token;
    if (kind !== 'word' && kind !== 'name') throw this.unexpected('a name');
    return this.take().text;
  }
}

function startsInterval({ kind, text }: Token): boolean {
  return kind === 'number' || kind === 'string' || (kind === 'symbol' && text === '-');
}

/** How many brackets a symbol opens, less those it closes; `>>` closes two. */
function weight(symbol: string, opening: string, closing: string): number {
  if (symbol === opening) return 1;
  return symbol.length > 0 && symbol === closing.repeat(symbol.length) ? -symbol.length : 0;
}
