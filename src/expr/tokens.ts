import { invalid } from './invalid.js';

export type Token = {
  /** `word`: a bare word as written; `name`: one in backticks, `string`: a text literal, both without their quotes. */
  readonly kind: 'word' | 'name' | 'string' | 'number' | 'symbol' | 'end';
  readonly text: string;
  readonly at: number;
  /** Where the token ends in the text. */
  readonly end: number;
};

const SPACE = /(?:\s+|--[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const WORD = /[\p{L}_][\p{L}\p{N}_]*/uy;
const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?:BD|[LSYDF])?(?![\p{L}\p{N}_])/iuy;
const SYMBOL = /<=>|>>>|<<|>>|<=|>=|<>|!=|==|::|\|\||[=<>!+\-*/%(),.:[\]&|^~]/y;

/** Splits a text into tokens; the last one is `end`. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = skip(text, 0);
  while (at < text.length) {
    const token = readToken(text, at);
    tokens.push(token);
    at = skip(text, token.end);
  }
  tokens.push({ kind: 'end', text: '', at: text.length, end: text.length });
  return tokens;
}

function skip(text: string, at: number): number {
  SPACE.lastIndex = at;
  SPACE.test(text);
  return SPACE.lastIndex;
}

function readToken(text: string, at: number): Token {
  const first = text[at];
  if (first === "'" || first === '"') return readString(text, at, first);
  if (first === '`') return readName(text, at);
  if ((first === 'r' || first === 'R') && isQuote(text[at + 1])) return readRaw(text, at);
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const match = pattern.exec(text)?.[0];
    if (match !== undefined) return { kind, text: match, at, end: at + match.length };
  }
  throw invalid(at, `unexpected character ${JSON.stringify(first)}`);
}

function isQuote(unit: string | undefined): boolean {
  return unit === "'" || unit === '"';
}

/** `r'…'`: nothing in it is an escape. */
function readRaw(text: string, at: number): Token {
  const end = text.indexOf(text[at + 1] ?? '', at + 2);
  if (end < 0) throw invalid(at, 'a text without its closing quote');
  return { kind: 'string', text: text.slice(at + 2, end), at, end: end + 1 };
}

const PATTERNS = [
  ['word', WORD],
  ['number', NUMBER],
  ['symbol', SYMBOL],
] as const;

function readName(text: string, at: number): Token {
  let name = '';
  for (let index = at + 1; index < text.length; index++) {
    if (text[index] === '`') {
      if (text[index + 1] !== '`') return { kind: 'name', text: name, at, end: index + 1 };
      index++;
    }
    name += text[index];
  }
  throw invalid(at, 'a name in backticks without its end');
}

/** Reads a literal in single or double quotes: backslash escapes as in Spark SQL, and a doubled quote for a quote. */
function readString(text: string, at: number, quote: string): Token {
  let content = '';
  let index = at + 1;
  while (index < text.length) {
    const unit = text[index];
    if (unit === quote) {
      if (text[index + 1] !== quote) return { kind: 'string', text: content, at, end: index + 1 };
      content += quote;
      index += 2;
    } else if (unit === '\\' && index + 1 < text.length) {
      const [decoded, length] = readEscape(text, index);
      content += decoded;
      index += length;
    } else {
      content += unit;
      index++;
    }
  }
  throw invalid(at, 'a text without its closing quote');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '0': '\0',
  b: '\b',
  n: '\n',
  r: '\r',
  t: '\t',
  Z: '\u001a',
  // These two keep their backslash: it belongs to LIKE.
  '%': '\\%',
  _: '\\_',
};

const UNICODE = /\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/y;

function readEscape(text: string, at: number): readonly [string, number] {
  UNICODE.lastIndex = at;
  const [all, short, long, octal] = UNICODE.exec(text) ?? [];
  const code = short ?? long;
  if (all !== undefined && code !== undefined) {
    const point = Number.parseInt(code, 16);
    if (point > 0x10ffff) throw invalid(at, `no character U+${code}`);
    return [String.fromCodePoint(point), all.length];
  }
  if (all !== undefined && octal !== undefined)
    return [String.fromCodePoint(Number.parseInt(octal, 8)), all.length];
  const letter = text[at + 1] ?? '';
  return [Object.hasOwn(ESCAPES, letter) ? (ESCAPES[letter] ?? '') : letter, 2];
}
