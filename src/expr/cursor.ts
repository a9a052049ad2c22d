import { invalid } from './invalid.js';
import { tokenize, type Token } from './tokens.js';

/** Deeper nesting than people write; bounds the recursion. */
const DEPTH_MAX = 200;

/** Where a parser stands in the tokens of a text, and how deep it is in it. */
export class TokenCursor {
  readonly sql: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(sql: string) {
    this.sql = sql;
    this.#tokens = tokenize(sql);
  }

  get token(): Token {
    return this.ahead(0);
  }

  ahead(count: number): Token {
    const end = this.sql.length;
    return this.#tokens[this.#next + count] ?? { kind: 'end', text: '', at: end, end };
  }

  take(): Token {
    const { token } = this;
    this.#next++;
    return token;
  }

  /** The word that stands `ahead` tokens further, in capitals; empty if none does. */
  word(ahead = 0): string {
    const token = this.ahead(ahead);
    return token.kind === 'word' ? token.text.toUpperCase() : '';
  }

  takeWord(word: string): boolean {
    if (this.word() !== word) return false;
    this.#next++;
    return true;
  }

  mustWord(word: string): void {
    if (!this.takeWord(word)) throw this.unexpected(word);
  }

  isSymbol(symbol: string, ahead = 0): boolean {
    const { kind, text } = this.ahead(ahead);
    return kind === 'symbol' && text === symbol;
  }

  takeSymbol(symbol: string): boolean {
    if (!this.isSymbol(symbol)) return false;
    this.#next++;
    return true;
  }

  mustSymbol(symbol: string): void {
    if (!this.takeSymbol(symbol)) throw this.unexpected(symbol);
  }

  /** Reads one level deeper. */
  nested<T>(read: () => T): T {
    if (++this.#depth > DEPTH_MAX) throw invalid(this.token.at, 'nested too deeply');
    const found = read();
    this.#depth--;
    return found;
  }

  /** Refuses a chain of operators that would nest too deeply, each round around the ones before. */
  bound(rounds: number): void {
    if (rounds > DEPTH_MAX) throw invalid(this.token.at, 'too many operators in a row');
  }

  unexpected(wanted: string): Error {
    const { kind, text, at } = this.token;
    const found = kind === 'end' ? 'the end' : JSON.stringify(text.slice(0, 40));
    return invalid(at, `${wanted} expected, but found ${found}`);
  }
}
